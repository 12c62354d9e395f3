"""`mien bench`: how fast every stage is on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.output import emit, percent, say, table

if TYPE_CHECKING:
    from mien.pipeline.bench import Speed


def bench(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Pictures, folders, patterns to measure with; default: rendered heads."),
    ] = None,
    pictures: Annotated[
        int, typer.Option("--pictures", min=1, help="How many pictures to measure with.")
    ] = 24,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Pictures worked on side by side; default: cores.")
    ] = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Time decoding, detection, landmarks, alignment, embedding, and all of it; needs no data."""
    from dataclasses import replace
    from itertools import islice

    from mien.cli.downloads import downloads
    from mien.imaging.sources import iter_pictures, read_source
    from mien.pipeline.bench import measure
    from mien.pipeline.clay import clay_heads
    from mien.pipeline.config import configure

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial)
    config = replace(config, streams=workers)
    if paths:
        files = [read_source(name) for name in islice(iter_pictures(paths), pictures)]
    else:
        files = list(clay_heads(pictures))
    with downloads() as progress:
        speed = measure(config, files, progress)
    if as_json:
        emit({"profile": profile, **speed.to_dict()})
    else:
        _print(speed)
    return 0


def _print(speed: Speed) -> None:
    total = sum(stage.per_picture for stage in speed.stages)
    rows = [
        (
            stage.name,
            stage.unit,
            f"{stage.milliseconds:.2f}",
            f"{stage.in_network:.2f}" if stage.in_network else "",
            percent(stage.per_picture / total, 0),
        )
        for stage in speed.stages
    ]
    table("", ("stage", "per", ">ms on one core", ">of it network", ">share"), rows)
    say(
        f"whole: {speed.pictures_per_second:.1f} pictures/s, {speed.faces_per_second:.1f} faces/s"
        f" ({speed.pictures} pictures, {speed.faces} faces, {speed.workers} side by side)"
    )
    for name, way in speed.engines.items():
        say(f"  {name}: {way}")

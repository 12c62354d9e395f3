"""`mien cluster PATH…`: group unlabelled photos by person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli import gallery_options, options
from mien.cli.output import emit, progress, say, table
from mien.core.report import PhotoReport


def cluster(
    paths: Annotated[list[str], typer.Argument(help="Pictures, folders, patterns.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write one folder a person and groups.jsonl here.")
    ] = None,
    remember: Annotated[
        bool,
        typer.Option("--remember", help="Keep the groups in the gallery, to name and mend them."),
    ] = False,
    where: gallery_options.Where = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    formats: options.Formats = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Group the faces of many photos by person.

    With --gallery or --remember, known people take in new photos and the groups stay for next time.
    """
    from mien.cli.session import open_analyzer
    from mien.embedding.calibration import shipped_calibration
    from mien.pipeline.cluster import gather, group, group_into, write_groups
    from mien.pipeline.config import configure
    from mien.pipeline.gallery import Gallery

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    failures: list[PhotoReport] = []
    with open_analyzer(config) as analyzer, progress(as_json) as bar:
        task = bar.add_task("pictures", total=None)

        def seen(report: PhotoReport) -> None:
            bar.advance(task)
            if report.error is not None:
                failures.append(report)

        found = gather(analyzer, paths, seen)
        if remember or where is not None:
            with Gallery(where, analyzer=analyzer) as gallery:
                groups = group_into(gallery.people, found, gallery.calibration)
        else:
            groups = group(found, shipped_calibration(config.profile.embedder))
    copied = sum(1 for _ in write_groups(out, groups)) if out is not None else 0
    count = len({face.group for face in groups})
    if as_json:
        errors = [{"source": report.source, "error": report.to_dict()["error"]} for report in failures]
        faces = [face.to_dict() for face in groups]
        emit({"people": count, "faces": faces, "errors": errors})
        return 0
    sizes: dict[int, int] = {}
    for face in groups:
        sizes[face.group] = sizes.get(face.group, 0) + 1
    names = {face.group: face.name or "" for face in groups}
    largest = sorted(sizes, key=lambda number: -sizes[number])[:40]
    table("", [">group", ">faces", "name"], [(number, sizes[number], names[number]) for number in largest])
    say(f"{count:,} people in {len(groups):,} faces; {len(failures):,} pictures could not be read")
    if out is not None:
        say(f"{copied:,} photos are in {out}")
    return 0

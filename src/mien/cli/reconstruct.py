"""`mien reconstruct PATH…`: a 3D head from a photo."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli import options
from mien.cli.output import emit, progress, say, warn
from mien.core.errors import InputError, MienError


def reconstruct(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Photos, folders or patterns; - for standard input.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="head.glb, .obj, .ply or .html; a folder for several photos."),
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Also write a page with an interactive viewer.")
    ] = False,
    texture: Annotated[bool, typer.Option("--texture/--no-texture", help="Skin from the photo.")] = True,
    neutral: Annotated[bool, typer.Option("--neutral", help="Remove the photo's expression.")] = False,
    camera_space: Annotated[
        bool, typer.Option("--camera-space", help="Save the head as posed in the camera frame.")
    ] = False,
    lod: Annotated[
        int, typer.Option("--lod", min=0, max=2, help="Level of detail: 0 finest, 2 coarsest.")
    ] = 0,
    which: Annotated[
        str | None, typer.Option("--which", help="The face that is meant: largest, center, or its number.")
    ] = None,
    ipd: Annotated[
        float | None, typer.Option("--ipd", help="Distance between the pupils in mm, if known.")
    ] = None,
    focal: Annotated[
        float | None, typer.Option("--focal", help="35-mm equivalent focal length, if the file does not say.")
    ] = None,
    hair: Annotated[
        bool, typer.Option("--hair/--no-hair", help="Lift the scalp to the hair's outline in the photo.")
    ] = True,
    refine: Annotated[
        str | None,
        typer.Option("--refine", help="photometric: let the photo's brightness correct the shape."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Another head model than mien's own, from mien train head-model."),
    ] = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    formats: options.Formats = None,
    as_json: options.Json = False,
) -> int:
    """Make an animatable 3D head in millimetres from a photo: GLB, OBJ, PLY or a viewer page."""
    from mien.cli.session import open_analyzer
    from mien.face3d.model.basis import read_head_model
    from mien.pipeline.config import configure
    from mien.pipeline.reconstruct import FORMATS
    from mien.pipeline.reconstruct import reconstruct as build

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    targets = _targets(paths, out, FORMATS, config.formats)
    other = None if model is None else read_head_model(model)
    choices: dict[str, Any] = {"which": which, "ipd": ipd, "focal_35mm": focal, "texture": texture}
    choices |= {"refine": refine, "model": other, "hair": hair}
    analyzer = open_analyzer(config, streams=1)
    rows: list[dict[str, Any]] = []
    with progress(as_json or len(targets) == 1) as bar:
        task = bar.add_task("heads", total=len(targets))
        for path, target in targets:
            started = time.perf_counter()
            try:
                head = build(analyzer, path, **choices)
                written = head.save(target, neutral=neutral, camera_space=camera_space, level=lod)
                if html and target.suffix.lower() != ".html":
                    written = (*written, *head.save(target.with_suffix(".html"), neutral=neutral, level=lod))
            except MienError as error:
                if len(paths) == len(targets) == 1:
                    raise
                rows.append({"source": path, "output": None, "error": error.to_dict()})
                warn(f"mien: {path}: {error}")
                continue
            finally:
                bar.advance(task)
            answer = head.to_dict() | {"output": str(target), "files": [str(file) for file in written]}
            answer |= {"seconds": time.perf_counter() - started, "error": None}
            rows.append(answer)
            if not as_json:
                _tell(answer)
    if as_json:
        emit(rows[0] if len(paths) == len(rows) == 1 else {"results": rows})
    # one bad photo among good ones is a row, not a failure of the run
    return 0 if any(row["error"] is None for row in rows) else 2


def _targets(
    paths: list[str], out: Path | None, formats: tuple[str, ...], readable: Collection[str]
) -> list[tuple[str, Path]]:
    """One output file a photo; photos of the same name get a number."""
    from mien.imaging.sources import iter_pictures

    photos = list(iter_pictures(paths, readable))
    if not photos:
        raise InputError("no photos were found there; pass files, a folder with photos, or a pattern")
    if len(photos) == 1 and (out is None or out.suffix.lower() in formats):
        return [(photos[0], out or Path(_stem(photos[0]) + ".glb"))]
    if out is not None and out.suffix.lower() in formats:
        raise InputError("several photos cannot become one file; give a folder with --out")
    folder = out or Path()
    if folder.suffix and not folder.is_dir():
        raise InputError(f"a head is not written as {folder.suffix}; use {', '.join(formats)} or a folder")
    folder.mkdir(parents=True, exist_ok=True)
    taken: Counter[str] = Counter()
    targets = []
    for photo in photos:
        stem = _stem(photo)
        taken[stem] += 1
        number = f"-{taken[stem]}" if taken[stem] > 1 else ""
        targets.append((photo, folder / f"{stem}{number}.glb"))
    return targets


def _stem(path: str) -> str:
    return "head" if path == "-" else Path(path).stem


def _tell(answer: dict[str, Any]) -> None:
    from math import degrees

    pose = answer["pose"]
    say(f"{answer['source']} → {', '.join(answer['files'])}")
    size = answer["size"]["source"]
    moves = f"{answer['blendshapes']} blendshapes"
    say(f"  head         {answer['vertices']:,} vertices, {moves}, size from {size}")
    turned = ", ".join(f"{name} {degrees(pose[name]):+.0f}°" for name in ("yaw", "pitch", "roll"))
    say(f"  pose         {turned}")
    moved = sorted(((w, n) for n, w in answer["expression"].items() if w >= 0.15), reverse=True)[:6]
    say(f"  expression   {', '.join(f'{n} {100 * w:.0f} %' for w, n in moved) or 'neutral'}")
    say(f"  fit          {answer['residual_px']:.1f} px, {answer['seconds']:.1f} s")
    for note in answer["notes"]:
        say(f"  note         {note}")

"""`mien analyze PATH…`: everything about every face."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.output import NO_PICTURES, JsonRows, degrees, percent, pictures_task, progress, short, table
from mien.core.errors import InputError
from mien.core.report import FaceReport, PhotoReport

if TYPE_CHECKING:
    from mien.pipeline.analyze import Analyzer
    from mien.pipeline.photos import PhotoFolder

ROWS_SHOWN = 1000  # of the table for people; --json and --out have every row


def analyze(
    paths: Annotated[list[str], typer.Argument(help="Pictures, folders, patterns; - is standard input.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write annotated pictures and faces.jsonl into this folder.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", help="Only these: box,keypoints,landmarks,pose,embedding,… (commas)."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where --out was left; finished pictures are skipped.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Pictures worked on side by side; default: cores.")
    ] = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    formats: options.Formats = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Find every face and say what it shows. Exit code 2 only where no picture at all could be read."""
    from mien import __version__
    from mien.cli.session import open_analyzer
    from mien.pipeline.analyze import asked_findings
    from mien.pipeline.config import configure
    from mien.pipeline.photos import PhotoFolder

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    wanted = [name.strip() for name in only.split(",")] if only else None
    asked = asked_findings(wanted, config.answers)
    analyzer = open_analyzer(config, streams=workers)
    folder = PhotoFolder(out, resume=resume) if out else None
    seen = readable = 0
    shown: deque[PhotoReport] = deque(maxlen=ROWS_SHOWN)
    tail = {"models": config.model_names(asked), "mien": __version__}
    with ExitStack() as stack:
        bar = stack.enter_context(progress(quiet=False))
        task = pictures_task(bar, paths, config.formats)
        rows = stack.enter_context(JsonRows("results", tail)) if as_json else None
        for report in _reports(analyzer, paths, asked, folder):
            seen += 1
            readable += report.error is None
            bar.update(task, completed=seen + (folder.skipped if folder else 0))
            if rows is not None:
                rows.row(report.to_dict())
            else:
                shown.append(report)
        if not seen and not (folder and folder.skipped):
            raise InputError(NO_PICTURES)
    if not as_json:
        _print(shown, seen, out, folder.skipped if folder else 0)
    return 0 if readable or not seen else 2


def _reports(
    analyzer: Analyzer, paths: Iterable[str], asked: frozenset[str], folder: PhotoFolder | None
) -> Iterator[PhotoReport]:
    if folder is None:
        yield from analyzer.analyze_many(list(paths), asked)
        return
    with folder:
        yield from folder.fill(analyzer, list(paths), asked)


def _print(reports: Iterable[PhotoReport], seen: int, out: Path | None, skipped: int) -> None:
    rows: list[tuple[object, ...]] = []
    for report in reports:
        if report.error is not None or not report.faces:
            rows.append((short(report.source), "", "", "", "", report.error or "no face found"))
        for number, face in enumerate(report.faces, 1):
            box = face.detection.box
            pose = face.pose
            turned = f"{degrees(pose.yaw)} {degrees(pose.pitch)} {degrees(pose.roll)}" if pose else ""
            place = f"{box.x1:.0f},{box.y1:.0f} – {box.x2:.0f},{box.y2:.0f}"
            said = "; ".join([*_says(face), *(f"{name}: {why}" for name, why in face.notes.items())])
            score = f"{face.detection.score:.2f}"
            rows.append((short(report.source), number, place, score, turned, said))
    table("", ("picture", ">face", "box", ">score", ">yaw pitch roll", "says, notes"), rows)
    if seen > ROWS_SHOWN:
        typer.echo(f"the last {ROWS_SHOWN:,} of {seen:,} pictures; --json or --out DIR gives all")
    if out is not None:
        before = f"; {skipped:,} were there before" if skipped else ""
        typer.echo(f"annotated pictures and faces.jsonl are in {out}{before}")


def _says(face: FaceReport) -> Iterator[str]:
    """What models of the user's own say, in words."""
    if face.age is not None:
        yield f"{face.age.years:.0f} years ({face.age.low:.0f} – {face.age.high:.0f})"
    attributes = face.attributes or {}
    chosen = {"sex": face.sex, "expression": face.expression, **attributes}
    for question, chances in chosen.items():
        if chances:
            likely = max(chances, key=lambda label: chances[label])
            yield f"{question}: {likely} ({percent(chances[likely])})"
    if face.liveness is not None:
        words = {True: "a living face", False: "not a living face", None: "living or not: unknown"}
        yield f"{words[face.liveness.live]} ({face.liveness.score:.2f})"

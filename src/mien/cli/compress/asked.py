"""What `mien compress quantize` measures on, for whichever task the model has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.compress import measure
from mien.core.errors import InputError

if TYPE_CHECKING:
    from mien.compression.compare import Measured
    from mien.compression.crops import Crops
    from mien.core.modelcard import ModelCard
    from mien.pipeline.analyze import Analyzer

MOST_PICTURES = 256  # to calibrate on

Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        help="For age, sex, expression …: a table `file,NAME[,person]`; liveness: `file,species[,person]`.",
    ),
]
Column = Annotated[
    str | None,
    typer.Option("--column", help="The column of --labels; NAME=FINDING where the model's word is another."),
]
Images = Annotated[
    Path | None,
    typer.Option("--images", help="Where the pictures of --pairs, --labels or --points are."),
]
Budget = Annotated[
    float | None,
    typer.Option(
        "--budget",
        help="Points that may be lost: of TMR at --fmr, of right answers, of ACER (each 1), of NME (0.2).",
    ),
]
Points = Annotated[
    Path | None,
    typer.Option("--points", help="For landmarks: a CSV `file,x,y,x,y…` or a folder of .pts files."),
]


@dataclass(frozen=True, slots=True)
class Where:
    """What the user gave to measure on."""

    people: Path | None
    pairs: Path | None
    labels: Path | None
    column: str | None
    points: Path | None
    images: Path | None
    fmr: float
    which: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """pictures: how many are looked at.    make: cuts them: what to measure on, and crops to calibrate on.

    make takes an analyzer and what to call after each picture.
    """

    pictures: int
    make: Callable[[Analyzer, Callable[[], object]], tuple[Measured, Crops]]


def default_budget(source: ModelCard) -> float:
    """Points of the task's measure; NME is a small share itself."""
    return 0.2 if source.task == "landmarks" else 1.0


def prepare(source: ModelCard, where: Where, calibrate: bool, extra: list[Path] | None) -> Prepared:
    """Read the lists of the model's task.

    calibrate: keep a fifth of the pictures out of the measurement.    extra: others to calibrate on.
    raises: InputError for a list that does not suit the task.
    """
    from mien.compression.asked import TASKS

    if source.format == "tflite":
        raise InputError(f"{source.name} is a TFLite file, and ONNX files are quantised: give one of those")
    if source.task == "embed":
        return _embedding(source, where, calibrate, extra)
    if source.task in TASKS:
        return _asked(source, where, calibrate, extra)
    raise InputError(
        f"{source.name} is for the task {source.task!r}, whose cost is not measured here: give a model for "
        f"embed, {', '.join(TASKS)}"
    )


def _embedding(source: ModelCard, where: Where, calibrate: bool, extra: list[Path] | None) -> Prepared:
    from mien.compression.accuracy import check_support
    from mien.compression.crops import cut_crops, template_of

    template_of(source)
    if where.labels is not None or where.points is not None:
        raise InputError(f"{source.name} embeds faces: measure it with --people DIR, or --pairs and --images")
    trial, held_out = measure.choose_trial(where.people, where.pairs, where.images, calibrate=calibrate)
    check_support(int(trial.same.sum()), int((~trial.same).sum()), where.fmr)
    listed = list(held_out if extra is None else extra)[:MOST_PICTURES]

    def make(analyzer: Analyzer, done: Callable[[], object]) -> tuple[Measured, Crops]:
        bench = measure.bench_of(analyzer, source, trial, where.fmr, where.which, done)
        return bench, cut_crops(analyzer, source, listed, where.which, done) if listed else bench.crops

    return Prepared(len(listed) + len(trial.pictures), make)


def _asked(source: ModelCard, where: Where, calibrate: bool, extra: list[Path] | None) -> Prepared:
    from mien.compression.asked import asked_labels, asked_points
    from mien.compression.faces import chosen_by, cut_faces

    given, option = (
        (where.points, "--points") if source.task == "landmarks" else (where.labels, "--labels FILE")
    )
    if given is None or where.images is None or where.people is not None or where.pairs is not None:
        raise InputError(f"{source.name} is for {source.task}: measure it with {option} and --images DIR")
    listed = (
        asked_points(source, given, where.images)
        if source.task == "landmarks"
        else asked_labels(source, given, where.images, where.column, where.which)
    )
    rows, held_out = listed.split(measure.CALIBRATION_SHARE if calibrate else 0.0)
    others = [listed.pictures[row] for row in held_out] if extra is None else extra
    others = others[:MOST_PICTURES]

    def make(analyzer: Analyzer, done: Callable[[], object]) -> tuple[Measured, Crops]:
        pictures = [listed.pictures[row] for row in rows]
        faces = cut_faces(analyzer, source, pictures, listed.choose, done)
        sheet = listed.sheet(faces, rows, analyzer.config.cache / "engines.json")
        choose = listed.choose if extra is None else chosen_by(where.which)
        return sheet, cut_faces(analyzer, source, others, choose, done).crops if others else sheet.crops

    return Prepared(len(others) + len(rows), make)

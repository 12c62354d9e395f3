"""What the ways of compressing share: the pictures that are measured on, and how the answer is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.output import emit, fail, say, table
from mien.core.errors import InputError

if TYPE_CHECKING:
    from mien.compression.accuracy import Trial
    from mien.compression.compare import Bench, Measured
    from mien.compression.guard import Comparison
    from mien.core.modelcard import ModelCard
    from mien.pipeline.analyze import Analyzer

CALIBRATION_SHARE = 0.2

People = Annotated[
    Path | None,
    typer.Option("--people", help="Measure on this folder, one sub-folder of pictures a person."),
]
Pairs = Annotated[
    Path | None,
    typer.Option("--pairs", help="Or on these pairs: LFW's pairs.txt or a table path_a,path_b,same."),
]
Images = Annotated[Path | None, typer.Option("--images", help="Where the pictures of --pairs are.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for the new model and its card.")]


def _check_name(name: str | None) -> str | None:
    from mien.compression.result import check_name

    if name is not None:
        check_name(name)
    return name


Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="Name of the new model; default: the old one's and how it was made.",
        callback=_check_name,
    ),
]
Budget = Annotated[
    float, typer.Option("--budget", help="Points of TMR (true match rate) that may be lost at --fmr.")
]
Fmr = Annotated[float, typer.Option("--fmr", help="Compare the true match rates at this false match rate.")]
Which = Annotated[
    str, typer.Option("--which", help="Of several faces in a picture: center, largest, or its number.")
]


def choose_trial(
    people: Path | None, pairs: Path | None, images: Path | None, calibrate: bool
) -> tuple[Trial, tuple[Path, ...]]:
    """The pairs to measure on, and pictures kept out of them where ``calibrate`` asks for some."""
    from mien.compression.accuracy import trial_of_pairs, trial_of_people
    from mien.evaluation.protocols import read_pairs

    if (people is None) == (pairs is None) or (pairs is None) != (images is None):
        raise InputError("give either --people DIR, or --pairs FILE with --images DIR, to measure on")
    if people is not None:
        return trial_of_people(people, CALIBRATION_SHARE if calibrate else 0.0)
    if calibrate:
        raise InputError("with --pairs, name a folder of other pictures to calibrate on: --pictures DIR")
    if pairs is None or images is None:
        raise AssertionError("checked above")
    return trial_of_pairs(read_pairs(pairs, images)), ()


def finish(
    bench: Measured,
    before: tuple[ModelCard, bytes],
    after: tuple[ModelCard, bytes],
    out: Path,
    budget: float,
    facts: dict[str, Any],
    as_json: bool,
) -> int:
    """Measure, judge, save and show; exit code 1 where the new model is no improvement."""
    from mien.compression.compare import compare
    from mien.compression.guard import judge, refusal
    from mien.compression.result import save_result

    found = compare(bench, before, after)
    verdict = judge(found, budget / 100)
    saved = save_result(out, *after, found, verdict)
    error = None if verdict.improvement else refusal(verdict, after[0].name, saved.card.parent)
    if as_json:
        document = {
            "model": before[0].name,
            "result": after[0].name,
            **facts,
            **found.to_dict(),
            **verdict.to_dict(),
            **saved.to_dict(),
            "pictures_without_a_face": len(bench.crops.failures),
            "command_to_use": f"--models {saved.card}",
        }
        emit(document if error is None else {**document, "error": error.to_dict()})
    else:
        show(before[0].name, after[0].name, found)
    if error is not None:
        return error.exit_code if as_json else fail(error, as_json=False)
    if not as_json:
        say(f"{saved.card}: use it with --models {saved.card}")
    return 0


def show(before: str, after: str, found: Comparison) -> None:
    from mien.compression.guard import table_rows

    table("", ["measure", f">{before}", f">{after}", ">change (95 %)"], table_rows(found))


def bench_of(
    analyzer: Analyzer,
    card: ModelCard,
    trial: Trial,
    fmr: float,
    which: str,
    done: Callable[[], object],
) -> Bench:
    from mien.compression.compare import prepare_bench

    return prepare_bench(analyzer, card, trial, fmr, which, done)

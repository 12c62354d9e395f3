"""`mien evaluate verification`: how well pairs of pictures are told apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.evaluate import report as page
from mien.cli.output import emit, percent, progress, say, table
from mien.core.errors import InputError

if TYPE_CHECKING:
    from mien.evaluation.metrics.verification import OperatingPoint
    from mien.evaluation.protocols.pairs import PairList
    from mien.evaluation.verification import VerificationReport


def verification(
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs", help="LFW's pairs.txt, a table `path_a,path_b,same[,fold]`, or CFP's Protocol folder."
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="The folder that holds the pictures of --pairs.")
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option("--people", help="Instead: a folder with one sub-folder of pictures a person."),
    ] = None,
    folds: Annotated[
        int, typer.Option("--folds", min=2, help="With --people: folds by person, nobody in two of them.")
    ] = 10,
    seed: Annotated[int, typer.Option("--seed", help="With --people: of the draw of folds.")] = 0,
    which: page.Which = "center",
    html: page.Html = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    formats: options.Formats = None,
    as_json: options.Json = False,
) -> int:
    """Measure how well pairs of pictures are told apart: accuracy, AUC, EER, TMR at fixed FMR.

    Each fold is decided by the best threshold of the other folds. A picture without a face that could be
    found is counted as "not the same" in all its pairs, never left out.
    """
    from mien.cli.session import open_analyzer
    from mien.evaluation.acquire import embed_pictures
    from mien.evaluation.verification import cosine_scores, evaluate_verification
    from mien.pipeline.config import configure

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    listed = _listed(pairs, images, people, folds, seed)
    with open_analyzer(config) as analyzer, progress(as_json) as bar:
        task = bar.add_task("pictures", total=len(listed.pictures))
        embed = embed_pictures(analyzer, which, lambda: bar.advance(task))
        report = evaluate_verification(listed, embed, cosine_scores, balance=people is not None)
        names = config.model_names({"embedding"})
        if html is not None:
            from mien.evaluation.pages.faces import show_faces
            from mien.evaluation.pages.verification import verification_page

            show = show_faces(analyzer, which)
            page.write(html, verification_page(report, listed, show, page.this_run(names)))
    if as_json:
        emit({**report.to_dict(), "models": names})
    else:
        _show(report)
    return 0


def _listed(pairs: Path | None, images: Path | None, people: Path | None, folds: int, seed: int) -> PairList:
    from mien.evaluation.own import folder_of_people
    from mien.evaluation.protocols import read_pairs
    from mien.evaluation.protocols.people import pairs_of_people

    if people is not None and pairs is None and images is None:
        return pairs_of_people(folder_of_people(people), folds, seed)
    if people is not None or pairs is None or images is None:
        raise InputError("give either --pairs FILE with --images DIR, or --people DIR")
    return read_pairs(pairs, images)


def _show(report: VerificationReport) -> None:
    accuracy = report.accuracy
    table(
        "",
        ["measure", ">value"],
        [
            ["pairs (same / different)", f"{report.pairs:,} ({report.genuine:,} / {report.impostors:,})"],
            ["accuracy", f"{percent(accuracy.mean, 2)} ± {percent(accuracy.std, 2)}"],
            ["AUC", f"{report.auc:.5f}"],
            ["EER", percent(report.eer, 2)],
            *(_tmr_row(point) for point in report.points),
            ["pictures without a face", f"{len(report.failures):,} of {report.images:,}"],
            ["pictures per second", f"{report.images_per_second:.1f}"],
        ],
    )
    if not report.folds_given:
        say("The list names no folds: it was cut into ten, in its order.")
    for failed in report.failures[:5]:
        say(f"{failed.picture}: {failed.message}")


def _tmr_row(point: OperatingPoint) -> list[str]:
    name = f"TMR at FMR {point.fmr:g}"
    if not point.supported:
        return [name, f"unknown: takes {1 / point.fmr:,.0f} different pairs"]
    low, high = (percent(end, 2) for end in point.tmr_interval)
    return [name, f"{percent(point.tmr, 2)} ({low} – {high})"]

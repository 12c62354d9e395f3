"""`mien evaluate identification`: who is it, out of a gallery, and are strangers left without a name?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.evaluate import report as page
from mien.cli.output import emit, percent, progress, say, table

if TYPE_CHECKING:
    from mien.embedding.calibration import Calibration
    from mien.evaluation.identification import IdentificationReport, SearchPoint


def identification(
    people: Annotated[
        Path, typer.Option("--people", help="A folder with one sub-folder of pictures a person.")
    ],
    strangers: Annotated[
        Path | None,
        typer.Option(
            "--strangers",
            help="People who are not enrolled: sub-folders, or pictures of one person each. "
            "Default: half of the people stay outside.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=2, help="Draw this many strangers at random.")
    ] = None,
    enrol: Annotated[int, typer.Option("--enrol", min=1, help="Pictures that enrol a person.")] = 1,
    folds: Annotated[
        int, typer.Option("--folds", min=2, help="Folds by person; thresholds come from the other folds.")
    ] = 2,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw of folds and enrolled pictures.")] = 0,
    which: page.Which = "center",
    html: page.Html = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    formats: options.Formats = None,
    as_json: options.Json = False,
) -> int:
    """Measure a search through a gallery: CMC, and FNIR at fixed FPIR with thresholds from other strangers.

    A picture without a face that could be found is counted: as a person not found, or a stranger refused.
    """
    from mien.cli.session import open_analyzer
    from mien.evaluation.acquire import embed_pictures
    from mien.evaluation.identification import evaluate_identification
    from mien.evaluation.own import folder_of_people
    from mien.evaluation.protocols.people import folder_of_strangers, search_list
    from mien.pipeline.config import configure

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    others = folder_of_strangers(strangers, limit, seed) if strangers else None
    listed = search_list(folder_of_people(people), others, enrol=enrol, seed=seed)
    with open_analyzer(config) as analyzer, progress(as_json) as bar:
        task = bar.add_task("pictures", total=len(listed.pictures))
        embed = embed_pictures(analyzer, which, lambda: bar.advance(task))
        known = _calibration(config.profile.calibrated)
        found = evaluate_identification(listed, embed, folds=folds, seed=seed, calibration=known)
    names = config.model_names({"embedding"})
    if html is not None:
        from mien.evaluation.pages.identification import identification_page

        page.write(html, identification_page(found, page.this_run(names)))
    if as_json:
        emit({**found.to_dict(), "models": names})
    else:
        _show(found)
    return 0


def _calibration(embedder: str) -> Calibration | None:
    from mien.core.errors import UnknownModel
    from mien.embedding.calibration import shipped_calibration

    try:
        return shipped_calibration(embedder)
    except UnknownModel:
        # A network of one's own has none; then nothing is promised that could be checked.
        return None


def _show(report: IdentificationReport) -> None:
    from mien.evaluation.identification import RANKS
    from mien.evaluation.wording import between

    table(
        "",
        ["measure", ">value", ">95 % interval", ">FPIR seen"],
        [
            ["people enrolled", f"{report.people - report.not_enrolled:,} of {report.people:,}", "", ""],
            ["probes / strangers", f"{report.probes:,} / {report.strangers:,}", "", ""],
            *(
                [f"rank {k}", percent(report.rank(k), 2), between(interval), ""]
                for k, interval in zip(RANKS[:2], report.rank_intervals, strict=False)
            ),
            *(_row("", point) for point in report.points),
            *(_row(", as calibrated", point) for point in report.promised),
            ["pictures without a face", f"{len(report.failures):,} of {report.images:,}", "", ""],
        ],
    )
    say(f"{report.folds} folds by person; thresholds come from the strangers of the other folds.")


def _row(how: str, point: SearchPoint) -> list[str]:
    from mien.evaluation.wording import between

    name = f"FNIR at FPIR {percent(point.fpir)}{how}"
    if not point.supported:
        return [name, f"takes {1 / point.fpir:,.0f} other strangers", "", ""]
    return [name, percent(point.fnir, 2), between(point.fnir_interval), percent(point.fpir_seen, 2)]

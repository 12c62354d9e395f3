"""`mien evaluate fairness`: does one group of people fare worse than the others?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.evaluate import report as page
from mien.cli.output import emit, percent, progress, say, table

if TYPE_CHECKING:
    from mien.evaluation.fairness import FairnessReport
    from mien.evaluation.metrics.fairness import Verdict

Calibration = Annotated[
    Path | None,
    typer.Option("--calibration", help="Take the threshold from this file of `mien calibrate -o`."),
]


def fairness(
    labels: Annotated[
        Path,
        typer.Option(
            "--labels", help="A table `file[,person],group…`; without person each picture is another."
        ),
    ],
    images: Annotated[Path, typer.Option("--images", help="The folder that holds the pictures.")],
    by: Annotated[
        str | None,
        typer.Option(
            "--by", help="Columns that divide people into groups, separated by commas; default: all."
        ),
    ] = None,
    fmr: Annotated[
        float, typer.Option("--fmr", help="The false match rate that the one threshold is meant to keep.")
    ] = 1e-3,
    calibration: Calibration = None,
    which: page.Which = "center",
    html: page.Html = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    formats: options.Formats = None,
    as_json: options.Json = False,
) -> int:
    """Measure FTE, FMR and FNMR of every group at one threshold for all, with intervals and a verdict.

    A group is flagged where it is significantly worse than all others together (5 % for the whole division,
    by Holm) and by more than a quarter. The threshold comes from a calibration made on other people.
    """
    from mien.cli.session import open_analyzer
    from mien.evaluation.acquire import embed_pictures
    from mien.evaluation.fairness import evaluate_fairness, read_labelled
    from mien.evaluation.operating import deployed_threshold
    from mien.pipeline.config import configure

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    deployed = deployed_threshold(config.profile.calibrated, fmr, calibration)
    columns = [name.strip() for name in by.split(",")] if by else None
    labelled = read_labelled(labels, images, columns)
    with open_analyzer(config) as analyzer, progress(as_json) as bar:
        task = bar.add_task("pictures", total=len(labelled))
        embed = embed_pictures(analyzer, which, lambda: bar.advance(task))
        report = evaluate_fairness(labelled, embed, deployed)
    names = config.model_names({"embedding"})
    if html is not None:
        from mien.evaluation.pages.fairness import fairness_page

        page.write(html, fairness_page(report, page.this_run(names)))
    if as_json:
        emit({**report.to_dict(), "models": names})
    else:
        _show(report)
    return 0


def _show(report: FairnessReport) -> None:
    for division in report.divisions:
        rows = []
        for i, (group, people) in enumerate(division.people.items()):
            cells = (division.fte[i], division.fmr[i], division.fnmr[i])
            rows.append([group, f"{people:,}", *(_said(one) for one in cells)])
        table(division.name, ["group", ">people", ">no face found", ">FMR", ">FNMR"], rows)
    deployed = report.deployed
    say(f"Threshold {deployed.threshold:.3f} for all, from {deployed.source}, at FMR {deployed.fmr:g}.")
    say("! significantly worse than the other groups together, and by more than a quarter.")


def _said(verdict: Verdict) -> str:
    rate, interval = verdict.cell.rate, verdict.cell.interval
    if rate is None or interval is None:
        return "–"
    ends = f"{100 * interval.low:.2g} – {100 * interval.high:.2g}"
    if not verdict.enough:
        return f"too few ({ends} %)"
    return f"{'! ' if verdict.flagged else ''}{percent(rate, 3)} ({ends})"

"""`mien evaluate robustness`: how fast does a matcher fail as pictures get worse?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.evaluate import report as page
from mien.cli.evaluate.fairness import Calibration
from mien.cli.output import emit, percent, progress, say, table

if TYPE_CHECKING:
    from mien.evaluation.robustness import LevelRate, RobustnessReport


def robustness(
    people: Annotated[
        Path, typer.Option("--people", help="A folder with one sub-folder of pictures a person.")
    ],
    damage: Annotated[
        str | None,
        typer.Option("--damage", help="Only these kinds, separated by commas: jpeg, blur, noise, scale …"),
    ] = None,
    probes: Annotated[int, typer.Option("--probes", min=1, help="Pictures to damage of each person.")] = 1,
    fmr: Annotated[
        float, typer.Option("--fmr", help="The false match rate that the threshold is meant to keep.")
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
    """Damage pictures step by step and measure what is still matched, at the threshold of a calibration.

    JPEG, blur, noise, small and dark faces, covered mouths and eyes, turned pictures, five levels each.
    """
    from mien.cli.session import open_analyzer
    from mien.evaluation.acquire import embed_trials
    from mien.evaluation.operating import deployed_threshold
    from mien.evaluation.own import folder_of_people
    from mien.evaluation.robustness import damages, evaluate_robustness
    from mien.pipeline.config import configure

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    deployed = deployed_threshold(config.profile.calibrated, fmr, calibration)
    wanted = damages([name.strip() for name in damage.split(",")] if damage else None)
    found = folder_of_people(people)
    with open_analyzer(config) as analyzer, progress(as_json) as bar:
        task = bar.add_task("pictures", total=None)
        embed = embed_trials(analyzer, which, lambda: bar.advance(task))
        report = evaluate_robustness(found, embed, deployed, wanted, probes)
        names = config.model_names({"embedding"})
        if html is not None:
            from mien.evaluation.pages.robustness import examples, robustness_page

            damaged = (paths[1] for paths in found.values() if len(paths) > 1)
            shown = examples(analyzer, damaged, wanted, which)
            page.write(html, robustness_page(report, shown, page.this_run(names)))
    if as_json:
        emit({**report.to_dict(), "models": names})
    else:
        _show(report)
    return 0


def _show(report: RobustnessReport) -> None:
    rows = [["none", "", *_cells(report.clean)]]
    for name, rates in report.levels.items():
        rows += [[name, f"{one.level:g}", *_cells(one)] for one in rates]
    table("", ["damage", ">level", ">TMR", ">95 % interval", ">FMR", ">no face found"], rows)
    deployed = report.deployed
    say(f"{report.pictures:,} pictures of {report.people:,} people.")
    say(f"Threshold {deployed.threshold:.3f}, from {deployed.source}, at FMR {deployed.fmr:g}.")


def _cells(one: LevelRate) -> list[str]:
    from mien.evaluation.wording import between

    return [percent(one.tmr), between(one.tmr_interval, 1), percent(one.fmr, 2), percent(one.fta)]

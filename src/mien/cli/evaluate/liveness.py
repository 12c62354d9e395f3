"""`mien evaluate liveness`: are attacks told from living faces?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.evaluate import report as page
from mien.cli.output import emit, percent, progress, say, table
from mien.core.errors import InputError, MienError

if TYPE_CHECKING:
    from mien.evaluation.liveness import LivenessReport, PartRates, Presentation, Rule
    from mien.pipeline.config import Config


def liveness(
    scores: Annotated[
        Path | None,
        typer.Option("--scores", help="A table `part,species,score[,file][,person]` of answers to judge."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Instead: `file,part,species[,person]`, to judge mien's own answers."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="The folder of the pictures of --labels.")
    ] = None,
    at: Annotated[
        str,
        typer.Option("--at", help="What sets the threshold on the dev part: bpcer=0.1, apcer=0.07 or eer."),
    ] = "bpcer=0.1",
    which: page.Which = "center",
    html: page.Html = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    formats: options.Formats = None,
    as_json: options.Json = False,
) -> int:
    """Measure attack detection by ISO/IEC 30107-3: APCER of every species, the worst as the result, BPCER.

    The threshold is set on the rows of part "dev", the rates are those of part "test". Species "bona fide"
    (or real, live) is no attack.
    """
    from mien.evaluation.liveness import evaluate_liveness, read_presentations
    from mien.pipeline.config import configure

    rule, target = _rule(at)
    if scores is not None and labels is None:
        presentations, names = read_presentations(scores), {"liveness": str(scores)}
    elif scores is None and labels is not None and images is not None:
        config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
        presentations = _answers(config, labels, images, which, as_json)
        names = config.model_names({"liveness"})
    else:
        raise InputError("give either --scores FILE, or --labels FILE with --images DIR")
    report = evaluate_liveness(presentations, rule, target)
    if html is not None:
        from mien.evaluation.pages.liveness import liveness_page

        page.write(html, liveness_page(report, page.this_run(names)))
    if as_json:
        emit({**report.to_dict(), "models": names})
    else:
        _show(report)
    return 0


def _rule(at: str) -> tuple[Rule, float]:
    if at == "eer":
        return "eer", 0.0
    rule, _, value = at.partition("=")
    try:
        target = float(value)
    except ValueError:
        target = -1.0
    if rule not in ("bpcer", "apcer") or not 0 <= target <= 1:
        raise InputError(f"--at {at} sets no threshold: write bpcer=0.1, apcer=0.07 or eer")
    return ("bpcer" if rule == "bpcer" else "apcer"), target


def _answers(config: Config, labels: Path, images: Path, which: str, quiet: bool) -> list[Presentation]:
    from mien.cli.session import open_analyzer
    from mien.evaluation.acquire import report_faces
    from mien.evaluation.liveness import presentation, score_of
    from mien.evaluation.metrics.verification import FAILED
    from mien.evaluation.protocols.table import read_table

    rows = read_table(labels, ["file", "part", "species"]).rows
    pictures = [row.picture(images) for row in rows]
    with open_analyzer(config) as analyzer, progress(quiet) as bar:
        task = bar.add_task("pictures", total=len(pictures))
        faces = report_faces(analyzer, pictures, ("liveness",), which, lambda: bar.advance(task))
        return [
            presentation(row, FAILED if isinstance(face, MienError) else score_of(face), str(number))
            for number, (row, face) in enumerate(zip(rows, faces, strict=True))
        ]


def _show(report: LivenessReport) -> None:
    from mien.evaluation.wording import between

    def rows(part: PartRates) -> list[list[str]]:
        worst = part.worst
        return [
            [f"APCER, worst species ({worst.species})", percent(worst.apcer, 2), between(worst.interval)],
            ["BPCER", percent(part.bpcer, 2), between(part.bpcer_interval)],
            *(
                [f"APCER of {one.species} ({one.attacks:,})", percent(one.apcer, 2), between(one.interval)]
                for one in part.species
            ),
            [f"bona fide without an answer (of {part.bona_fide:,})", percent(part.bpnrr, 2), ""],
        ]

    table("test part", ["measure", ">value", ">95 % interval"], rows(report.test))
    goal = "EER" if report.rule == "eer" else f"{report.rule.upper()} {percent(report.target)}"
    say(f"Threshold {report.threshold:.4g}, set on the dev part at {goal}; nothing of the test part set it.")
    if report.unseen:
        say(f"Species that the dev part has none of: {', '.join(report.unseen)}.")

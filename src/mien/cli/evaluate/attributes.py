"""`mien evaluate attributes`: are age, sex, expression … said rightly?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.evaluate import report as page
from mien.cli.output import emit, percent, progress, table
from mien.core.errors import InputError, MienError

if TYPE_CHECKING:
    from mien.evaluation.attributes import LabelReport, NumberReport
    from mien.pipeline.config import Config


def attributes(
    labels: Annotated[
        Path, typer.Option("--labels", help="A table `file,attribute…` of what is true of each picture.")
    ],
    columns: Annotated[
        str,
        typer.Option(
            "--columns",
            help="Attributes to judge, separated by commas; name=finding where the label has another name.",
        ),
    ],
    images: Annotated[
        Path | None, typer.Option("--images", help="The folder of the pictures: judge mien's own answers.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Judge a table of answers instead: `file,attribute…`."),
    ] = None,
    which: page.Which = "center",
    html: page.Html = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    formats: options.Formats = None,
    as_json: options.Json = False,
) -> int:
    """Measure attributes: accuracy, recall, precision, F1 and confusion of labels, mean error of numbers.

    A picture without an answer counts as a wrong label; no error of numbers counts it.
    """
    from mien.evaluation.attributes import evaluate_attribute
    from mien.evaluation.protocols.table import read_table
    from mien.pipeline.config import configure

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    wanted = dict(_pair(name.strip()) for name in columns.split(","))
    true = read_table(labels, ["file", *wanted])
    if predictions is not None:
        said = read_table(predictions, ["file", *wanted.values()])
        asked, answered = ({row.cells["file"] for row in one.rows} for one in (true, said))
        page.same_pictures(asked, answered, predictions)
        answers = {
            finding: {row.cells["file"]: row.cells[finding] for row in said.rows}
            for finding in wanted.values()
        }
        names = {"attributes": str(predictions)}
    elif images is not None:
        pictures = {row.cells["file"]: row.picture(images) for row in true.rows}
        answers = _answers(config, pictures, list(wanted.values()), which, as_json)
        names = config.model_names({finding.partition(".")[0] for finding in wanted.values()})
    else:
        raise InputError("give --images DIR to look at, or --predictions FILE with answers")
    reports = [
        evaluate_attribute(name, {row.cells["file"]: row.cells[name] for row in true.rows}, answers[finding])
        for name, finding in wanted.items()
    ]
    if html is not None:
        from mien.evaluation.pages.attributes import attributes_page

        page.write(html, attributes_page(reports, page.this_run(names)))
    if as_json:
        emit({"attributes": {one.column: one.to_dict() for one in reports}, "models": names})
    else:
        _show(reports)
    return 0


def _pair(name: str) -> tuple[str, str]:
    column, _, finding = name.partition("=")
    return column, finding or column


def _answers(
    config: Config, pictures: dict[str, Path], findings: list[str], which: str, quiet: bool
) -> dict[str, dict[str, str]]:
    from mien.cli.session import open_analyzer
    from mien.evaluation.acquire import report_faces
    from mien.evaluation.attributes import answer_of
    from mien.pipeline.analyze import asked_findings

    asked = asked_findings({finding.partition(".")[0] for finding in findings})
    said: dict[str, dict[str, str]] = {finding: {} for finding in findings}
    with open_analyzer(config) as analyzer, progress(quiet) as bar:
        task = bar.add_task("pictures", total=len(pictures))
        faces = report_faces(analyzer, list(pictures.values()), asked, which, lambda: bar.advance(task))
        for name, face in zip(pictures, faces, strict=True):
            if not isinstance(face, MienError):
                for finding in findings:
                    said[finding][name] = answer_of(face, finding)
    return said


def _show(reports: list[LabelReport | NumberReport]) -> None:
    from mien.evaluation.attributes import NumberReport
    from mien.evaluation.wording import between

    for report in reports:
        if isinstance(report, NumberReport):
            low, high = report.mae_interval
            rows = [
                ["mean absolute error", f"{report.score.mae:.2f}", f"{low:.2f} – {high:.2f}"],
                ["root mean square", f"{report.score.rmse:.2f}", ""],
                ["mean (said less true)", f"{report.score.bias:+.2f}", ""],
            ]
        else:
            rows = [
                ["accuracy", percent(report.accuracy, 2), between(report.accuracy_interval)],
                ["balanced accuracy", percent(report.balanced_accuracy, 2), ""],
                ["macro F1", percent(report.macro_f1, 2), ""],
                *(
                    [f"recall of {one.label}", percent(one.recall, 2), f"of {one.faces:,}"]
                    for one in report.labels
                ),
            ]
        unanswered = ["without an answer", f"{report.unanswered:,} of {report.faces:,}", ""]
        table(report.column, ["measure", ">value", ">95 % interval"], [*rows, unanswered])

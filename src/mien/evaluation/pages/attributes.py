"""The page of `mien evaluate attributes`."""

from __future__ import annotations

from collections.abc import Sequence

from mien.evaluation.attributes import LabelReport, NumberReport
from mien.evaluation.pages.curves import histogram
from mien.evaluation.pages.frame import Run, report_page
from mien.evaluation.wording import between, percent
from mien.page.blocks import Block, Charts, Mark, Page, Section, Table, Text


def attributes_page(reports: Sequence[LabelReport | NumberReport], run: Run) -> Page:
    """One section an attribute: scores of every label and the confusion, or the errors of a number."""
    facts = [
        (one.column, f"± {one.score.mae:.2f}" if isinstance(one, NumberReport) else percent(one.accuracy))
        for one in reports
    ]
    lead = f"Answers about {max(one.faces for one in reports):,} labelled faces."
    sections = [
        Section(one.column, _number(one) if isinstance(one, NumberReport) else _labels(one))
        for one in reports
    ]
    return report_page("How well attributes are said", lead, facts, sections, run)


def _labels(report: LabelReport) -> list[Block]:
    scores = [
        [
            one.label,
            f"{one.faces:,}",
            "–" if one.precision is None else percent(one.precision),
            percent(one.recall),
            percent(one.f1),
        ]
        for one in report.labels
    ]
    said = (
        f"Accuracy {percent(report.accuracy)} ({between(report.accuracy_interval)}), balanced accuracy "
        f"{percent(report.balanced_accuracy)}, macro F1 {percent(report.macro_f1)}. "
        f"{report.unanswered:,} of {report.faces:,} faces got no answer, which counts as wrong."
    )
    return [
        Text(said),
        Table(["label", ">faces", ">precision", ">recall", ">F1"], scores),
        _confusion(report),
    ]


def _confusion(report: LabelReport) -> Table:
    columns = ["true \\ said", *(f">{label}" for label in report.table.labels), ">other"]
    rows: list[list[str | Mark]] = []
    for i, label in enumerate(report.table.labels):
        counts = report.table.counts[i].tolist()
        total = sum(counts)
        cells: list[str | Mark] = [
            f"{count:,} ({percent(count / total, 0)})" if count else "·" for count in counts
        ]
        cells[i] = Mark(str(cells[i]), "good")
        rows.append([label, *cells])
    return Table(columns, rows, "Confusion; percent of the row.")


def _number(report: NumberReport) -> list[Block]:
    low, high = report.mae_interval
    said = (
        f"Mean absolute error {report.score.mae:.2f} ({low:.2f} – {high:.2f}), root mean square "
        f"{report.score.rmse:.2f}, mean {report.score.bias:+.2f}. "
        f"{report.unanswered:,} of {report.faces:,} faces got no answer and are in no error."
    )
    chart = histogram({"faces": report.errors}, "said less true", "How the errors lie.", (0.0, "right"))
    return [Text(said), Charts([chart])]

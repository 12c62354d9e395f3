"""The page of `mien evaluate detection`."""

from __future__ import annotations

from mien.evaluation.detection import DetectionReport
from mien.evaluation.pages.frame import Run, failures_section, report_page
from mien.evaluation.wording import between, percent
from mien.page.blocks import Axis, Chart, Charts, Page, Section, Series, Table, Text


def detection_page(report: DetectionReport, run: Run) -> Page:
    """Precision against recall, AP by every convention, and recall by size."""
    facts = [
        ("AP at IoU 0.5", percent(report.ap)),
        ("AP, COCO", percent(report.ap_coco)),
        ("Recall", percent(report.recall)),
        ("False boxes a picture", f"{report.false_per_picture:.3f}"),
        ("Faces", f"{report.faces:,}"),
    ]
    lead = (
        f"{report.faces:,} faces to be found in {report.pictures:,} pictures; {report.ignored:,} more are "
        f"marked to be ignored. {report.detections:,} boxes were returned."
    )
    precision = "–" if report.precision is None else percent(report.precision)
    measures = Table(
        ["measure", ">value", ">95 % interval"],
        [
            ["AP at IoU 0.5, every recall (VOC 2010)", percent(report.ap), between(report.ap_interval)],
            ["AP at IoU 0.5, 11 points (VOC 2007)", percent(report.ap_voc07), ""],
            ["AP at IoU 0.75, 101 points (COCO)", percent(report.ap_75), ""],
            ["AP at IoU 0.5, 0.55 … 0.95 (COCO)", percent(report.ap_coco), ""],
            ["recall of everything returned", percent(report.recall), between(report.recall_interval)],
            ["precision of it", precision, ""],
        ],
        "Intervals: pictures drawn with replacement.",
    )
    truncated = (
        "A detector that keeps quiet when unsure has a curve that ends early: its AP is then a lower bound."
    )
    sections = [
        Section("Average precision", [measures, Text(truncated), Charts([_curve(report)])]),
        Section("By size", [_sizes(report)]),
        failures_section(report.failures, report.pictures, "All their faces count as missed."),
    ]
    return report_page("How well faces are found", lead, facts, sections, run)


def _curve(report: DetectionReport) -> Chart:
    curve = report.curve
    step = max(1, len(curve.recall) // 400)
    x, y = curve.recall[::step].tolist(), curve.precision[::step].tolist()
    series = Series("precision", x or [0.0], y or [0.0])
    return Chart(
        "Precision against recall",
        Axis("recall", 0, 1, percent=True),
        Axis("precision", 0, 1, percent=True),
        [series],
        "Precision and recall at an IoU of 0.5.",
    )


def _sizes(report: DetectionReport) -> Table:
    rows = [
        [
            size.name,
            f"{size.low:g}",
            f"{size.faces:,}",
            f"{size.found:,}",
            "–" if size.recall is None else percent(size.recall),
        ]
        for size in report.sizes
    ]
    return Table(["height of the face", ">from, pixels", ">faces", ">found", ">recall"], rows)

"""The page of `mien evaluate landmarks`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mien.core.errors import MienError
from mien.core.types import Box
from mien.evaluation.landmarks import LandmarksReport, Points2D
from mien.evaluation.metrics.landmarks import cumulative_errors
from mien.evaluation.pages.frame import Run, Show, failures_section, report_page
from mien.evaluation.wording import between, percent
from mien.geometry.schemes import Scheme
from mien.page.blocks import Axis, Chart, Charts, Page, Picture, Pictures, Section, Series, Table, Text
from mien.page.picture import embed
from mien.pipeline.analyze import Analyzer

TRUE, TOLD = (0, 190, 130), (230, 60, 60)
SIDE = 360


def landmarks_page(report: LandmarksReport, show: Show, run: Run) -> Page:
    """The error distribution, errors by part of the face, and the worst faces."""
    facts = [
        ("NME", "–" if report.nme is None else percent(report.nme)),
        ("Without the outline", "–" if report.nme_inner is None else percent(report.nme_inner)),
        (f"AUC up to {percent(report.limit, 0)}", percent(report.auc)),
        ("Failures", percent(report.failure_rate)),
        ("Faces", f"{report.faces:,}"),
    ]
    lead = (
        f"{report.points} points of {report.scheme} on {report.faces:,} faces; errors are shares of the "
        "distance between the outer eye corners."
    )
    measures = [
        ["NME (mean)", facts[0][1], between(report.nme_interval)],
        [
            f"failures: above {percent(report.limit, 0)}, or not found",
            facts[3][1],
            between(report.failure_interval),
        ],
        *([f"NME of {part}", percent(value), ""] for part, value in report.parts.items()),
    ]
    worst = [show(picture) for picture, _ in report.worst[:8]]
    sections = [
        Section(
            "Errors", [Charts([_curve(report)]), Table(["measure", ">value", ">95 % interval"], measures)]
        ),
        Section(
            "The worst faces",
            [
                Text("Green: annotated. Red: found. An annotation may be wrong, too."),
                Pictures(worst, "large"),
            ],
        ),
        failures_section(report.failures, report.faces, "Each counts as a failure."),
    ]
    return report_page("How precise the landmarks are", lead, facts, sections, run)


def show_points(
    analyzer: Analyzer,
    truth: Mapping[Path, Points2D],
    found: Mapping[Path, Points2D | MienError],
    scheme: Scheme,
) -> Show:
    """Make a `Show` that draws annotated and found points over the face."""
    from PIL import Image, ImageDraw

    from mien.evaluation.pages.faces import crop_around

    judged = sorted(scheme.mesh468)

    def show(path: Path) -> Picture:
        decoded = analyzer.open(path)
        picture = decoded.image.pixels
        sets = [(truth[path][judged] * decoded.scale, TRUE)]
        told = found[path]
        if not isinstance(told, MienError):
            sets.append((told[judged] * decoded.scale, TOLD))
        marked = sets[0][0]
        (x1, y1), (x2, y2) = marked.min(axis=0), marked.max(axis=0)
        box = Box(float(x1), float(y1), float(x2), float(y2))
        half = max(box.width, box.height) * 0.85
        corner = np.maximum(np.array(box.center) - half, 0).astype(int)
        cut = crop_around(picture, box)
        scale = SIDE / max(cut.shape[:2])
        large = Image.fromarray(cut).resize((round(cut.shape[1] * scale), round(cut.shape[0] * scale)))
        pen = ImageDraw.Draw(large)
        for points, colour in sets:
            for x, y in (points - corner + 0.5) * scale:
                pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=colour)
        return embed(np.asarray(large), f"points of {path.name}", path.name, long_side=SIDE)

    return show


def _curve(report: LandmarksReport) -> Chart:
    curve = cumulative_errors(report.errors)
    inside = curve.errors <= 2 * report.limit
    x, y = [0.0, *curve.errors[inside].tolist()], [0.0, *curve.share[inside].tolist()]
    step = max(1, len(x) // 400)
    series = Series("faces", [*x[::step], 2 * report.limit], [*y[::step], y[-1]], kind="step")
    return Chart(
        "Share of faces at or below an error",
        Axis("error, share of the eye distance", 0, 2 * report.limit, percent=True),
        Axis("faces", 0, 1, percent=True),
        [series],
        "Cumulative error distribution; faces that were not found are never reached.",
        mark=(report.limit, "failure"),
    )

"""The page of `mien evaluate geometry`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.geometry import GeometryReport, face_axes
from mien.evaluation.metrics.mesh import Alignment, SurfaceError
from mien.evaluation.pages.frame import Run, report_page
from mien.page.blocks import Axis, Chart, Charts, Page, Picture, Pictures, Section, Series, Table, Text
from mien.page.picture import embed

Array = NDArray[np.float64]

FAR = 5.0
"""mm, where the colours and the curve end."""
SIDE, SPAN = 420, 210.0  # pixels and mm of a picture's side
CELL, THROUGH = 10, 14.0  # pixels of a cell, mm behind its nearest point that are not drawn
COLOURS = np.array(
    [(49, 54, 149), (116, 173, 209), (224, 243, 248), (254, 224, 144), (244, 109, 67), (165, 0, 38)], float
)
"""From on the surface to `FAR` away: a blue that grows pale, then yellow to red; told apart by colour-blind
readers as well."""
SIDES = (("from the front", 0.0), ("from the person's right", -1.0), ("from the person's left", 1.0))


def geometry_page(report: GeometryReport, aligned: Alignment, names: tuple[str, str], run: Run) -> Page:
    """Distances in figures, as a curve and on the face.    names: of the prediction's and the scan's file."""
    error = report.errors[aligned]
    facts = [
        (f"Median, {aligned}", _mm(error.median)),
        ("Mean", _mm(error.mean)),
        ("Mean head, median", _mm(report.mean_head[aligned].median)),
        ("Scan points", f"{len(error.distances):,}"),
    ]
    lead = (
        f"{names[0]} against {names[1]}, by the protocol of the NoW benchmark: aligned on seven landmarks, "
        "then by closest points; the distance from each scan point of the face region to the surface."
    )
    sources = [["scan", report.scan.source], ["prediction", report.prediction.source]]
    sections = [
        Section("Distances", [_table(report), Charts([_curve(report, aligned)])]),
        Section(
            "Where they are",
            [
                Text(f"Blue: on the surface. Red: {FAR:g} mm away or more."),
                Pictures(_maps(report, error), "large"),
            ],
        ),
        Section("Landmarks", [Table(["of", "from"], sources)]),
    ]
    return report_page("How far the head is from the scan", lead, facts, sections, run)


def _mm(value: float) -> str:
    return f"{value:.2f} mm"


def _table(report: GeometryReport) -> Table:
    rows = []
    for who, errors in (("this head", report.errors), ("mean head", report.mean_head)):
        for name, error in errors.items():
            within = f"{100 * float((error.distances <= 2).mean()):.0f} %"
            rows.append([who, name, f"{error.median:.2f}", f"{error.mean:.2f}", f"{error.std:.2f}", within])
    columns = ["head", "alignment", ">median mm", ">mean mm", ">std mm", ">within 2 mm"]
    return Table(
        columns, rows, "rigid: millimetres as they are. rigid+scale: the shape alone, as NoW has it."
    )


def _curve(report: GeometryReport, aligned: Alignment) -> Chart:
    steps = np.linspace(0, FAR, 201)
    series = [
        Series(who, steps.tolist(), [float((error.distances <= step).mean()) for step in steps])
        for who, error in (("this head", report.errors[aligned]), ("mean head", report.mean_head[aligned]))
    ]
    return Chart(
        "Share of scan points at or below a distance",
        Axis("distance, mm", 0, FAR),
        Axis("scan points", 0, 1, percent=True),
        series,
        f"Cumulative distribution of distances after {aligned} alignment.",
    )


def _maps(report: GeometryReport, error: SurfaceError) -> list[Picture]:
    points = (report.points - report.scan.points[4]) @ face_axes(report.scan.points).T
    return [
        embed(
            _drawn(points, error.distances, turn), f"distances on the face, seen {said}", said, long_side=SIDE
        )
        for said, turn in SIDES
    ]


def _drawn(points: Array, distances: Array, turn: float) -> NDArray[np.uint8]:
    """Scan points as coloured dots, the nearest to the reader last, (SIDE, SIDE, 3)."""
    cos, sin = np.cos(turn), np.sin(turn)
    right, up = cos * points[:, 0] - sin * points[:, 2], points[:, 1]
    near = sin * points[:, 0] + cos * points[:, 2]
    order = np.argsort(near)
    column = np.round(SIDE / 2 + right[order] * SIDE / SPAN).astype(int)
    row = np.round(SIDE / 2 - (up[order] - 10) * SIDE / SPAN).astype(int)
    colours = colours_of(distances[order])
    picture = np.full((SIDE + 4, SIDE + 4, 3), 255, np.uint8)
    inside = (column >= 0) & (row >= 0) & (column < SIDE) & (row < SIDE)
    cell = (np.clip(row, 0, SIDE) // CELL) * SIDE + np.clip(column, 0, SIDE) // CELL
    front = np.full(SIDE * SIDE, -np.inf)
    np.maximum.at(front, cell, near[order])
    inside &= near[order] > front[cell] - THROUGH  # between dots the far side would shine through
    for down in range(4):
        for along in range(4):
            picture[row[inside] + down, column[inside] + along] = colours[inside]
    return picture[:SIDE, :SIDE]


def colours_of(distances: Array) -> NDArray[np.uint8]:
    """Colours (N, 3) of distances (N,) in mm.

    >>> colours_of(np.array([0.0, 9.0])).tolist()
    [[49, 54, 149], [165, 0, 38]]
    """
    at = np.clip(distances / FAR, 0, 1)
    stops = np.linspace(0, 1, len(COLOURS))
    return np.stack([np.interp(at, stops, COLOURS[:, i]) for i in range(3)], axis=1).round().astype(np.uint8)

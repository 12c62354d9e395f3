"""The page of `mien evaluate identification`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.evaluation.identification import RANKS, IdentificationReport, SearchPoint
from mien.evaluation.pages.curves import decade_below, det_chart
from mien.evaluation.pages.frame import Run, failures_section, report_page
from mien.evaluation.wording import between, percent
from mien.page.blocks import Axis, Chart, Charts, Page, Section, Series, Table, Text


def identification_page(report: IdentificationReport, run: Run) -> Page:
    """CMC, FNIR against FPIR, and the tables of both."""
    facts = [
        ("Rank 1", percent(report.rank(1))),
        *((f"FNIR at FPIR {100 * p.fpir:g} %", percent(p.fnir)) for p in report.points if p.supported),
        ("People", f"{report.people:,}"),
        ("Strangers", f"{report.stranger_people:,}"),
    ]
    lead = (
        f"{report.probes:,} pictures of {report.people:,} enrolled people and {report.strangers:,} of "
        f"{report.stranger_people:,} strangers were searched for. Pictures enrolled a person: {report.enrol}."
    )
    open_set = Section(
        "Somebody else at the door: open-set search",
        [
            Text(
                "FNIR: share of enrolled people's pictures that do not return their name first and above the "
                "threshold. FPIR: share of strangers' pictures that return any name. "
                f"{report.folds} folds by person: each is judged at the threshold of the others' strangers."
            ),
            _table(report.points, "Thresholds from strangers of the other folds"),
            *(
                [
                    _table(
                        report.promised, "Thresholds of the shipped calibration, as `mien identify` uses them"
                    )
                ]
                if report.promised
                else []
            ),
            Charts([_curve(report)]),
        ],
    )
    sections = [
        open_set,
        Section("Everybody is enrolled: closed-set search", [_ranks(report), Charts([_cmc(report)])]),
        failures_section(
            report.failures,
            report.images,
            "A probe of them is missed, a stranger of them refused; "
            f"{report.not_enrolled} people could not be enrolled.",
        ),
    ]
    return report_page("Who is it? A search through a gallery", lead, facts, sections, run)


def _table(points: Sequence[SearchPoint], caption: str) -> Table:
    rows: list[list[str]] = [
        [
            percent(point.fpir, 1),
            percent(point.fnir),
            between(point.fnir_interval),
            percent(point.fpir_seen),
            between(point.fpir_interval),
            "yes" if point.supported else "too few strangers",
        ]
        for point in points
    ]
    columns = ["FPIR asked for", ">FNIR", ">95 % interval", ">FPIR seen", ">95 % interval", "supported"]
    return Table(columns, rows, f"{caption}. Intervals: by person (bootstrap), at least the exact binomial.")


def _ranks(report: IdentificationReport) -> Table:
    rows = [
        [str(k), percent(report.rank(k)), between(interval)]
        for k, interval in zip(RANKS, report.rank_intervals, strict=True)
    ]
    return Table(["rank", ">found at or before it", ">95 % interval"], rows)


def _cmc(report: IdentificationReport) -> Chart:
    shares = report.cmc.tolist()
    low = float(np.floor(max(min(*shares, 0.9) - 0.02, 0) * 10) / 10)
    return Chart(
        "Share of searches whose person is among the first candidates",
        Axis("rank", 1, max(len(shares), 2)),
        Axis("found", low, 1.0, percent=True),
        [Series("CMC", list(range(1, len(shares) + 1)), shares, kind="step")],
        "Cumulative match characteristic; ties count against the right person.",
    )


def _curve(report: IdentificationReport) -> Chart:
    curve = report.curve
    least = decade_below(1 / report.strangers)
    inside = curve.fpir >= least
    x, y = curve.fpir[inside], curve.fnir[inside]
    step = max(1, len(x) // 300)
    series = Series("FNIR", x[::-step].tolist(), y[::-step].tolist())
    return det_chart(
        [series],
        least,
        "false positive identification rate",
        "false negative identification rate",
        "Error trade-off over all thresholds, on the scored searches themselves.",
    )

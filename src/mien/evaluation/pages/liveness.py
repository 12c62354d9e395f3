"""The page of `mien evaluate liveness`."""

from __future__ import annotations

import numpy as np

from mien.evaluation.liveness import LivenessReport, PartRates
from mien.evaluation.metrics.verification import det_curve
from mien.evaluation.pages.curves import decade_below, det_chart, histogram, trade_off
from mien.evaluation.pages.frame import Run, report_page
from mien.evaluation.wording import between, percent
from mien.page.blocks import Chart, Charts, Mark, Page, Section, Table, Text


def liveness_page(report: LivenessReport, run: Run) -> Page:
    """APCER of every species, the worst first, BPCER, and the trade-off."""
    test = report.test
    facts = [
        (f"APCER, worst: {test.worst.species}", percent(test.worst.apcer)),
        ("BPCER", percent(test.bpcer)),
        ("Attack species", f"{len(test.species)}"),
        ("Attacks / bona fide", f"{sum(one.attacks for one in test.species):,} / {test.bona_fide:,}"),
    ]
    lead = (
        "By ISO/IEC 30107-3 the result is that of the worst attack species; a mean over species or with "
        "BPCER (ACER) would hide it."
    )
    goal = (
        "at the EER" if report.rule == "eer" else f"to keep {report.rule.upper()} at {percent(report.target)}"
    )
    unseen = (
        f" Species the development part has none of: {', '.join(report.unseen)}." if report.unseen else ""
    )
    threshold = f"Threshold {report.threshold:.4g}, set on the development part {goal}.{unseen}"
    sections = [
        Section("Test part", [Text(threshold), _rates(test), Charts(_charts(report))]),
        Section("Development part, which set the threshold", [_rates(report.dev)]),
    ]
    return report_page("How well attacks are told from living faces", lead, facts, sections, run)


def _rates(part: PartRates) -> Table:
    ordered = sorted(part.species, key=lambda one: -one.apcer)
    rows: list[list[str | Mark]] = [
        [
            f"APCER, {one.species}",
            Mark(percent(one.apcer), "bad") if one is part.worst else percent(one.apcer),
            between(one.interval),
            f"{one.attacks:,}",
            percent(one.apnrr),
        ]
        for one in ordered
    ]
    rows.append(
        [
            "BPCER",
            percent(part.bpcer),
            between(part.bpcer_interval),
            f"{part.bona_fide:,}",
            percent(part.bpnrr),
        ]
    )
    columns = ["rate", ">value", ">95 % interval", ">presentations", ">without an answer"]
    return Table(columns, rows, "Intervals: by person (bootstrap), at least the exact binomial.")


def _charts(report: LivenessReport) -> list[Chart]:
    real = report.scores[""]
    attacks = {name: scores for name, scores in report.scores.items() if name}
    least = decade_below(1 / max(map(len, attacks.values())))
    series = []
    for name, scores in attacks.items():
        thresholds = det_curve(real, scores).thresholds
        series.append(trade_off(name, thresholds, real, scores, least)[0])
    mark = (report.threshold, "threshold") if np.isfinite(report.threshold) else None
    kinds = {"bona fide": real, **attacks}
    return [
        det_chart(
            series, least, "APCER", "BPCER", "Trade-off of each species; bands 95 % (Clopper–Pearson)."
        ),
        histogram(kinds, "liveness score", "How the scores lie; each kind adds up to 100 %.", mark),
    ]

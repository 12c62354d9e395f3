"""The page of `mien evaluate verification`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.evaluation.metrics.verification import OperatingPoint, det_curve
from mien.evaluation.pages.curves import decade_below, det_chart, histogram, roc_chart, trade_off
from mien.evaluation.pages.frame import Run, Show, failures_section, report_page
from mien.evaluation.protocols.pairs import PairList
from mien.evaluation.verification import HeldOut, VerificationReport
from mien.evaluation.wording import between, percent
from mien.page.blocks import Block, Charts, Comparison, Comparisons, Mark, Page, Section, Table, Text

HARDEST = 6


def verification_page(report: VerificationReport, pairs: PairList, show: Show, run: Run) -> Page:
    """Curves, tables, and the pairs that were hardest, with their pictures."""
    accuracy = report.accuracy
    facts = [
        ("Accuracy", f"{percent(accuracy.mean)} ± {percent(accuracy.std)}"),
        ("EER", percent(report.eer)),
        ("AUC", f"{report.auc:.5f}"),
        ("Pairs", f"{report.pairs:,}"),
        ("No face found", f"{len(report.failures):,} of {report.images:,}"),
    ]
    lead = (
        f"{report.genuine:,} pairs of one person and {report.impostors:,} of different people, "
        f"from {report.images:,} pictures."
    )
    sections = [
        Section("Error rates", [_rates(report), Text(_folds_said(report))]),
        Section("Curves", [_curves(report, pairs)]),
        Section("The hardest pairs", _hardest(report, pairs, show)),
        failures_section(
            report.failures, report.images, "Each of their pairs is counted as decided “not the same”."
        ),
    ]
    return report_page("How well pairs are told apart", lead, facts, sections, run)


def _rates(report: VerificationReport) -> Table:
    rows = [_rate_row(point, held) for point, held in zip(report.points, report.held_out, strict=True)]
    return Table(
        [
            "FMR asked",
            ">TMR, own threshold",
            ">95 % interval",
            ">TMR, other folds' threshold",
            ">95 % interval",
            ">FMR then seen",
        ],
        rows,
        "True match rate at fixed false match rates. The right half is the honest one: no pair sets the "
        "threshold that it is judged by.",
    )


def _rate_row(point: OperatingPoint, held: HeldOut) -> list[str]:
    few = f"takes {1 / point.fmr:,.0f} impostor pairs"
    own = [percent(point.tmr), between(point.tmr_interval)] if point.supported else [few, "–"]
    other = (
        [percent(held.tmr), between(held.tmr_interval), percent(held.fmr_seen, 3)]
        if held.supported
        else ["too few in the other folds", "–", "–"]
    )
    return [percent(point.fmr, 2), *own, *other]


def _folds_said(report: VerificationReport) -> str:
    folds = len(report.accuracy.folds)
    made = "as the list names them" if report.folds_given else "cut in the order of the list"
    return f"{folds} folds, {made}; each is decided by the threshold that is best on the others."


def _curves(report: VerificationReport, pairs: PairList) -> Charts:
    genuine, impostor = report.scores[pairs.same], report.scores[~pairs.same]
    curve = det_curve(genuine, impostor)
    least = decade_below(1 / len(impostor))
    det, roc = trade_off("this run", curve.thresholds, genuine, impostor, least)
    threshold = next((p.threshold for p in report.points if p.supported and p.fmr <= 1e-3), None)
    mark = None if threshold is None else (threshold, "FMR 0.1 %")
    bands = "Bands: 95 % (Clopper–Pearson, as if pairs were independent)."
    return Charts(
        [
            det_chart([det], least, "false match rate", "false non-match rate", f"DET curve. {bands}"),
            roc_chart([roc], least, "false match rate", "true match rate", f"ROC curve. {bands}"),
            histogram(
                {"same person": genuine, "different people": impostor},
                "similarity",
                "How the similarities lie; each kind adds up to 100 %.",
                mark,
            ),
        ]
    )


def _hardest(report: VerificationReport, pairs: PairList, show: Show) -> list[Block]:
    finite = np.isfinite(report.scores)
    mates = np.flatnonzero(pairs.same & finite)
    others = np.flatnonzero(~pairs.same & finite)
    alike = others[np.argsort(-report.scores[others], kind="stable")][:HARDEST]
    unlike = mates[np.argsort(report.scores[mates], kind="stable")][:HARDEST]
    limit = report.accuracy.folds[0].threshold
    return [
        Text("Different people who look most alike to the model; a label may be wrong, so look at them."),
        Comparisons(_pair_rows(alike.tolist(), report, pairs, show, limit)),
        Text("Pictures of one person that look least alike to it."),
        Comparisons(_pair_rows(unlike.tolist(), report, pairs, show, limit)),
    ]


def _pair_rows(
    rows: Sequence[int], report: VerificationReport, pairs: PairList, show: Show, limit: float
) -> list[Comparison]:
    return [
        Comparison(
            show(pairs.pictures[pairs.a[row]]),
            show(pairs.pictures[pairs.b[row]]),
            _verdict(bool(pairs.same[row]), float(report.scores[row]), limit),
            float(report.scores[row]),
            limit if np.isfinite(limit) else 1.0,
            [("similarity", f"{report.scores[row]:.3f}")],
        )
        for row in rows
    ]


def _verdict(same: bool, score: float, limit: float) -> Mark:
    said = "same" if score >= limit else "different"
    truth = "one person" if same else "different people"
    return Mark(f"{truth}, called {said}", "good" if same == (score >= limit) else "bad")

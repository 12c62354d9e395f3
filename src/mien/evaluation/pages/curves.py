"""The field's curves as charts: DET and ROC on logarithmic axes, CMC, score histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.evaluation.metrics.intervals import clopper_pearson
from mien.evaluation.metrics.verification import Scores
from mien.page.blocks import Axis, Chart, Series

POINTS = 60


def trade_off(
    name: str, thresholds: Scores, genuine: Scores, impostor: Scores, least: float
) -> tuple[Series, Series]:
    """DET and ROC of two kinds of scores, at ``POINTS`` rates a curve, with Clopper-Pearson bands (95 %).

    thresholds: those that make a difference.    least: smallest false rate that is drawn.
    returns: (false rate, miss rate), (false rate, 1 - miss rate).
    """
    chosen = _chosen(thresholds, impostor, least)
    mates, others = np.sort(genuine), np.sort(impostor)
    misses = np.searchsorted(mates, chosen, side="left")
    false = 1 - np.searchsorted(others, chosen, side="left") / len(others)
    ends = [clopper_pearson(int(k), len(mates)) for k in misses]
    rates = (misses / len(mates)).tolist()
    x = np.maximum(false, least).tolist()
    low, high = [end.low for end in ends], [end.high for end in ends]
    det = Series(name, x, rates, low, high)
    roc = Series(name, x, [1 - y for y in rates], [1 - y for y in high], [1 - y for y in low])
    return det, roc


def _chosen(thresholds: Scores, impostor: Scores, least: float) -> NDArray[np.float64]:
    """Thresholds of evenly spaced logarithms of the false rate, ascending in it."""
    finite = thresholds[np.isfinite(thresholds)]
    false = 1 - np.searchsorted(np.sort(impostor), finite, side="left") / len(impostor)
    wanted = np.geomspace(least, 1, POINTS)
    # false falls along finite; the last place where it is still at or above the wanted rate.
    place = len(false) - 1 - np.searchsorted(false[::-1], wanted, side="left")
    return np.asarray(finite[np.unique(np.clip(place, 0, len(finite) - 1))][::-1])


def decade_below(rate: float) -> float:
    """
    >>> decade_below(3e-4)
    0.0001
    """
    return float(10.0 ** np.floor(np.log10(max(min(rate, 0.1), 1e-7)) + 1e-9))


def det_chart(series: Sequence[Series], least: float, x: str, y: str, caption: str) -> Chart:
    """Both error rates on logarithmic axes, as NIST's reports draw them."""
    lowest = min((value for one in series for value in one.y if value > 0), default=0.01)
    return Chart(
        f"{y} against {x}, both logarithmic",
        Axis(x, least, 1.0, log=True, percent=True),
        Axis(y, decade_below(lowest), 1.0, log=True, percent=True),
        series,
        caption,
    )


def roc_chart(series: Sequence[Series], least: float, x: str, y: str, caption: str) -> Chart:
    """The share found against a logarithmic false rate."""
    floor = min((value for one in series for value in (*one.y, *one.low)), default=0.0)
    low = float(np.floor(max(min(floor, 0.9), 0.0) * 10) / 10)
    return Chart(
        f"{y} against {x}",
        Axis(x, least, 1.0, log=True, percent=True),
        Axis(y, low, 1.0, percent=True),
        series,
        caption,
    )


def histogram(
    kinds: Mapping[str, ArrayLike], label: str, caption: str, mark: tuple[float, str] | None = None
) -> Chart:
    """Draw how the scores of each kind lie; each kind's bars add up to 1. Failures (-inf) are left out."""
    values = {name: np.asarray(scores, np.float64) for name, scores in kinds.items()}
    values = {name: scores[np.isfinite(scores)] for name, scores in values.items()}
    everything = np.concatenate([scores for scores in values.values() if len(scores)] or [np.zeros(1)])
    low, high = float(everything.min()), float(everything.max())
    edges = np.linspace(low, high if high > low else low + 1, 41)
    series, tallest = [], 0.01
    for name, scores in values.items():
        shares = np.histogram(scores, edges)[0] / max(len(scores), 1)
        tallest = max(tallest, float(shares.max()))
        series.append(Series(name, edges.tolist(), [*shares.tolist(), 0.0], kind="bars"))
    return Chart(
        f"Histogram of {label}",
        Axis(label, float(edges[0]), float(edges[-1])),
        Axis("share of its kind", 0, tallest * 1.05, percent=True),
        series,
        caption,
        mark=mark,
    )

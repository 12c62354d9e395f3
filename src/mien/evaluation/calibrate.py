"""Making a `Calibration` out of measured scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.core.errors import InputError, ThinData
from mien.embedding.calibration import Calibration, EvidenceCurve, FmrCurve
from mien.evaluation.metrics.intervals import clopper_pearson
from mien.evaluation.metrics.verification import Scores, checked_scores, threshold_at_fmr

KNOTS_PER_DECADE = 10
LEAST_FALSE_MATCHES = 30
"""The rule of 30 (Doddington et al., Speech Communication 31, 2000): 30 errors make a rate good to ±30 %."""
LEAST_IMPOSTORS = 3_000
LEAST_GENUINE = 30


LAPSE = 0.05
"""Share of comparisons of one person that fail for reasons which the genuine pairs do not show (another face
was taken, a profile, many years between): the odds against are never put higher than 1 / LAPSE. NIST
SP 800-63B allows a matcher this share of false non-matches."""


def make_calibration(
    genuine: ArrayLike,
    impostor: ArrayLike,
    impostor_people: NDArray[np.integer],
    *,
    embedder: str,
    models: Mapping[str, str],
    made_on: str,
    command: str,
    pictures: int,
    subjects: int,
    least_false_matches: int = LEAST_FALSE_MATCHES,
    lapse: float = LAPSE,
    details: Mapping[str, Any] | None = None,
) -> Calibration:
    """Measure the FMR curve with its intervals, fit its tail, and fit the likelihood ratio.

    genuine: (G,), impostor: (N,) finite similarities: pairs with a failed picture are left out, since an FMR
        is about similarities that exist.
    impostor_people: (N, 2) numbers of the two people of each impostor pair, for intervals that know that
        pairs with a common person are not independent.
    least_false_matches: the curve ends where fewer strangers than this were confused.
    lapse: see `LAPSE`.

    raises: ThinData with fewer than 3,000 impostor or 30 genuine pairs.
    """
    mates, others = _finite(genuine, "genuine"), _finite(impostor, "impostor")
    if len(others) < LEAST_IMPOSTORS or len(mates) < LEAST_GENUINE:
        raise ThinData(
            f"{len(mates)} genuine and {len(others)} impostor pairs are too few to calibrate: "
            f"give at least {LEAST_GENUINE} and {LEAST_IMPOSTORS}"
        )
    curve = measure_fmr_curve(others, impostor_people, least_false_matches)
    return Calibration(
        embedder=embedder,
        models=dict(models),
        fmr_curve=curve,
        evidence=fit_evidence(mates, others, float(curve.rate[-1]), lapse),
        made_on=made_on,
        command=command,
        pictures=pictures,
        subjects=subjects,
        genuine=len(mates),
        impostors=len(others),
        details=dict(details or {}),
    )


def measure_fmr_curve(
    impostor: Scores, people: NDArray[np.integer], least_false_matches: int = LEAST_FALSE_MATCHES
) -> FmrCurve:
    """Measure the share of impostor pairs at or above ten similarities a decade of rate."""
    n = len(impostor)
    decades = np.log10(n / least_false_matches)
    wanted = 10 ** -np.linspace(0, decades, max(2, round(decades * KNOTS_PER_DECADE) + 1))
    thresholds = np.unique(
        [float(impostor.min()), *(threshold_at_fmr(impostor, rate) for rate in wanted[1:])]
    )
    ranked = np.sort(impostor)
    counts = n - np.searchsorted(ranked, thresholds, side="left")
    # Ties can give two thresholds the same count; the higher one keeps the promise more tightly.
    last = np.append(counts[1:] != counts[:-1], True) & (counts >= least_false_matches)
    thresholds, counts = thresholds[last], counts[last]
    exact = np.array([clopper_pearson(int(count), n) for count in counts])
    clustered = rate_intervals(impostor, people, thresholds)
    return FmrCurve(
        similarity=thresholds,
        rate=counts / n,
        low=np.minimum(exact[:, 0], clustered[0]),
        high=np.maximum(exact[:, 1], clustered[1]),
        decay=_tail_decay(ranked, least_false_matches),
    )


def rate_intervals(impostor: Scores, people: NDArray[np.integer], thresholds: Scores) -> NDArray[np.float64]:
    """Bound the rates at ascending thresholds (95 %), knowing that pairs with a common person hang together.

    people: (N, 2).    returns: (2, T) lower and upper ends.
    The variance is that of two-way clusters, the sum over people of their squared influence less the pairs'
    own share, which would count twice (Fafchamps & Gubert, J. Dev. Econ. 83, 2007, eq. 2.4); the interval is
    that of a normal distribution of the logarithm of the rate. Of two people with several pairs the products
    of different pairs still count twice: the interval is rather too wide than too narrow.
    """
    if people.shape != (len(impostor), 2):
        raise InputError(
            f"name two people for each of the {len(impostor)} impostor pairs, not {people.shape}"
        )
    n, bins = len(impostor), len(thresholds) + 1
    names, index = np.unique(people, return_inverse=True)
    passed = np.searchsorted(thresholds, impostor, side="right")
    cells = index.reshape(people.shape) * bins + passed[:, None]
    table = np.bincount(cells.ravel(), minlength=len(names) * bins).reshape(len(names), bins)
    matches = table[:, ::-1].cumsum(axis=1)[:, -2::-1]
    rate = matches.sum(axis=0) / (2 * n)
    influence = (matches - rate * table.sum(axis=1, keepdims=True)) / n
    own = rate * (1 - rate) / n
    spread = np.sqrt(np.maximum((influence**2).sum(axis=0) - own, own)) / np.maximum(rate, 1 / n)
    return np.stack([rate * np.exp(-1.96 * spread), np.minimum(rate * np.exp(1.96 * spread), 1.0)])


def fit_evidence(
    genuine: Scores, impostor: Scores, smallest_fmr: float, lapse: float = LAPSE
) -> EvidenceCurve:
    """Fit the log-likelihood ratio by logistic regression on the similarity, and temper it.

    Both kinds weigh the same, so the fitted log-odds are the log-likelihood ratio (Brümmer & du Preez 2006).
    It ends at what the sample can show: odds of 1 / smallest_fmr for, of the number of genuine pairs against.
    A lapse makes a genuine pair look like an impostor pair, so the ratio becomes (1 - lapse) ratio + lapse.
    """
    slope, offset = _logistic(genuine, impostor)
    fitted = np.linspace(-np.log(len(genuine)), -np.log(smallest_fmr), 41)
    return EvidenceCurve(
        similarity=(fitted - offset) / slope, log_ratio=np.logaddexp(np.log1p(-lapse) + fitted, _log(lapse))
    )


def _log(share: float) -> float:
    return float(np.log(share)) if share > 0 else -np.inf


def _logistic(genuine: Scores, impostor: Scores) -> tuple[float, float]:
    """Fit log-odds = slope * score + offset by Newton's method; both kinds weigh half.

    A little of each label is mixed into the other (Platt 1999), so that separable scores have an answer.
    """
    x = np.concatenate([genuine, impostor])
    target = np.concatenate(
        [np.full(len(genuine), 1 - 1 / (len(genuine) + 2)), np.full(len(impostor), 1 / (len(impostor) + 2))]
    )
    weight = np.concatenate(
        [np.full(len(genuine), 0.5 / len(genuine)), np.full(len(impostor), 0.5 / len(impostor))]
    )
    middle, spread = float(x.mean()), float(x.std()) or 1.0
    design = np.stack([(x - middle) / spread, np.ones_like(x)], axis=1)
    beta = np.zeros(2)
    for _ in range(100):
        fitted = 1 / (1 + np.exp(-np.clip(design @ beta, -500, 500)))
        gradient = design.T @ (weight * (target - fitted))
        curvature = (design * (weight * fitted * (1 - fitted))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        # A long step can overshoot on nearly separable scores.
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if float(np.abs(step).max()) < 1e-9:
            break
    slope = float(beta[0]) / spread
    if slope <= 0:
        raise InputError("genuine pairs are no more similar than impostor pairs: check which pairs are which")
    return slope, float(beta[1]) - slope * middle


def _tail_decay(ranked: Scores, least_false_matches: int) -> float:
    """Fit an exponential tail: the mean excess over the score that ten times the least count exceeds."""
    count = min(10 * least_false_matches, len(ranked) // 10)
    start = ranked[-count - 1]
    return max(float((ranked[-count:] - start).mean()), 1e-6)


def _finite(scores: ArrayLike, kind: str) -> Scores:
    values = checked_scores(scores, kind)
    if not np.isfinite(values).all():
        raise InputError(f"{kind} scores hold failed pairs (-inf): leave them out of a calibration")
    return values

"""What a similarity is worth when it is estimated from bits (BioHash) and not computed from embeddings.

The signs of random projections of two embeddings differ in a share of places that scatters around their angle
over pi (Charikar 2002). So the estimated cosine scatters around the true one, and strangers reach a threshold
more often: the FMR curve of estimates is that of similarities, blurred.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from mien.embedding.calibration import Calibration, EvidenceCurve, FmrCurve, Numbers

# Projections on orthonormal rows scatter less than independent ones: in variance by 1 - (2 / pi)^2 at right
# angles, by ever less the more alike two directions are (simulated: 0.58, 0.64, 0.75 at cosine 0, 0.4, 0.8).
ORTHONORMAL = (2 / np.pi) ** 2
CELLS, TAIL = 2000, 12.0  # of the strangers' distribution; so many decays beyond the last knot
KNOTS_PER_DECADE = 10


@lru_cache(maxsize=8)
def of_signs(calibration: Calibration, bits: int, share: float) -> Calibration:
    """The calibration of similarities that are estimated from so many signs.

    share: of squared length, what all faces have in common and was taken off before the projections.
    Evidence and intervals are those that the calibration has at the same false match rate.
    """
    low, high = -1.0, float(calibration.fmr_curve.similarity[-1]) + TAIL * calibration.fmr_curve.decay
    edges = np.linspace(low, min(high, 1.0), CELLS + 1)
    above = np.array([calibration.fmr(edge, extrapolate=True).rate for edge in edges])
    above[0] = 1.0
    mass, middle = above[:-1] - above[1:], _distance((edges[:-1] + edges[1:]) / 2, share)
    less = 1 - ORTHONORMAL * np.sin(np.pi * middle) ** 2
    spread = np.sqrt(less * middle * (1 - middle) / bits + 1e-12)
    asked = np.linspace(low, 1.0, CELLS // 2)
    rates = np.array([float(mass @ _normal((_distance(at, share) - middle) / spread)) for at in asked])
    decades = -np.log10(calibration.smallest_fmr)
    wanted = 10 ** -np.linspace(0.01, decades, max(2, round(decades * KNOTS_PER_DECADE)))
    rates = np.minimum.accumulate(np.maximum(rates, 1e-300))
    similarity = np.interp(-np.log(wanted), -np.log(rates), asked)
    kept = np.append(np.diff(similarity) > 1e-9, True)
    wanted, similarity = wanted[kept], similarity[kept]
    beyond = float(np.interp(-np.log(wanted[-1] / np.e), -np.log(rates), asked))
    return replace(
        calibration,
        fmr_curve=_curve(calibration, wanted, similarity, max(beyond - float(similarity[-1]), 1e-6)),
        evidence=_evidence(calibration, wanted, similarity),
    )


def _curve(calibration: Calibration, rates: Numbers, similarity: Numbers, decay: float) -> FmrCurve:
    """With the intervals that the calibration has at these rates, in proportion."""
    known = [calibration.fmr(calibration.threshold(float(rate))) for rate in rates]
    low = np.array([rate * estimate.low / estimate.rate for rate, estimate in zip(rates, known, strict=True)])
    high = np.array(
        [rate * estimate.high / estimate.rate for rate, estimate in zip(rates, known, strict=True)]
    )
    return FmrCurve(similarity, rates, low, np.minimum(high, 1.0), decay)


def _evidence(calibration: Calibration, rates: Numbers, similarity: Numbers) -> EvidenceCurve:
    before = np.array([calibration.threshold(float(rate)) for rate in rates])
    ratios = np.maximum.accumulate(calibration.log_likelihood_ratio(before))
    return EvidenceCurve(similarity, ratios)


def _distance(similarity: Numbers | float, share: float) -> Numbers:
    """The share of signs that differ on average between faces this similar."""
    own = np.clip((np.asarray(similarity, np.float64) - share) / (1 - share), -1.0, 1.0)
    return np.asarray(np.arccos(own) / np.pi)


def _normal(deviations: Numbers) -> Numbers:
    """The normal distribution function, to 1e-7 (Abramowitz & Stegun 1964, 7.1.26, in its complement)."""
    x = np.abs(deviations) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * x)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    tail = 0.5 * series * np.exp(-x * x)
    return np.asarray(np.where(deviations > 0, 1 - tail, tail))

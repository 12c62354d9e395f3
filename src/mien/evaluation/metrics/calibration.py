"""How honest likelihood ratios and probabilities are.

A log-likelihood ratio (natural logarithm) of a pair weighs "same person" against "different people".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.core.errors import InputError
from mien.evaluation.metrics.verification import Scores, checked_scores


def cllr(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Compute the cost of log-likelihood ratios in bits: 0 is perfect, 1 says nothing, more misleads.

    Brümmer & du Preez, "Application-independent evaluation of speaker detection", CSL 20 (2006), eq. 1.

    >>> cllr([0.0], [0.0])
    1.0
    """
    mates, others = checked_scores(genuine, "genuine"), checked_scores(impostor, "impostor")
    bits = np.logaddexp(0, -mates).mean() + np.logaddexp(0, others).mean()
    return float(bits / (2 * np.log(2)))


def cllr_min(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Compute the cost that remains after the best monotone recalibration: what no calibration can mend.

    The same paper, section 5: isotonic regression of the labels, both classes weighing the same.
    """
    mates, others = checked_scores(genuine, "genuine"), checked_scores(impostor, "impostor")
    scores = np.concatenate([mates, others])
    same = np.concatenate([np.ones(len(mates)), np.zeros(len(others))])
    weight = np.concatenate([np.full(len(mates), 0.5 / len(mates)), np.full(len(others), 0.5 / len(others))])
    posterior = isotonic(scores, same, weight)
    with np.errstate(divide="ignore"):
        log_ratio = np.log(posterior) - np.log1p(-posterior)
    return cllr(log_ratio[: len(mates)], log_ratio[len(mates) :])


def isotonic(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike) -> Scores:
    """Fit the never-falling function of the score that is nearest to the targets in weighted squares.

    scores, targets, weights: (N,).    returns: (N,) fitted values, in the order given.
    Pool adjacent violators (Ayer et al., Ann. Math. Stat. 26, 1955); equal scores get equal values.
    """
    values, inverse = np.unique(np.asarray(scores, np.float64), return_inverse=True)
    mass = np.bincount(inverse, np.asarray(weights, np.float64), len(values))
    total = np.bincount(inverse, np.multiply(weights, targets), len(values))
    # Blocks so far, as [weighted sum, weight, number of values]; means ascend.
    blocks: list[list[float]] = []
    for block_sum, block_mass in zip(total.tolist(), mass.tolist(), strict=True):
        block = [block_sum, block_mass, 1]
        while blocks and blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]:
            block = [a + b for a, b in zip(blocks.pop(), block, strict=True)]
        blocks.append(block)
    means = np.repeat([b[0] / b[1] for b in blocks], [int(b[2]) for b in blocks])
    return np.asarray(means[inverse], np.float64)


def expected_calibration_error(probability: ArrayLike, same: ArrayLike, bins: int = 15) -> float:
    """Average the gap between what was promised and what came true, over equal-width bins of probability.

    Naeini, Cooper & Hauskrecht, AAAI 2015.

    >>> expected_calibration_error([0.75, 0.75, 0.75, 0.75], [True, True, True, False])
    0.0
    """
    promised, came_true = np.asarray(probability, np.float64), np.asarray(same, np.float64)
    if promised.shape != came_true.shape or promised.ndim != 1 or len(promised) == 0:
        raise InputError(f"{promised.shape} probabilities and {came_true.shape} outcomes: give one each")
    if promised.min() < 0 or promised.max() > 1:
        raise InputError("a probability lies between 0 and 1: convert likelihood ratios first")
    place: NDArray[np.intp] = np.minimum((promised * bins).astype(np.intp), bins - 1)
    gap = np.bincount(place, promised - came_true, bins)
    return float(np.abs(gap).sum() / len(promised))

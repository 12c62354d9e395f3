"""Error rates of presentation attack detection (ISO/IEC 30107-3:2023), as pure functions of scores.

Higher is more alive; a presentation is taken for bona fide when ``score >= threshold``. A presentation that
got no answer has the score -inf: it is never taken for bona fide, and its share is reported on its own
(APNRR, BPNRR: non-response rates). ACER, the mean of APCER and BPCER, is no measure of the standard.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mien.core.errors import InputError
from mien.evaluation.metrics.verification import checked_scores, fmr_at, threshold_at_fmr


def apcer(attacks: ArrayLike, threshold: float) -> float:
    """Share of the presentations of one attack species that are taken for bona fide.

    >>> apcer([0.1, 0.6], 0.5)
    0.5
    """
    return fmr_at(attacks, threshold)


def worst_species(attacks: Mapping[str, ArrayLike], threshold: float) -> tuple[str, float]:
    """The species with the highest APCER: by the standard the result of a test is that of the worst one."""
    rates = {name: apcer(scores, threshold) for name, scores in attacks.items()}
    worst = max(sorted(rates), key=lambda name: rates[name])
    return worst, rates[worst]


def bpcer(bona_fide: ArrayLike, threshold: float) -> float:
    """Share of bona fide presentations that are taken for attacks, or got no answer.

    >>> bpcer([0.4, 0.9, 0.8, 0.7], 0.5)
    0.25
    """
    return float(np.mean(checked_scores(bona_fide, "bona fide") < threshold))


def threshold_at_bpcer(bona_fide: ArrayLike, rate: float) -> float:
    """Find the largest threshold that refuses at most a share ``rate`` of bona fide presentations.

    Where more of them got no answer than that, no threshold does: it is then the smallest finite one, which
    refuses nothing else.

    >>> threshold_at_bpcer([0.1, 0.7, 0.8, 0.9], 0.25)
    0.7
    """
    if not 0 <= rate <= 1:
        raise InputError(f"a BPCER is a share between 0 and 1, not {rate}: ask for 0.1, for instance")
    real = np.sort(checked_scores(bona_fide, "bona fide"))
    allowed = int(np.floor(rate * len(real) * (1 + 1e-12)))
    if allowed >= len(real):
        return float("inf")
    # Not -inf: at that threshold what got no answer would be taken for bona fide.
    return max(float(real[allowed]), float(np.finfo(np.float64).min))


def threshold_at_apcer(attacks: Mapping[str, ArrayLike], rate: float) -> float:
    """Find the smallest threshold at which every species stays at or below ``rate``."""
    return max(threshold_at_fmr(scores, rate) for scores in attacks.values())


def threshold_at_eer(bona_fide: ArrayLike, attacks: Mapping[str, ArrayLike]) -> float:
    """Find the threshold where BPCER and the worst species' APCER are nearest to each other.

    Of equally near ones the highest: attacks are dearer than refusals.
    """
    real = np.sort(checked_scores(bona_fide, "bona fide"))
    species = [np.sort(checked_scores(scores, "attack")) for scores in attacks.values()]
    all_scores = np.unique(np.concatenate([real, *species]))
    candidates = all_scores[np.isfinite(all_scores)]
    if len(candidates) == 0:
        return float("inf")
    refused = np.searchsorted(real, candidates) / len(real)
    taken = np.max([(len(one) - np.searchsorted(one, candidates)) / len(one) for one in species], axis=0)
    gaps = np.abs(refused - taken)
    return float(candidates[len(gaps) - 1 - int(np.argmin(gaps[::-1]))])

"""Whether protected templates of one person under two keys can be told from those of two people."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mien.core.errors import InputError

BINS = 30


def d_sys(mated: ArrayLike, other: ArrayLike, bins: int = BINS) -> float:
    """Global linkability of a protection scheme, 0 (nothing can be linked) to 1 (everything can).

    mated: similarities of templates of one person under two keys.    other: of two people under two keys.
    Gomez-Barrero, Galbally, Rathgeb, Busch, "General framework to evaluate unlinkability in biometric
    template protection systems", IEEE TIFS 13(6), 2018, eqs. 9 and 12 with equal priors: the mean over mated
    scores of ``max(2 LR / (1 + LR) - 1, 0)``, with the likelihood ratio LR out of histograms. These are never
    empty of chance: 5,000 scores a kind give about 0.02 where nothing can be linked.

    >>> d_sys([0.9, 0.9, 0.9], [0.1, 0.1, 0.1])
    1.0
    """
    a, b = np.asarray(mated, np.float64), np.asarray(other, np.float64)
    if not (a.size and b.size and np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("linkability needs finite scores of both kinds: give at least one of each")
    edges = np.linspace(min(a.min(), b.min()), max(a.max(), b.max()) + 1e-12, bins + 1)
    p, q = (np.histogram(scores, edges)[0] / len(scores) for scores in (a, b))
    # 2 LR / (1 + LR) - 1 = (p - q) / (p + q)
    local = np.divide(p - q, p + q, out=np.zeros(bins), where=p + q > 0)
    return float((np.maximum(local, 0) * p).sum())

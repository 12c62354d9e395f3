"""Age out of the probabilities of ages or age bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mien.attributes.bands import years_of
from mien.core.errors import ModelError
from mien.core.types import Age

OLDEST = 90.0  # where an open band ("more than 70") is taken to end
OUTSIDE = 0.05  # the probability that is left out on each side


def age_of(chances: Mapping[str, float]) -> Age:
    """The mean of the bands' middles, and between which bands nine tenths of the probability lie.

    raises: `ModelError` for a label that is no age.

    >>> age_of({"20-29": 0.5, "30-39": 0.5})
    Age(years=30.0, low=20.0, high=40.0)
    """
    spans = []
    for label, chance in chances.items():
        ends = years_of(label)
        if ends is None:
            raise ModelError(
                f"{label!r} is no age: write ages or bands like 20-29 under [answers] of the card"
            )
        spans.append((ends[0], min(ends[1], max(OLDEST, ends[0])), chance))
    low, high, share = np.array(sorted(spans)).T
    below = np.cumsum(share) / share.sum()
    first, last = (int(np.searchsorted(below, part)) for part in (OUTSIDE, 1 - OUTSIDE))
    last = min(last, len(high) - 1)
    return Age(float(share @ (low + high) / 2 / share.sum()), float(low[first]), float(high[last]))

"""Ages as labels: "20-29", "more than 70", "3+", "41"."""

from __future__ import annotations

import math
import re

_CLOSED = re.compile(r"(\d+)\s*[-–]\s*(\d+)")
_OPEN = re.compile(r"(?:more than|over|>)\s*(\d+)|(\d+)\s*\+", re.IGNORECASE)


def band(label: str) -> tuple[float, float] | None:
    """The years that a band holds, from the first to before the second; None for any other label.

    >>> band("20-29"), band("more than 70"), band("young")
    ((20.0, 30.0), (70.0, inf), None)
    """
    if (closed := _CLOSED.fullmatch(label)) is not None:
        return float(closed[1]), float(closed[2]) + 1
    if (open_ended := _OPEN.fullmatch(label)) is not None:
        return float(open_ended[1] or open_ended[2]), math.inf
    return None


def years_of(label: str) -> tuple[float, float] | None:
    """The ages that a label stands for: a band's ends, or one age twice; None where it is no age.

    >>> years_of("41"), years_of("20-29"), years_of("nan")
    ((41.0, 41.0), (20.0, 30.0), None)
    """
    try:
        age = float(label)
    except ValueError:
        return band(label)
    return (age, age) if 0 <= age < math.inf else None

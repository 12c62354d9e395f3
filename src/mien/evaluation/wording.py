"""Numbers as reports say them."""

from __future__ import annotations

from collections.abc import Sequence


def rate_name(rate: float) -> str:
    """Name a rate as the JSON keys do.

    >>> rate_name(1e-4), rate_name(2.5e-3)
    ('1e-4', '2.5e-3')
    """
    digits, exponent = f"{rate:.6e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def percent(share: float, digits: int = 2) -> str:
    """
    >>> percent(0.98765)
    '98.77 %'
    """
    return f"{100 * share:.{digits}f} %"


def between(interval: Sequence[float] | None, digits: int = 2) -> str:
    """
    >>> between((0.01, 0.023))
    '1.00 – 2.30 %'
    """
    if interval is None:
        return "–"
    low, high = interval
    return f"{100 * low:.{digits}f} – {100 * high:.{digits}f} %"

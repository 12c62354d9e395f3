"""How far landmarks are off, in shares of a face's size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.types import Points
from mien.evaluation.metrics.verification import Scores


def point_errors(found: Points, truth: Points, size: ArrayLike) -> NDArray[np.float64]:
    """Measure the distance of every point, divided by its face's size.

    found, truth: (N, K, 2) pixels.    size: (N,) pixels, e.g. the distance of the outer eye corners.
    returns: (N, K).    The mean over K is the NME (Sagonas et al., 300-W, ICCV-W 2013).

    >>> point_errors(np.array([[[0, 0], [3, 4]]]), np.zeros((1, 2, 2)), [10]).tolist()
    [[0.0, 0.5]]
    """
    sizes = np.asarray(size, np.float64)
    if found.ndim != 3 or found.shape != truth.shape or found.shape[2] != 2:
        raise ShapeError("found and true points", "(N, K, 2)", found.shape)
    if sizes.shape != found.shape[:1] or not (sizes > 0).all():
        raise InputError("every face needs a size above 0 to measure by: check its eye points")
    return np.asarray(np.linalg.norm(found - truth, axis=2) / sizes[:, None], np.float64)


class ErrorCurve(NamedTuple):
    """Cumulative error distribution.    errors: (K,) ascending.    share: (K,) of faces at or below."""

    errors: Scores
    share: Scores


def cumulative_errors(errors: ArrayLike) -> ErrorCurve:
    """Sort the errors of N faces; a face that was not found has the error inf and is never reached.

    >>> cumulative_errors([0.02, np.inf]).share.tolist()
    [0.5]
    """
    values = _checked(errors)
    reached = np.sort(values[np.isfinite(values)])
    return ErrorCurve(reached, (np.arange(len(reached)) + 1) / len(values))


def area_under_errors(errors: ArrayLike, limit: float) -> float:
    """Average the cumulative error distribution from 0 to ``limit``: 1 is perfect (AUC at ``limit``).

    Its integral is the mean of what is left of the limit (exact, no bins).

    >>> area_under_errors([0.0, 0.04, np.inf], 0.08)
    0.5
    """
    values = _checked(errors)
    return float(np.clip(1 - values / _limit(limit), 0, None).mean())


def failure_rate(errors: ArrayLike, limit: float) -> float:
    """Share of faces whose error is above ``limit``."""
    return float(np.mean(_checked(errors) > _limit(limit)))


def _checked(errors: ArrayLike) -> Scores:
    values = np.asarray(errors, np.float64)
    if values.ndim != 1 or len(values) == 0 or np.isnan(values).any() or (values < 0).any():
        raise InputError("errors must be a list of numbers of 0 or more: a face that was not found has inf")
    return values


def _limit(limit: float) -> float:
    if not limit > 0:
        raise InputError(f"the limit of an error must be above 0, not {limit}: try 0.08")
    return limit

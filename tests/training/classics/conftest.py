"""Faces that need no data: each person a smooth random pattern, each picture that pattern with noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

Faces = tuple[NDArray[np.uint8], NDArray[np.int64]]


def make_faces(people: int, each: int, noise: float, seed: int = 0) -> Faces:
    rng = np.random.default_rng(seed)
    down, across = _between(24, 6), _between(20, 5)
    patterns = down @ rng.uniform(30, 225, (people, 6, 5)) @ across.T
    labels = np.repeat(np.arange(people), each)
    noisy = patterns[labels] + rng.normal(0, noise, (len(labels), 24, 20))
    return np.clip(noisy, 0, 255).astype(np.uint8), labels


def _between(size: int, knots: int) -> NDArray[np.float64]:
    """(size, knots): how much of each knot a pixel shows, linear in between."""
    place = np.linspace(0, knots - 1, size)[:, None] - np.arange(knots)
    shares: NDArray[np.float64] = np.maximum(0.0, 1 - np.abs(place))
    return shares


@pytest.fixture
def faces() -> Faces:
    """8 people × 5 grey faces, 24 × 20 pixels."""
    return make_faces(8, 5, 6.0)

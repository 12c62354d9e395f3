"""Lips: together where the photo shows nothing between them, as they are where it does."""

import numpy as np
import pytest

from mien.core.mesh import Camera
from mien.face3d.fit.evidence import mesh468_points
from mien.face3d.fit.lips import BELOW, CLOSED, LOWER, PARTED, UPPER, with_closed_lips
from mien.face3d.model.basis import load_head_model
from mien.geometry.projection import project

SIDE = 384
FLESH, TEETH, DARK = (170, 90, 90), (200, 190, 175), (40, 22, 22)


def landmarks(gap: float) -> np.ndarray:
    """The mean face from the front, its lips apart by a share of the eyes' distance."""
    points = mesh468_points(load_head_model(), 1).mean * (1, -1, -1) + (0, 0, 600)
    marks = project(points, Camera(900.0, 900.0, 191.5, 191.5))
    apart = np.array([0.0, gap * float(np.linalg.norm(marks[263] - marks[33])) / 2])
    middle = (marks[list(UPPER)] + marks[list(LOWER)]) / 2
    marks[list(UPPER)], marks[list(LOWER)] = middle - apart, middle + apart
    return marks


def photo(marks: np.ndarray, between: tuple[int, int, int]) -> np.ndarray:
    """A face of lip colour with another colour between the lips."""
    pixels = np.full((SIDE, SIDE, 3), FLESH, np.uint8)
    upper, lower = marks[list(UPPER)], marks[list(LOWER)]
    left, right = (round(float(x)) for x in (upper[:, 0].min(), upper[:, 0].max()))
    order = np.argsort(upper[:, 0])
    for column in range(left, right + 1):
        ends = [np.interp(column, lips[order, 0], lips[order, 1]) for lips in (upper, lower)]
        pixels[int(np.ceil(ends[0])) : int(np.floor(ends[1])) + 1, column] = between
    return pixels


def gap_of(marks: np.ndarray) -> float:
    return float(np.linalg.norm(marks[13] - marks[14]) / np.linalg.norm(marks[263] - marks[33]))


@pytest.mark.parametrize("gap", [0.02, 0.05])
def test_lips_without_anything_between_them_are_closed(gap: float) -> None:
    marks = landmarks(gap)
    closed = with_closed_lips(photo(marks, FLESH), marks)
    assert gap_of(closed) == pytest.approx(CLOSED)
    inner = list(UPPER + LOWER)
    others = np.setdiff1d(np.arange(468), inner)
    np.testing.assert_array_equal(closed[others], marks[others])
    middle = (closed[list(UPPER)] + closed[list(LOWER)]) / 2
    np.testing.assert_allclose(middle, (marks[list(UPPER)] + marks[list(LOWER)]) / 2)
    assert (closed[list(LOWER[1:-1]), 1] < marks[list(BELOW), 1]).all()


@pytest.mark.parametrize("between", [TEETH, DARK])
def test_lips_with_teeth_or_darkness_between_them_stay(between: tuple[int, int, int]) -> None:
    marks = landmarks(0.05)
    assert with_closed_lips(photo(marks, between), marks) is marks


@pytest.mark.parametrize("gap", [0.0, CLOSED / 2, 1.1 * PARTED])
def test_lips_that_touch_or_are_far_apart_stay(gap: float) -> None:
    marks = landmarks(gap)
    assert with_closed_lips(photo(marks, FLESH), marks) is marks


def test_landmarks_beside_the_picture_are_no_error() -> None:
    marks = landmarks(0.03) + 4000.0
    assert with_closed_lips(np.full((SIDE, SIDE, 3), 90, np.uint8), marks).shape == (468, 2)


def test_depth_is_kept() -> None:
    marks = np.column_stack([landmarks(0.03), np.arange(468.0)])
    closed = with_closed_lips(photo(marks[:, :2], FLESH), marks)
    assert closed.shape == (468, 3)
    others = np.setdiff1d(np.arange(468), list(UPPER + LOWER))
    np.testing.assert_array_equal(closed[others, 2], marks[others, 2])

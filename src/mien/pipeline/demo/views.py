"""Cuts out of a picture, and what was found moved along with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mien.core.report import FaceReport
from mien.core.types import Box, Detection, Pixels
from mien.imaging.warp import move_points, warp_affine

Matrix = NDArray[np.float64]


def square_around(box: Box, around: float, side: int, size: tuple[int, int]) -> Matrix:
    """The (2, 3) map from picture pixels to a square of ``side`` that shows ``around`` times the face.

    size: (h, w) of the picture; the square moves and shrinks as it must to stay inside.

    >>> square_around(Box(40, 40, 50, 50), 2.0, 40, (100, 100))
    array([[  2. ,   0. , -70.5],
           [  0. ,   2. , -70.5]])
    """
    height, width = size
    shown = min(around * max(box.width, box.height), height - 1, width - 1)
    left, top = (
        float(np.clip(middle - shown / 2, 0, long - 1 - shown))
        for middle, long in zip(box.center, (width, height), strict=True)
    )
    scale = side / shown
    return np.array([[scale, 0, -0.5 - scale * left], [0, scale, -0.5 - scale * top]])


def cut(pixels: Pixels, box: Box, around: float, side: int) -> tuple[Pixels, Matrix]:
    """A square picture of a face, (side, side, 3), and the map that leads there."""
    matrix = square_around(box, around, side, (pixels.shape[0], pixels.shape[1]))
    return warp_affine(pixels, matrix, (side, side), antialias=True), matrix


def moved_face(face: FaceReport, matrix: Matrix) -> FaceReport:
    """The report as if it were of the resized and shifted picture; depths grow with the picture."""
    found, landmarks, scale = face.detection, face.landmarks, float(matrix[0, 0])
    corners = move_points(matrix, np.reshape(found.box, (2, 2))).ravel()
    detection = Detection(Box(*map(float, corners)), found.score, move_points(matrix, found.keypoints))
    if landmarks is not None:
        flat, depth = move_points(matrix, landmarks.points[:, :2]), landmarks.points[:, 2:] * scale
        irises = None if landmarks.irises is None else move_points(matrix, landmarks.irises)
        landmarks = replace(landmarks, points=np.concatenate([flat, depth], axis=1), irises=irises)
    return replace(face, detection=detection, landmarks=landmarks)

"""MediaPipe Face Mesh (Kartynnik et al., "Real-time Facial Surface Geometry", 2019): 468 points in 3D."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ModelCorrupt
from mien.core.protocols import Network
from mien.core.types import Landmarks, LocatedFace, Points
from mien.geometry.schemes import scheme
from mien.geometry.squares import scale_of, square_to_crop
from mien.imaging.warp import invert_affine, move_points, sample_affine
from mien.landmarks.iris import IrisFinder

POINTS = 468
OUTER_EYE_CORNERS = (33, 263)  # picture left, picture right
Square = tuple[tuple[float, float], float, float]  # centre, side, angle

TURNED = 0.17  # radians by which a crop may be turned before it needs another look
ENLARGED = 0.7  # crop pixels a picture pixel, above which hardly a picture pixel is left out
MARGIN = 1.5  # the crop's side over the face's, as the network was trained
_VARIED = (
    (0.92, 0.0, 0.0, 0.0, False),
    (0.92, 0.0, 0.0, 0.0, True),
    (1.0, 0.12, 0.02, 0.0, False),
    (1.0, -0.12, -0.02, 0.0, True),
    (1.05, 0.0, 0.0, 0.04, False),
    (0.97, 0.0, 0.0, -0.04, True),
)  # side over the usual, turn in radians, shift right and down in sides, whether seen in a mirror


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """Finds the mesh: a first look around the detector's keypoints, the next around the points of the last.

    looks: one is enough to align a face by (benchmarks/studies/mesh_square.py), two place every point well.
    """

    network: Network
    irises: IrisFinder | None = None
    looks: int = 2

    def locate(self, face: LocatedFace) -> Landmarks:
        square = _square_of_keypoints(face.detection.keypoints)
        points, presence = self._look(face, square)
        turned = abs(math.remainder(_turn_of(points) - square[2], 2 * math.pi)) > TURNED
        for _ in range(1, max(self.looks, 2 if turned else 1)):
            points, presence = self._look(face, _square_of_points(points))
        irises = self.irises.find(face.image.pixels, points) if self.irises else None
        return Landmarks("mesh468", points, presence, irises)

    def steady(self, face: LocatedFace) -> Landmarks:
        """As `locate`, averaged over six more looks: nearer, farther, turned, shifted, half of them mirrored.

        The network's answer wavers with the crop it is given, by about 1 % of the eyes' distance.  For
        measuring a single photo; a video has its neighbouring frames for that.
        """
        found = self.locate(face)
        (x, y), side, angle = _square_of_points(np.asarray(found.points, np.float64))
        total = np.zeros_like(found.points)
        for zoom, turn, right, down, mirrored in _VARIED:
            square = ((x + right * side, y + down * side), side * zoom, angle + turn)
            total += self._look(face, square, mirrored)[0]
        return replace(found, points=total / len(_VARIED))

    def _look(
        self, face: LocatedFace, square: Square, mirrored: bool = False
    ) -> tuple[NDArray[np.float64], float]:
        size = self.network.card.preprocess.side
        matrix = square_to_crop(*square, size)
        # One look is for aligning, which single pixels serve as well unless the crop leaves many of them out.
        across = 1 if self.looks == 1 and scale_of(matrix) > ENLARGED else 2
        crop = sample_affine(face.image.pixels, matrix, (size, size), across=across)
        if mirrored:
            raw, logit = _split(self.network.run(np.ascontiguousarray(crop[None, :, ::-1])))
            raw = raw[list(scheme("mesh468").mirror)] * (-1, 1, 1) + (size, 0, 0)
        else:
            raw, logit = _split(self.network.run(crop[None]))
        # The network counts from the crop's corner, we from the centre of its first pixel.
        flat = move_points(invert_affine(matrix), raw[:, :2] - 0.5)
        points = np.column_stack([flat, raw[:, 2] / scale_of(matrix)])
        return points, 1 / (1 + math.exp(-float(np.clip(logit, -50, 50))))


def _split(outputs: Mapping[str, NDArray[np.float32]]) -> tuple[NDArray[np.float64], float]:
    """Tell the points from the presence logit by their size: engines name TensorFlow Lite outputs freely."""
    by_size = {value.size: value for value in outputs.values()}
    if POINTS * 3 not in by_size or 1 not in by_size:
        raise ModelCorrupt("the face mesh has unknown outputs: `mien models verify mesh468` checks the file")
    return by_size[POINTS * 3].reshape(POINTS, 3).astype(np.float64), float(by_size[1].item())


# Where the square of the second look lies, told from the five keypoints alone: linear in the nose's place and
# the eyes' distance, least squares over 422 faces of FairFace and London (benchmarks/studies/mesh_square.py).
# Rows: centre to the right, centre down, side (all over the eye-to-mouth length), turn in radians.
# Columns: 1, nose to the right, nose down, eye distance (over the same length, in the same frame).
_SQUARE = np.array(
    [
        [0.001, -1.187, -0.397, 0.210],
        [0.539, 0.062, -0.380, 0.129],
        [2.832, 0.003, -1.170, 1.597],
        [-0.086, -0.071, 0.106, -0.001],
    ]
)


def _square_of_keypoints(keypoints: Points) -> Square:
    eyes, mouth = keypoints[:2].mean(axis=0), keypoints[3:].mean(axis=0)
    length = max(float(np.hypot(*(mouth - eyes))), 1.0)
    down = (mouth - eyes) / length
    right = np.array([down[1], -down[0]])
    nose, across = (keypoints[2] - eyes) / length, (keypoints[1] - keypoints[0]) / length
    along, below, side, turn = _SQUARE @ [1.0, right @ nose, down @ nose, abs(right @ across)]
    center = eyes + length * (along * right + below * down)
    return (float(center[0]), float(center[1])), float(length * side), math.atan2(-down[0], down[1]) + turn


def _turn_of(points: NDArray[np.float64]) -> float:
    left, right = (points[corner, :2].tolist() for corner in OUTER_EYE_CORNERS)
    return math.atan2(right[1] - left[1], right[0] - left[0])


def _square_of_points(points: NDArray[np.float64]) -> Square:
    angle = _turn_of(points)
    upright = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turned = points[:, :2] @ upright.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    center = (low + high) / 2 @ upright
    side = MARGIN * max(float((high - low).max()), 1.0)
    return (float(center[0]), float(center[1])), side, angle

"""MediaPipe Face Mesh (Kartynnik et al., "Real-time Facial Surface Geometry", 2019): 468 points in 3D."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ModelCorrupt
from mien.core.protocols import Network
from mien.core.types import Detection, Landmarks, LocatedFace
from mien.geometry.squares import scale_of, square_to_crop
from mien.imaging.warp import invert_affine, move_points, warp_affine
from mien.landmarks.iris import IrisFinder

POINTS = 468
OUTER_EYE_CORNERS = (33, 263)  # picture left, picture right
Square = tuple[tuple[float, float], float, float]  # centre, side, angle

MARGIN = 1.5  # the crop's side over the face's, as the network was trained


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """Finds the mesh in two looks: one from the detector's box, one from the points of the first look."""

    network: Network
    irises: IrisFinder | None = None

    def locate(self, face: LocatedFace) -> Landmarks:
        points, _ = self._look(face, _square_of_detection(face.detection))
        points, presence = self._look(face, _square_of_points(points))
        irises = self.irises.find(face.image.pixels, points) if self.irises else None
        return Landmarks("mesh468", points, presence, irises)

    def _look(self, face: LocatedFace, square: Square) -> tuple[NDArray[np.float64], float]:
        size = self.network.card.preprocess.side
        matrix = square_to_crop(*square, size)
        crop = warp_affine(face.image.pixels, matrix, (size, size))
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


def _square_of_detection(detection: Detection) -> Square:
    left, right = detection.keypoints[:2]
    angle = math.atan2(right[1] - left[1], right[0] - left[0])
    return detection.box.center, MARGIN * max(detection.box.width, detection.box.height, 1.0), angle


def _square_of_points(points: NDArray[np.float64]) -> Square:
    left, right = points[list(OUTER_EYE_CORNERS), :2]
    angle = math.atan2(right[1] - left[1], right[0] - left[0])
    upright = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turned = points[:, :2] @ upright.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    center = (low + high) / 2 @ upright
    side = MARGIN * max(float((high - low).max()), 1.0)
    return (float(center[0]), float(center[1])), side, angle

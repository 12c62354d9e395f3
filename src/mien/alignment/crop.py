"""Move a face onto a template: LocatedFace to AlignedFace."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mien.alignment.templates import Template, find_template, grouped_points, places
from mien.core.types import AlignedFace, Landmarks, LocatedFace
from mien.geometry.similarity import fit_similarity
from mien.imaging.warp import warp_affine

DISAGREE = 0.17  # radians between two placements, above which the keypoints are not trusted


def align(
    face: LocatedFace,
    template: str | Template,
    landmarks: Landmarks | None = None,
    *,
    keypoints_too: bool = False,
) -> AlignedFace:
    """Crop a face as the network wants it, by a similarity (turn, scale, shift; no squeezing).

    template: a template or its name on the model card.
    landmarks: mesh468 points of the same picture; where given they place the crop, since they are more
        precise than the detector's five keypoints (docs/models.md has the figures).
    keypoints_too: with landmarks, the crop is the mean of both placements, whose errors differ; where
        they disagree much, as on turned heads, the mesh alone places it.
    """
    target = find_template(template) if isinstance(template, str) else template
    matrix = _placement(face, target, landmarks, keypoints_too)
    # Large faces are averaged down, not sampled: sampling leaves jagged edges that the network never saw.
    pixels = warp_affine(face.image.pixels, matrix, (target.size, target.size), antialias=True)
    return AlignedFace(pixels, matrix, target.name)


def _placement(
    face: LocatedFace, target: Template, landmarks: Landmarks | None, keypoints_too: bool
) -> NDArray[np.float64]:
    by_mesh = fit_similarity(grouped_points(landmarks, target), places(target.mesh)) if landmarks else None
    if by_mesh is not None and not keypoints_too:
        return by_mesh
    by_keypoints = fit_similarity(face.detection.keypoints, places(target.keypoints))
    if by_mesh is None:
        return by_keypoints
    if abs(math.remainder(_turn(by_mesh) - _turn(by_keypoints), 2 * math.pi)) > DISAGREE:
        return by_mesh
    return (by_mesh + by_keypoints) / 2  # the mean of similarities is a similarity


def _turn(matrix: NDArray[np.float64]) -> float:
    return math.atan2(matrix[1, 0], matrix[0, 0])


def mirror(face: AlignedFace) -> AlignedFace:
    """The mirror image of a crop; its matrix still maps the picture to the crop."""
    flip = np.array([[-1.0, 0.0], [0.0, 1.0]])
    matrix = flip @ face.matrix
    matrix[0, 2] += face.pixels.shape[1] - 1
    return replace(face, pixels=np.ascontiguousarray(face.pixels[:, ::-1]), matrix=matrix)

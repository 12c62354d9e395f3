"""Head pose from dense landmarks: the rotation that carries the mean face onto them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.types import HeadPose, Landmarks
from mien.geometry.rotation import nearest_rotation, pose_from_rotation
from mien.geometry.schemes import scheme


@cache
def mean_face() -> NDArray[np.float64]:
    """The mean neutral face that looks into the camera, (468, 3), eye distance 1, frame of `HeadPose`.

    Made by ``python -m benchmarks.make_mean_face`` from the 102 neutral portraits of the Face Research Lab
    London Set (DeBruine & Jones 2017, CC BY 4.0).
    """
    text = resources.files("mien.attributes").joinpath("data", "mean_face.json").read_text("utf-8")
    points = np.array(json.loads(text)["points"], np.float64)
    points.flags.writeable = False
    return points


def head_pose(landmarks: Landmarks) -> HeadPose:
    """Estimate the pose from the points that no expression moves.

    Orthographic: the landmark network draws x, y and z to one scale, as seen through a long lens. The
    rotation is Kabsch's (Umeyama, "Least-squares estimation of transformation parameters", 1991, eq. 40-43).
    """
    if landmarks.scheme != "mesh468":
        raise InputError(f"head pose needs mesh468 landmarks, not {landmarks.scheme}: use that landmarker")
    rigid = list(scheme("mesh468").rigid)
    reference, seen = mean_face()[rigid], np.asarray(landmarks.points, np.float64)[rigid]
    covariance = (seen - seen.mean(axis=0)).T @ (reference - reference.mean(axis=0))
    return pose_from_rotation(nearest_rotation(covariance))

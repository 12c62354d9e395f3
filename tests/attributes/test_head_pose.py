"""Head pose: known turns of the mean face, invariants, and real portraits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.attributes.head_pose import head_pose, mean_face
from mien.core.errors import InputError
from mien.core.types import HeadPose, Image, Landmarks
from mien.geometry.rotation import rotation_from_pose
from mien.pipeline.analyze import Analyzer

ANGLES = st.floats(-1.2, 1.2)


def turned(pose: HeadPose, zoom: float = 60.0) -> Landmarks:
    return Landmarks("mesh468", mean_face() @ rotation_from_pose(pose).T * zoom + [200, 150, 7], 1.0)


@given(ANGLES, ANGLES, ANGLES)
def test_recovers_a_known_pose(yaw: float, pitch: float, roll: float) -> None:
    found = head_pose(turned(HeadPose(yaw, pitch, roll)))
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((yaw, pitch, roll), abs=1e-6)


def test_the_signs_are_those_of_the_conventions() -> None:
    nose_tip, between_eyes = 1, 168
    right = turned(HeadPose(0.5, 0, 0)).points
    assert right[nose_tip, 0] > right[between_eyes, 0], "positive yaw: the nose points to the picture's right"
    down = turned(HeadPose(0, 0.5, 0)).points
    level = turned(HeadPose(0, 0, 0)).points
    assert down[nose_tip, 1] > level[nose_tip, 1], "positive pitch: the nose points down"
    tipped = turned(HeadPose(0, 0, 0.3)).points
    assert tipped[10, 0] > tipped[152, 0], "positive roll: the head tips clockwise"


def test_the_mean_face_is_symmetric_and_looks_into_the_camera() -> None:
    still = head_pose(turned(HeadPose(0, 0, 0)))
    assert (still.yaw, still.pitch, still.roll) == pytest.approx((0, 0, 0), abs=1e-9)
    np.testing.assert_allclose(mean_face()[33] * [-1, 1, 1], mean_face()[263], atol=1e-3)


def test_another_scheme_is_refused() -> None:
    with pytest.raises(InputError, match="needs mesh468 landmarks, not ibug68"):
        head_pose(Landmarks("ibug68", np.zeros((68, 3)), 1.0))


@pytest.mark.weights
def test_a_mirrored_portrait_has_the_mirrored_pose(analyzer: Analyzer, astronaut: Image) -> None:
    (plain,) = analyzer.analyze(astronaut.pixels, {"pose"})
    (mirrored,) = analyzer.analyze(np.ascontiguousarray(astronaut.pixels[:, ::-1]), {"pose"})
    assert plain.pose is not None
    assert mirrored.pose is not None
    assert mirrored.pose.yaw == pytest.approx(-plain.pose.yaw, abs=math.radians(4))
    assert mirrored.pose.roll == pytest.approx(-plain.pose.roll, abs=math.radians(4))
    assert mirrored.pose.pitch == pytest.approx(plain.pose.pitch, abs=math.radians(4))

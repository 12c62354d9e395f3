"""The face mesh: a stand-in network shows the geometry, a real one that it fits real faces."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import ModelCorrupt
from mien.core.modelcard import ModelCard, Preprocess
from mien.core.types import Box, Detection, Image, LocatedFace
from mien.geometry.schemes import scheme
from mien.imaging.rotate import rotate
from mien.landmarks.iris import IrisFinder
from mien.landmarks.mesh468 import FaceMesh
from mien.pipeline.analyze import Analyzer


def card(side: int) -> ModelCard:
    return ModelCard("fake", "landmarks", "f", "tflite", "", 0, "", True, "", (), Preprocess(side, side))


@dataclass
class SeesRamps:
    """Reads the position out of a picture whose red is x and whose green is y, at two places of the crop."""

    logit: float = 4.0
    card: ModelCard = field(default_factory=lambda: card(192))

    def run(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        points = np.zeros((468, 3), np.float32)
        points[:, :2] = 96.0
        points[33], points[263] = (60.0, 96.0, 5.0), (132.0, 96.0, 5.0)
        points[10, 1], points[152, 1] = 40.0, 152.0
        return {"a": np.full((1, 1, 1, 1), self.logit, np.float32), "b": points.reshape(1, 1, 1, -1)}


def face(angle: float = 0.0) -> LocatedFace:
    """An upright frontal face, eyes 40 pixels apart around (100, 80), then turned clockwise about there."""
    upright = np.array([[-20.0, 0], [20, 0], [0, 22], [-16, 42], [16, 42]])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    points = upright @ turn.T + [100, 80]
    image = Image(np.zeros((220, 200, 3), np.uint8))
    return LocatedFace(image, Detection(Box(60, 40, 140, 150), 0.9, points))


def test_points_come_back_in_the_pictures_pixels_and_depth_in_the_same_scale() -> None:
    found = FaceMesh(SeesRamps(), looks=1).locate(face())
    x, y = found.points[0, :2]
    assert x == pytest.approx(100, abs=3), "the crop's middle lies between the eyes and the mouth"
    assert 80 < y < 122
    left, right = found.points[33], found.points[263]
    assert right[0] - left[0] == pytest.approx(72 / 5 * found.points[33, 2], rel=1e-2)
    assert found.points[152, 1] - found.points[10, 1] == pytest.approx(112 / 5 * left[2], rel=1e-2)


def test_a_steady_look_is_the_mean_of_looks_that_shift_and_mirror_evenly() -> None:
    """The stand-in answers the same whatever it sees: what the six crops do to that has to cancel out."""
    single, steady = FaceMesh(SeesRamps()).locate(face()), FaceMesh(SeesRamps()).steady(face())
    np.testing.assert_allclose(steady.points[168], single.points[168], atol=0.3)
    np.testing.assert_allclose(steady.points[[10, 33, 152, 263]], single.points[[10, 33, 152, 263]], atol=6)
    assert steady.presence == single.presence


def test_each_point_is_its_twins_twin() -> None:
    twins = np.array(scheme("mesh468").mirror)
    np.testing.assert_array_equal(twins[twins], np.arange(468))
    assert twins[33] == 263
    assert twins[61] == 291


def test_the_crop_is_larger_than_the_face_as_the_network_was_trained() -> None:
    found = FaceMesh(SeesRamps(), looks=1).locate(face())
    crop = 192 / 5 * found.points[33, 2]
    assert 3.2 * 42 < crop < 4.5 * 42, "in eye-to-mouth lengths, measured on FairFace and London"


def test_the_crop_turns_with_the_face() -> None:
    still, turned = (FaceMesh(SeesRamps(), looks=1).locate(face(angle)) for angle in (0.0, 0.6))
    before, after = (found.points[263, :2] - found.points[33, :2] for found in (still, turned))
    swing = math.atan2(after[1], after[0]) - math.atan2(before[1], before[0])
    assert swing == pytest.approx(0.6, abs=1e-6)


def test_the_second_look_is_levelled_by_the_points_of_the_first() -> None:
    found = FaceMesh(SeesRamps()).locate(face(0.6))
    first = FaceMesh(SeesRamps(), looks=1).locate(face(0.6))
    eyes, before = (mesh.points[263, :2] - mesh.points[33, :2] for mesh in (found, first))
    assert math.atan2(eyes[1], eyes[0]) == pytest.approx(math.atan2(before[1], before[0]))


@pytest.mark.parametrize(("turn", "looks"), [(0.0, 1), (0.3, 2)])
def test_a_crop_that_was_turned_is_looked_at_again(turn: float, looks: int) -> None:
    """The eyes of the first look are not level: the keypoints had the head upright, or leaning."""

    class Leans(SeesRamps):
        seen = 0

        def run(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
            self.seen += 1
            outputs = super().run(pixels)
            outputs["b"].reshape(468, 3)[263, 1] += 72 * math.tan(turn) if self.seen == 1 else 0
            return outputs

    network = Leans()
    FaceMesh(network, looks=1).locate(face())
    assert network.seen == looks


def test_presence_is_a_probability_even_for_wild_logits() -> None:
    assert FaceMesh(SeesRamps(logit=1e6)).locate(face()).presence == pytest.approx(1)
    assert FaceMesh(SeesRamps(logit=0.0)).locate(face()).presence == pytest.approx(0.5)


def test_unknown_outputs_are_a_corrupt_model() -> None:
    class Odd(SeesRamps):
        def run(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
            return {"b": np.zeros((1, 7), np.float32)}

    with pytest.raises(ModelCorrupt, match="unknown outputs"):
        FaceMesh(Odd()).locate(face())


def test_the_second_eye_is_shown_in_a_mirror() -> None:
    @dataclass
    class Iris:
        seen: list[NDArray[np.uint8]] = field(default_factory=list)
        card: ModelCard = field(default_factory=lambda: card(64))

        def run(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
            self.seen.append(pixels[0])
            points = np.tile(np.array([40.5, 32.5, 0], np.float32), (5, 1))
            return {"eye": np.zeros((1, 213), np.float32), "iris": points.reshape(1, 15)}

    network = Iris()
    mesh = np.zeros((468, 3))
    for index, x in ((33, 50.0), (133, 70.0), (362, 130.0), (263, 150.0)):
        mesh[index] = (x, 80, 0)
    irises = IrisFinder(network).find(np.full((160, 200, 3), 90, np.uint8), mesh)
    pixel = 20 * 2.3 / 64
    np.testing.assert_allclose(irises[0, 0], (60 + 8.5 * pixel, 80 + 0.5 * pixel), atol=1e-6)
    np.testing.assert_allclose(irises[1, 0], (140 - 8.5 * pixel, 80 + 0.5 * pixel), atol=1e-6)


@pytest.mark.weights
def test_the_mesh_turns_with_the_picture(analyzer: Analyzer, astronaut: Image) -> None:
    (plain,) = analyzer.analyze(astronaut.pixels, {"landmarks"})
    turned = rotate(astronaut.pixels, math.radians(20))
    (tilted,) = analyzer.analyze(turned.pixels, {"landmarks"})
    assert plain.landmarks is not None
    assert tilted.landmarks is not None
    back = turned.to_picture(tilted.landmarks.points[:, :2])
    eye_distance = np.linalg.norm(plain.landmarks.points[33, :2] - plain.landmarks.points[263, :2])
    error = np.linalg.norm(back - plain.landmarks.points[:, :2], axis=1) / eye_distance
    assert np.median(error) < 0.03
    assert plain.landmarks.presence > 0.99


@pytest.mark.weights
def test_irises_lie_between_the_eye_corners(analyzer: Analyzer, astronaut: Image, hopper: Image) -> None:
    for portrait in (astronaut, hopper):
        (found,) = analyzer.analyze(portrait.pixels, {"landmarks"})
        assert found.landmarks is not None
        assert found.landmarks.irises is not None
        for iris, (start, end) in zip(found.landmarks.irises, ((33, 133), (362, 263)), strict=True):
            corners = found.landmarks.points[[start, end], :2]
            width = np.linalg.norm(corners[1] - corners[0])
            assert np.linalg.norm(iris[0] - corners.mean(axis=0)) < 0.35 * width
            radius = np.linalg.norm(iris[1:] - iris[0], axis=1).mean()
            assert 0.12 * width < radius < 0.35 * width

from __future__ import annotations

import math

import numpy as np
import pytest

from mien.alignment.crop import align, mirror
from mien.alignment.templates import TEMPLATES, places
from mien.core.errors import InputError, ShapeError
from mien.core.types import Box, Detection, Image, Landmarks, LocatedFace
from mien.geometry.similarity import fit_similarity
from mien.imaging.warp import invert_affine, move_points

NAMES = sorted(TEMPLATES)


def somewhere(angle: float, scale: float) -> np.ndarray:
    """Crop pixels to picture pixels."""
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[c, -s, 220.0], [s, c, 150.0]])


def face_at(name: str, placed: np.ndarray, pixels: np.ndarray | None = None) -> LocatedFace:
    points = move_points(placed, places(TEMPLATES[name].keypoints))
    picture = np.zeros((600, 700, 3), np.uint8) if pixels is None else pixels
    return LocatedFace(Image(picture), Detection(Box(0, 0, 1, 1), 0.9, points))


def mesh_at(name: str, placed: np.ndarray) -> Landmarks:
    points = np.zeros((468, 3))
    template = TEMPLATES[name]
    for group, place in zip(template.groups, move_points(placed, places(template.mesh)), strict=True):
        points[list(group), :2] = place
    return Landmarks("mesh468", points, 1.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("angle", [0.0, 0.7, math.pi])
@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_finds_the_way_back_to_the_template(name: str, angle: float, scale: float) -> None:
    placed = somewhere(angle, scale)
    for face in (
        align(face_at(name, placed), name),
        align(face_at(name, placed), name, mesh_at(name, placed)),
    ):
        np.testing.assert_allclose(face.matrix, invert_affine(placed), atol=1e-9)
        assert face.pixels.shape == (TEMPLATES[name].size, TEMPLATES[name].size, 3)
        assert face.template == name


def test_the_matrix_maps_the_picture_onto_the_crop() -> None:
    pixels = np.zeros((600, 700, 3), np.uint8)
    placed = somewhere(0.4, 1.5)
    x, y = move_points(placed, np.array([[40.0, 60.0]]))[0]
    pixels[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4] = 255
    crop = align(face_at("arcface", placed, pixels), "arcface")
    bright = np.argwhere(crop.pixels[..., 0] > 128)
    np.testing.assert_allclose(bright.mean(axis=0), [60, 40], atol=0.7)


def test_a_mirrored_crop_is_the_crop_of_the_mirrored_picture() -> None:
    rng = np.random.default_rng(0)
    face = align(
        face_at("arcface", somewhere(0.1, 1.0), rng.integers(0, 255, (600, 700, 3)).astype(np.uint8)),
        "arcface",
    )
    mirrored = mirror(face)
    np.testing.assert_array_equal(mirrored.pixels, face.pixels[:, ::-1])
    spot = np.array([[300.0, 200.0]])
    x, y = move_points(face.matrix, spot)[0]
    np.testing.assert_allclose(move_points(mirrored.matrix, spot)[0], [111 - x, y])
    np.testing.assert_allclose(mirror(mirrored).matrix, face.matrix)


def test_detector_and_mesh_agree_on_the_size_of_a_face() -> None:
    """Both sets of places describe one face: eyes, nose and mouth corners a few pixels apart at most."""
    template = TEMPLATES["arcface"]
    moved = fit_similarity(places(template.mesh), places(template.keypoints))
    assert math.hypot(*moved[:, 0]) == pytest.approx(1, abs=0.1)
    assert np.abs(places(template.mesh) - places(template.keypoints)).max() < 7


def test_templates_are_symmetric() -> None:
    for template in TEMPLATES.values():
        for spots in (template.keypoints, template.mesh):
            across = places(spots)
            flipped = np.column_stack([2 * across[:, 0].mean() - across[:, 0], across[:, 1]])
            distance = np.linalg.norm(across[:, None] - flipped[None], axis=2).min(axis=1)
            assert distance.max() < 1.5


def test_an_unknown_template_is_named_with_the_known() -> None:
    with pytest.raises(InputError, match="no alignment template is called 'x': choose arcface, dlib"):
        align(face_at("arcface", somewhere(0, 1)), "x")


def test_other_landmarks_are_refused() -> None:
    other = Landmarks("dense106", np.zeros((106, 3)), 1.0)
    with pytest.raises(ShapeError, match="mesh468"):
        align(face_at("arcface", somewhere(0, 1)), "arcface", other)

from __future__ import annotations

import numpy as np
import pytest
from tests.alignment.test_crop import face_at, mesh_at, somewhere

from mien.alignment.crop import align
from mien.alignment.views import VIEWS, Views


def test_profiles_have_views() -> None:
    assert set(VIEWS) == {"fast", "balanced", "accurate"}


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mirror_image_is_a_second_crop(mirrored: bool) -> None:
    crops = Views(mirror=mirrored).crops(face_at("arcface", somewhere(0.1, 1)), "arcface", None)
    assert len(crops) == 1 + mirrored


def test_the_mesh_places_the_crop_where_it_is_asked_for() -> None:
    face, mesh = face_at("arcface", somewhere(0.1, 1.0)), mesh_at("arcface", somewhere(0.3, 1.2))
    by_mesh, by_keypoints = align(face, "arcface", mesh).matrix, align(face, "arcface").matrix
    only_mesh = Views(landmarks=True, keypoints=False)
    np.testing.assert_array_equal(only_mesh.crops(face, "arcface", mesh)[0].matrix, by_mesh)
    np.testing.assert_array_equal(Views().crops(face, "arcface", mesh)[0].matrix, by_keypoints)


def test_finders_that_disagree_about_the_turn_leave_it_to_the_mesh() -> None:
    face, mesh = face_at("arcface", somewhere(0.1, 1.0)), mesh_at("arcface", somewhere(0.3, 1.2))
    matrix = Views(landmarks=True).crops(face, "arcface", mesh)[0].matrix
    np.testing.assert_array_equal(matrix, align(face, "arcface", mesh).matrix)


def test_both_finders_count_the_same() -> None:
    face, mesh = face_at("arcface", somewhere(0.1, 1.0)), mesh_at("arcface", somewhere(0.2, 1.2))
    matrix = Views(landmarks=True).crops(face, "arcface", mesh)[0].matrix
    mean = (align(face, "arcface", mesh).matrix + align(face, "arcface").matrix) / 2
    np.testing.assert_allclose(matrix, mean)


def test_without_a_mesh_the_keypoints_place_the_crop() -> None:
    face = face_at("arcface", somewhere(0.1, 1.0))
    crops = VIEWS["accurate"].crops(face, "arcface", None)
    np.testing.assert_array_equal(crops[0].matrix, align(face, "arcface").matrix)

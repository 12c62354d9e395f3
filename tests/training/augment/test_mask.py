"""The rendered mask: where it lies, what it leaves alone, how it follows a head."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mien.attributes.head_pose import mean_face
from mien.core.errors import ShapeError
from mien.training.augment.mask import aligned_mean_face, drape, wear_mask

NOSE_TIP, UPPER_LIP, CHIN, LEFT_EYE, RIGHT_EYE, FOREHEAD = 4, 0, 152, 33, 263, 10


def skin(size: int = 112) -> np.ndarray:
    return np.full((size, size, 3), (190, 150, 130), np.uint8)


def changed(mesh: np.ndarray | None, size: int = 112, seed: int = 0) -> np.ndarray:
    worn = wear_mask(skin(size), mesh, np.random.default_rng(seed)).astype(int)
    return np.asarray(np.abs(worn - skin(size)).max(-1) > 40)


def at(mask: np.ndarray, mesh: np.ndarray, vertex: int) -> bool:
    x, y = np.round(mesh[vertex, :2]).astype(int)
    return bool(mask[y, x])


@pytest.mark.parametrize("size", [64, 112, 224])
def test_covers_nose_and_mouth_and_leaves_the_eyes(size: int) -> None:
    mesh, mask = aligned_mean_face(size), changed(None, size)
    assert at(mask, mesh, NOSE_TIP)
    assert at(mask, mesh, UPPER_LIP)
    assert not any(at(mask, mesh, vertex) for vertex in (LEFT_EYE, RIGHT_EYE))
    assert not mask[: size // 3].any()


def test_follows_a_face_that_turns_and_moves() -> None:
    turn = math.radians(35)
    rotation = np.array(
        [[math.cos(turn), 0, math.sin(turn)], [0, 1, 0], [-math.sin(turn), 0, math.cos(turn)]]
    )
    mesh = mean_face() @ rotation.T * 40 + (90, 60, 0)
    mask = changed(mesh, 180)
    assert at(mask, mesh, UPPER_LIP)
    assert not at(mask, mesh, FOREHEAD)
    rows, columns = np.nonzero(mask)
    # It stays on the head: no farther out than the mesh, but for the bands and the cloth's thickness.
    assert columns.min() > mesh[:, 0].min() - 8
    assert columns.max() < mesh[:, 0].max() + 8
    assert rows.max() < mesh[CHIN, 1] + 8


def test_takes_the_light_of_the_skin() -> None:
    mesh = aligned_mean_face(112)
    across = np.linspace(40, 220, 112)[None, :, None]
    pixels = np.broadcast_to(across, (112, 112, 3)).astype(np.uint8)
    lit = wear_mask(pixels, mesh, np.random.default_rng(3))
    row = round(mesh[UPPER_LIP, 1])
    assert lit[row, 70:80].mean() > lit[row, 32:42].mean() + 10
    dark = wear_mask(skin() // 4, mesh, np.random.default_rng(3))
    assert (
        dark[row, 40:70].mean() < 0.5 * wear_mask(skin(), mesh, np.random.default_rng(3))[row, 40:70].mean()
    )


def test_the_cloth_lies_before_the_skin_and_is_tied_to_it() -> None:
    laid = drape()
    assert (laid.lift >= 0.03 - 1e-9).all()
    np.testing.assert_allclose(laid.weights.sum(1), 1)
    # Affine maps of the face carry the grid along exactly.
    squeeze = np.array([[1.2, 0.1, 0.0], [0.0, 0.9, 0.2], [0.1, 0.0, 1.0]])
    np.testing.assert_allclose(laid.weights @ (mean_face() @ squeeze), laid.weights @ mean_face() @ squeeze)


def test_a_face_outside_the_picture_changes_nothing() -> None:
    far = np.add(aligned_mean_face(112), (1000, 1000, 0))
    assert not changed(far).any()


def test_wants_the_whole_mesh() -> None:
    with pytest.raises(ShapeError, match=r"mesh must have shape \(468, 3\), not \(68, 2\)"):
        wear_mask(skin(), np.zeros((68, 2)), np.random.default_rng(0))

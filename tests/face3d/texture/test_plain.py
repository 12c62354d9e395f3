"""Skin on somebody else's mesh: what is seen stays, the mirror image and what surrounds fill the rest."""

import numpy as np

from mien.face3d.texture.plain import completed

STRIP = np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4], [3, 5, 4]])
"""Six vertices in a zigzag: 0 and 1 at one end, 4 and 5 at the other."""
RED, BLUE = np.array([200.0, 0, 0]), np.array([0.0, 0, 200])


def test_trusted_colours_stay() -> None:
    colours = np.tile(RED, (6, 1))
    np.testing.assert_allclose(completed(colours, np.ones(6), STRIP, np.full(6, -1)), colours)


def test_the_mirror_image_fills_what_was_not_seen() -> None:
    colours = np.stack([RED, RED, BLUE, RED, BLUE, BLUE])
    trust = np.array([1.0, 1, 0, 0, 0, 0])
    mirror = np.array([4, 5, -1, -1, 0, 1])
    found = completed(colours, trust, STRIP, mirror)
    assert (found[[4, 5], 0] > 150).all()
    assert (found[[4, 5], 2] < 50).all()


def test_colours_run_smoothly_between_what_was_seen() -> None:
    colours = np.stack([RED, RED, RED, RED, BLUE, BLUE])
    trust = np.array([1.0, 1, 0, 0, 1, 1])
    found = completed(colours, trust, STRIP, np.full(6, -1))
    assert 0 < found[2, 2] < 200
    assert found[2, 2] < found[3, 2] + 1e-6


def test_nothing_seen_is_no_number_lost() -> None:
    assert np.isfinite(completed(np.zeros((6, 3)), np.zeros(6), STRIP, np.full(6, -1))).all()

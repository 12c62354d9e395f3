"""Every variation says truly where the face went."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.types import Box, Pixels
from mien.imaging.decode import decode
from mien.pipeline.demo.album import moved, save
from mien.pipeline.demo.variations import VARIATIONS, Variation

FACE = Box(60, 30, 100, 80)


def portrait() -> Pixels:
    """A dark picture whose face is a bright rectangle, from pixel 60, 30 up to and with 100, 80."""
    pixels = np.full((150, 200, 3), 20, np.uint8)
    pixels[30:81, 60:101] = 220
    return pixels


@pytest.mark.parametrize("variation", VARIATIONS, ids=lambda v: v.name)
def test_the_face_is_where_the_matrix_says(variation: Variation, tmp_path: Path) -> None:
    made = variation.make(portrait(), FACE)
    save(tmp_path / "made.jpg", made)
    seen = decode((tmp_path / "made.jpg").read_bytes()).image.pixels[:, :, 0]
    rows, columns = np.nonzero(seen > seen.max() / 2)
    box = moved(FACE, made.matrix)
    assert (columns.mean(), rows.mean()) == pytest.approx(box.center, abs=1.0)
    assert columns.max() - columns.min() == pytest.approx(box.width, abs=2.5)
    assert rows.max() - rows.min() == pytest.approx(box.height, abs=2.5)


def test_a_picture_that_lies_is_upright_once_its_note_is_read(tmp_path: Path) -> None:
    lying = next(v for v in VARIATIONS if v.name == "lying").make(portrait(), FACE)
    assert lying.pixels.shape == (200, 150, 3)
    save(tmp_path / "lying.jpg", lying)
    seen = decode((tmp_path / "lying.jpg").read_bytes()).image.pixels
    assert np.abs(seen.astype(int) - portrait()).mean() < 2

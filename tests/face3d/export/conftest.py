"""A head that several files of tests export."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.mesh import Coefficients, TextureMap
from mien.face3d.model.arkit import ARKIT
from mien.face3d.model.basis import load_head_model
from mien.face3d.rig.head import RiggedHead, rig

SKIN = (200, 150, 120)


@pytest.fixture(scope="module")
def skinned() -> RiggedHead:
    """A head of one skin colour with noise, jaw half open, left eye turned; coarse, to be quick."""
    expression = np.array([0.5 if name in ("jawOpen", "eyeLookOutLeft") else 0.0 for name in ARKIT])
    noise = np.random.default_rng(0).integers(-4, 5, (64, 64, 1))
    texture = TextureMap((np.array(SKIN) + noise).astype(np.uint8), np.ones((64, 64), np.float32))
    return rig(load_head_model(), Coefficients(np.array([1.0, -0.5]), expression), texture, level=2)

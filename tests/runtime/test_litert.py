"""LiteRT gives the answers that OpenVINO gives, on the networks that only these two read."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import ModelCorrupt
from mien.runtime import litert_engine, openvino_engine
from mien.runtime.engine import Choice
from mien.zoo.registry import card
from mien.zoo.store import fetch

pytest.importorskip("ai_edge_litert", reason="needs the extra `litert`")
pytestmark = pytest.mark.weights


@pytest.mark.parametrize("name", ["mesh468", "iris"])
def test_two_engines_agree(name: str) -> None:
    wanted = card(name)
    data = fetch(wanted)
    pixels = np.random.default_rng(3).integers(0, 256, (2, *[wanted.preprocess.side] * 2, 3), dtype=np.uint8)
    ours = openvino_engine.compile(wanted, data, Choice("openvino"), 1).run(pixels)
    theirs = litert_engine.compile(wanted, data, Choice("litert"), 1).run(pixels)
    by_size = {value.size: value for value in theirs.values()}
    for value in ours.values():
        np.testing.assert_allclose(value.ravel(), by_size[value.size].ravel(), rtol=1e-3, atol=2e-2)


def test_bytes_that_are_no_network_are_a_corrupt_model() -> None:
    with pytest.raises(ModelCorrupt, match="LiteRT cannot read"):
        litert_engine.compile(card("iris"), b"TFL3 nonsense" * 20, Choice("litert"), 1)

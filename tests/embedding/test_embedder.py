from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import InputError, ModelCorrupt
from mien.core.modelcard import ModelCard, Preprocess
from mien.core.types import AlignedFace
from mien.embedding.embedder import NetworkEmbedder

CARD = ModelCard(
    name="tiny",
    task="embed",
    file="tiny.onnx",
    format="onnx",
    sha256="",
    size=0,
    licence="CC0-1.0",
    commercial=True,
    origin="",
    sources=(),
    preprocess=Preprocess(4, 4),
    dimension=3,
    template="arcface",
)


class MeanColour:
    """A network whose embedding is the crop's mean colour; asked for no faces, it fails."""

    card = CARD

    def __init__(self, outputs: int = 1, value: float | None = None) -> None:
        self.outputs = outputs
        self.value = value

    def run(self, pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        assert len(pixels)
        answer = pixels.mean(axis=(1, 2)).astype(np.float32)
        if self.value is not None:
            answer[:] = self.value
        return {str(i): answer for i in range(self.outputs)}


def crop(red: int, green: int, blue: int, template: str = "arcface") -> AlignedFace:
    return AlignedFace(np.full((4, 4, 3), (red, green, blue), np.uint8), np.eye(2, 3), template)


def test_embeddings_have_unit_length_and_keep_the_order() -> None:
    first, second = NetworkEmbedder(MeanColour()).embed([crop(30, 40, 0), crop(0, 0, 7)])
    np.testing.assert_allclose(first.vector, [0.6, 0.8, 0], atol=1e-6)
    np.testing.assert_allclose(second.vector, [0, 0, 1])
    assert first.model == second.model == "tiny"
    assert first.vector.dtype == np.float32


def test_no_faces_give_no_embeddings() -> None:
    assert NetworkEmbedder(MeanColour()).embed([]) == []


def test_refuses_a_crop_made_for_another_network() -> None:
    with pytest.raises(InputError, match="tiny wants arcface crops, not dlib: align the faces anew"):
        NetworkEmbedder(MeanColour()).embed([crop(1, 2, 3), crop(1, 2, 3, "dlib")])


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_an_answer_without_direction_is_a_corrupt_model(value: float) -> None:
    with pytest.raises(ModelCorrupt, match="no direction"):
        NetworkEmbedder(MeanColour(value=value)).embed([crop(1, 2, 3)])


def test_a_network_with_two_outputs_is_no_embedder() -> None:
    with pytest.raises(ModelCorrupt, match="tiny has 2 outputs"):
        NetworkEmbedder(MeanColour(outputs=2)).embed([crop(1, 2, 3)])

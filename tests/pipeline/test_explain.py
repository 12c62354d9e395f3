"""The explanation finds what two faces share, through mirrored views and through fused networks."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.alignment.crop import align, mirror
from mien.alignment.templates import TEMPLATES, places
from mien.alignment.views import Views
from mien.core.errors import InputError
from mien.core.report import FaceReport
from mien.core.types import Box, Detection, Image, LocatedFace
from mien.embedding.embedder import NetworkEmbedder
from mien.pipeline.analyze import Analyzer
from mien.pipeline.embed import FaceEmbedder
from mien.pipeline.explain import HiddenFace, explain, heat_of, hiding_masks, move_masks

SIDE = 112
KEYPOINTS = places(TEMPLATES["arcface"].keypoints)
SHARED = (slice(40, 72), slice(64, 104))


class Pixelwise:
    """Answers the picture itself, 14 x 14 grey values around their middle, so that what is alike is known."""

    def __init__(self, template: str = "arcface") -> None:
        size = TEMPLATES[template].size
        self.card = cast(Any, SimpleNamespace(name="pixelwise", template=template, dimension=14 * 14))
        self._cell = size // 14

    def run(self, pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        side = 14 * self._cell
        grey = pixels[:, :side, :side].astype(np.float32).mean(axis=3) - 128
        cells = grey.reshape(len(grey), 14, self._cell, 14, self._cell).mean(axis=(2, 4))
        return {"out": np.asarray(cells.reshape(len(grey), -1) + 1e-3, np.float32)}


def noise(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 255, (14, 14, 1), dtype=np.uint8).repeat(8, 0).repeat(8, 1).repeat(3, 2)


def faces() -> tuple[LocatedFace, LocatedFace]:
    """Two faces that share one patch alone."""
    first, second = noise(1), noise(2)
    second[SHARED] = first[SHARED]
    detection = Detection(Box(0, 0, SIDE, SIDE), 0.9, KEYPOINTS)
    return LocatedFace(Image(first), detection), LocatedFace(Image(second), detection)


def embedder(mirrored: bool = False) -> FaceEmbedder:
    part = NetworkEmbedder(Pixelwise())
    views = Views(landmarks=False, mirror=mirrored)
    return FaceEmbedder((part,), views, cast(Any, None), lambda face: face)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("method", ["rise", "occlusion"])
def test_the_heat_lies_on_what_they_share(method: Any, mirrored: bool) -> None:
    a, b = (HiddenFace(embedder(mirrored), face) for face in faces())
    heat = heat_of(a, b.whole, method, hiding_masks(method, SIDE, 300))
    far = np.ones_like(heat, bool)
    far[24:88, 48:112] = False
    assert heat[SHARED].mean() > 3 * max(float(heat[far].mean()), 0.0)
    y, x = np.unravel_index(np.argmax(heat), heat.shape)
    assert 34 <= y <= 78
    assert 56 <= x <= 111


def test_nothing_hidden_is_the_face_as_it_is_always_embedded() -> None:
    face = faces()[0]
    whole = embedder(mirrored=True).embed([face])[0]
    hidden = HiddenFace(embedder(mirrored=True), face)
    np.testing.assert_allclose(hidden.whole.vector, whole.vector, atol=1e-6)
    (same,) = hidden.embed(np.ones((1, SIDE, SIDE), np.float32))
    np.testing.assert_allclose(same.vector, whole.vector, atol=1e-6)


def test_a_mask_moves_with_the_mirror_image_and_onto_another_template() -> None:
    shown = align(faces()[0], "arcface")
    mask = np.ones((1, SIDE, SIDE), np.float32)
    mask[0, 40:60, 20:40] = 0
    np.testing.assert_array_equal(move_masks(mask, shown, mirror(shown)), mask[:, :, ::-1])
    other = align(faces()[0], "dlib")
    moved = move_masks(mask, shown, other)
    rows, columns = np.nonzero(moved[0] == 0)
    there = other.matrix @ np.linalg.inv(np.vstack([shown.matrix, [0, 0, 1]])) @ [29.5, 49.5, 1]
    assert (columns.mean(), rows.mean()) == pytest.approx(tuple(there), abs=1)


class FakeAnalyzer:
    """Opens and finds the two made faces."""

    config = SimpleNamespace(profile=SimpleNamespace(embedder="sface", calibrated="sface"))
    embedder = embedder()

    def open(self, source: str) -> Any:
        return SimpleNamespace(image=faces()[int(source)].image, name=source)

    def find(self, picture: Any) -> list[Detection]:
        return [] if picture.name == "2" else [faces()[0].detection]

    def describe(self, picture: Any, found: list[Detection], asked: frozenset[str]) -> tuple[FaceReport, ...]:
        return tuple(FaceReport(face, asked) for face in found)


def test_explains_both_faces_and_says_so_in_json() -> None:
    counted: list[int] = []
    found = explain(cast(Analyzer, FakeAnalyzer()), "0", "1", method="occlusion", done=counted.append)
    said = found.to_dict()
    assert said["same"] is False
    assert found.a.heat.shape == found.b.heat.shape == (SIDE, SIDE)
    assert list(said["faces"]["a"]["regions"]) == ["forehead", "eyes", "nose", "mouth", "outline"]
    assert sum(counted) == 2 * (169 + 5)
    assert found.embeddings == 2 * (169 + 6)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(InputError, match="rise, occlusion, gradient"):
        explain(cast(Analyzer, FakeAnalyzer()), "0", "1", method="magic")
    with pytest.raises(InputError, match="choose rise or occlusion"):
        explain(cast(Analyzer, FakeAnalyzer()), "0", "1", method="gradient")


@pytest.mark.weights
def test_hiding_the_hottest_tenth_costs_more_than_hiding_any_other(
    analyzer: Analyzer, astronaut: Image
) -> None:
    from mien.evaluation.metrics.saliency import cell_order, deletion_masks
    from mien.pipeline.explain import similarities

    face = HiddenFace(analyzer.embedder, LocatedFace(astronaut, analyzer.detector.detect(astronaut)[0]))
    heat = heat_of(face, face.whole, "rise", hiding_masks("rise", face.side, 200))
    order = cell_order(heat, 14)
    orders = [order, order[::-1], *(np.random.default_rng(seed).permutation(196) for seed in range(3))]
    left = [similarities(face, face.whole, deletion_masks(one, face.side, 10)[1:2])[0] for one in orders]
    assert left[0] == min(left)

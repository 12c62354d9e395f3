"""Gradients of what the product runs: PyTorch answers as the engines do, and the map adds up."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.training.nets.test_export import NETS, onnx_of, trained

from mien.alignment.crop import align, mirror
from mien.alignment.templates import TEMPLATES, places
from mien.alignment.views import Views
from mien.core.errors import ModelError
from mien.core.modelcard import Preprocess
from mien.core.types import Box, Detection, Image, LocatedFace
from mien.embedding.compare import cosine
from mien.embedding.embedder import NetworkEmbedder
from mien.pipeline.analyze import Analyzer
from mien.pipeline.embed import FaceEmbedder
from mien.pipeline.explain import HiddenFace
from mien.runtime.onnxwriter import Node, Port, encode_model
from mien.training.nets import build_net
from mien.training.saliency import Gradients, fed, onto_shown, smoothed
from mien.training.torchgraph import TorchGraph

SIDE = 112


@pytest.mark.parametrize("name", NETS)
def test_a_graph_in_pytorch_answers_what_its_net_does_and_has_a_gradient(name: str) -> None:
    net = trained(name)
    graph = TorchGraph.from_bytes(onnx_of(net))
    pictures = (torch.rand(3, 3, 32, 32) * 2 - 1).requires_grad_()
    answers, wanted = graph(pictures), net(pictures)
    torch.testing.assert_close(answers, wanted, atol=1e-4 * float(wanted.detach().abs().max()), rtol=1e-3)
    (ours,) = torch.autograd.grad(answers.sum(), pictures)
    (theirs,) = torch.autograd.grad(wanted.sum(), pictures)
    torch.testing.assert_close(ours, theirs, atol=1e-3 * float(theirs.abs().max()), rtol=1e-2)


def test_an_operator_that_is_not_known_is_refused_by_name() -> None:
    ports = Port("x", (1, 3)), Port("y", (1, 3))
    data = encode_model([Node("Round", ("x",), ("y",))], {}, [ports[0]], [ports[1]])
    with pytest.raises(ModelError, match=r"operators Round, which PyTorch.*: give a plain float"):
        TorchGraph.from_bytes(data)
    with pytest.raises(ModelError, match="no ONNX file"):
        TorchGraph.from_bytes(b"nothing")


class Small:
    """A small net as the pipeline has networks."""

    card: Any = SimpleNamespace(
        name="small",
        template="arcface",
        dimension=6,
        preprocess=Preprocess(SIDE, SIDE, mean=(127.5,) * 3, std=(127.5,) * 3),
    )

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.net = build_net("cnn", size=SIDE, channels=3, dim=6, width=4, hidden=16).eval()

    def run(self, pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        with torch.no_grad():
            said = self.net(fed(torch.from_numpy(pixels.astype(np.float32)), self.card.preprocess))
        return {"out": said.numpy()}


def face(seed: int) -> LocatedFace:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 255, (14, 14, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    detection = Detection(Box(0, 0, SIDE, SIDE), 0.9, places(TEMPLATES["arcface"].keypoints))
    return LocatedFace(Image(pixels), detection)


@pytest.mark.parametrize("mirrored", [False, True])
def test_what_the_pixels_have_adds_up_to_what_sharpness_wins(mirrored: bool) -> None:
    small = Small()
    views = Views(landmarks=False, mirror=mirrored)
    embedder = FaceEmbedder((NetworkEmbedder(small),), views, cast(Any, None), lambda face: face)
    a, b = (HiddenFace(embedder, face(seed)) for seed in (1, 2))
    gradients = Gradients(cast(Analyzer, None), steps=64)
    gradients._nets["small"] = cast(TorchGraph, small.net)
    counted: list[int] = []
    heat = gradients(a, b.whole, counted.append)
    (blurred,) = a.embed(np.zeros((1, SIDE, SIDE), np.float32))
    assert heat.sum() == pytest.approx(cosine(a.whole, b.whole) - cosine(blurred, b.whole), abs=0.01)
    assert sum(counted) == 64


def test_contributions_move_between_crops_and_stay_as_much() -> None:
    shown = align(face(1), "arcface")
    heat = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    np.testing.assert_array_equal(onto_shown(heat, mirror(shown), shown), heat[:, ::-1])
    other = np.random.default_rng(0).normal(size=(150, 150))
    assert onto_shown(other, align(face(1), "dlib"), shown).sum() == pytest.approx(other.sum())
    assert smoothed(heat).sum() == pytest.approx(heat.sum())


@pytest.mark.weights
def test_hiding_what_the_gradient_calls_hot_costs_more_than_hiding_any_other(
    analyzer: Analyzer, astronaut: Image
) -> None:
    from mien.evaluation.metrics.saliency import cell_order, deletion_masks
    from mien.pipeline.explain import similarities

    found = HiddenFace(analyzer.embedder, LocatedFace(astronaut, analyzer.detector.detect(astronaut)[0]))
    heat = Gradients(analyzer, steps=16)(found, found.whole)
    order = cell_order(heat, 14)
    orders = [order, order[::-1], *(np.random.default_rng(seed).permutation(196) for seed in range(3))]
    left = [similarities(found, found.whole, deletion_masks(one, found.side, 10)[2:3])[0] for one in orders]
    assert left[0] == min(left)

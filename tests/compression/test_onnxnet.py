"""An ONNX file in PyTorch answers like the file, and can be taught and written back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper
from tests.compression.wide import SIDE, build_wide

from mien.compression.calibrate import compile_for
from mien.compression.graph import import_onnx, prepare, weights_of
from mien.compression.onnxnet import OnnxNet
from mien.compression.quantize import to_bytes
from mien.compression.tail import find_cut, split_at, with_weights
from mien.core.errors import ModelError
from mien.core.modelcard import ModelCard
from mien.runtime.preprocess import to_network_input

CardFor = Callable[..., ModelCard]


def answers(data: bytes, card: ModelCard, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate([compile_for(card, data).run(crop[None])["embedding"] for crop in crops])


def pixels(card: ModelCard, crops: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(to_network_input(crops, card.preprocess))


@pytest.mark.parametrize("last", ["PRelu", "Relu", "LeakyRelu", "HardSwish", "Sigmoid"])
def test_the_module_answers_like_the_file(last: str, card_for: CardFor, crops: NDArray[np.uint8]) -> None:
    data = build_wide(last=last)
    model = import_onnx().load_from_string(data)
    card = card_for(data)
    wanted = answers(to_bytes(model), card, crops[:6])
    with torch.no_grad():
        found = OnnxNet(model)(pixels(card, crops[:6])).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=1e-4)


def test_a_file_of_the_wild_answers_alike(
    embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8]
) -> None:
    card = card_for(embedder)
    with torch.no_grad():
        found = OnnxNet(prepare(embedder))(pixels(card, crops[:6])).numpy()
    np.testing.assert_allclose(found, answers(embedder, card, crops[:6]), atol=1e-4, rtol=1e-4)


def test_weights_learn_and_constants_stay(card_for: CardFor, crops: NDArray[np.uint8]) -> None:
    data = build_wide()
    card = card_for(data)
    net = OnnxNet(prepare(data))
    before = weights_of(net.to_model().graph)
    steps = torch.optim.SGD(net.parameters(), lr=1e-3)
    target, losses = torch.zeros(8, 16), []
    for _ in range(3):
        loss = (net(pixels(card, crops[:8])) - target).square().mean()
        losses.append(float(loss.detach()))
        steps.zero_grad()
        torch.autograd.backward(loss)
        steps.step()
    assert losses[2] < losses[0]
    model = net.to_model()
    after = weights_of(model.graph)
    assert np.array_equal(before["gain"], after["gain"])
    assert all(not np.array_equal(before[name], after[name]) for name in before if name != "gain")
    with torch.no_grad():
        wanted = net(pixels(card, crops[:4])).numpy()
    np.testing.assert_allclose(answers(to_bytes(model), card, crops[:4]), wanted, atol=1e-4)


def test_what_it_does_not_know_is_refused_by_name() -> None:
    model = prepare(build_wide(last="Relu"))
    model.graph.node[-3].CopyFrom(helper.make_node("Softplus", ["c3"], ["r3"]))
    with pytest.raises(ModelError, match=r"operators Softplus.*convolutional"):
        OnnxNet(model)


def test_trunk_and_tail_together_are_the_whole(card_for: CardFor, crops: NDArray[np.uint8]) -> None:
    whole = prepare(build_wide())
    new = import_onnx().ModelProto.FromString(whole.SerializeToString())
    next(node for node in new.graph.node if node.output[0] == "c3").name = "new"
    # The stem's answers are larger than the picture; those of the strided layers are not.
    cut = find_cut(whole, new)
    assert cut == "c2"
    trunk, tail = split_at(new, cut)
    assert {node.output[0] for node in trunk.graph.node} == {"x", "c0", "r0", "c1", "r1", "c2"}
    assert {t.name for t in tail.graph.initializer} == {"w3", "slope", "w4", "b4"}
    given = pixels(card_for(b""), crops[:3])
    with torch.no_grad():
        found = OnnxNet(tail)(OnnxNet(trunk)(given))
        torch.testing.assert_close(found, OnnxNet(whole)(given))
        for weight in (taught := OnnxNet(tail)).parameters():
            weight.mul_(0.5)
        joined = OnnxNet(with_weights(new, taught.to_model()))
        torch.testing.assert_close(joined(given), taught(OnnxNet(trunk)(given)))


def test_where_the_first_layer_changed_the_trunk_is_empty() -> None:
    whole = prepare(build_wide())
    new = import_onnx().ModelProto.FromString(whole.SerializeToString())
    new.graph.node[0].name = "new"
    assert find_cut(whole, new) == "data"
    trunk, tail = split_at(new, "data")
    assert not trunk.graph.node
    assert len(tail.graph.node) == len(whole.graph.node)
    assert tail.graph.input[0].type.tensor_type.shape.dim[2].dim_value == SIDE

"""Nets: what every one of them promises, and what the papers say about each."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from mien.core.errors import InputError
from mien.training.nets import NETS, build_net, net_config
from mien.training.nets.parts import DropConnect, DropPath
from mien.training.options import describe_options

# Small enough for a laptop; what is not named here keeps its defaults.
SMALL: dict[str, dict[str, object]] = {
    "cnn": {"width": 4, "hidden": 16},
    **{name: {"width": 4} for name in ("vgg11", "vgg13", "vgg16", "vgg19")},
    **{name: {"width": 4} for name in ("resnet18", "resnet34", "resnet50", "resnet101")},
}


def parameters(net: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in net.parameters())


@pytest.mark.parametrize("name", NETS)
def test_every_net_answers_one_row_a_picture(name: str) -> None:
    size, channels = (40, 3)  # not a power of two: maps round up
    net = build_net(name, size=size, channels=channels, dim=7, **SMALL.get(name, {})).eval()
    pictures = torch.rand(3, channels, size, size) * 2 - 1
    features = net(pictures)
    assert features.shape == (3, 7)
    assert features.isfinite().all()
    # Each picture is answered for itself, whatever stands beside it.
    torch.testing.assert_close(net(pictures[1:2]), features[1:2], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NETS)
def test_every_weight_of_a_net_learns(name: str) -> None:
    torch.manual_seed(0)
    net = build_net(name, size=32, channels=1, dim=5, **SMALL.get(name, {}))
    net(torch.rand(4, 1, 32, 32)).square().sum().backward()
    lost = [label for label, weights in net.named_parameters() if weights.grad is None]
    assert lost == []


@pytest.mark.parametrize("name", NETS)
def test_the_same_seed_builds_the_same_net(name: str) -> None:
    built = []
    for _ in range(2):
        torch.manual_seed(7)
        built.append(build_net(name, size=32, channels=1, dim=5, **SMALL.get(name, {})).state_dict())
    assert all(torch.equal(built[0][key], built[1][key]) for key in built[0])


@pytest.mark.parametrize("name", NETS)
def test_every_option_is_documented(name: str) -> None:
    assert [doc.name for doc in describe_options(net_config(name)) if not doc.doc] == []


@pytest.mark.parametrize(
    ("name", "published"),
    # torchvision's models, whose last layer is the classifier of ImageNet's 1000 classes.
    [("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032), ("resnet101", 44_549_160)],
)
def test_resnets_have_the_published_number_of_weights(name: str, published: int) -> None:
    with torch.device("meta"):
        assert parameters(build_net(name, size=224, channels=3, dim=1000, stem="imagenet")) == published


@pytest.mark.parametrize(
    ("name", "convolutions"), [("vgg11", 8), ("vgg13", 10), ("vgg16", 13), ("vgg19", 16)]
)
def test_vggs_have_the_convolutions_of_the_paper(name: str, convolutions: int) -> None:
    net = build_net(name, size=32, channels=3, dim=4, width=2)
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in net.modules()) == convolutions


def test_dropconnect_keeps_the_mean_answer_and_is_a_plain_layer_at_inference() -> None:
    torch.manual_seed(0)
    layer = DropConnect(6, 3, drop=0.4)
    x = torch.randn(2, 6)
    runs = torch.stack([layer(x) for _ in range(4000)])
    plain = torch.nn.functional.linear(x, layer.weight, layer.bias)
    assert runs.std(0).min() > 0.05
    torch.testing.assert_close(runs.mean(0), plain, atol=0.05, rtol=0)
    assert torch.equal(layer.eval()(x), plain)


def test_droppath_skips_whole_pictures_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    branch = DropPath(0.25)(torch.ones(4000, 2, 3, 3))
    each = branch.flatten(1)
    torch.testing.assert_close(each.unique(), torch.tensor([0.0, 4 / 3]))
    assert (each == each[:, :1]).all()
    assert each[:, 0].mean() == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lenet", {}, "no net is called 'lenet': choose one of cnn, "),
        ("cnn", {"widht": 3}, "the net cnn has no option 'widht': choose out of width, "),
        ("resnet50", {"depth": 18}, "the net resnet50 sets depth itself: leave it out, or choose another"),
        ("cnn", {"dropout": 1.0}, "the net cnn: dropout is 1: choose a value from 0 to 0.95"),
    ],
)
def test_says_what_is_wrong_with_a_net(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as raised:
        build_net(name, size=32, channels=1, dim=4, **options)
    assert message in str(raised.value)


def test_the_registry_is_read_without_pytorch() -> None:
    rooms = "mien.training.nets, mien.training.losses, mien.training.data"
    code = f"import sys, {rooms}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

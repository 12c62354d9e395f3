"""Nets: what every one of them promises, and what the papers say about each."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest
import torch

from mien.core.errors import DependencyMissing, InputError
from mien.training.nets import NETS, build_net, net_config
from mien.training.nets.parts import DropConnect, DropPath
from mien.training.nets.siamese import Siamese
from mien.training.options import describe_options

# Small enough for a laptop; what is not named here keeps its defaults.
SMALL: dict[str, dict[str, object]] = {
    "cnn": {"width": 4, "hidden": 16},
    **{name: {"width": 4} for name in ("vgg11", "vgg13", "vgg16", "vgg19")},
    **{name: {"width": 4} for name in ("resnet18", "resnet34", "resnet50", "resnet101")},
    **{name: {"width": 4} for name in ("ir18", "ir34", "ir50", "ir100")},
    **{name: {"width": 4} for name in ("irse18", "irse34", "irse50", "irse100")},
    "inception_resnet": {"width": 0.1, "blocks": (1, 1, 1), "padded": True},
    "mobilefacenet": {"width": 0.25, "last": 32},
    "vit": {"width": 12, "depth": 2, "heads": 2},
    "siamese": {"options": {"width": 4, "hidden": 16}},
}


BUILT = [name for name in NETS if name != "timm"]  # see test_timm.py


def parameters(net: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in net.parameters())


@pytest.mark.parametrize("name", BUILT)
def test_every_net_answers_one_row_a_picture(name: str) -> None:
    size, channels = (40, 3)  # not a power of two: maps round up
    net = build_net(name, size=size, channels=channels, dim=7, **SMALL.get(name, {})).eval().double()
    pictures = torch.rand(3, channels, size, size, dtype=torch.float64) * 2 - 1
    features = net(pictures)
    assert features.shape == (3, 7)
    assert features.isfinite().all()
    # Each picture is answered for itself, whatever stands beside it.
    torch.testing.assert_close(net(pictures[1:2]), features[1:2])


@pytest.mark.parametrize("name", BUILT)
def test_every_weight_of_a_net_learns(name: str) -> None:
    torch.manual_seed(0)
    net = build_net(name, size=32, channels=1, dim=5, **SMALL.get(name, {}))
    net(torch.rand(4, 1, 32, 32)).square().sum().backward()
    lost = [label for label, weights in net.named_parameters() if weights.grad is None]
    assert lost == []


@pytest.mark.parametrize("name", BUILT)
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
    ("name", "published"),
    # insightface's iresnet; theirs has a bias before the last normalisation, which takes it out again.
    [("ir18", 24_025_600), ("ir34", 34_139_328), ("ir50", 43_590_976), ("ir100", 65_156_160)],
)
def test_arcface_nets_have_the_published_number_of_weights(name: str, published: int) -> None:
    with torch.device("meta"):
        net = build_net(name, size=112, channels=3, dim=512)
    assert parameters(net) == pytest.approx(published, rel=1e-4)


def test_inception_resnet_has_the_published_number_of_weights() -> None:
    with torch.device("meta"):
        # facenet-pytorch's InceptionResnetV1: 27,910,327 with its classifier of 8631 people.
        net = build_net("inception_resnet", size=160, channels=3, dim=512)
    assert parameters(net) == 27_910_327 - (512 + 1) * 8631


def test_mobilefacenet_has_a_million_weights() -> None:
    with torch.device("meta"):
        net = build_net("mobilefacenet", size=112, channels=3, dim=128)
    assert parameters(net) == pytest.approx(0.99e6, rel=0.02)


def test_vit_has_the_published_number_of_weights() -> None:
    options = {"patch": 16, "width": 768, "depth": 12, "heads": 12, "pool": "token"}
    with torch.device("meta"):  # ViT-B/16 as torchvision and timm count it
        assert parameters(build_net("vit", size=224, channels=3, dim=1000, **options)) == 86_567_656


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
        ("lenet", {}, "choose one of cnn, "),
        ("cnn", {"widht": 3}, "the net cnn has no option 'widht': did you mean width"),
        ("resnet50", {"depth": 18}, "the net resnet50 sets depth itself: leave it out, or choose another"),
        ("siamese", {"tower": "siamese"}, "a siamese net cannot be its own tower"),
        ("vit", {"patch": 7}, "32 pixels cannot be cut into patches of 7: choose one that divides"),
        ("vit", {"heads": 5}, "192 numbers a token cannot be shared by 5 heads"),
        ("inception_resnet", {}, "Inception-ResNet needs 75 pixels or more, not 32: set padded = true"),
        ("inception_resnet", {"blocks": (1, 2)}, "give three numbers"),
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


def test_vgg_wants_room_to_halve_five_times() -> None:
    with pytest.raises(InputError, match="16 pixels do not allow: use 32 or more"):
        build_net("vgg11", size=16, channels=1, dim=4)


def test_siamese_twins_answer_alike_and_as_directions() -> None:
    torch.manual_seed(0)
    net = build_net("siamese", size=32, channels=1, dim=6, **SMALL["siamese"]).eval()
    assert isinstance(net, Siamese)
    first, second = torch.rand(2, 3, 1, 32, 32)
    torch.testing.assert_close(net(first).norm(dim=1), torch.ones(3))
    torch.testing.assert_close(net.distance(first, second), net.distance(second, first))
    assert net.distance(first, first).max() == 0


def test_vit_without_places_does_not_care_for_the_order_of_patches() -> None:
    torch.manual_seed(0)
    net = build_net("vit", size=16, channels=1, dim=4, **SMALL["vit"]).eval()
    torch.nn.init.zeros_(net.get_parameter("places"))
    picture = torch.rand(1, 1, 16, 16)
    swapped = torch.cat([picture[..., 8:], picture[..., :8]], -1)
    torch.testing.assert_close(net(picture), net(swapped))


def test_says_how_to_get_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(DependencyMissing, match=r"pip install timm, with the torchvision that fits torch"):
        build_net("timm", size=32, channels=1, dim=4)


def test_gives_a_timm_net_the_range_it_was_made_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = types.ModuleType("timm")

    def create_model(name: str, *, pretrained: bool, **wanted: object) -> torch.nn.Module:
        if "img_size" in wanted:
            raise TypeError("a convolutional net has no img_size")
        net = torch.nn.Flatten()
        net.default_cfg = {"mean": (0.25, 0.5, 0.75), "std": (0.5, 0.25, 0.125)}  # type: ignore[assignment]
        assert wanted == {"in_chans": 3, "num_classes": 4, "drop_rate": 0.0}
        return net

    vars(fake).update(
        create_model=create_model, is_model=lambda name: name == "small", list_models=lambda: ["small"]
    )
    monkeypatch.setitem(sys.modules, "timm", fake)
    net = build_net("timm", size=16, channels=3, dim=4, model="small")
    answer = net(torch.zeros(1, 3, 1, 1))
    torch.testing.assert_close(answer, torch.tensor([[0.5, 0.0, -2.0]]))
    with pytest.raises(InputError, match=r"timm has no net called 'smal'.*\(small\)"):
        build_net("timm", size=16, channels=3, dim=4, model="smal")

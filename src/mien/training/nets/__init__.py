"""The nets of the lab, from a classical CNN to a vision transformer: pixels in, one row of features out.

Every net takes (N, channels, size, size) float32 in [-1, 1] and answers (N, dim) raw features, which the
losses of `mien.training.losses` turn into what is learned. A new net is one file here and one line below;
the file has a frozen ``Config`` and ``build(config, *, size, channels, dim)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mien.core.errors import InputError
from mien.training.registry import Entry as NetEntry
from mien.training.registry import config_of, find_entry, load_file

if TYPE_CHECKING:
    from torch import nn

NETS: Mapping[str, NetEntry] = {
    "cnn": NetEntry("cnn", "the classical convolutional net: convolve, pool, three times over; two layers"),
    "vgg11": NetEntry("vgg", "VGG with 8 convolutions", {"depth": 11}),
    "vgg13": NetEntry("vgg", "VGG with 10 convolutions", {"depth": 13}),
    "vgg16": NetEntry("vgg", "VGG with 13 convolutions", {"depth": 16}),
    "vgg19": NetEntry("vgg", "VGG with 16 convolutions", {"depth": 19}),
    "resnet18": NetEntry("resnet", "residual net of 18 layers", {"depth": 18}),
    "resnet34": NetEntry("resnet", "residual net of 34 layers", {"depth": 34}),
    "resnet50": NetEntry("resnet", "residual net of 50 layers, with bottlenecks", {"depth": 50}),
    "resnet101": NetEntry("resnet", "residual net of 101 layers, with bottlenecks", {"depth": 101}),
    "ir18": NetEntry("irse", "ArcFace's residual net of 18 layers", {"depth": 18, "se": False}),
    "ir34": NetEntry("irse", "ArcFace's residual net of 34 layers", {"depth": 34, "se": False}),
    "ir50": NetEntry("irse", "ArcFace's residual net of 50 layers", {"depth": 50, "se": False}),
    "ir100": NetEntry("irse", "ArcFace's residual net of 100 layers", {"depth": 100, "se": False}),
    "irse18": NetEntry("irse", "the same with squeeze and excitation", {"depth": 18, "se": True}),
    "irse34": NetEntry("irse", "the same with squeeze and excitation", {"depth": 34, "se": True}),
    "irse50": NetEntry("irse", "the same with squeeze and excitation", {"depth": 50, "se": True}),
    "irse100": NetEntry("irse", "the same with squeeze and excitation", {"depth": 100, "se": True}),
    "inception_resnet": NetEntry(
        "inception_resnet", "Inception-ResNet-v1, the net of FaceNet's open weights"
    ),
    "mobilefacenet": NetEntry("mobilefacenet", "a million weights, for phones"),
    "vit": NetEntry("vit", "vision transformer over square patches"),
    "timm": NetEntry("timm", "any net of PyTorch Image Models, by its name there"),
    "siamese": NetEntry("siamese", "twins of any of these nets, for losses over pairs and triplets"),
}


def build_net(name: str, *, size: int, channels: int, dim: int, **options: Any) -> nn.Module:
    """Make a net with fresh weights (drawn from torch's generator: seed it first).

    size: side of the square input, in pixels, at least 16.    channels: 1 (grey) or 3 (RGB).
    dim: features a picture.    options: fields of the net's ``Config`` (`net_config` names the class).
    raises: `InputError` for an unknown net, option or value; `DependencyMissing` without PyTorch.
    """
    if size < 16 or channels < 1 or dim < 1:
        raise InputError(
            f"a net of {size} pixels, {channels} channels and {dim} features cannot be built: "
            "use at least 16 pixels, one channel and one feature"
        )
    module, config = config_of(__name__, find_entry(NETS, "net", name), f"the net {name}", options)
    net: nn.Module = module.build(config, size=size, channels=channels, dim=dim)
    return net


def net_config(name: str) -> type[Any]:
    """The options of a net, as a dataclass (see `mien.training.options.describe_options`)."""
    config: type[Any] = load_file(__name__, find_entry(NETS, "net", name)).Config
    return config

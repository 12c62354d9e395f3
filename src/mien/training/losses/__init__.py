"""The losses of the lab: features and labels in, one number to be made small out.

Every loss takes (N, dim) raw features and (N,) int64 labels in 0 .. classes - 1 and answers a scalar tensor;
what a loss learns itself (class centres, proxies) are its parameters, to be given to the optimiser with the
net's. A new loss is one file here and one line below; the file has a frozen ``Config`` and
``build(config, *, dim, classes)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mien.core.errors import InputError
from mien.training.registry import Entry as LossEntry
from mien.training.registry import config_of, find_entry, load_file

if TYPE_CHECKING:
    from torch import nn

LOSSES: Mapping[str, LossEntry] = {
    "softmax": LossEntry("softmax", "cross-entropy of a linear classifier over the features"),
    "l2": LossEntry("l2", "squared error of numbers, or of classes as one-hot rows"),
    "contrastive": LossEntry("contrastive", "pairs: own near, others beyond a margin"),
    "twins": LossEntry("twins", "pairs: same or not, by a learned weighing of differences"),
    "triplet": LossEntry("triplet", "an anchor nearer to its own than to others, by a margin"),
    "center": LossEntry("center", "softmax, and every face near the centre of its class"),
    "sphereface": LossEntry("sphereface", "angular margin: cos(m × angle)"),
    "cosface": LossEntry("cosface", "margin on the cosine: cos(angle) - m"),
    "arcface": LossEntry("arcface", "margin on the angle: cos(angle + m)"),
    "adaface": LossEntry("adaface", "a margin that trusts clear pictures and forgives blurred ones"),
    "partial_fc": LossEntry("partial_fc", "margin softmax over a sample of very many classes"),
    "multitask": LossEntry("multitask", "several losses, added up by given or learned weights"),
}


def build_loss(name: str, *, dim: int, classes: int, **options: Any) -> nn.Module:
    """Make a loss with fresh parameters (drawn from torch's generator: seed it first).

    dim: features a picture.    classes: how many labels there are.
    raises: `InputError` for an unknown loss, option or value; `DependencyMissing` without PyTorch.
    """
    if dim < 1 or classes < 1:
        raise InputError(f"a loss over {dim} features and {classes} classes cannot be built: use at least 1")
    module, config = config_of(__name__, find_entry(LOSSES, "loss", name), f"the loss {name}", options)
    loss: nn.Module = module.build(config, dim=dim, classes=classes)
    return loss


def loss_config(name: str) -> type[Any]:
    """The options of a loss, as a dataclass (see `mien.training.options.describe_options`)."""
    config: type[Any] = load_file(__name__, find_entry(LOSSES, "loss", name)).Config
    return config

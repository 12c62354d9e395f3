"""Any net of PyTorch Image Models, by its name there, with fresh or published weights.

timm is not among mien's extras, for it brings torchvision, which has to fit the PyTorch that is installed.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from torch import Tensor, nn

from mien.core.errors import DependencyMissing, InputError
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    model: str = option("resnet18", "the net's name in timm, e.g. convnext_tiny (timm.list_models() has all)")
    pretrained: bool = option(
        False, "start from the published weights; timm fetches them, under their own licence"
    )
    dropout: float = option(0.0, "share of the pooled features forgotten at each step", low=0, high=0.95)
    drop_path: float = option(0.0, "share of pictures that skip a block, where the net can", low=0, high=0.9)


class Scaled(nn.Module):
    """Gives a timm net, which wants colours as ImageNet's mean and deviation have it, our [-1, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, channels: int) -> None:
        super().__init__()
        import torch

        self.net = net
        settings: dict[str, Any] = getattr(net, "default_cfg", {})
        for name, usual in (("mean", 0.5), ("std", 0.5)):
            values = tuple(settings.get(name) or (usual,) * 3)
            if len(values) != channels:  # grey: the mean of what the colours have
                values = (sum(values) / len(values),) * channels
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.net(((x + 1) / 2 - self.mean) / self.std)
        return features


def build(config: Config, *, size: int, channels: int, dim: int) -> nn.Module:
    """Make the net with ``dim`` outputs; a net of fixed size is told ours."""
    try:
        timm = importlib.import_module("timm")
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision made for another torch
        raise DependencyMissing(
            f"the net timm needs PyTorch Image Models ({error}): pip install timm, with the torchvision that "
            "fits torch"
        ) from error
    if not timm.is_model(config.model):
        near = ", ".join(get_close_matches(config.model, timm.list_models(), 5)) or "see timm.list_models()"
        raise InputError(f"timm has no net called {config.model!r}: choose one of its own ({near})")
    wanted: dict[str, Any] = {"in_chans": channels, "num_classes": dim, "drop_rate": config.dropout}
    if config.drop_path:
        wanted["drop_path_rate"] = config.drop_path
    made = timm.create_model
    try:
        net = made(config.model, pretrained=config.pretrained, img_size=size, **wanted)
    except TypeError:  # a convolutional net: it takes any size and has no such argument
        try:
            net = made(config.model, pretrained=config.pretrained, **wanted)
        except TypeError as error:
            raise InputError(
                f"timm's {config.model} does not take one of {', '.join(wanted)} ({error}): leave it at "
                "0, or choose another net"
            ) from error
    return Scaled(net, channels)

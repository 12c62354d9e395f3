"""The net and its criterion as one module, so that whatever wraps a module wraps both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mien.training.optimisers import l1_penalty


class Mix(NamedTuple):
    """A batch whose pictures were mixed: the targets of the second pictures, and the first ones' share."""

    targets: Any
    share: float


class Trainee(nn.Module):
    """Pictures and targets in, the loss out."""

    def __init__(self, net: nn.Module, criterion: nn.Module, l1: float = 0.0) -> None:
        super().__init__()
        self.net, self.criterion, self.l1 = net, criterion, l1

    def forward(self, pictures: Tensor, targets: Any, mix: Mix | None = None) -> Tensor:
        answers = self.net(pictures)
        loss: Tensor = self.criterion(answers, targets)
        if mix is not None:
            loss = mix.share * loss + (1 - mix.share) * self.criterion(answers, mix.targets)
        if self.l1:
            loss = loss + self.l1 * l1_penalty(self.net)
        return loss


def moved(value: Any, device: torch.device) -> Any:
    """A tensor, or a tuple or dict of them, on a device."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        return {key: moved(item, device) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return tuple(moved(item, device) for item in value)
    raise TypeError(f"a target is a tensor, or a tuple or dict of them, not {type(value).__name__}")

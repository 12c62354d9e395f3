"""The running mean of a net's weights (EMA), which is often better than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """``mean = decay * mean + (1 - decay) * weights`` after each step (Polyak & Juditsky 1992).

    The decay grows from 0.1 on as ``(1 + step) / (10 + step)``, so that fresh weights are soon forgotten.
    Buffers (the statistics of batch norm) are copied, not averaged.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in _floats(net).items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        trained = {name for name, _ in net.named_parameters()}
        for name, value in _floats(net).items():
            if name in trained:
                self.values[name].lerp_(value.detach(), 1 - decay)
            else:
                self.values[name].copy_(value)

    @torch.no_grad()
    def load(self, values: Mapping[str, Tensor]) -> None:
        for name, value in self.values.items():
            value.copy_(values[name])

    @contextmanager
    def applied(self, net: nn.Module) -> Iterator[None]:
        """The net with the mean in the place of its weights, for the length of a block."""
        own = {name: value.detach().clone() for name, value in _floats(net).items()}
        _fill(net, self.values)
        try:
            yield
        finally:
            _fill(net, own)


def _floats(net: nn.Module) -> dict[str, Tensor]:
    return {
        name: value for name, value in net.state_dict(keep_vars=True).items() if value.is_floating_point()
    }


@torch.no_grad()
def _fill(net: nn.Module, values: Mapping[str, Tensor]) -> None:
    for name, value in _floats(net).items():
        value.copy_(values[name])

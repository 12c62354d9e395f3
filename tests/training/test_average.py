"""The running mean of the weights: by its formula, with the buffers of the last step, for a block alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mien.training.average import Average


def taught(step: int) -> nn.BatchNorm1d:
    """A net whose weight and whose statistics are the step's number."""
    net = nn.BatchNorm1d(1)
    net.load_state_dict({name: torch.full_like(value, step) for name, value in net.state_dict().items()})
    return net


def test_the_mean_forgets_its_start_soon_and_then_keeps_to_its_decay() -> None:
    average = Average(taught(0), 0.25)
    wanted = 0.0
    for step in range(6):
        decay = min(0.25, (1 + step) / (10 + step))  # 0.1, 0.18, then 0.25
        wanted = decay * wanted + (1 - decay) * (step + 1)
        average.update(taught(step + 1), step)
        assert average.values["weight"].item() == pytest.approx(wanted)
    assert average.values["running_mean"].item() == 6  # a buffer is copied


def test_the_net_has_the_mean_for_a_block_alone() -> None:
    average, net = Average(taught(0), 0.5), taught(4)
    average.update(net, 100)
    with average.applied(net):
        assert (net.weight.item(), net.running_mean.item()) == (2, 4)  # type: ignore[union-attr]  # it has one
    assert net.weight.item() == 4

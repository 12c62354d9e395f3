"""Optimisers: one step of each against its formula, and decay only where it belongs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mien.core.errors import InputError
from mien.training.optimisers import OPTIMISERS, build_optimiser, l1_penalty, parameter_groups


def two_steps(name: str, **options: Any) -> float:
    """A weight of 1 whose gradient is 2, then 1."""
    weight = nn.Parameter(torch.tensor([[1.0]], dtype=torch.float64))
    optimiser = build_optimiser(name, [("weight", weight)], lr=0.1, **options)
    for gradient in (2.0, 1.0):
        weight.grad = torch.tensor([[gradient]], dtype=torch.float64)
        optimiser.step()
    return weight.item()


def test_steps_are_those_of_the_papers() -> None:
    assert two_steps("sgd", decay=0.0) == pytest.approx(1 - 0.1 * 2 - 0.1 * 1)
    assert two_steps("sgd", decay=0.5) == pytest.approx((1 - 0.1 * 2.5) - 0.1 * (1 + 0.5 * 0.75))
    assert two_steps("momentum", momentum=0.9, decay=0.0) == pytest.approx(1 - 0.2 - 0.1 * (0.9 * 2 + 1))
    nesterov = 1 - 0.1 * (2 + 0.9 * 2) - 0.1 * (1 + 0.9 * (0.9 * 2 + 1))
    assert two_steps("nesterov", momentum=0.9, decay=0.0) == pytest.approx(nesterov)
    # Adam: bias-corrected mean over root of the bias-corrected square.
    mean, square = (0.9 * 0.2 + 0.1) / 0.19, (0.999 * 0.004 + 0.001) / 0.001999
    adam = 1 - 0.1 - 0.1 * mean / square**0.5
    assert two_steps("adam", decay=0.0) == pytest.approx(adam, rel=1e-6)
    decayed = (1 * 0.95 - 0.1) * 0.95 - 0.1 * mean / square**0.5
    assert two_steps("adamw", decay=0.5) == pytest.approx(decayed, rel=1e-6)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_norms_and_biases_do_not_decay(name: str) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2), nn.PReLU())
    groups = build_optimiser(name, net, decay=0.3).param_groups
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    matrices = {"0.weight", "3.weight"}
    for label, weights in net.named_parameters():
        assert decays[id(weights)] == (0.3 if label in matrices else 0.0)


def test_several_modules_and_shared_or_frozen_weights() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    second.bias.requires_grad_(False)
    groups = parameter_groups([first, second], 0.1)
    assert [len(group["params"]) for group in groups] == [1, 1]


def test_l1_counts_what_decays() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-2.0, 0.5]]))
        layer.bias.fill_(9)
    penalty = l1_penalty(layer)
    torch.autograd.backward(penalty)
    assert penalty.item() == 2.5
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[-1.0, 1.0]]


def test_says_what_is_wrong() -> None:
    with pytest.raises(InputError, match="no optimiser is called 'lion': choose one of sgd, momentum"):
        build_optimiser("lion", nn.Linear(1, 1))
    with pytest.raises(InputError, match="the optimiser sgd has no option 'momentum': choose out of lr"):
        build_optimiser("sgd", nn.Linear(1, 1), momentum=0.9)
    with pytest.raises(InputError, match="there is nothing to learn"):
        build_optimiser("sgd", nn.Linear(1, 1).requires_grad_(False))

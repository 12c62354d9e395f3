"""Losses over pairs against loops in plain Python."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from mien.training.losses import build_loss

LABELS = [0, 0, 1, 1, 1, 2]


def rows() -> torch.Tensor:
    return torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def test_contrastive_equals_the_formula() -> None:
    loss = build_loss("contrastive", dim=3, classes=3, margin=2.0, normalise=False)
    x = rows().numpy()
    pull, push = [], []
    for a, b in itertools.combinations(range(6), 2):
        distance = float(np.linalg.norm(x[a] - x[b]))
        if LABELS[a] == LABELS[b]:
            pull.append(distance**2)
        else:
            push.append(max(0.0, 2.0 - distance) ** 2)
    wanted = (np.mean(pull) + np.mean(push)) / 2
    assert loss(rows(), torch.tensor(LABELS)).item() == pytest.approx(wanted)


def test_twins_equal_the_formula() -> None:
    loss = build_loss("twins", dim=3, classes=3)
    weights, bias = torch.tensor([-1.0, 0.5, -2.0]), torch.tensor(0.3)
    loss.load_state_dict({"weights": weights, "bias": bias})
    x = rows().float().numpy()
    same, different = [], []
    for a, b in itertools.combinations(range(6), 2):
        score = float(np.abs(x[a] - x[b]) @ weights.numpy() + 0.3)
        if LABELS[a] == LABELS[b]:
            same.append(math.log1p(math.exp(-score)))
        else:
            different.append(math.log1p(math.exp(score)))
    wanted = (np.mean(same) + np.mean(different)) / 2
    assert loss(rows().float(), torch.tensor(LABELS)).item() == pytest.approx(wanted, rel=1e-5)


def test_contrastive_has_the_gradient_of_its_value() -> None:
    loss = build_loss("contrastive", dim=3, classes=3, normalise=False)
    assert torch.autograd.gradcheck(lambda x: loss(x, torch.tensor(LABELS)), (rows().requires_grad_(),))


@pytest.mark.parametrize("name", ["contrastive", "twins"])
def test_a_batch_without_pairs_costs_nothing(name: str) -> None:
    assert build_loss(name, dim=3, classes=3)(torch.ones(1, 3), torch.tensor([0])).item() == 0

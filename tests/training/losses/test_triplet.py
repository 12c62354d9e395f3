"""Triplets against a search in plain Python."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from mien.training.losses import build_loss

LABELS = [0, 0, 1, 1, 1, 2, 2, 0]


def by_hand(rows: np.ndarray, labels: list[int], margin: float, mining: str) -> float:
    far = np.linalg.norm(rows[:, None] - rows[None], axis=-1)
    lost = []
    for anchor, own in itertools.permutations(range(len(labels)), 2):
        if labels[anchor] != labels[own]:
            continue
        others = [far[anchor, j] for j, label in enumerate(labels) if label != labels[anchor]]
        if mining == "all":
            lost += [value for value in (far[anchor, own] - d + margin for d in others) if value > 0]
        elif mining == "semihard":
            beyond = [d for d in others if d > far[anchor, own]]
            lost.append(max(0, far[anchor, own] - (min(beyond) if beyond else max(others)) + margin))
        elif far[anchor, own] == max(
            far[anchor, j] for j in range(len(labels)) if labels[j] == labels[anchor]
        ):
            lost.append(max(0, far[anchor, own] - min(others) + margin))
    return float(np.mean(lost))


@pytest.mark.parametrize("mining", ["hard", "semihard", "all"])
@pytest.mark.parametrize("seed", range(5))
def test_mines_what_a_search_finds(mining: str, seed: int) -> None:
    rows = torch.randn(len(LABELS), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    loss = build_loss("triplet", dim=3, classes=3, margin=0.4, mining=mining, normalise=False)
    wanted = by_hand(rows.numpy(), LABELS, 0.4, mining)
    assert loss(rows, torch.tensor(LABELS)).item() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("mining", ["hard", "semihard", "all"])
def test_has_the_gradient_of_its_value(mining: str) -> None:
    rows = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    loss = build_loss("triplet", dim=3, classes=3, mining=mining, normalise=False)
    assert torch.autograd.gradcheck(lambda x: loss(x, torch.tensor(LABELS)), (rows.requires_grad_(),))


@pytest.mark.parametrize("mining", ["hard", "semihard", "all"])
@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 0, 0]])
def test_a_batch_without_triplets_costs_nothing(mining: str, labels: list[int]) -> None:
    rows = torch.randn(3, 4, requires_grad=True)
    loss = build_loss("triplet", dim=4, classes=3, mining=mining)(rows, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0


def test_faces_on_top_of_each_other_have_a_finite_gradient() -> None:
    rows = torch.ones(4, 3, requires_grad=True)
    loss = build_loss("triplet", dim=3, classes=2)(rows, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()

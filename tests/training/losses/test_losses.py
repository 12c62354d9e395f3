"""Losses: what every one of them promises."""

from __future__ import annotations

import pytest
import torch

from mien.core.errors import InputError, ShapeError
from mien.training.losses import LOSSES, build_loss, loss_config
from mien.training.options import describe_options


def batch(dim: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight rows of four labels, two each."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(8, dim, generator=generator)
    return rows, torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_a_finite_scalar_that_teaches_the_features(name: str) -> None:
    torch.manual_seed(0)
    features, labels = batch()
    features.requires_grad_()
    loss = build_loss(name, dim=4, classes=4)(features, labels)
    loss.backward()
    assert loss.shape == ()
    assert loss.isfinite()
    assert features.grad is not None
    assert features.grad.isfinite().all()
    assert features.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_falls_when_it_is_followed(name: str) -> None:
    torch.manual_seed(0)
    features, labels = batch()
    features.requires_grad_()
    loss = build_loss(name, dim=4, classes=4)
    steps = torch.optim.Adam([features, *loss.parameters()], lr=0.05)
    values = []
    for _ in range(60):
        steps.zero_grad()
        value = loss(features, labels)
        value.backward()
        steps.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.7 * values[0]


@pytest.mark.parametrize("name", LOSSES)
def test_every_option_of_a_loss_is_documented(name: str) -> None:
    assert [doc.name for doc in describe_options(loss_config(name)) if not doc.doc] == []


@pytest.mark.parametrize("name", LOSSES)
def test_says_what_shape_it_wanted(name: str) -> None:
    loss = build_loss(name, dim=4, classes=4)
    with pytest.raises(ShapeError, match=r"features must have shape \(N, 4\), not \(8, 5\)"):
        loss(torch.zeros(8, 5), torch.zeros(8, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"labels must have shape \(8,\), not \(7,\)"):
        loss(torch.zeros(8, 4), torch.zeros(7, dtype=torch.int64))


def test_says_which_losses_there_are() -> None:
    with pytest.raises(InputError, match="no loss is called 'hinge': choose one of softmax, "):
        build_loss("hinge", dim=4, classes=4)

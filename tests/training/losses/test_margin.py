"""The margin losses against the formulas of their papers, angle by angle."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mien.training.losses import build_loss
from mien.training.losses.arcface import add_to_angle


def angles_of(features: torch.Tensor, centres: torch.Tensor) -> np.ndarray:
    a, b = features.detach().double().numpy(), centres.detach().double().numpy()
    a, b = a / np.linalg.norm(a, axis=1, keepdims=True), b / np.linalg.norm(b, axis=1, keepdims=True)
    return np.asarray(np.arccos(np.clip(a @ b.T, -1, 1)))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    top = logits.max(1, keepdims=True)
    likely = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    return float(-likely[np.arange(len(labels)), labels].mean())


def test_arcface_adds_the_margin_to_the_angle() -> None:
    torch.manual_seed(2)
    loss = build_loss("arcface", dim=6, classes=5, margin=0.5, scale=16.0)
    features, labels = torch.randn(7, 6), torch.tensor([0, 1, 2, 3, 4, 0, 1])
    angles = angles_of(features, loss.get_parameter("centres"))
    rows = np.arange(7), labels.numpy()
    assert (angles[rows] + 0.5 < math.pi).all()
    logits = 16 * np.cos(angles)
    logits[rows] = 16 * np.cos(angles[rows] + 0.5)
    assert loss(features, labels).item() == pytest.approx(cross_entropy(logits, labels.numpy()), rel=1e-4)


def test_arcface_without_a_margin_is_softmax_over_cosines() -> None:
    cosine = torch.linspace(-0.99, 0.99, 9, dtype=torch.float64)
    torch.testing.assert_close(add_to_angle(cosine, 0.0), cosine)


def test_arcface_never_rewards_a_wider_angle() -> None:
    cosine = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    assert (add_to_angle(cosine, 0.5).diff() > 0).all()


def test_arcface_has_the_gradient_of_its_value() -> None:
    cosine = torch.linspace(-0.95, 0.95, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda value: add_to_angle(value, 0.4), (cosine,))

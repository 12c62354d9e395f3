"""Softmax cross-entropy against its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mien.core.errors import InputError
from mien.training.losses import build_loss
from mien.training.losses.softmax import Softmax


def reference(scores: np.ndarray, labels: np.ndarray, smoothing: float, weights: np.ndarray) -> float:
    """By the book: sum over classes of target × -log p × weight, over the sum of the labels' weights."""
    likely = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    classes = scores.shape[1]
    target = np.full_like(scores, smoothing / classes)
    target[np.arange(len(labels)), labels] += 1 - smoothing
    return float(-(target * likely * weights).sum() / weights[labels].sum())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [(), (1.0, 2.0, 0.5)])
def test_equals_the_formula(smoothing: float, weights: tuple[float, ...]) -> None:
    torch.manual_seed(1)
    loss = build_loss("softmax", dim=5, classes=3, smoothing=smoothing, class_weights=weights)
    assert isinstance(loss, Softmax)
    features, labels = torch.randn(6, 5), torch.tensor([0, 1, 2, 2, 1, 0])
    scores = loss.logits(features).detach().numpy().astype(np.float64)
    wanted = reference(scores, labels.numpy(), smoothing, np.asarray(weights or (1.0, 1.0, 1.0)))
    assert loss(features, labels).item() == pytest.approx(wanted, rel=1e-5)


def test_wants_a_weight_for_each_class() -> None:
    with pytest.raises(InputError, match="2 class weights were given for 3 classes: give one each"):
        build_loss("softmax", dim=5, classes=3, class_weights=(1.0, 2.0))

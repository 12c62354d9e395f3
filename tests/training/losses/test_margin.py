"""The margin losses against the formulas of their papers, angle by angle."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mien.training.losses import build_loss
from mien.training.losses.arcface import add_to_angle
from mien.training.losses.sphereface import psi


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


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(8)
    return torch.randn(7, 6, generator=generator) * 3, torch.tensor([0, 1, 2, 3, 4, 0, 1])


def test_cosface_takes_the_margin_off_the_cosine() -> None:
    loss = build_loss("cosface", dim=6, classes=5, margin=0.35, scale=16.0)
    features, labels = batch()
    logits = 16 * np.cos(angles_of(features, loss.get_parameter("centres")))
    logits[np.arange(7), labels.numpy()] -= 16 * 0.35
    assert loss(features, labels).item() == pytest.approx(cross_entropy(logits, labels.numpy()), rel=1e-4)


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
def test_psi_is_the_piecewise_function_of_the_paper(margin: int) -> None:
    angles = np.linspace(0.001, math.pi - 0.001, 200)
    k = np.floor(angles * margin / math.pi)
    wanted = (-1.0) ** k * np.cos(margin * angles) - 2 * k
    torch.testing.assert_close(psi(torch.tensor(np.cos(angles)), margin), torch.tensor(wanted))
    assert (np.diff(wanted) < 0).all()


def test_psi_has_the_gradient_of_its_value() -> None:
    cosine = torch.tensor([-0.93, -0.4, 0.1, 0.55, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda value: psi(value, 4), (cosine,))


def test_sphereface_mixes_the_plain_cosine_in_ever_less() -> None:
    loss = build_loss("sphereface", dim=6, classes=5, margin=4, lambda_start=100.0, lambda_end=45.0,
                      lambda_pace=0.5)  # fmt: skip
    features, labels = batch()
    rows = np.arange(7), labels.numpy()
    for step, share in ((0, 100.0), (1, 100 / 1.5), (2, 50.0), (3, 45.0)):
        angles = angles_of(features, loss.get_parameter("centres"))
        length = np.linalg.norm(features.numpy(), axis=1, keepdims=True)
        logits = length * np.cos(angles)
        k = np.floor(angles[rows] * 4 / math.pi)
        hard = (-1.0) ** k * np.cos(4 * angles[rows]) - 2 * k
        logits[rows] = length[:, 0] * (share * np.cos(angles[rows]) + hard) / (1 + share)
        wanted = cross_entropy(logits, labels.numpy())
        assert loss(features, labels).item() == pytest.approx(wanted, rel=1e-4), step


def test_adaface_trusts_long_features() -> None:
    loss = build_loss("adaface", dim=6, classes=5, scale=16.0, h=0.333, memory=0.9)
    features, labels = batch()
    features = features * torch.linspace(1, 5, 7)[:, None]  # lengths whose deviation and variance differ
    length = np.linalg.norm(features.numpy(), axis=1)
    mean = 0.9 * 20 + 0.1 * length.mean()
    deviation = 0.9 * 100 + 0.1 * length.std(ddof=1)
    clear = np.clip((length - mean) * 0.333 / (deviation + 1e-3), -1, 1)
    angles = angles_of(features, loss.get_parameter("centres"))
    rows = np.arange(7), labels.numpy()
    logits = 16 * np.cos(angles)
    logits[rows] = 16 * (np.cos(angles[rows] - 0.4 * clear) - (0.4 + 0.4 * clear))
    assert loss(features, labels).item() == pytest.approx(cross_entropy(logits, labels.numpy()), rel=1e-4)


@pytest.mark.parametrize(("clear", "like"), [(-1.0, "arcface"), (0.0, "cosface")])
def test_adaface_contains_arcface_and_cosface(clear: float, like: str) -> None:
    # Section 3.3 of the paper: z = -1 is ArcFace, z = 0 is CosFace.
    loss = build_loss("adaface", dim=6, classes=5, margin=0.4, h=1e3).eval()
    other = build_loss(like, dim=6, classes=5, margin=0.4)
    other.load_state_dict({"centres": loss.get_parameter("centres").detach()})
    features, labels = batch()
    features = features / features.norm(dim=1, keepdim=True) * 10
    loss.load_state_dict(
        {**loss.state_dict(), "mean": torch.tensor(10.0 - clear), "deviation": torch.tensor(1.0)}
    )
    angles = angles_of(features, loss.get_parameter("centres"))[np.arange(7), labels.numpy()]
    assert (angles + 0.4 < math.pi).all()
    assert loss(features, labels).item() == pytest.approx(other(features, labels).item(), rel=1e-4)


def test_softmax_margins_are_taken_in_full_precision_under_autocast() -> None:
    loss = build_loss("arcface", dim=6, classes=5)
    features, labels = batch()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = loss(features, labels)
    assert mixed.dtype == torch.float32
    assert mixed.item() == pytest.approx(loss(features, labels).item(), rel=1e-6)

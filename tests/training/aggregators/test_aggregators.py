"""Aggregators: templates of what is there, whatever else is in the array."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mien.core.errors import InputError, ShapeError
from mien.training.aggregators import AGGREGATORS, aggregator_config, build_aggregator
from mien.training.aggregators.attention import attend
from mien.training.options import describe_options

LEARNED = [name for name in AGGREGATORS if name != "mean"]


def frames() -> tuple[torch.Tensor, torch.Tensor]:
    features = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 0]]).bool()
    return features, mask


def shaken(name: str) -> nn.Module:
    """With weights that are not zero."""
    torch.manual_seed(1)
    net = build_aggregator(name, dim=8).eval()
    for weights in net.parameters():
        nn.init.normal_(weights, std=0.3)
    return net


@pytest.mark.parametrize("name", AGGREGATORS)
def test_untrained_every_aggregator_is_the_mean(name: str) -> None:
    features, mask = frames()
    wanted = torch.stack([rows[there].mean(0) for rows, there in zip(features, mask, strict=True)])
    torch.testing.assert_close(build_aggregator(name, dim=8).eval()(features, mask), wanted)


@pytest.mark.parametrize("name", AGGREGATORS)
def test_what_is_not_there_does_not_count(name: str) -> None:
    features, mask = frames()
    net = shaken(name)
    other = torch.where(mask[:, :, None], features, torch.tensor(99.0))
    torch.testing.assert_close(net(other, mask), net(features, mask))
    # A shorter array with only what is there gives the same answer.
    torch.testing.assert_close(net(features[1:2, :2], mask[1:2, :2]), net(features, mask)[1:2])
    assert not net(features, torch.zeros_like(mask)).any()


@pytest.mark.parametrize("name", LEARNED)
def test_every_weight_learns(name: str) -> None:
    features, mask = frames()
    net = shaken(name).train()
    net(features, mask).square().sum().backward()
    for label, weights in net.named_parameters():
        assert weights.grad is not None, label
        assert weights.grad.abs().sum() > 0, label


@pytest.mark.parametrize("name", LEARNED)
def test_a_fresh_aggregator_can_begin_to_learn(name: str) -> None:
    features, mask = frames()
    net = build_aggregator(name, dim=8)
    (net(features, mask) * torch.arange(8)).sum().backward()
    assert sum(float(w.grad.abs().sum()) for w in net.parameters() if w.grad is not None) > 0


def test_attention_does_not_care_for_the_order_and_recurrence_does() -> None:
    features, mask = frames()
    turned = features[:1].flip(1), mask[:1]
    attention, gru = shaken("attention"), shaken("gru")
    torch.testing.assert_close(attention(*turned), attention(features, mask)[:1])
    assert not torch.allclose(gru(*turned), gru(features, mask)[:1], atol=1e-3)


def test_attention_is_the_softmax_weighted_mean() -> None:
    features = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    answer = attend(features, torch.tensor([[2.0, 0.0]]), torch.ones(1, 2, dtype=torch.bool))
    weight = torch.tensor(2.0).sigmoid()
    torch.testing.assert_close(answer, torch.stack([weight, 1 - weight])[None])


@pytest.mark.parametrize("name", AGGREGATORS)
def test_options_are_documented_and_shapes_are_checked(name: str) -> None:
    assert [doc.name for doc in describe_options(aggregator_config(name)) if not doc.doc] == []
    features, mask = frames()
    with pytest.raises(ShapeError, match=r"features must have shape \(N, T, 8\)"):
        build_aggregator(name, dim=8)(features[..., :7], mask)
    with pytest.raises(ShapeError, match=r"mask must have shape \(3, 5\)"):
        build_aggregator(name, dim=8)(features, mask[:, :4])


def test_says_which_aggregators_there_are() -> None:
    with pytest.raises(InputError, match="no aggregator is called 'max': choose one of mean, gru"):
        build_aggregator("max", dim=8)

"""A narrower net computes what the wide one does with the removed channels at zero."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mien.compression.channels import trace_channels
from mien.compression.prune import (
    choose_units,
    count_parameters,
    mask_units,
    prune_channels,
    remove_units,
    zero_weights,
)
from mien.core.errors import InputError
from mien.training.nets import build_net

NETS: list[tuple[str, int, dict[str, Any]]] = [
    ("cnn", 32, {}),
    ("vgg11", 32, {}),
    ("resnet18", 32, {"width": 8, "se": True}),
    ("resnet50", 32, {"width": 8}),
    ("irse18", 32, {}),
    ("mobilefacenet", 64, {"width": 0.25, "last": 64}),
]


def lively(name: str, size: int, options: dict[str, Any]) -> nn.Module:
    """A net whose batch norms are not at their start, so that a wrong channel shows."""
    torch.manual_seed(0)
    net = build_net(name, size=size, channels=3, dim=16, **options)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            module.running_mean.uniform_(-0.5, 0.5)  # type: ignore[union-attr]  # these track
            module.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]  # these track
    return net.eval()


@pytest.mark.parametrize(("name", "size", "options"), NETS, ids=[name for name, *_ in NETS])
@pytest.mark.parametrize("by", ["l1", "gamma"])
def test_a_pruned_net_equals_the_masked_one(name: str, size: int, options: dict[str, Any], by: Any) -> None:
    net = lively(name, size, options)
    pictures = torch.rand(2, 3, size, size) * 2 - 1
    channels = trace_channels(net, pictures[:1])
    if by == "gamma" and not any(isinstance(m, nn.BatchNorm2d) for m in net.modules()):
        pytest.skip("a net without batch norm")
    removed = choose_units(net, channels, 0.4, by)
    pruned = remove_units(net, channels, removed)
    with torch.no_grad():
        wanted, found = mask_units(net, channels, removed)(pictures), pruned.net(pictures)
    assert found.shape == (2, 16)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert pruned.parameters[1] < 0.75 * pruned.parameters[0]
    assert pruned.parameters[1] == count_parameters(pruned.net)
    assert all(after <= before for before, after in pruned.widths.values())


def test_the_net_that_was_given_stays_as_it_is() -> None:
    net = lively("resnet18", 32, {"width": 8})
    before = {name: value.clone() for name, value in net.state_dict().items()}
    prune_channels(net, torch.zeros(1, 3, 32, 32), 0.5)
    after = net.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_channels_that_were_made_useless_go_first() -> None:
    net = lively("cnn", 32, {})
    first = next(module for module in net.modules() if isinstance(module, nn.Conv2d))
    idle = [1, 3, 4]
    with torch.no_grad():
        first.weight[idle] = 0
    channels = trace_channels(net, torch.zeros(1, 3, 32, 32))
    name = next(name for name, module in net.named_modules() if module is first)
    removed = choose_units(net, channels, 3.01 / len(first.weight), "l1")
    gone = [i for i, unit in enumerate(channels.makes[name].tolist()) if unit in removed]
    assert gone == idle


def test_both_sides_of_a_sum_become_narrower_together() -> None:
    net = lively("resnet18", 32, {"width": 8})
    groups = trace_channels(net, torch.zeros(1, 3, 32, 32)).groups()
    assert max(len(group) for group in groups) >= 3  # the stem and each block's second convolution


def test_the_answer_keeps_its_length_and_gradients_flow() -> None:
    pruned = prune_channels(lively("resnet18", 32, {"width": 8}), torch.zeros(1, 3, 32, 32), 0.5).net.train()
    answer = pruned(torch.rand(3, 3, 32, 32))
    answer.square().mean().backward()
    assert answer.shape == (3, 16)
    assert all(p.grad is not None for p in pruned.parameters())


class Method(nn.Module):
    """A sum written as a method ties both sides like ``+``."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.branch = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        answer: torch.Tensor = self.last(x.add(self.branch(x))).flatten(1)
        return answer


def test_a_sum_that_is_a_method_ties_both_sides_too() -> None:
    (group,) = [g for g in trace_channels(Method(), torch.zeros(1, 3, 4, 4)).groups() if "stem" in g]
    assert group == ["stem", "branch"]
    assert prune_channels(Method(), torch.zeros(1, 3, 4, 4), 0.5).net(torch.zeros(1, 3, 4, 4)).shape == (
        1,
        64,
    )


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.conv(x).softmax(1).mean((2, 3))
        return answer


def test_a_net_whose_channels_cannot_be_followed_is_refused_with_the_cure() -> None:
    with pytest.raises(InputError, match="choose a convolutional"):
        prune_channels(Odd(), torch.zeros(1, 3, 8, 8), 0.5)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_some_but_not_all_can_be_removed(share: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        prune_channels(lively("cnn", 32, {}), torch.zeros(1, 3, 32, 32), share)


def test_the_smallest_weights_of_all_layers_become_zero() -> None:
    net = lively("cnn", 32, {})
    sparse, zeros = zero_weights(net, 0.3)
    layers = [m for m in sparse.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    share = sum(int((m.weight == 0).sum()) for m in layers) / sum(m.weight.numel() for m in layers)
    assert share == pytest.approx(0.3, abs=1e-3)
    assert set(zeros) == {n for n, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    kept = torch.cat([m.weight.detach()[m.weight != 0].abs() for m in layers])
    dense = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    before = torch.cat([weight.detach().abs().flatten() for weight in dense])
    assert kept.min() >= before.sort().values[int(0.3 * len(before)) - 1]

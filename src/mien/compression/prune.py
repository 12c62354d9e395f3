"""Narrower nets: whole channels are removed with all that depended on them; or single weights are zeroed."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien.compression.channels import NORMS, Channels, trace_channels
from mien.core.errors import InputError

By = Literal["l1", "gamma"]
LEAST_CHANNELS = 4  # that stay in a layer


@dataclass(frozen=True, slots=True)
class Pruned:
    """net: the new module.    widths: layer -> channels before and after.    parameters: before and after."""

    net: nn.Module
    widths: Mapping[str, tuple[int, int]]
    parameters: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        return {
            "parameters_before": self.parameters[0],
            "parameters_after": self.parameters[1],
            "widths": {name: list(pair) for name, pair in self.widths.items()},
        }


def prune_channels(net: nn.Module, example: torch.Tensor, share: float, by: By = "l1") -> Pruned:
    """Remove ``share`` of the channels of every group of layers that can become narrower.

    example: (1, C, S, S), an input of the size that the net is used with.
    by: which channels go first: those whose filters have the smallest sum of absolute weights (Li et al.,
        Pruning Filters for Efficient ConvNets, ICLR 2017), or the smallest scale in the batch normalisation
        after them (Liu et al., Network Slimming, ICCV 2017).
    The net that is passed in stays as it is; the new one computes what it would with those channels at zero.
    """
    check_share(share)
    if by not in get_args(By):
        raise InputError(f"no importance is called {by!r}: choose {', '.join(get_args(By))}")
    channels = trace_channels(net, example)
    removed = choose_units(net, channels, share, by)
    if not removed:
        raise InputError(
            f"nothing can be removed at a share of {share:g}: raise it, or choose a net with wider layers"
        )
    return remove_units(net, channels, removed)


def check_share(share: float) -> None:
    """Raise InputError unless some but not all is to be removed."""
    if not 0 < share < 1:
        raise InputError(f"a share to remove lies between 0 and 1, not {share}: 0.3 is a good start")


def choose_units(net: nn.Module, channels: Channels, share: float, by: By) -> frozenset[int]:
    """The least important units of each group of layers that become narrower together."""
    value = importance(net, channels, by)
    chosen: set[int] = set()
    for group in channels.groups():
        made = sorted(set(channels.makes[group[0]].tolist()))
        units = [unit for unit in made if unit in value and unit not in channels.fixed]
        count = min(int(share * len(units)), max(len(units) - LEAST_CHANNELS, 0))
        chosen.update(sorted(units, key=lambda unit: (value[unit], unit))[:count])
    return frozenset(chosen)


def importance(net: nn.Module, channels: Channels, by: By) -> dict[int, float]:
    """Unit -> importance: the mean over all layers that make it, each scaled to a mean of 1.

    By gamma, units that no batch normalisation follows (the gates of squeeze and excitation) have none.
    """
    parts: dict[int, list[float]] = {}
    modules = dict(net.named_modules())
    for name, units in (channels.passes if by == "gamma" else channels.makes).items():
        module = modules[name]
        if by == "gamma" and not isinstance(module, NORMS):
            continue
        weight: Any = module.weight
        strength = weight.detach().abs().reshape(len(weight), -1).sum(1).double().cpu().numpy()
        if len(strength) != len(units):
            continue
        for unit, one in zip(units.tolist(), strength / max(strength.mean(), 1e-12), strict=True):
            parts.setdefault(unit, []).append(float(one))
    if not parts:
        raise InputError("this net has no batch normalisation to prune by: prune by l1 instead of gamma")
    return {unit: float(np.mean(values)) for unit, values in parts.items()}


def remove_units(net: nn.Module, channels: Channels, removed: frozenset[int]) -> Pruned:
    """A copy of the net without these units."""
    narrow = copy.deepcopy(net)
    modules = dict(narrow.named_modules())
    widths = {}
    with torch.no_grad():
        for name, units in channels.makes.items():
            keep = _kept(units, removed)
            widths[name] = (len(units), len(keep))
            _cut_rows(modules[name], keep)
        for name, units in channels.passes.items():
            _cut_rows(modules[name], _kept(units, removed))
        for name, units in channels.reads.items():
            _cut_columns(modules[name], _kept(units, removed))
    return Pruned(narrow, widths, (count_parameters(net), count_parameters(narrow)))


def mask_units(net: nn.Module, channels: Channels, removed: frozenset[int]) -> nn.Module:
    """A copy of the net in which these units are zero wherever they appear; `remove_units` must equal it."""
    masked = copy.deepcopy(net)
    modules = dict(masked.named_modules())
    with torch.no_grad():
        for name, units in [*channels.makes.items(), *channels.passes.items()]:
            gone = torch.from_numpy(np.flatnonzero(np.isin(units, list(removed))))
            for attribute in ("weight", "bias", "running_mean"):
                tensor = getattr(modules[name], attribute, None)
                if tensor is not None:
                    tensor[gone] = 0
    return masked


def zero_weights(net: nn.Module, share: float) -> tuple[nn.Module, dict[str, float]]:
    """A copy of the net with the smallest ``share`` of all convolution and linear weights at zero.

    Han et al., Learning both Weights and Connections, NeurIPS 2015, over all layers at once. Returns the
    share of zeros in each layer too. File and time stay as they are: engines compute with zeros.
    """
    check_share(share)
    sparse = copy.deepcopy(net)
    layers = [(n, m) for n, m in sparse.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    if not layers:
        raise InputError("this net has no convolution and no linear layer: there is nothing to prune")
    sizes = torch.cat([module.weight.detach().abs().flatten() for _, module in layers])
    count = int(share * len(sizes))
    threshold = float(sizes.kthvalue(count).values) if count else -1.0
    zeros = {}
    with torch.no_grad():
        for name, module in layers:
            module.weight[module.weight.abs() <= threshold] = 0
            zeros[name] = float((module.weight == 0).float().mean())
    return sparse, zeros


def count_parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _kept(units: NDArray[np.int64], removed: frozenset[int]) -> torch.Tensor:
    return torch.from_numpy(np.flatnonzero(~np.isin(units, list(removed))))


def _cut_rows(module: nn.Module, keep: torch.Tensor) -> None:
    """Keep some output channels of a convolution, or some channels of a normalisation or a PReLU."""
    for name in ("weight", "bias"):
        tensor = getattr(module, name, None)
        if tensor is not None:
            setattr(module, name, nn.Parameter(tensor[keep].clone()))
    for name in ("running_mean", "running_var"):
        tensor = getattr(module, name, None)
        if tensor is not None:
            setattr(module, name, tensor[keep].clone())
    if isinstance(module, nn.Conv2d):
        module.out_channels = len(keep)
        if module.groups > 1:
            module.groups = module.in_channels = len(keep)
    elif isinstance(module, NORMS):
        module.num_features = len(keep)
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(keep)


def _cut_columns(module: nn.Module, keep: torch.Tensor) -> None:
    """Keep some input channels of a convolution or some columns of a linear layer."""
    weight: Any = module.weight
    module.weight = nn.Parameter(weight[:, keep].clone())
    if isinstance(module, nn.Conv2d):
        module.in_channels = len(keep)
    elif isinstance(module, nn.Linear):
        module.in_features = len(keep)

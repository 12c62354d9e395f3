"""Optimisers, with weight decay where it belongs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mien.core.errors import InputError
from mien.training.options import option, read_options

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


@dataclass(frozen=True, slots=True)
class Sgd:
    """gradient descent as it is"""

    lr: float = option(0.1, "learning rate", low=0)
    decay: float = option(5e-4, "weight decay (L2)", low=0)


@dataclass(frozen=True, slots=True)
class Momentum:
    """gradient descent that keeps a share of its last step"""

    lr: float = option(0.1, "learning rate", low=0)
    momentum: float = option(0.9, "share of the last step that is kept", low=0, high=0.9999)
    decay: float = option(5e-4, "weight decay (L2)", low=0)


@dataclass(frozen=True, slots=True)
class Nesterov:
    """momentum that looks ahead by the kept step"""

    lr: float = option(0.1, "learning rate", low=0)
    momentum: float = option(0.9, "share of the last step that is kept", low=1e-9, high=0.9999)
    decay: float = option(5e-4, "weight decay (L2)", low=0)


@dataclass(frozen=True, slots=True)
class Adam:
    """a pace for each weight, by the memory of its gradients"""

    lr: float = option(1e-3, "learning rate", low=0)
    beta1: float = option(0.9, "memory of the gradient's mean", low=0, high=0.9999)
    beta2: float = option(0.999, "memory of its square", low=0, high=0.999999)
    eps: float = option(1e-8, "added to the root, against division by zero", low=1e-16)
    decay: float = option(0.0, "weight decay, added to the gradient (L2)", low=0)


@dataclass(frozen=True, slots=True)
class AdamW:
    """Adam with weight decay apart from the gradient"""

    lr: float = option(1e-3, "learning rate", low=0)
    beta1: float = option(0.9, "memory of the gradient's mean", low=0, high=0.9999)
    beta2: float = option(0.999, "memory of its square", low=0, high=0.999999)
    eps: float = option(1e-8, "added to the root, against division by zero", low=1e-16)
    decay: float = option(0.05, "weight decay, apart from the gradient (Loshchilov and Hutter 2019)", low=0)


OPTIMISERS: Mapping[str, type[Any]] = {
    "sgd": Sgd,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
    "adamw": AdamW,
}


def build_optimiser(
    name: str, params: nn.Module | Iterable[nn.Module] | Iterable[tuple[str, Tensor]], **options: Any
) -> Optimizer:
    """Make an optimiser over modules or named parameters.

    Weight decay is kept off what is no matrix: biases, the scales and shifts of normalisation, and other
    vectors, which decay would only pull away from where they should be (Goyal et al. 2017, section 5.3).
    raises: `InputError` for an unknown optimiser or option, or nothing to learn.
    """
    from torch import optim

    config = read_options(optimiser_config(name), f"the optimiser {name}", options)
    groups = parameter_groups(params, config.decay)
    match config:
        case Sgd():
            return optim.SGD(groups, lr=config.lr)
        case Momentum():
            return optim.SGD(groups, lr=config.lr, momentum=config.momentum)
        case Nesterov():
            return optim.SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=True)
        case Adam():
            return optim.Adam(groups, lr=config.lr, betas=(config.beta1, config.beta2), eps=config.eps)
        case _:
            return optim.AdamW(groups, lr=config.lr, betas=(config.beta1, config.beta2), eps=config.eps)


def optimiser_config(name: str) -> type[Any]:
    """The options of an optimiser, as a dataclass."""
    if name not in OPTIMISERS:
        raise InputError(f"no optimiser is called {name!r}: choose one of {', '.join(OPTIMISERS)}")
    return OPTIMISERS[name]


def parameter_groups(
    params: nn.Module | Iterable[nn.Module] | Iterable[tuple[str, Tensor]], decay: float
) -> list[dict[str, Any]]:
    """Two groups: matrices and kernels, which decay, and everything else, which does not.

    A parameter that several modules share is taken once; frozen ones are left out.
    """
    named = list(_named(params))
    unique = {id(tensor): tensor for _, tensor in named if tensor.requires_grad}.values()
    decayed = [tensor for tensor in unique if tensor.ndim >= 2]
    rest = [tensor for tensor in unique if tensor.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise InputError("there is nothing to learn: every parameter is frozen; unfreeze some")
    return groups


def _named(
    params: nn.Module | Iterable[nn.Module] | Iterable[tuple[str, Tensor]],
) -> Iterable[tuple[str, Tensor]]:
    from torch import nn

    if isinstance(params, nn.Module):
        yield from params.named_parameters()
        return
    for item in params:
        if isinstance(item, nn.Module):
            yield from item.named_parameters()
        else:
            yield item


def l1_penalty(params: nn.Module | Iterable[nn.Module] | Iterable[tuple[str, Tensor]]) -> Tensor:
    """Sum of the magnitudes of all weights that decay; times a small factor, it is added to the loss.

    Unlike L2 it drives weights to exactly zero, which pruning can then remove.
    """
    import torch

    sums = [tensor.abs().sum() for _, tensor in _named(params) if tensor.requires_grad and tensor.ndim >= 2]
    return torch.stack(sums).sum() if sums else torch.zeros(())

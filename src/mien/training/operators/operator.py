"""What an operator is, and how one that is not known is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mien.core.errors import ModelError

Inputs = Sequence[Any]  # tensors; None where an optional input is left out
Attributes = Mapping[str, Any]
Operator = Callable[[Inputs, Attributes], Any]  # a tensor, or a tuple of them


def refused(why: str) -> ModelError:
    """The error for a network that PyTorch does not compute here.    why: goes on after "the network"."""
    return ModelError(f"the network {why}: give a plain float network, such as a convolutional one")

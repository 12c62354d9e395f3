"""Which channels of a net belong together: those that must be kept or removed as one.

A net is traced once (torch.fx); every value carries, for each of its channels, the unit it belongs to. A
convolution makes new units; normalisation, activations and pooling pass them on; a depthwise convolution
filters each unit for itself; a sum ties the units of both sides; flattening repeats them (Fang et al.,
DepGraph, CVPR 2023, draw the same graph). Units that reach the net's answer stay.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional

from mien.core.errors import InputError

Units = NDArray[np.int64]
NORMS = (nn.BatchNorm2d, nn.BatchNorm1d)
PASSING = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.Hardswish,
    nn.Sigmoid,
    nn.Hardsigmoid,
    nn.Tanh,
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)
_PASSING_CALLS: tuple[Any, ...] = (
    functional.relu,
    functional.dropout,
    functional.max_pool2d,
    functional.avg_pool2d,
    functional.adaptive_avg_pool2d,
    torch.relu,
    torch.sigmoid,
)
_TYING: tuple[Any, ...] = (
    operator.add,
    operator.iadd,
    operator.mul,
    operator.imul,
    torch.add,
    torch.mul,
    *("add", "add_", "mul", "mul_"),  # as methods
)


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """What each layer reads and makes, as units.

    reads: layer name -> unit of each input channel (of each column, for a linear layer).
    makes: layer name -> unit of each output channel, for convolutions that make new ones.
    passes: layer name -> unit of each channel, for layers that have one parameter a channel (normalisation,
        PReLU, depthwise convolutions).
    fixed: units that must stay.
    """

    reads: Mapping[str, Units]
    makes: Mapping[str, Units]
    passes: Mapping[str, Units]
    fixed: frozenset[int]

    def groups(self) -> list[list[str]]:
        """Convolutions whose units are the same ones: layers that become narrower together."""
        found: dict[tuple[int, ...], list[str]] = {}
        for name, units in self.makes.items():
            found.setdefault(tuple(sorted(set(units.tolist()))), []).append(name)
        return list(found.values())


def trace_channels(net: nn.Module, example: torch.Tensor) -> Channels:
    """Follow the channels of a net.

    example: (1, C, S, S), an input of the size that the net is used with.
    raises: InputError for a net with operations whose channels are not followed here (attention, recurrence).
    """
    was_training = net.training
    net.eval()
    try:
        graph = _Tracer().trace(net)
        traced = fx.GraphModule(net, graph)
        with torch.no_grad():
            ShapeProp(traced).propagate(example)
    except (torch.fx.proxy.TraceError, NotImplementedError) as error:
        raise InputError(f"this net cannot be pruned ({error}): choose a convolutional one") from error
    finally:
        net.train(was_training)
    return _Follower(dict(net.named_modules())).follow(traced.graph)


class _Tracer(fx.Tracer):
    """Linear layers of any kind are leaves, also those with a forward of their own (DropConnect)."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.Linear) or super().is_leaf_module(m, module_qualified_name)


@dataclass(slots=True)
class _Follower:
    modules: Mapping[str, nn.Module]
    parents: list[int] = field(default_factory=list)
    values: dict[fx.Node, Units] = field(default_factory=dict)
    reads: dict[str, Units] = field(default_factory=dict)
    makes: dict[str, Units] = field(default_factory=dict)
    passes: dict[str, Units] = field(default_factory=dict)
    fixed: set[int] = field(default_factory=set)

    def follow(self, graph: fx.Graph) -> Channels:
        for node in graph.nodes:
            if node.op == "placeholder":
                self.values[node] = self._new(_shape(node)[1])
                self.fixed.update(self.values[node].tolist())
            elif node.op == "output":
                self.fixed.update(self.values[_one(node.args[0])].tolist())
            elif node.op == "call_module":
                self.values[node] = self._module(node)
            elif node.op in ("call_function", "call_method"):
                self.values[node] = self._call(node)
            else:
                raise _unknown(node)
        reads, makes, passes = (
            {name: self._roots(units) for name, units in part.items()}
            for part in (self.reads, self.makes, self.passes)
        )
        fixed = self._roots(np.array(sorted(self.fixed), np.int64))
        return Channels(reads, makes, passes, frozenset(fixed.tolist()))

    def _module(self, node: fx.Node) -> Units:
        name, module = str(node.target), self.modules[str(node.target)]
        source = _one(node.args[0])
        units = self.values[source]
        if isinstance(module, nn.Conv2d):
            return self._conv(name, module, units)
        if isinstance(module, nn.Linear):
            self.reads[name] = units
            made = self._new(module.out_features)
            # Rows of a linear layer are features that people asked for: they stay.
            self.fixed.update(made.tolist())
            return made
        if isinstance(module, nn.Flatten):
            return _flattened(units, source, node)
        if isinstance(module, (*NORMS, nn.PReLU)):
            if not isinstance(module, nn.PReLU) or module.num_parameters > 1:
                self.passes[name] = units
            return units
        if isinstance(module, PASSING):
            return units
        raise _unknown(node, type(module).__name__)

    def _conv(self, name: str, module: nn.Conv2d, units: Units) -> Units:
        if module.groups == module.in_channels == module.out_channels and module.groups > 1:
            self.passes[name] = units
            return units
        if module.groups != 1:
            raise InputError(
                f"layer {name} is a grouped convolution, which is not pruned: choose another net"
            )
        self.reads[name] = units
        self.makes[name] = made = self._new(module.out_channels)
        return made

    def _call(self, node: fx.Node) -> Units:
        target: Any = node.target
        sources = [arg for arg in node.args if isinstance(arg, fx.Node)]
        if target in _TYING and len(sources) == 2:
            return self._tied(*(self.values[source] for source in sources))
        if target in _TYING or target in _PASSING_CALLS or target in ("relu", "contiguous"):
            return self.values[sources[0]]
        if target in (torch.flatten, "flatten"):
            return _flattened(self.values[sources[0]], sources[0], node)
        if target is torch.cat:
            return np.concatenate([self.values[_one(part)] for part in _parts_of(node)])
        raise _unknown(node)

    def _new(self, count: int) -> Units:
        first = len(self.parents)
        self.parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def _tied(self, first: Units, second: Units) -> Units:
        if len(first) != len(second):
            raise InputError("a sum of values with different channels cannot be pruned: choose another net")
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            self.parents[self._root(a)] = self._root(b)
        return second

    def _root(self, unit: int) -> int:
        while self.parents[unit] != unit:
            self.parents[unit] = self.parents[self.parents[unit]]
            unit = self.parents[unit]
        return unit

    def _roots(self, units: Units) -> Units:
        return np.array([self._root(unit) for unit in units.tolist()], np.int64)


def _one(value: Any) -> fx.Node:
    if not isinstance(value, fx.Node):
        raise InputError("a net with several inputs or outputs is not pruned: choose another")
    return value


def _parts_of(node: fx.Node) -> list[Any]:
    axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    parts: Any = node.args[0]
    if axis != 1:
        raise _unknown(node)
    return list(parts)


def _flattened(units: Units, source: fx.Node, node: fx.Node) -> Units:
    before, after = _shape(source), _shape(node)
    if len(after) != 2:
        raise _unknown(node)
    return np.repeat(units, int(np.prod(before[2:])))


def _shape(node: fx.Node) -> tuple[int, ...]:
    return tuple(node.meta["tensor_meta"].shape)


def _unknown(node: fx.Node, kind: str = "") -> InputError:
    return InputError(
        f"this net cannot be pruned: the channels of {kind or node.target} are not followed; choose a "
        "convolutional net"
    )

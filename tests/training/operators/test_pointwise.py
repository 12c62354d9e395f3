"""Arithmetic answers what ONNX Runtime answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper
from tests.training.operators.against import X, Y, check, picture


@pytest.mark.parametrize("name", ["Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "Relu", "Sigmoid", "Tanh"])
def test_activations(name: str) -> None:
    check(picture(2, 3, 4), [helper.make_node(name, [X], [Y])])


@pytest.mark.parametrize("name", ["Dropout", "Erf", "Exp", "Identity", "Neg", "Softmax"])
def test_of_one_input(name: str) -> None:
    check(picture(2, 3, 4), [helper.make_node(name, [X], [Y])])


@pytest.mark.parametrize("name", ["Add", "Div", "Mul", "Pow", "Sub"])
def test_of_two_inputs(name: str) -> None:
    other = np.full((3, 1), 2, np.float32)
    check(picture(2, 3, 4), [helper.make_node(name, [X, "other"], [Y])], {"other": other})


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1, 1), (1, 3, 1, 1), (1, 4, 1), (3, 4, 4)])
def test_slopes_spread_as_any_other_numbers(shape: tuple[int, ...]) -> None:
    slope = np.asarray(picture(*shape), np.float32)
    check(picture(2, 3, 4, 4), [helper.make_node("PRelu", [X, "slope"], [Y])], {"slope": slope})
    if shape == (4,):
        check(picture(2, 4), [helper.make_node("PRelu", [X, "slope"], [Y])], {"slope": slope})


@pytest.mark.parametrize("bounds", [["low"], ["", "high"], ["low", "high"]])
def test_bounds_may_be_left_out(bounds: list[str]) -> None:
    stored = {"low": np.float32(-0.5), "high": np.float32(0.5)}
    weights = {name: stored[name] for name in bounds if name}
    check(picture(2, 9), [helper.make_node("Clip", [X, *bounds], [Y])], weights)


@pytest.mark.parametrize(
    ("name", "attributes"),
    [("ReduceL2", {"axes": [1]}), ("ReduceMean", {"axes": [2, 3], "keepdims": 0}), ("ReduceMean", {})],
)
def test_sums(name: str, attributes: dict[str, Any]) -> None:
    check(picture(2, 3, 4, 4), [helper.make_node(name, [X], [Y], **attributes)])


def test_a_sum_with_axes_as_input() -> None:
    check(picture(2, 3, 4), [helper.make_node("ReduceSum", [X, "axes"], [Y])], {"axes": np.array([-1])})


def test_choice_and_kinds_and_roots() -> None:
    nodes = [
        helper.make_node("Cast", [X], ["whole"], to=7),
        helper.make_node("Div", ["whole", "two"], ["half"]),
        helper.make_node("Equal", ["half", "zero"], ["is"]),
        helper.make_node("Mul", [X, X], ["square"]),
        helper.make_node("Sqrt", ["square"], ["root"]),
        helper.make_node("Where", ["is", "root", X], [Y]),
    ]
    check(picture(4, 9) * 5, nodes, {"two": np.array(2), "zero": np.array(0)})

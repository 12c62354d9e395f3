"""What moves numbers answers what ONNX Runtime answers; a batch stays one where the file says 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper
from tests.training.operators.against import X, Y, check, picture

from mien.core.errors import ModelError
from mien.training.operators.shapes import SHAPES

LAST, FIRST = np.iinfo(np.int64).max, np.iinfo(np.int64).min


@pytest.mark.parametrize(
    ("name", "attributes", "numbers"),
    [
        ("Flatten", {}, None),
        ("Flatten", {"axis": 2}, None),
        ("Flatten", {"axis": -1}, None),
        ("Gather", {"axis": -2}, [[0, -1], [1, 2]]),
        ("Gather", {"axis": 1}, 2),
        ("Expand", {}, [4, 1, 1, 1, 1]),
        ("Reshape", {}, [0, -1]),
        ("Reshape", {}, [2, 5, 12]),
        ("Reshape", {}, [-1]),
        ("Squeeze", {}, [-1]),
        ("Transpose", {}, None),
        ("Transpose", {"perm": [0, 2, 1, 3]}, None),
        ("Unsqueeze", {}, [0, 3]),
    ],
)
def test_of_one_picture_batch(name: str, attributes: dict[str, Any], numbers: Any) -> None:
    more, weights = ([], {}) if numbers is None else (["n"], {"n": np.array(numbers)})
    check(picture(2, 12, 5, 1), [helper.make_node(name, [X, *more], [Y], **attributes)], weights)


@pytest.mark.parametrize(("start", "end", "step"), [(1, LAST, 2), (-1, FIRST, -1), (-3, -1, 1)])
def test_slices_go_either_way(start: int, end: int, step: int) -> None:
    weights = {"s": np.array([start]), "e": np.array([end]), "a": np.array([1]), "t": np.array([step])}
    check(picture(2, 6), [helper.make_node("Slice", [X, *weights], [Y])], weights)


def test_parts_are_joined_again() -> None:
    nodes = [
        helper.make_node("Split", [X, "sizes"], ["one", "two"], axis=1),
        helper.make_node("Concat", ["two", "one"], [Y], axis=1),
    ]
    check(picture(2, 6), nodes, {"sizes": np.array([2, 4])})


def test_shapes_are_numbers_to_compute_with() -> None:
    nodes = [
        helper.make_node("Shape", [X], ["sides"], start=1),
        helper.make_node("ConstantOfShape", ["sides"], ["zeros"]),
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Add", ["zeros", "two"], ["twos"]),
        helper.make_node("Add", [X, "twos"], [Y]),
    ]
    check(picture(2, 6), nodes)


@pytest.mark.parametrize("wanted", [[1, 12], [1, -1], [1, 3, 4], [1, 2, -1, 2]])
def test_a_reshape_for_one_picture_keeps_the_batch(wanted: list[int]) -> None:
    x = torch.arange(60.0).reshape(5, 3, 2, 2)
    found = SHAPES["Reshape"]([x, torch.tensor(wanted)], {})
    for one, alone in zip(found, x, strict=True):
        torch.testing.assert_close(one, alone.reshape(wanted)[0])


def test_a_weight_gets_its_axis_of_1() -> None:
    x = torch.arange(6.0)
    assert SHAPES["Reshape"]([x, torch.tensor([1, -1, 1, 1])], {}).shape == (1, 6, 1, 1)


def test_what_would_mix_pictures_is_refused() -> None:
    with pytest.raises(ModelError, match="across pictures"):
        SHAPES["Flatten"]([torch.zeros(2, 3)], {"axis": 0})

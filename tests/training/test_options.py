"""Options: what a recipe may say about a net, a loss or a source."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mien.core.errors import InputError
from mien.training.options import describe_options, option, read_options


@dataclass(frozen=True, slots=True)
class Config:
    width: int = option(8, "channels", low=1, high=64)
    rate: float = option(0.5, "a share", low=0, high=1)
    kind: str = option("plain", "which", choices=("plain", "fancy"))
    sizes: tuple[int, ...] = option((), "sides", low=1)
    name: str | None = option(None, "a name")


def test_what_is_not_said_keeps_its_default() -> None:
    assert read_options(Config, "it", {"width": 3}) == Config(width=3)


def test_whole_numbers_become_floats_and_lists_become_tuples() -> None:
    read = read_options(Config, "it", {"rate": 1, "sizes": [4, 5]})
    assert (read.rate, type(read.rate), read.sizes) == (1.0, float, (4, 5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"widht": 3},
            "it has no option 'widht': did you mean width? choose out of width, rate, kind, sizes, name",
        ),
        ({"width": 3.0}, "it: width must be int, not 3.0: correct the recipe"),
        ({"width": True}, "it: width must be int, not True: correct the recipe"),
        ({"rate": True}, "it: rate must be float, not True: correct the recipe"),
        ({"width": 65}, "it: width is 65: choose a value from 1 to 64"),
        ({"rate": float("nan")}, "it: rate is nan: choose a value from 0 to 1"),
        ({"kind": "odd"}, "it: kind cannot be 'odd': choose plain, fancy"),
        ({"sizes": [4, 0]}, "it: sizes is 0: choose a value from 1 to inf"),
        ({"sizes": ["4"]}, "it: sizes must be int, not '4': correct the recipe"),
        ({"name": 3}, "it: name must be str, not 3: correct the recipe"),
    ],
)
def test_says_what_is_wrong_with_an_option(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_options(Config, "it", options)
    assert str(raised.value) == message


def test_options_describe_themselves() -> None:
    docs = describe_options(Config)
    assert [(doc.name, doc.type, doc.default, doc.doc) for doc in docs] == [
        ("width", "int", 8, "channels"),
        ("rate", "float", 0.5, "a share"),
        ("kind", "str", "plain", "which"),
        ("sizes", "list of int", (), "sides"),
        ("name", "str or nothing", None, "a name"),
    ]
    assert docs[2].choices == ("plain", "fancy")

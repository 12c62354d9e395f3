"""Options of nets, losses, data sources and the rest: a frozen dataclass whose fields know their range.

A field made by `option` is a default, a line of documentation and the values it may take, so that the recipe
file, the command's help and the saved recipe all say the same.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from mien.core.errors import InputError

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class OptionDoc:
    """What there is to say about one option.

    low, high: the range that is allowed, both ends included; None where open.
    choices: the only values allowed; empty where any will do.
    """

    name: str
    type: str
    default: Any
    doc: str
    low: float | None
    high: float | None
    choices: tuple[Any, ...]


def option(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] = (),
) -> Any:
    """Declare one field of a ``Config``: its default, its documentation and its range."""
    return dataclasses.field(
        default=default, metadata={"doc": doc, "low": low, "high": high, "choices": choices}
    )


def describe_options(config: type[Any]) -> tuple[OptionDoc, ...]:
    """List the options of a ``Config``, in order."""
    hints = get_type_hints(config)
    return tuple(
        OptionDoc(
            name=field.name,
            type=_type_name(hints[field.name]),
            default=None if field.default is dataclasses.MISSING else field.default,
            doc=str(field.metadata.get("doc", "")),
            low=field.metadata.get("low"),
            high=field.metadata.get("high"),
            choices=tuple(field.metadata.get("choices", ())),
        )
        for field in dataclasses.fields(config)
    )


def read_options(config: type[C], what: str, options: Mapping[str, Any]) -> C:
    """Make a ``Config`` out of plain values, as they come from a recipe file.

    what: how errors name the thing that takes the options, e.g. "the net resnet".
    Whole numbers become floats and lists become tuples where the field says so; nothing else is converted.
    raises: `InputError` for an option that does not exist, a value of the wrong type or out of range.
    """
    known = {doc.name: doc for doc in describe_options(config)}
    unknown = sorted(set(options) - set(known))
    if unknown:
        choose = ", ".join(known) or "none: it takes no options"
        meant = suggestion(unknown[0], known)
        raise InputError(
            f"{what} has no option {', '.join(map(repr, unknown))}: {meant}choose out of {choose}"
        )
    hints = get_type_hints(config)
    values = {name: _fit(value, hints[name], f"{what}: {name}") for name, value in options.items()}
    for name, value in values.items():
        _check_range(value, known[name], f"{what}: {name}")
    return config(**values)


def suggestion(word: str, known: Iterable[str]) -> str:
    """What may have been meant, ready to stand before the rest of an error's cure.

    >>> suggestion("epoch", ["epochs", "batch"])
    'did you mean epochs? '
    """
    near = difflib.get_close_matches(word, list(known), n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}? " if near else ""


def _fit(value: Any, wanted: Any, name: str) -> Any:
    """The value as the field's type; raises InputError where it is of another one."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return _fit_any(value, get_args(wanted), name)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_fit(item, get_args(wanted)[0], name) for item in value)
    if origin in (dict, Mapping) or (origin is not None and issubclass(origin, Mapping)):
        if isinstance(value, Mapping):
            return dict(value)
    elif wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif wanted is Any or (isinstance(wanted, type) and type(value) is wanted):
        return value
    raise InputError(f"{name} must be {_type_name(wanted)}, not {value!r}: correct the recipe")


def _fit_any(value: Any, kinds: tuple[Any, ...], name: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    rest = [kind for kind in kinds if kind is not type(None)]
    for kind in rest[:-1]:
        try:
            return _fit(value, kind, name)
        except InputError:  # another kind of the union may still take it; the last one says what is wrong
            continue
    return _fit(value, rest[-1], name)


def _check_range(value: Any, doc: OptionDoc, name: str) -> None:
    if doc.choices and value not in doc.choices:
        raise InputError(f"{name} cannot be {value!r}: choose {', '.join(map(str, doc.choices))}")
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        below = doc.low is not None and not number >= doc.low  # "not >=" refuses NaN too
        above = doc.high is not None and not number <= doc.high
        if below or above:
            low = "-inf" if doc.low is None else f"{doc.low:g}"
            high = "inf" if doc.high is None else f"{doc.high:g}"
            raise InputError(f"{name} is {number:g}: choose a value from {low} to {high}")


def _type_name(wanted: Any) -> str:
    """A type as people write it.

    >>> _type_name(int), _type_name(tuple[float, ...]), _type_name(str | None)
    ('int', 'list of float', 'str or nothing')
    """
    origin = get_origin(wanted)
    if origin is tuple:
        return f"list of {_type_name(get_args(wanted)[0])}"
    if origin in (Union, types.UnionType):
        names = ["nothing" if kind is type(None) else _type_name(kind) for kind in get_args(wanted)]
        return " or ".join(names)
    if origin is not None:
        return "table"
    return str(getattr(wanted, "__name__", wanted))

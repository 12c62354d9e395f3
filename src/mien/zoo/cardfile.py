"""Card files: TOML to `ModelCard` and back, with every key checked."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args

from mien.core.errors import ModelError
from mien.core.modelcard import Format, ModelCard, Precision, Preprocess, Source, Task

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.+!]*")
_MEMBER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_LARGEST = 8 << 30


class _Table:
    """One TOML table being read: each key is taken once; what is left over is unknown."""

    def __init__(self, values: Mapping[str, Any], where: str, prefix: str = "") -> None:
        self.left = dict(values)
        self.where = where
        self.prefix = prefix

    def wrong(self, key: str, wanted: str, value: object) -> ModelError:
        return ModelError(
            f"{self.where}: key {self.prefix}{key} must be {wanted}, not {value!r}: correct it there"
        )

    def take(self, key: str, kind: type, wanted: str, default: Any = ...) -> Any:
        value = self.left.pop(key, ...)
        if value is ...:
            if default is ...:
                raise ModelError(
                    f"{self.where}: key {self.prefix}{key} is missing: add it to the card file, {wanted}"
                )
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(key, wanted, value)
        return value

    def text(self, key: str, default: Any = ..., *, pattern: re.Pattern[str] | None = None) -> str:
        wanted = f"text like {pattern.pattern}" if pattern else "text"
        value: str = self.take(key, str, wanted, default)
        if pattern and not pattern.fullmatch(value) and value != default:
            raise self.wrong(key, wanted, value)
        return value

    def choice(self, key: str, literal: object, default: Any = ...) -> str:
        allowed = get_args(literal)
        value: str = self.take(key, str, f"one of {', '.join(allowed)}", default)
        if value not in allowed:
            raise self.wrong(key, f"one of {', '.join(allowed)}", value)
        return value

    def whole(self, key: str, low: int, high: int, default: Any = ...) -> Any:
        wanted = f"a whole number from {low} to {high}"
        value = self.take(key, int, wanted, default)
        if value is not default and not low <= value <= high:
            raise self.wrong(key, wanted, value)
        return value

    def number(self, key: str, default: Any = ...) -> Any:
        value = self.left.get(key)
        if type(value) is int:
            self.left[key] = float(value)
        number = self.take(key, float, "a number", default)
        if number is not default and not math.isfinite(number):
            raise self.wrong(key, "a number", number)
        return number

    def triple(self, key: str, default: float) -> tuple[float, float, float]:
        wanted = "three numbers, one a channel"
        value: list[Any] = self.take(key, list, wanted, [default] * 3)
        if len(value) != 3 or not all(type(v) in (int, float) and math.isfinite(v) for v in value):
            raise self.wrong(key, wanted, value)
        return float(value[0]), float(value[1]), float(value[2])

    def span(self, key: str) -> tuple[float, float]:
        wanted = "two numbers, the first below the second, with 0 between them"
        value: list[Any] = self.take(key, list, wanted)
        numbers = [v for v in value if type(v) in (int, float) and math.isfinite(v)]
        if len(value) != 2 or len(numbers) != 2 or not value[0] <= 0 <= value[1] or value[0] == value[1]:
            raise self.wrong(key, wanted, value)
        return float(value[0]), float(value[1])

    def finish(self) -> None:
        if self.left:
            key = sorted(self.left)[0]
            raise ModelError(
                f"{self.where}: key {self.prefix}{key} is not one we know: remove it, or correct its spelling"
            )


def parse_card(text: str, where: str) -> ModelCard:
    """Read one card.

    where: what to call the file in an error, which names the file, the key and the cure (`ModelError`).
    """
    try:
        table = _Table(tomllib.loads(text), where)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ModelError(f"{where} is not valid TOML ({error}): correct it in the card file") from error
    pinned = "sha256" in table.left
    file = table.text("file", pattern=_FILE)
    if _RESERVED.fullmatch(file):
        raise table.wrong("file", "a file name that every system allows", file)
    card = ModelCard(
        name=table.text("name", pattern=NAME),
        task=cast(Task, table.choice("task", Task)),
        file=file,
        format=cast(Format, table.choice("format", Format)),
        sha256=table.text("sha256", pattern=_SHA256) if pinned else "",
        size=table.whole("size", 1, _LARGEST) if pinned else 0,
        licence=table.text("licence"),
        commercial=table.take("commercial", bool, "true or false"),
        origin=table.text("origin"),
        sources=_sources(table),
        preprocess=_preprocess(table),
        credit=table.text("credit", ""),
        dimension=table.whole("dimension", 1, 65536, None),
        template=table.text("template", "") or None,
        answers=_answers(table),
        threshold=table.number("threshold", None),
        scheme=table.text("scheme", "", pattern=NAME),
        precisions=_precisions(table, "precisions", ["fp32"]),
        quick_precisions=_precisions(table, "quick_precisions", []),
        ranges=_ranges(table),
        notes=table.text("notes", "").strip(),
        measured=_measured(table),
    )
    table.finish()
    if card.task == "embed" and card.dimension is None:
        raise ModelError(f"{where}: key dimension is missing: add the length of the embedding to it")
    if "int8" in card.quick_precisions and not card.ranges:
        raise ModelError(f"{where}: key ranges is missing: add it, or take int8 out of quick_precisions")
    return card


def _preprocess(table: _Table) -> Preprocess:
    part = _Table(table.take("preprocess", dict, "a table", {}), table.where, "preprocess.")
    layout = part.choice("layout", Literal["nchw", "nhwc"], "nchw")
    colour = part.choice("colour", Literal["rgb", "bgr"], "rgb")
    result = Preprocess(
        width=part.whole("width", 1, 8192, None),
        height=part.whole("height", 1, 8192, None),
        layout=cast(Literal["nchw", "nhwc"], layout),
        colour=cast(Literal["rgb", "bgr"], colour),
        mean=part.triple("mean", 0.0),
        std=part.triple("std", 1.0),
        stride=part.whole("stride", 1, 1024, 1),
    )
    if 0.0 in result.std:
        raise part.wrong("std", "three numbers other than 0", list(result.std))
    part.finish()
    return result


def _sources(table: _Table) -> tuple[Source, ...]:
    listed: list[Any] = table.take("sources", list, "a list of tables", [])
    return tuple(_source(table, n, values) for n, values in enumerate(listed))


def _source(table: _Table, number: int, values: object) -> Source:
    if not isinstance(values, dict):
        raise table.wrong("sources", "a list of tables", values)
    part = _Table(values, table.where, f"sources[{number}].")
    kind = cast(Literal["url", "wheel", "sdist"], part.choice("kind", Literal["url", "wheel", "sdist"]))
    if kind == "url":
        location = part.text("location")
        if not re.fullmatch(r"https://[^\s/@]+/\S*", location):
            raise part.wrong("location", "an https:// address without a user name", location)
        path = part.text("path", "", pattern=_MEMBER) or None
    else:
        location = part.text("location", pattern=_REQUIREMENT)
        path = part.text("path", pattern=_MEMBER)
    part.finish()
    return Source(kind, location, path)


def _precisions(table: _Table, key: str, default: list[str]) -> tuple[Precision, ...]:
    allowed = get_args(Precision)
    wanted = f"a list out of {', '.join(allowed)}"
    value: list[Any] = table.take(key, list, wanted, default)
    if (default and not value) or any(v not in allowed for v in value):
        raise table.wrong(key, wanted, value)
    return tuple(value)


def _ranges(table: _Table) -> dict[str, tuple[float, float]]:
    part = _Table(table.take("ranges", dict, "a table", {}), table.where, "ranges.")
    return {key: part.span(key) for key in list(part.left)}


def _measured(table: _Table) -> dict[str, str]:
    part = _Table(table.take("measured", dict, "a table", {}), table.where, "measured.")
    return {key: part.text(key) for key in list(part.left)}


def _answers(table: _Table) -> dict[str, tuple[str, ...]]:
    part = _Table(table.take("answers", dict, "a table", {}), table.where, "answers.")
    wanted = "a list of at least two different labels"
    found = {}
    for key in list(part.left):
        labels: list[Any] = part.take(key, list, wanted)
        if len(labels) < 2 or not all(isinstance(v, str) for v in labels) or len(set(labels)) < len(labels):
            raise part.wrong(key, wanted, labels)
        found[key] = tuple(labels)
    return found


def format_card(card: ModelCard) -> str:
    """Write a card as TOML; `parse_card` reads the same card back (kind "file" sources are left out)."""
    lines = [f"{key} = {_value(value)}" for key, value in _plain(card)]
    lines += ["", "[preprocess]"]
    lines += [f"{key} = {_value(value)}" for key, value in _preprocess_plain(card.preprocess)]
    for source in card.sources:
        if source.kind == "file":
            continue
        lines += ["", "[[sources]]", f"kind = {_value(source.kind)}", f"location = {_value(source.location)}"]
        if source.path:
            lines.append(f"path = {_value(source.path)}")
    if card.answers:
        lines += ["", "[answers]"]
        lines += [f"{_value(key)} = {_value(labels)}" for key, labels in card.answers.items()]
    if card.ranges:
        lines += ["", "[ranges]"]
        lines += [f"{_value(key)} = {_value(value)}" for key, value in card.ranges.items()]
    if card.measured:
        lines += ["", "[measured]"]
        lines += [f"{_value(key)} = {_value(value)}" for key, value in card.measured.items()]
    return "\n".join(lines) + "\n"


def _plain(card: ModelCard) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = [
        ("name", card.name),
        ("task", card.task),
        ("file", card.file),
        ("format", card.format),
        ("licence", card.licence),
        ("commercial", card.commercial),
        ("origin", card.origin),
        ("precisions", card.precisions),
    ]
    if card.pinned:
        pairs[4:4] = [("sha256", card.sha256), ("size", card.size)]
    optional: list[tuple[str, object]] = [
        ("credit", card.credit),
        ("dimension", card.dimension),
        ("template", card.template),
        ("scheme", card.scheme),
        ("quick_precisions", card.quick_precisions),
        ("notes", card.notes),
    ]
    if card.threshold is not None:
        pairs.append(("threshold", card.threshold))
    return pairs + [(key, value) for key, value in optional if value]


def _preprocess_plain(preprocess: Preprocess) -> list[tuple[str, object]]:
    pairs = [(key, getattr(preprocess, key)) for key in Preprocess.__dataclass_fields__]
    return [(key, value) for key, value in pairs if value is not None]


def _value(value: object) -> str:
    # A JSON string, boolean, number or list of these is also TOML; only DEL needs escaping on top.
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

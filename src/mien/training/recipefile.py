"""Recipe files: TOML to `Recipe` and back, with every key checked and the nearest one suggested."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from mien.core.errors import InputError
from mien.training.options import OptionDoc, describe_options, read_options, suggestion
from mien.training.recipe import SECTIONS, Recipe
from mien.zoo.cardfile import NAME

_TOP = tuple(field.name for field in dataclasses.fields(Recipe) if field.name not in SECTIONS)


def read_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file, or a shipped recipe by its name.

    overrides: ``section.key=value`` each, as `--set` takes them; the value is TOML, or else plain text.
    raises: `InputError` that names file, key, choices and the nearest known key.
    """
    path = find_recipe(source)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"the recipe {path} cannot be read ({error.strerror}): check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text ({error.reason}): give a recipe, a .toml file") from error
    recipe = parse_recipe(text, str(path), overrides)
    return recipe if not recipe.data.root else _rooted(recipe, path.parent)


def find_recipe(source: str | Path) -> Path:
    """The file of a recipe: a path that ends in ``.toml``, or the name of a shipped one."""
    if isinstance(source, Path) or source.endswith(".toml"):
        return Path(source)
    shipped = shipped_recipes()
    if source not in shipped:
        raise InputError(
            f"no recipe is called {source!r}: {suggestion(source, shipped)}give a .toml file or one of "
            f"{', '.join(shipped)}"
        )
    return shipped[source]


def shipped_recipes() -> dict[str, Path]:
    """Name -> file of the recipes inside the package."""
    folder = Path(str(resources.files("mien.training") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def parse_recipe(text: str, where: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe's text; ``where`` is what errors call it."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where} is not valid TOML ({error}): correct it there") from error
    for override in overrides:
        _override(tables, override)
    known = [*_TOP, *SECTIONS]
    for key in tables:
        if key not in known:
            raise InputError(f"{where} has no place for {key!r}: {suggestion(key, known)}{_choose(known)}")
    top = read_options(Recipe, where, {key: tables[key] for key in _TOP if key in tables})
    parts = {name: _section(name, kind, tables.get(name, {}), where) for name, kind in SECTIONS.items()}
    recipe: Recipe = dataclasses.replace(top, **parts)
    if not NAME.fullmatch(recipe.name):
        raise InputError(f"{where}: name cannot be {recipe.name!r}: use lower-case letters, digits, - and _")
    return recipe


def format_recipe(recipe: Recipe) -> str:
    """Write a recipe with every key and its documentation; `parse_recipe` reads the same one back."""
    lines = [
        f"{doc.name} = {toml_value(getattr(recipe, doc.name))}  # {doc.doc}" for doc in section_docs(Recipe)
    ]
    for name, kind in SECTIONS.items():
        part = getattr(recipe, name)
        lines += ["", f"[{name}]"]
        lines += [
            f"{doc.name} = {toml_value(getattr(part, doc.name))}  # {doc.doc}" for doc in section_docs(kind)
        ]
        lines += [f"{key} = {toml_value(value)}" for key, value in getattr(part, "options", {}).items()]
    return "\n".join(lines) + "\n"


def section_docs(kind: type[Any]) -> list[OptionDoc]:
    """The keys of one section (or of the recipe's top), without the sections and the ``options``."""
    return [doc for doc in describe_options(kind) if doc.name != "options" and doc.name not in SECTIONS]


def toml_value(value: object) -> str:
    """A plain value as TOML.

    >>> toml_value((0.5, 0.75)), toml_value(True), toml_value({"a": 1})
    ('[0.5, 0.75]', 'true', '{"a" = 1}')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    # A JSON string, boolean or number is also TOML.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _section(name: str, kind: type[Any], table: object, where: str) -> Any:
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: [{name}] must be a table, not {table!r}: write it as [{name}]")
    keys = [doc.name for doc in section_docs(kind)]
    own = {key: value for key, value in table.items() if key in keys}
    more = {key: value for key, value in table.items() if key not in keys}
    open_ended = "options" in kind.__dataclass_fields__
    if more and not open_ended:
        key = next(iter(more))
        raise InputError(f"{where}: [{name}] has no key {key!r}: {suggestion(key, keys)}{_choose(keys)}")
    part = read_options(kind, f"{where}: [{name}]", own)
    return dataclasses.replace(part, options=more) if open_ended else part


def _choose(known: Iterable[str]) -> str:
    return f"choose out of {', '.join(known)}"


def _override(tables: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    path = key.strip().split(".")
    if not equals or len(path) > 2 or not all(path):
        raise InputError(f"--set {text} cannot be read: write section.key=value, e.g. --set run.epochs=3")
    table = tables if len(path) == 1 else tables.setdefault(path[0], {})
    if not isinstance(table, dict):
        raise InputError(f"--set {text}: {path[0]} is no section: choose out of {', '.join(SECTIONS)}")
    table[path[-1]] = _value(value.strip())


def _value(text: str) -> Any:
    """A value as the shell gives it: TOML where it is TOML, else text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _rooted(recipe: Recipe, folder: Path) -> Recipe:
    """With the data's folder found: absolute, below the recipe's folder, this one, or the test data's."""
    import os

    root = Path(recipe.data.root).expanduser()
    places = [folder, Path.cwd()]
    if os.environ.get("MIEN_SHARED"):
        places.append(Path(os.environ["MIEN_SHARED"]))
    found = next((place / root for place in places if (place / root).exists()), root)
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, root=str(found)))

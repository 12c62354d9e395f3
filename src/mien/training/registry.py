"""How the lab's registries find what a name stands for: one file a thing, imported when it is first built."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from mien.core.errors import DependencyMissing, InputError
from mien.training.options import read_options, suggestion


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a registry.

    file: the module beside the registry that holds it (with a ``Config`` and the function that makes it).
    doc: one line for `mien train --help` and the documentation.
    fixed: options that this name sets and nobody changes ("resnet50" is "resnet" with a depth of 50).
    """

    file: str
    doc: str
    fixed: Mapping[str, Any] = field(default_factory=dict)


def find_entry(entries: Mapping[str, Entry], kind: str, name: str) -> Entry:
    """Look a name up; raises `InputError` that lists what there is."""
    try:
        return entries[name]
    except KeyError:
        known = ", ".join(entries)
        meant = suggestion(name, entries)
        raise InputError(f"no {kind} is called {name!r}: {meant}choose one of {known}") from None


def load_file(package: str, entry: Entry) -> ModuleType:
    """Import the file of an entry; raises `DependencyMissing` where PyTorch is not installed."""
    try:
        return importlib.import_module(f"{package}.{entry.file}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("mien"):
            raise
        raise DependencyMissing(
            f"training needs {error.name}, which is not installed: pip install 'mien[train]'"
        ) from error


def config_of(package: str, entry: Entry, what: str, options: Mapping[str, Any]) -> tuple[ModuleType, Any]:
    """The file of an entry and the ``Config`` made of its fixed options and the caller's.

    raises: `InputError` for an option that is unknown, fixed by the name, or of a bad value.
    """
    fixed = sorted(set(options) & set(entry.fixed))
    if fixed:
        raise InputError(f"{what} sets {', '.join(fixed)} itself: leave it out, or choose another name")
    module = load_file(package, entry)
    return module, read_options(module.Config, what, {**entry.fixed, **options})

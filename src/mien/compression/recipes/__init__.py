"""Recipes of compression that mien ships; read like any other recipe."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from mien.core.errors import InputError
from mien.training.recipe import Recipe
from mien.training.recipefile import read_recipe


def shipped() -> dict[str, Path]:
    """Name -> file."""
    folder = Path(str(resources.files("mien.compression.recipes")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_compress_recipe(source: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file, or a shipped recipe by its name.

    overrides: ``section.key=value`` each.
    raises: InputError for a name that is not shipped, or a recipe that is wrong.
    """
    if source.endswith(".toml"):
        return read_recipe(Path(source), overrides)
    if source not in shipped():
        raise InputError(
            f"no recipe of compression is called {source!r}: give a .toml file or {', '.join(shipped())}"
        )
    return read_recipe(shipped()[source], overrides)

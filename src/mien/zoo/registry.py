"""Name to model card: the cards that mien ships, and the user's own."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

from mien.core.errors import ModelError, UnknownModel
from mien.core.modelcard import ModelCard, Source, Task
from mien.zoo.cardfile import NAME, parse_card
from mien.zoo.folder import models_folder


def card(name: str | os.PathLike[str], folder: Path | None = None) -> ModelCard:
    """Find a card by its name, or read the card file at a path that ends in ``.toml``.

    folder: the models folder, whose ``NAME.toml`` files are the user's own models; default `models_folder`.
    raises: `UnknownModel` with the nearest names, `ModelError` where the card file is wrong.
    """
    if isinstance(name, os.PathLike) or name.endswith(".toml"):
        return read_card_file(Path(name))
    if not NAME.fullmatch(name):
        raise UnknownModel(
            f"{name!r} is not a model name: `mien models list` shows the names, and a path to your own card"
            " ends in .toml"
        )
    own = (folder or models_folder()) / f"{name}.toml"
    shipped = shipped_cards().get(name)
    if own.is_file():
        return _own_card(own, shipped)
    if shipped is None:
        raise UnknownModel(_unknown(name, folder))
    return shipped


def cards(
    task: Task | None = None, commercial_only: bool = False, folder: Path | None = None
) -> list[ModelCard]:
    """Every card, by task and then by name; ``commercial_only`` drops those that forbid commercial use."""
    names = {*shipped_cards(), *_own_names(folder or models_folder())}
    found = [card(name, folder) for name in names]
    if task is not None:
        found = [c for c in found if c.task == task]
    if commercial_only:
        found = [c for c in found if c.commercial]
    return sorted(found, key=lambda c: (c.task, c.name))


def read_card_file(path: Path) -> ModelCard:
    """Read a user's card file; the model's file beside it becomes its first source."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error.reason
        raise ModelError(f"{path} cannot be read as a card ({why}): check the path and the file") from error
    found = parse_card(text, str(path))
    if found.name != path.stem:
        raise ModelError(f"{path}: key name is {found.name!r}, not {path.stem!r} like the file: rename one")
    beside = Source("file", str((path.parent / found.file).absolute()))
    return replace(found, sources=(beside, *found.sources))


@lru_cache(maxsize=1)
def shipped_cards() -> dict[str, ModelCard]:
    """The cards inside the package."""
    found = {}
    for entry in sorted(resources.files("mien.zoo").joinpath("cards").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            one = parse_card(entry.read_text(encoding="utf-8"), f"cards/{entry.name}")
            found[one.name] = one
    return found


def _own_card(path: Path, shipped: ModelCard | None) -> ModelCard:
    # A shipped card with a pinned hash cannot be replaced by dropping a file: its name promises its bytes.
    if shipped is not None and shipped.pinned:
        raise ModelError(
            f"{path} takes the name of a model that mien ships: rename your card file and its key name"
        )
    return read_card_file(path)


def _own_names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [p.stem for p in folder.glob("*.toml") if NAME.fullmatch(p.stem)]


def _unknown(name: str, folder: Path | None) -> str:
    import difflib

    known = sorted({*shipped_cards(), *_own_names(folder or models_folder())})
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"no model is called {name!r}: {hint}`mien models list` shows every name"

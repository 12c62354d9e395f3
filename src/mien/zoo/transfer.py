"""Models in and out of this machine without a network: bundles, single files, and a check of what is here."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mien.core.errors import InputError, ModelCorrupt, ModelError, UnknownModel
from mien.core.modelcard import ModelCard
from mien.zoo import store
from mien.zoo.bundle import Bundle, Entry, write_bundle
from mien.zoo.cardfile import NAME, format_card
from mien.zoo.folder import models_folder
from mien.zoo.package_index import Progress
from mien.zoo.registry import card as find_card
from mien.zoo.registry import shipped_cards
from mien.zoo.signature import check_signature

State = Literal["ok", "corrupt", "absent", "unpinned"]


@dataclass(frozen=True, slots=True)
class Imported:
    """A model that is now here.  pinned: its hash was not known before, and is now that of these bytes."""

    name: str
    sha256: str
    size: int
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What a second look at a model's file found."""

    name: str
    state: State
    file: str


def export_bundle(
    path: Path,
    cards: Iterable[ModelCard],
    *,
    allow_noncommercial: bool = False,
    offline: bool | None = None,
    progress: Callable[[str], Progress] | None = None,
) -> list[Entry]:
    """Write the files of these cards into one zip, fetching those that are not here yet.

    raises: as `mien.zoo.store.fetch`; then no bundle is written.
    """

    def models() -> Iterator[tuple[ModelCard, bytes, bool]]:
        for card in sorted(cards, key=lambda c: c.name):
            data = store.fetch(
                card,
                allow_noncommercial=allow_noncommercial,
                offline=offline,
                progress=progress(card.name) if progress else None,
            )
            yield card, data, not _ships(card)

    return write_bundle(path, models())


def import_bundle(path: Path, folder: Path | None = None) -> list[Imported]:
    """Take every model of a bundle into the store; all of it is checked before any of it is kept."""
    folder = folder or models_folder()
    with Bundle(path) as bundle:
        cards = [_entry_card(bundle, entry, folder) for entry in bundle.entries]
        for entry in bundle.entries:
            bundle.read(entry)
        for entry, card in zip(bundle.entries, cards, strict=True):
            store.save(card, bundle.read(entry), folder)
            if card is entry.card:
                store.write_atomic(folder / f"{card.name}.toml", format_card(card).encode())
    return [Imported(c.name, c.sha256, c.size) for c in cards]


def import_file(path: Path, name: str, folder: Path | None = None) -> Imported:
    """Take one file into the store as the model of that name.

    A card with a pinned hash must match; a card without one is completed with the hash of these bytes, in a
    card file of the user's own in the models folder.    raises: `ModelCorrupt`, `UnknownModel`.
    """
    folder = folder or models_folder()
    try:
        card = find_card(name, folder)
    except UnknownModel as error:
        raise UnknownModel(f"{error}; to add a network of your own say --like NAME") from error
    data = _read(path)
    if card.pinned:
        store.save(card, data, folder)
        return Imported(card.name, card.sha256, card.size)
    return _keep(card, data, str(path), folder)


def import_own(
    path: Path, name: str, like: ModelCard, licence: str, commercial: bool, folder: Path | None = None
) -> Imported:
    """Take a user's own network into the store under a new name.

    like: the card whose task, format and preprocessing it shares.    commercial: what its licence allows.
    """
    folder = folder or models_folder()
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a model: use small letters, digits, - and _, at most 64")
    if name in shipped_cards() or (folder / f"{name}.toml").exists():
        raise InputError(f"a model called {name!r} exists already: choose another name")
    suffix = re.sub(r"[^.A-Za-z0-9]", "", path.suffix) or ".bin"
    mine = replace(
        like,
        name=name,
        file=f"{name}{suffix}",
        licence=licence,
        commercial=commercial,
        origin=f"imported by the user from {path.name}",
        credit="",
        notes=f"A user's own network, used like {like.name}.",
        sources=(),
        precisions=("fp32",),
        measured={},
    )
    return _keep(mine, _read(path), str(path), folder)


def is_bundle(path: Path) -> bool:
    """Whether this looks like a bundle rather than a model's file."""
    return path.is_dir() or zipfile.is_zipfile(path)


def check(cards: Iterable[ModelCard], folder: Path | None = None) -> list[Checked]:
    """Hash again every file that is here."""
    return [_check(card, folder) for card in cards]


def _check(card: ModelCard, folder: Path | None) -> Checked:
    own = [s.location for s in card.sources if s.kind == "file" and os.path.isfile(s.location)]
    path = Path(own[0]) if own else store.cached_path(card, folder)
    if not card.pinned:
        return Checked(card.name, "unpinned", "")
    if not path.is_file():
        return Checked(card.name, "absent", str(path))
    good = path.stat().st_size == card.size and store.matches(card, path.read_bytes())
    return Checked(card.name, "ok" if good else "corrupt", str(path))


def _ships(card: ModelCard) -> bool:
    shipped = shipped_cards().get(card.name)
    return shipped is not None and shipped.sha256 == card.sha256


def _entry_card(bundle: Bundle, entry: Entry, folder: Path) -> ModelCard:
    """The card that vouches for an entry: ours where the name is ours, else the one that travels with it."""
    shipped = shipped_cards().get(entry.name)
    card = shipped if shipped is not None and shipped.pinned else entry.card
    if card is None:
        raise ModelError(f"{bundle.path} holds {entry.name}, which has no card here: upgrade mien")
    if (card.file, card.sha256, card.size) != (entry.file, entry.sha256, entry.size):
        raise ModelCorrupt(
            f"{bundle.path}: {entry.name} is not the file that its card promises: export the bundle again"
        )
    present = folder / f"{entry.name}.toml"
    if card is entry.card and present.exists() and find_card(entry.name, folder).sha256 != card.sha256:
        raise ModelError(f"{present} is another model of the name {entry.name}: rename it, then import again")
    return card


def _keep(card: ModelCard, data: bytes, what: str, folder: Path) -> Imported:
    check_signature(card.format, data, what)
    mine = replace(card, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    store.save(mine, data, folder)
    store.write_atomic(folder / f"{mine.name}.toml", format_card(mine).encode())
    return Imported(mine.name, mine.sha256, mine.size, pinned=True)


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path") from error
    if not data:
        raise InputError(f"{path} is empty: give the model's file")
    return data

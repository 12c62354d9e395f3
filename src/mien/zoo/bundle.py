"""Offline bundles: a plain zip (or the folder it was unpacked to) of model files, their cards and licences.

    manifest.json             {"mien_bundle": 1, "models": [{"name", "file", "sha256", "size", ...}]}
    NOTICE.txt                who made each model, under which licence
    models/NAME/FILE          the publisher's bytes
    cards/NAME.toml           only for a user's own models

The same models give the same bytes: fixed dates, fixed order, nothing compressed.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from mien.core.errors import ModelCorrupt, ModelError
from mien.core.modelcard import ModelCard
from mien.zoo.cardfile import format_card, parse_card
from mien.zoo.unpack import UNREADABLE, BadArchive, check_regular

_EPOCH = (1980, 1, 1, 0, 0, 0)
_LARGEST_TEXT = 4 << 20
_MOST_RATIO = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a bundle.  card: the user's own card that travels with it, or None for a shipped card."""

    name: str
    file: str
    sha256: str
    size: int
    card: ModelCard | None = None

    @property
    def member(self) -> str:
        return f"models/{self.name}/{self.file}"


def write_bundle(path: Path, models: Iterable[tuple[ModelCard, bytes, bool]]) -> list[Entry]:
    """Write a bundle.

    models: (card, its verified bytes, whether the card itself travels along).  The file appears only when
    it is complete.
    """
    entries: list[Entry] = []
    listed: list[ModelCard] = []
    partial = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for card, data, own in models:
                entry = Entry(card.name, card.file, card.sha256, card.size, card if own else None)
                _add(archive, entry.member, data)
                if own:
                    _add(archive, f"cards/{card.name}.toml", format_card(card).encode())
                entries.append(entry)
                listed.append(card)
            _add(archive, "manifest.json", _manifest(entries, listed))
            _add(archive, "NOTICE.txt", notice(listed).encode())
        partial.replace(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be written ({error.strerror}): choose another folder") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return entries


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    archive.writestr(info, data)


def _manifest(entries: list[Entry], cards: list[ModelCard]) -> bytes:
    models = [
        {
            "name": e.name,
            "file": e.file,
            "sha256": e.sha256,
            "size": e.size,
            "licence": c.licence,
            "commercial": c.commercial,
            "origin": c.origin,
            "card": f"cards/{e.name}.toml" if e.card else None,
        }
        for e, c in zip(entries, cards, strict=True)
    ]
    return (json.dumps({"mien_bundle": 1, "models": models}, indent=1, sort_keys=True) + "\n").encode()


def notice(cards: Iterable[ModelCard]) -> str:
    """Who made each model, under which licence: the text that must travel with the files."""
    parts = []
    for card in cards:
        use = "commercial use allowed" if card.commercial else "NO commercial use"
        parts.append(f"{card.name} ({card.file})\n  licence: {card.licence} ({use})\n  origin: {card.origin}")
        if card.credit:
            parts[-1] += f"\n  credit: {card.credit}"
    return "Third-party files\n\n" + "\n\n".join(parts) + "\n"


class Bundle(AbstractContextManager["Bundle"]):
    """An opened bundle whose list of contents was checked.

    raises: `ModelCorrupt` for anything that `write_bundle` would not write: paths that climb, links, members
    nobody listed, sizes that lie.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        if path.is_dir():
            self._names: dict[str, zipfile.ZipInfo | None] = {"manifest.json": None}
        else:
            self._open_zip()
        try:
            self.entries = self._entries()
            self._check_members()
        except BaseException:
            self.close()
            raise

    def find(self, sha256: str) -> Entry | None:
        return next((e for e in self.entries if e.sha256 == sha256), None)

    def read(self, entry: Entry) -> bytes:
        """The entry's bytes, checked against the sha256 of the bundle's manifest."""
        data = self._read(entry.member, entry.size)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise self._bad(f"{entry.member} does not have the sha256 that the manifest promises")
        return data

    def close(self) -> None:
        if self._zip is not None:
            self._zip.close()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _bad(self, what: str) -> ModelCorrupt:
        return ModelCorrupt(
            f"{self.path} is not a sound bundle ({what}): export it again with `mien models export`"
        )

    def _open_zip(self) -> None:
        try:
            self._zip = zipfile.ZipFile(self.path)
        except UNREADABLE as error:
            raise self._bad(str(error)) from error
        self._names = {}
        for info in self._zip.infolist():
            if info.filename in self._names:
                raise self._bad(f"{info.filename!r} is in it twice")
            self._names[info.filename] = info

    def _entries(self) -> list[Entry]:
        try:
            manifest = json.loads(self._text("manifest.json"))
            if manifest["mien_bundle"] != 1:
                raise self._bad(f"version {manifest['mien_bundle']} is not one we read")
            return [self._entry(one) for one in manifest["models"]]
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise self._bad(f"manifest.json: {error!r}") from error

    def _entry(self, one: dict[str, Any]) -> Entry:
        name, file = str(one["name"]), str(one["file"])
        card = None
        if one.get("card"):
            card = parse_card(self._text(f"cards/{name}.toml"), f"{self.path}: cards/{name}.toml")
        entry = Entry(name, file, str(one["sha256"]), int(one["size"]), card)
        if not _plain(name) or not _plain(file) or entry.size <= 0:
            raise self._bad(f"{name!r} and {file!r} are not plain names of a model and a file")
        if card and (card.name, card.file, card.sha256, card.size) != (name, file, entry.sha256, entry.size):
            raise self._bad(f"the card of {name} and the manifest disagree")
        return entry

    def _check_members(self) -> None:
        if self._zip is None:
            return
        wanted = {"manifest.json", "NOTICE.txt", *(e.member for e in self.entries)}
        wanted |= {f"cards/{e.name}.toml" for e in self.entries if e.card}
        for name, info in self._names.items():
            assert info is not None
            if name not in wanted:
                raise self._bad(f"{name!r} is not in its manifest")
            if info.file_size > _MOST_RATIO * max(info.compress_size, 1):
                raise self._bad(f"{name!r} unpacks to more than {_MOST_RATIO} times its size")
            try:
                check_regular(info)
            except BadArchive as error:
                raise self._bad(str(error)) from error
        if missing := wanted - set(self._names):
            raise self._bad(f"{sorted(missing)[0]!r} is missing")

    def _text(self, member: str) -> str:
        info = self._names.get(member)
        if self._zip is not None and (info is None or info.file_size > _LARGEST_TEXT):
            raise self._bad(f"{member} is missing or too large")
        return self._read(member, info.file_size if info else None).decode("utf-8")

    def _read(self, member: str, size: int | None) -> bytes:
        if self._zip is None:
            return self._read_plain(self.path / member, size)
        assert self._zip.fp is not None
        try:
            with self._zip.open(member) as stream:
                data = stream.read((size or 0) + 1)
        except UNREADABLE as error:
            raise self._bad(str(error)) from error
        if len(data) != size:
            raise self._bad(f"{member} does not have the {size} bytes that were promised")
        return data

    def _read_plain(self, path: Path, size: int | None) -> bytes:
        try:
            if not path.resolve().is_relative_to(self.path.resolve()):
                raise self._bad(f"{path} leads out of the folder")
            with path.open("rb") as stream:
                data = stream.read((_LARGEST_TEXT if size is None else size) + 1)
        except OSError as error:
            raise self._bad(f"{path}: {error.strerror}") from error
        if size is not None and len(data) != size:
            raise self._bad(f"{path} does not have the {size} bytes that were promised")
        return data


def _plain(name: str) -> bool:
    return bool(name) and not set(name) & set("/\\:\0") and not name.startswith(".")

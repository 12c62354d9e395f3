"""The model store: verified bytes of a card's file, from cache, offline bundle or the card's sources."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.errors import LicenceRefused, ModelCorrupt, ModelError, ModelMissing
from mien.core.modelcard import ModelCard
from mien.zoo.folder import bundle_path, is_offline, models_folder, noncommercial_allowed
from mien.zoo.lock import exclusive

if TYPE_CHECKING:
    from mien.zoo.package_index import Progress

_log = logging.getLogger(__name__)


def fetch(
    card: ModelCard,
    *,
    allow_noncommercial: bool = False,
    offline: bool | None = None,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> bytes:
    """The card's file as bytes whose sha256 was just checked; hand these to the engine, not a path.

    allow_noncommercial: the caller says that this use is not commercial (or ``MIEN_ALLOW_NONCOMMERCIAL=1``).
    offline: never open the network; default ``MIEN_OFFLINE``.
    folder: the models folder; default `mien.zoo.folder.models_folder`.
    raises: `LicenceRefused` (before anything is read), `ModelMissing`, `ModelCorrupt`.
    """
    check_licence(card, allow_noncommercial)
    check_pinned(card)
    offline = is_offline() if offline is None else offline
    beside = _beside_card(card)
    if beside is not None:
        return beside
    folder = folder or models_folder()
    path = cached_path(card, folder)
    data = _from_cache(card, path)
    if data is None:
        data = _from_bundle(card)
    if data is None:
        data = _fill_cache(card, path, offline, progress)
    return data


def check_licence(card: ModelCard, allow_noncommercial: bool = False) -> None:
    """Refuse a model that forbids commercial use unless the caller said that this use is not commercial."""
    if not (card.commercial or allow_noncommercial or noncommercial_allowed()):
        raise LicenceRefused(
            f"model {card.name} may not be used commercially ({card.licence}): choose another with"
            " `mien models list --commercial`, or say --allow-noncommercial if your use is not commercial"
        )


def check_pinned(card: ModelCard) -> None:
    """Refuse a card that does not say which bytes its file must have."""
    if not card.pinned:
        raise ModelMissing(
            f"nobody has pinned the bytes of model {card.name} yet: download {card.file} from {card.origin},"
            f" and pin it with `mien models import FILE --as {card.name}`"
        )


def matches(card: ModelCard, data: bytes) -> bool:
    """Whether these are the bytes that the card promises."""
    return len(data) == card.size and hashlib.sha256(data).hexdigest() == card.sha256


def cached_path(card: ModelCard, folder: Path | None = None) -> Path:
    """Where the cache keeps the card's file: named after its content, so two versions never meet."""
    return (folder or models_folder()) / "files" / f"{card.sha256[:16]}-{card.file}"


def is_cached(card: ModelCard, folder: Path | None = None) -> bool:
    """Whether the file is here, without reading it."""
    own = any(s.kind == "file" and os.path.isfile(s.location) for s in card.sources)
    return card.pinned and (own or cached_path(card, folder).is_file())


def save(card: ModelCard, data: bytes, folder: Path | None = None) -> Path:
    """Put a card's bytes into the cache: complete or not at all, even if the machine dies."""
    if not matches(card, data):
        raise ModelCorrupt(
            f"these are not the bytes of model {card.name} (sha256 {hashlib.sha256(data).hexdigest()}, card"
            f" {card.sha256}): get {card.file} from {card.origin}"
        )
    path = cached_path(card, folder)
    _prepare(path.parent)
    write_atomic(path, data)
    return path


def write_atomic(path: Path, data: bytes) -> None:
    """Write beside the target, flush to the disk, then rename over it."""
    try:
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(partial, 0o644)
            os.replace(partial, path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ModelError(
            f"{path} cannot be written ({error.strerror}): make room, or set MIEN_MODELS to another folder"
        ) from error


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise ModelError(
            f"the models folder {folder} cannot be written: set MIEN_MODELS to a folder you may write, or"
            " MIEN_BUNDLE to an offline bundle"
        )


def _beside_card(card: ModelCard) -> bytes | None:
    """The user's own file beside its own card; other bytes there are refused, never replaced."""
    for source in card.sources:
        if source.kind == "file" and os.path.isfile(source.location):
            data = _read(Path(source.location), card.size)
            if data is None or not matches(card, data):
                raise ModelCorrupt(
                    f"{source.location} is not the file that the card of {card.name} promises: restore it, or"
                    " correct sha256 and size in the card"
                )
            return data
    return None


def _from_cache(card: ModelCard, path: Path) -> bytes | None:
    """The cached bytes, or None where there are none or they are corrupt."""
    data = _read(path, card.size)
    return data if data is not None and matches(card, data) else None


def _set_aside(card: ModelCard, path: Path) -> Path | None:
    """Move a file that `_from_cache` did not accept out of the way; returns where it is now."""
    aside = path.with_name(path.name + ".corrupt")
    if not path.exists():
        return aside if aside.exists() else None
    try:
        os.replace(path, aside)
    except OSError as error:
        raise ModelCorrupt(f"{path} is corrupt and cannot be moved ({error.strerror}): delete it") from error
    _log.warning("the cached file of model %s was corrupt; it is kept as %s", card.name, aside)
    return aside


def _read(path: Path, size: int) -> bytes | None:
    try:
        with path.open("rb") as stream:
            return stream.read(size + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}): check its permissions") from error


def _from_bundle(card: ModelCard) -> bytes | None:
    path = bundle_path()
    if path is None:
        return None
    from mien.zoo.bundle import Bundle

    with Bundle(path) as bundle:
        entry = bundle.find(card.sha256)
        return bundle.read(entry) if entry else None


def _fill_cache(card: ModelCard, path: Path, offline: bool, progress: Progress | None) -> bytes:
    """Download once, however many processes ask at the same time."""
    from mien.zoo.download import download, missing_message

    if offline and not path.exists() and not path.with_name(path.name + ".corrupt").exists():
        raise ModelMissing(missing_message(card, ["the network is switched off (MIEN_OFFLINE)"]))
    _prepare(path.parent)
    # Under the lock, so that nobody moves away the good file that another process has just put here.
    with exclusive(path.parent / f".{card.sha256[:16]}.lock"):
        data = _from_cache(card, path)
        if data is not None:
            return data
        aside = _set_aside(card, path)
        if offline:
            raise ModelCorrupt(
                f"the cached file of model {card.name} is corrupt (kept as {aside}) and the network is"
                " switched off (MIEN_OFFLINE): run `mien models pull` online, or import a bundle"
            )
        data = download(card, progress)
        save(card, data, path.parent.parent)
        return data

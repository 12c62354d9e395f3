"""Which store a gallery URI names, and the key that opens it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import platformdirs

from mien.core.errors import InputError, StoreError
from mien.embedding.calibration import Calibration, parse_calibration
from mien.embedding.mean_face import mean_embedding
from mien.gallery.founding import found, gallery_id
from mien.gallery.milvus_uri import without_secrets
from mien.gallery.people import People
from mien.gallery.rekey import Rekeyed, opens, rekey
from mien.gallery.rows import Records
from mien.privacy.keys import (
    adopt_staged_key,
    destroy_retired_key,
    master_key,
    new_master_key,
    retire_key_file,
    retired_keys,
    staged_keys,
)
from mien.privacy.protect import load_protector
from mien.privacy.seal import Keyring


def gallery_uri(named: str | None = None) -> str:
    """What the user named, else ``MIEN_GALLERY``, else a folder among the user's data."""
    default = Path(platformdirs.user_data_path("mien", appauthor=False)) / "gallery"
    return named or os.environ.get("MIEN_GALLERY") or str(default)


def open_people(
    uri: str, *, create: bool = True, protection: str = "rotation", actor: str | None = None
) -> People:
    """Open a gallery, or make one.

    uri: a folder, ``postgresql://…`` or ``milvus://…``.
    protection: of templates in a gallery that is made now: "rotation", "biohash" or "plain".
    raises: `StoreError` where the store refuses, and when there is no gallery and ``create`` is False;
        InputError for an unknown protection.
    """
    load_protector(protection, b"", 2)  # before anything is made
    records, folder = open_records(uri, create)
    try:
        if not create and records.get_meta("gallery") is None:
            raise _nothing_in(uri)
        sealer = found(
            records,
            lambda id, new: Keyring(master_key(id, create=True) if new else _key(records, id)),
            protection,
        )
        return People(records, sealer, load_protector, folder, actor or _actor(), common=mean_embedding)
    except BaseException:
        records.close()
        raise


def stored_calibration(uri: str, embedder: str) -> Calibration:
    """The error rates that a gallery's own cameras and people were measured to have.

    raises: `StoreError` where `mien calibrate` stored none for this embedder.
    """
    with open_people(uri, create=False) as people:
        stored = people.calibration(embedder)
    if stored is None:
        raise StoreError(
            f"{uri} has no calibration of {embedder}: run `mien calibrate --gallery {uri}` first"
        )
    return parse_calibration(stored, f"the calibration in {uri}")


def rekey_gallery(uri: str, destroy: bool = False, actor: str | None = None) -> Rekeyed:
    """Give a gallery another key: ``MIEN_GALLERY_NEW_KEY``, ``MIEN_GALLERY_NEW_PASSPHRASE``, or a random one
    in its key file. Killed at any point, the gallery opens with the key that is in force.

    destroy: do not keep the old key file aside, which copies and backups made before need.
    raises: `WrongKey`, `StoreCorrupt`, `StoreError`; the old key is then still in force.
    """
    records, folder = open_records(uri, create=False)
    try:
        gallery = gallery_id(records)
        old = _key(records, gallery)
        made: list[tuple[bytes, bool]] = []

        def make_new() -> Keyring:
            made.append(new_master_key(gallery))
            return Keyring(made[0][0])

        done = rekey(records, Keyring(old), make_new, load_protector, actor or _actor(), time.time())
        key, in_file = made[0]
        if in_file:
            adopt_staged_key(gallery, key)
        else:
            retire_key_file(gallery)
        if destroy:
            destroy_retired_key(gallery, old)
        records.wipe_traces()  # last: the new key is in force, whatever becomes of this
        people = People(records, Keyring(key), load_protector, folder, common=mean_embedding)
    except BaseException:
        records.close()
        raise
    # A server's index learns the templates under their new secret; an embedded one is made anew.
    people.close()
    return done


def _key(records: Records, gallery: bytes) -> bytes:
    """The key in force: a staged one where a change of keys was broken off after it was carried out, a
    retired one where this is a copy of a gallery that got another key."""
    for key in staged_keys(gallery):
        if opens(records, Keyring(key)):
            adopt_staged_key(gallery, key)
            return key
    usual = master_key(gallery, create=False)
    if not opens(records, Keyring(usual)):
        for key in retired_keys(gallery):
            if opens(records, Keyring(key)):
                return key
    return usual


def _actor() -> str:
    return os.environ.get("MIEN_ACTOR") or _user()


def open_records(uri: str, create: bool) -> tuple[Records, Path | None]:
    """The store below a gallery, and the folder for its index where it has one."""
    from mien.gallery.records import DATABASE, SqliteRecords

    scheme, colon, _ = uri.partition("://")
    if not colon:
        folder = Path(uri).expanduser()
        if not create and not (folder / DATABASE).exists():
            raise _nothing_in(str(folder))
        return SqliteRecords(folder), folder
    if scheme in ("postgresql", "postgres"):
        from mien.gallery.postgres import PostgresRecords

        return PostgresRecords(uri, create), None
    if scheme in ("milvus", "milvus+https"):
        from mien.gallery.milvus import open_milvus

        return open_milvus(uri, create), None
    raise InputError(f"no store is called {scheme}://: use a folder, postgresql:// or milvus://")


def _nothing_in(place: str) -> StoreError:
    at = without_secrets(place) if "://" in place else place
    return StoreError(f"there is no gallery in {at}: enrol somebody, or name another")


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"  # a container without a user database

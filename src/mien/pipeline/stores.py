"""Which store a gallery URI names, and the key that opens it."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from mien.core.errors import InputError, StoreError
from mien.gallery.people import People, found
from mien.gallery.rows import Records
from mien.privacy.keys import master_key
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
    raises: `StoreError` where the store refuses, and when there is no gallery and ``create`` is False.
    """
    records, folder = open_records(uri, create)
    try:
        sealer = found(records, lambda gallery, new: Keyring(master_key(gallery, create=new)), protection)
        actor = actor or os.environ.get("MIEN_ACTOR") or _user()
        return People(records, sealer, load_protector, folder, actor)
    except BaseException:
        records.close()
        raise


def open_records(uri: str, create: bool) -> tuple[Records, Path | None]:
    """The store below a gallery, and the folder for its index where it has one."""
    from mien.gallery.records import DATABASE, SqliteRecords

    scheme, colon, _ = uri.partition("://")
    if not colon:
        folder = Path(uri).expanduser()
        if not create and not (folder / DATABASE).exists():
            raise StoreError(f"there is no gallery in {folder}: enrol somebody, or name another")
        return SqliteRecords(folder), folder
    if scheme in ("postgresql", "postgres"):
        from mien.gallery.postgres import PostgresRecords

        return PostgresRecords(uri), None
    if scheme in ("milvus", "milvus+https"):
        from mien.gallery.milvus import open_milvus

        return open_milvus(uri, create), None
    raise InputError(f"no store is called {scheme}://: use a folder, postgresql:// or milvus://")


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"  # a container without a user database

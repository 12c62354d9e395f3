"""Making an empty store a gallery, and opening what is sealed in one."""

from __future__ import annotations

import os
from collections.abc import Callable

from mien.core.errors import StoreCorrupt, WrongKey
from mien.core.protocols import Sealer
from mien.gallery.rows import Records
from mien.gallery.search import INDEX_KEY, new_index_key
from mien.gallery.vault import KEY_CHECK, Vault

PHOTO_KEYS = "photo_keys"


def gallery_id(records: Records) -> bytes:
    """The store's 16-byte id, or `StoreCorrupt` when it is not a gallery yet."""
    value = records.get_meta("gallery")
    if value is None:
        raise StoreCorrupt("this store holds no gallery: open it with create")
    return value


def open_vault(records: Records, sealer: Sealer) -> Vault:
    """The vault of the gallery in a store; another gallery's key is `WrongKey`."""
    vault = Vault(sealer, gallery_id(records))
    check, photo_keys = records.get_meta(KEY_CHECK), records.get_meta(PHOTO_KEYS)
    if check is None:
        raise StoreCorrupt("the gallery lost its key check: restore it from a backup")
    try:
        vault.open_own(check, KEY_CHECK)
    except StoreCorrupt as error:
        raise WrongKey("this key does not open this gallery: give the one it was made with") from error
    keys = [] if photo_keys is None else vault.open_own(photo_keys, PHOTO_KEYS)
    return Vault(sealer, vault.gallery, tuple(map(bytes.fromhex, keys)), check)


def new_seed() -> str:
    """The secret of a gallery's template protection, in hex."""
    return os.urandom(32).hex()


def found(
    records: Records, make_sealer: Callable[[bytes, bool], Sealer], protection: str = "rotation"
) -> Sealer:
    """Make an empty store a gallery, once; returns the sealer of its key.

    make_sealer: (gallery id, new) -> the sealer.    protection: "plain", "rotation" or "biohash".
    """
    id = records.get_meta("gallery")
    if id is not None:
        return make_sealer(id, False)
    with records.writing():
        id = records.get_meta("gallery")
        if id is not None:  # another process was faster
            return make_sealer(id, False)
        id = os.urandom(16)
        sealer = make_sealer(id, True)
        vault = Vault(sealer, id)
        records.put_meta("gallery", id)
        records.put_meta(KEY_CHECK, vault.seal_own("mien", KEY_CHECK))
        records.put_meta("protection", vault.seal_own([protection, new_seed()], "protection"))
        records.put_meta(INDEX_KEY, new_index_key(vault))
    return sealer

"""Encryption at rest: AES-256-GCM, every record bound to its place.

One master key per gallery opens everything and lives outside the data folder (`mien.privacy.keys`). Each
person has a data key of their own, stored only wrapped: destroy the wrapped key and every copy of that
person's records that lacks it is noise.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mien.core.errors import StoreCorrupt, WrongKey

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class Keyring:
    """The `mien.core.protocols.Sealer` that the gallery uses.

    master: 32 random bytes. Subkeys are derived with HKDF-SHA256 (RFC 5869), so that no key serves two uses.
    Nonces are random and 96 bits: one key should seal fewer than 2**32 records (NIST SP 800-38D, 8.3), which
    only the wrapping key of a gallery with four thousand million people could reach.
    """

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            raise WrongKey(f"a gallery key has {KEY_BYTES} bytes, not {len(master)}: give another")
        self._master = master
        self._wrap = AESGCM(derive(master, b"wrap"))
        self._own = AESGCM(derive(master, b"own"))
        self._tags: dict[str, bytes] = {}

    def new_key(self, about: bytes) -> tuple[bytes, bytes]:
        fresh = os.urandom(KEY_BYTES + NONCE_BYTES)
        key, nonce = fresh[:KEY_BYTES], fresh[KEY_BYTES:]
        return key, nonce + self._wrap.encrypt(nonce, key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        return _open(self._wrap, wrapped, about)

    def seal(self, plain: bytes, about: bytes, key: bytes | None = None) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + (self._own if key is None else AESGCM(key)).encrypt(nonce, plain, about)

    def open(self, sealed: bytes, about: bytes, key: bytes | None = None) -> bytes:
        return _open(self._own if key is None else AESGCM(key), sealed, about)

    def tag(self, purpose: str, value: bytes) -> bytes:
        return self.tag_with(self.tag_key(purpose), value)

    def tag_key(self, purpose: str) -> bytes:
        key = self._tags.get(purpose)
        if key is None:
            key = self._tags.setdefault(purpose, derive(self._master, b"tag:" + purpose.encode()))
        return key

    def tag_with(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")[:TAG_BYTES]


def derive(master: bytes, use: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) with an empty salt and one block of output.

    >>> derive(bytes(32), b"a") == derive(bytes(32), b"b")
    False
    """
    extracted = hmac.digest(bytes(KEY_BYTES), master, hashlib.sha256)
    return hmac.digest(extracted, b"mien/1/" + use + b"\x01", hashlib.sha256)


def _open(cipher: AESGCM, sealed: bytes, about: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
    except (InvalidTag, ValueError) as error:
        raise StoreCorrupt(
            "a sealed record does not match its place (damaged, swapped, or of another key): "
            "restore the gallery from a backup"
        ) from error

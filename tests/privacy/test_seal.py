"""Sealed records open with their key, in their place, and nowhere else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mien.core.errors import StoreCorrupt, StoreError, WrongKey
from mien.privacy.keys import (
    adopt_staged_key,
    destroy_retired_key,
    keys_folder,
    master_key,
    new_master_key,
    retire_key_file,
    retired_keys,
    staged_keys,
)
from mien.privacy.seal import Keyring, derive

GALLERY = bytes(16)


def test_hkdf_gives_the_answer_of_rfc_5869() -> None:
    # Independent reference: the `cryptography` package's own HKDF.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    master = os.urandom(32)
    expected = HKDF(SHA256(), 32, salt=None, info=b"mien/1/wrap").derive(master)
    assert derive(master, b"wrap") == expected


def test_opens_what_it_sealed_only_in_its_place_and_with_its_key() -> None:
    ring, other = Keyring(bytes(32)), Keyring(bytes([1]) * 32)
    sealed = ring.seal(b"secret", b"here")
    assert ring.open(sealed, b"here") == b"secret"
    for opener, place in ((ring, b"there"), (other, b"here")):
        with pytest.raises(StoreCorrupt, match="restore"):
            opener.open(sealed, place)


def test_every_changed_byte_is_noticed() -> None:
    ring = Keyring(bytes(32))
    sealed = ring.seal(b"secret", b"here")
    for i in range(len(sealed)):
        with pytest.raises(StoreCorrupt):
            ring.open(sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :], b"here")
    with pytest.raises(StoreCorrupt):
        ring.open(b"", b"here")


def test_a_wrapped_key_comes_back_only_where_it_belongs() -> None:
    ring = Keyring(bytes(32))
    key, wrapped = ring.new_key(b"Ada")
    assert ring.unwrap(wrapped, b"Ada") == key
    assert key not in wrapped
    with pytest.raises(StoreCorrupt):
        ring.unwrap(wrapped, b"Ben")


def test_equal_plain_texts_look_different() -> None:
    ring = Keyring(bytes(32))
    assert ring.seal(b"secret", b"here") != ring.seal(b"secret", b"here")


def test_a_key_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        key = master_key(GALLERY, create=True, environment={"MIEN_KEYS": str(tmp_path / "keys")})
    finally:
        os.umask(old)
    path = tmp_path / "keys" / f"{GALLERY.hex()}.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert master_key(GALLERY, create=False, environment={"MIEN_KEYS": str(tmp_path / "keys")}) == key
    assert master_key(GALLERY, create=True, environment={"MIEN_KEYS": str(tmp_path / "keys")}) == key


def test_a_missing_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WrongKey, match="MIEN_GALLERY_KEY"):
        master_key(GALLERY, create=False, environment={"MIEN_KEYS": str(tmp_path)})


def test_the_environment_gives_a_key_or_a_passphrase() -> None:
    assert master_key(GALLERY, True, {"MIEN_GALLERY_KEY": "ab" * 32}) == bytes([0xAB]) * 32
    first = master_key(GALLERY, True, {"MIEN_GALLERY_PASSPHRASE": "correct horse"})
    assert len(first) == 32
    assert first == master_key(GALLERY, False, {"MIEN_GALLERY_PASSPHRASE": "correct horse"})
    assert first != master_key(bytes([1]) * 16, False, {"MIEN_GALLERY_PASSPHRASE": "correct horse"})


@pytest.mark.parametrize("text", ["zz" * 32, "ab" * 31, "", "not base64!", "AAAA"])
def test_refuses_keys_of_another_shape(text: str) -> None:
    if text:
        with pytest.raises(WrongKey):
            master_key(GALLERY, True, {"MIEN_GALLERY_KEY": text})


def test_a_staged_key_replaces_the_key_file_in_one_step(tmp_path: Path) -> None:
    environment = {"MIEN_KEYS": str(tmp_path)}
    old = master_key(GALLERY, True, environment)
    assert staged_keys(GALLERY, environment) == []
    new_master_key(GALLERY, environment)  # broken off
    new, in_file = new_master_key(GALLERY, environment)
    assert in_file
    assert new != old
    assert staged_keys(GALLERY, environment) == [new]
    assert master_key(GALLERY, False, environment) == old
    (tmp_path / f"{GALLERY.hex()}.half.staged").write_text("ab")
    assert staged_keys(GALLERY, environment) == [new]
    (tmp_path / f"{GALLERY.hex()}.half.staged").unlink()
    adopt_staged_key(GALLERY, new, environment)
    adopt_staged_key(GALLERY, new, environment)
    assert master_key(GALLERY, False, environment) == new
    assert staged_keys(GALLERY, environment) == []
    assert retired_keys(GALLERY, environment) == [old]
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600] * 2
    destroy_retired_key(GALLERY, old, environment)
    destroy_retired_key(GALLERY, old, environment)
    assert retired_keys(GALLERY, environment) == []
    retire_key_file(GALLERY, environment)
    assert retired_keys(GALLERY, environment) == [new]
    with pytest.raises(WrongKey):
        master_key(GALLERY, False, environment)


def test_a_new_key_from_the_environment_is_not_written_to_a_file(tmp_path: Path) -> None:
    environment = {"MIEN_KEYS": str(tmp_path), "MIEN_GALLERY_KEY": "ab" * 32}
    with pytest.raises(WrongKey, match="MIEN_GALLERY_NEW_KEY"):
        new_master_key(GALLERY, environment)
    assert new_master_key(GALLERY, {**environment, "MIEN_GALLERY_NEW_KEY": "cd" * 32}) == (
        bytes([0xCD]) * 32,
        False,
    )
    phrase = {"MIEN_GALLERY_PASSPHRASE": "correct horse"}
    renewed = new_master_key(GALLERY, {**environment, "MIEN_GALLERY_NEW_PASSPHRASE": "correct horse"})
    assert renewed == (master_key(GALLERY, False, phrase), False)
    assert list(tmp_path.iterdir()) == []


def test_the_keys_folder_may_begin_at_home() -> None:
    assert keys_folder({"MIEN_KEYS": "~/keys"}) == Path("~/keys").expanduser()


def test_a_broken_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / f"{bytes(16).hex()}.key").touch()
    with pytest.raises(WrongKey, match=r"the key file 0+\.key"):
        master_key(bytes(16), False, {"MIEN_KEYS": str(tmp_path)})


def test_keys_that_find_no_room_are_an_error_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for make in (
        lambda place: master_key(bytes(16), True, place),
        lambda place: new_master_key(bytes(16), place),
    ):
        with pytest.raises(StoreError, match="set MIEN_KEYS"):
            make({"MIEN_KEYS": str(tmp_path)})

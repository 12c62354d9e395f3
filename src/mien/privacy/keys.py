"""Where a gallery's master key comes from: the environment, a passphrase, or a key file outside the data.

A stolen data folder must not carry its own key, so the key file lives in the platform's configuration folder
(``MIEN_KEYS`` moves it), mode 0600 in a folder of mode 0700, whatever the umask says.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from mien.core.errors import StoreError, WrongKey
from mien.privacy.seal import KEY_BYTES

# RFC 7914; 2**15 costs about 0.1 s and 32 MiB once per opening.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1
# Keys beside the key file: one that a change made and that waits to be in force, and one that was.
STAGED, RETIRED = "staged", "retired"


def keys_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of key files."""
    named = environment.get("MIEN_KEYS")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("mien")) / "keys"


def master_key(gallery: bytes, create: bool, environment: Mapping[str, str] = os.environ) -> bytes:
    """Find the master key of the gallery with this id.

    gallery: 16 bytes; also the salt of a passphrase.
    create: the gallery is new, so a key file may be made.
    ``MIEN_GALLERY_KEY`` (64 hex digits or base64) wins, then ``MIEN_GALLERY_PASSPHRASE``, then the key file.
    """
    if text := environment.get("MIEN_GALLERY_KEY"):
        return parse_key(text)
    if phrase := environment.get("MIEN_GALLERY_PASSPHRASE"):
        return hashlib.scrypt(
            phrase.encode(), salt=gallery, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=2**26, dklen=KEY_BYTES
        )
    path = keys_folder(environment) / f"{gallery.hex()}.key"
    return _make_key_file(path) if create and not path.exists() else _read_key_file(path)


def parse_key(text: str, named: str = "MIEN_GALLERY_KEY") -> bytes:
    """64 hex digits or base64 of 32 bytes.    named: where they stand, for the error.

    >>> parse_key("00" * 32) == bytes(32)
    True
    """
    text = text.strip()
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise WrongKey(f"{named} is neither 64 hex digits nor base64: give 32 bytes") from error
    if len(key) != KEY_BYTES:
        raise WrongKey(f"{named} has {len(key)} bytes: give {KEY_BYTES}")
    return key


def new_master_key(gallery: bytes, environment: Mapping[str, str] = os.environ) -> tuple[bytes, bool]:
    """The key that a gallery shall get: (key, whether it is a key file's).

    ``MIEN_GALLERY_NEW_KEY`` or ``MIEN_GALLERY_NEW_PASSPHRASE`` names it; without them a random one is staged
    beside the key file, where it waits for `adopt_staged_key`. Call it while nobody else can change the key.
    """
    named = {
        "MIEN_GALLERY_KEY": environment.get("MIEN_GALLERY_NEW_KEY", ""),
        "MIEN_GALLERY_PASSPHRASE": environment.get("MIEN_GALLERY_NEW_PASSPHRASE", ""),
    }
    if any(named.values()):
        return master_key(gallery, False, named), False
    if environment.get("MIEN_GALLERY_KEY") or environment.get("MIEN_GALLERY_PASSPHRASE"):
        raise WrongKey(
            "this gallery's key comes from the environment: give the new one as MIEN_GALLERY_NEW_KEY or "
            "MIEN_GALLERY_NEW_PASSPHRASE"
        )
    for left in _all(gallery, STAGED, environment):
        left.unlink(missing_ok=True)
    key = os.urandom(KEY_BYTES)
    _put_aside(gallery, key, STAGED, environment)
    return key, True


def staged_keys(gallery: bytes, environment: Mapping[str, str] = os.environ) -> list[bytes]:
    """Keys of changes that began; the one that opens the gallery, if any, is in force."""
    return _read_all(gallery, STAGED, environment)


def retired_keys(gallery: bytes, environment: Mapping[str, str] = os.environ) -> list[bytes]:
    """Keys that were replaced: copies and backups made before still need them."""
    return _read_all(gallery, RETIRED, environment)


def adopt_staged_key(gallery: bytes, key: bytes, environment: Mapping[str, str] = os.environ) -> None:
    """This staged key becomes the gallery's key file in one step, and the one before is retired.

    Another process may have done it. The name of a staged file holds the key's digest, so a change that
    somebody else begins meanwhile is another file.
    """
    path = _aside(gallery, key, STAGED, environment)
    if path.exists():
        retire_key_file(gallery, environment, remove=False)
        with contextlib.suppress(FileNotFoundError):
            os.replace(path, path.with_name(f"{gallery.hex()}.key"))
            _sync_folder(path.parent)


def retire_key_file(gallery: bytes, environment: Mapping[str, str] = os.environ, remove: bool = True) -> None:
    """Keep a copy of the key file, if there is one, among the retired keys, and remove it."""
    path = keys_folder(environment) / f"{gallery.hex()}.key"
    if path.exists():
        _put_aside(gallery, _read_key_file(path), RETIRED, environment)
        if remove:
            path.unlink()
            _sync_folder(path.parent)


def destroy_retired_key(gallery: bytes, key: bytes, environment: Mapping[str, str] = os.environ) -> None:
    """Overwrite and remove a retired key; all that only it opens is lost."""
    _shred(_aside(gallery, key, RETIRED, environment))


def destroy_key_file(gallery: bytes, environment: Mapping[str, str] = os.environ) -> None:
    """Overwrite and remove the key file, if there is one; all that only it opens is lost."""
    _shred(keys_folder(environment) / f"{gallery.hex()}.key")


def _shred(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        file.write(os.urandom(2 * KEY_BYTES + 1))
        file.flush()
        os.fsync(file.fileno())
    path.unlink(missing_ok=True)


def _aside(gallery: bytes, key: bytes, state: str, environment: Mapping[str, str]) -> Path:
    digest = hashlib.sha256(b"mien key" + key).hexdigest()[:16]
    return keys_folder(environment) / f"{gallery.hex()}.{digest}.{state}"


def _put_aside(gallery: bytes, key: bytes, state: str, environment: Mapping[str, str]) -> None:
    path = _aside(gallery, key, state, environment)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)  # a process that was killed may have left half of it
        _write_private(path, key)
        _sync_folder(path.parent)
    except OSError as error:
        raise _no_room(path, error) from error


def _all(gallery: bytes, state: str, environment: Mapping[str, str]) -> list[Path]:
    return sorted(keys_folder(environment).glob(f"{gallery.hex()}.*.{state}"))


def _read_all(gallery: bytes, state: str, environment: Mapping[str, str]) -> list[bytes]:
    found = []
    for path in _all(gallery, state, environment):
        # One that is half written was never in force, one that is gone is the key file now.
        with contextlib.suppress(OSError, WrongKey):
            found.append(parse_key(path.read_text(encoding="ascii")))
    return found


def _make_key_file(path: Path) -> bytes:
    key = os.urandom(KEY_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        _write_private(path, key)
    except FileExistsError:
        return _read_key_file(path)
    except OSError as error:
        raise _no_room(path, error) from error
    _sync_folder(path.parent)
    return key


def _no_room(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"no key can be kept in {path.parent} ({error.strerror}): set MIEN_KEYS to a folder that can be "
        "written, or give the key as MIEN_GALLERY_KEY"
    )


def _write_private(path: Path, key: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, key.hex().encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_key_file(path: Path) -> bytes:
    try:
        return parse_key(path.read_text(encoding="ascii"), f"the key file {path.name}")
    except FileNotFoundError as error:
        raise WrongKey(
            f"the key of this gallery is not here ({path.name}): copy it into the keys folder, "
            "or set MIEN_GALLERY_KEY or MIEN_GALLERY_PASSPHRASE"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise WrongKey(f"the key file {path.name} cannot be read: check its owner and mode") from error


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

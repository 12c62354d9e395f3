"""Rows in, nouns out: everything personal is sealed, and every sealed byte is bound to its place."""

from __future__ import annotations

import json
import struct
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import WrongKey
from mien.core.people import Consent, Person, Sample, StoredFace
from mien.core.protocols import Sealer
from mien.core.types import Embedding
from mien.gallery.rows import FaceRow, PersonRow, Records

_HEADER = struct.Struct("<BfI")  # layout version, quality, length of the JSON that follows
_BITS, _FLOATS = 1, 2
KEY_CHECK = "key_check"
_NOTHING = np.zeros(1, dtype=np.float32)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True, eq=False)
class OpenFace:
    """A face as stored: the protected template and what is known about the photo."""

    face: StoredFace
    photo: bytes
    template: NDArray[np.float32] | NDArray[np.uint8]


class Vault:
    """Seals and opens rows of one gallery.

    gallery: 16 bytes, part of what every record is bound to, so no record can move between galleries.
    photo_keys: of the keys that the gallery had before, oldest first. Pictures are not stored, so a new key
        takes fingerprints of their old fingerprints.
    check: the store's `KEY_CHECK` as it was when this was opened; every change of keys writes another.
    """

    def __init__(
        self, sealer: Sealer, gallery: bytes, photo_keys: tuple[bytes, ...] = (), check: bytes = b""
    ) -> None:
        self.sealer = sealer
        self.gallery = gallery
        self.photo_keys = photo_keys
        self.check = check
        self._prefix = b"mien/1" + gallery

    def name_tag(self, name: str) -> bytes:
        """Equal for names that differ in case, spacing or Unicode form only."""
        return self.sealer.tag("name", normal_name(name).encode())

    def photo_tag(self, photo: bytes) -> bytes:
        for key in self.photo_keys:
            photo = self.sealer.tag_with(key, photo)
        return self.sealer.tag("photo", photo)

    def new_key(self, person: int) -> tuple[bytes, bytes]:
        return self.sealer.new_key(self._about(b"key", person))

    def key_of(self, row: PersonRow) -> bytes:
        return self.sealer.unwrap(row.key, self._about(b"key", row.id))

    def seal_person(self, person: Person, key: bytes) -> bytes:
        consent = person.consent.to_dict() if person.consent else None
        facts = {"name": person.name, "created": person.created, "consent": consent}
        return self.sealer.seal(_dump(facts), self._about(b"person", person.id), key)

    def open_person(self, row: PersonRow, key: bytes | None = None) -> Person:
        plain = self.sealer.open(row.sealed, self._about(b"person", row.id), key or self.key_of(row))
        facts = json.loads(plain)
        consent = Consent(**facts["consent"]) if facts["consent"] else None
        return Person(row.id, facts["name"], facts["created"], row.seen, consent, row.withdrawn)

    def seal_face(
        self, id: int, person: int, sample: Sample, template: NDArray[np.generic], photo: bytes, key: bytes
    ) -> FaceRow:
        facts = _dump({"source": sample.source, "box": sample.box}) if sample.source or sample.box else b""
        kind = _BITS if template.dtype == np.uint8 else _FLOATS
        plain = _HEADER.pack(kind, sample.quality, len(facts)) + facts + template.tobytes()
        model = sample.embedding.model
        row = FaceRow(id, person, model, photo, b"")
        return row._replace(sealed=self.sealer.seal(plain, self._face(row), key))

    def open_face(self, row: FaceRow, key: bytes) -> OpenFace:
        plain = self.sealer.open(row.sealed, self._face(row), key)
        kind, quality, length = _HEADER.unpack_from(plain)
        start = _HEADER.size + length
        facts: dict[str, Any] = {"source": "", "box": None}
        if length:
            facts = json.loads(plain[_HEADER.size : start])
        dtype: Any = np.uint8 if kind == _BITS else np.float32
        template: Any = np.frombuffer(plain, dtype=dtype, offset=start)
        box = tuple(facts["box"]) if facts["box"] else None
        face = StoredFace(row.id, row.person, row.model, facts["source"], quality, box)
        return OpenFace(face, row.photo, template)

    def seal_open_face(self, face: OpenFace, template: NDArray[np.generic], key: bytes) -> FaceRow:
        """A face that another key sealed, with the template and the fingerprint of this one."""
        stored = face.face
        sample = Sample(Embedding(_NOTHING, stored.model), stored.quality, None, stored.source, stored.box)
        photo = self.sealer.tag("photo", face.photo)
        return self.seal_face(stored.id, stored.person, sample, template, photo, key)

    def move_face(self, row: FaceRow, key: bytes, person: int, new_key: bytes) -> FaceRow:
        """The same face under another person."""
        plain = self.sealer.open(row.sealed, self._face(row), key)
        moved = row._replace(person=person)
        return moved._replace(sealed=self.sealer.seal(plain, self._face(moved), new_key))

    def seal_own(self, facts: Any, what: str) -> bytes:
        """Seal facts of the gallery as a whole."""
        return self.sealer.seal(_dump(facts), self._about(what.encode()))

    def open_own(self, sealed: bytes, what: str) -> Any:
        return json.loads(self.sealer.open(sealed, self._about(what.encode())))

    def _face(self, row: FaceRow) -> bytes:
        # Numbers and the photo have fixed lengths, so no two places spell the same bytes.
        return self._about(b"face", row.person, row.id) + row.photo + row.model.encode()

    def _about(self, what: bytes, *place: int) -> bytes:
        return self._prefix + what + struct.pack(f"<{len(place)}q", *place)


def require_key(records: Records, vault: Vault) -> None:
    """Raise `WrongKey` where the gallery got another key since ``vault`` was opened.

    What the old key sealed now, nobody could open; whoever writes asks inside the transaction.
    """
    if records.get_meta(KEY_CHECK) != vault.check:
        raise WrongKey("the gallery got another key while it was open here: open it again")


def edit_name(id: int, kind: str) -> str:
    """What a correction's sealed payload is bound to."""
    return f"edit {id} {kind}"


def normal_name(name: str) -> str:
    """How names are compared.

    >>> normal_name("  Ada   LOVELACE ") == normal_name("ada lovelace")
    True
    """
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()


def _dump(facts: Any) -> bytes:
    # `json.loads` takes bytes that are no text back the same way: file names are not always text.
    return _ENCODER.encode(facts).encode("utf-8", "surrogatepass")

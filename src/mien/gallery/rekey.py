"""A new key for a whole gallery: everything is sealed again, in one transaction.

Until the transaction ends the old key opens every record, from then on the new one does: there is no moment
in between, whatever is killed. People get new data keys, templates a new secret rotation, and the log new
MACs, so a thief of the old key learns nothing from the store as it is afterwards. BioHash templates keep
their secret: what they came from is lost on purpose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mien.core.errors import StoreCorrupt, WrongKey
from mien.core.protocols import Protector, Sealer
from mien.gallery import audit
from mien.gallery.founding import PHOTO_KEYS, gallery_id, new_seed, open_vault
from mien.gallery.index import Templates
from mien.gallery.protection import LoadProtector
from mien.gallery.rows import EditRow, FaceRow, PersonRow, Records
from mien.gallery.search import INDEX_KEY, new_index_key, stack
from mien.gallery.vault import KEY_CHECK, OpenFace, Vault, edit_name

PAGE = 500


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """How much was sealed again."""

    people: int
    faces: int


def rekey(
    records: Records,
    old: Sealer,
    make_new: Callable[[], Sealer],
    load_protector: LoadProtector,
    actor: str,
    now: float,
) -> Rekeyed:
    """Seal everything with another key; other users of the gallery must open it again with that one.

    make_new: called once nobody else can write and ``old`` has opened the gallery.
    raises: `WrongKey` unless ``old`` opens the gallery, `StoreCorrupt` for a record that does not open or a
        log that was changed; the gallery is then as it was.
    Traces of what the old key sealed are left to the caller (`Records.wipe_traces`), who keeps the key first.
    """
    with records.writing():
        was = open_vault(records, old)
        new = make_new()
        if opens(records, new):
            raise WrongKey("the gallery has this key already: give another")
        vault = Vault(new, was.gallery, (*was.photo_keys, old.tag_key("photo")))
        audit.verify(records, old)
        templates = _Templates(was, vault, records, load_protector)
        records.put_meta(PHOTO_KEYS, vault.seal_own([key.hex() for key in vault.photo_keys], PHOTO_KEYS))
        _facts(records, was, vault)
        revision = records.next_revision()
        people = faces = 0
        for rows in _pages(records):
            renewed, photos = _people(records, rows, was, vault, templates, revision)
            records.put_people(renewed)
            records.put_faces(photos)
            people, faces = people + len(rows), faces + len(photos)
        _log_again(records, new)
        audit.append(records, new, now, actor, [("rekey", None, {"people": people, "faces": faces})])
    return Rekeyed(people, faces)


def opens(records: Records, sealer: Sealer) -> bool:
    """Whether this is the key of the gallery in the store."""
    check = records.get_meta(KEY_CHECK)
    try:
        Vault(sealer, gallery_id(records)).open_own(check or b"", KEY_CHECK)
    except StoreCorrupt:
        return False
    return True


class _Templates:
    """Moves templates from the old secret of their protection to a new one."""

    def __init__(self, was: Vault, vault: Vault, records: Records, load: LoadProtector) -> None:
        sealed = records.get_meta("protection")
        if sealed is None:
            raise StoreCorrupt("the gallery lost its protection: restore it from a backup")
        self.kind, seed = was.open_own(sealed, "protection")
        fresh = new_seed() if self.kind == "rotation" else seed
        records.put_meta("protection", vault.seal_own([self.kind, fresh], "protection"))
        self._seeds, self._load = (seed, fresh), load
        self._known: dict[str, tuple[Protector, Protector]] = {}

    def move(self, model: str, templates: Templates) -> Templates:
        """(N, D) under the old secret -> (N, D) under the new one."""
        if self._seeds[0] == self._seeds[1]:
            return templates
        if model not in self._known:
            old, new = (bytes.fromhex(seed) + model.encode() for seed in self._seeds)
            dimension = templates.shape[1]
            self._known[model] = (
                self._load(self.kind, old, dimension),
                self._load(self.kind, new, dimension),
            )
        before, after = self._known[model]
        vectors = before.recover(templates)
        return templates if vectors is None else after.protect(vectors)


def _facts(records: Records, was: Vault, vault: Vault) -> None:
    """The gallery's own facts and its corrections."""
    records.put_meta(KEY_CHECK, vault.seal_own("mien", KEY_CHECK))
    records.put_meta(INDEX_KEY, new_index_key(vault))
    for name in records.metas():
        about = "policy" if name == "policy" else "calibration" if name.startswith("calibration ") else ""
        sealed = records.get_meta(name) if about else None
        if sealed is not None:
            records.put_meta(name, vault.seal_own(was.open_own(sealed, about), about))
    edits: list[EditRow] = records.edits()
    for edit in edits:
        about = edit_name(edit.id, edit.kind)
        sealed = vault.seal_own(was.open_own(edit.sealed, about), about)
        records.drop_edits([edit.id])
        records.put_edit(edit._replace(sealed=sealed))


def _people(
    records: Records,
    rows: Sequence[PersonRow],
    was: Vault,
    vault: Vault,
    templates: _Templates,
    revision: int,
) -> tuple[list[PersonRow], list[FaceRow]]:
    """These people and their photos under new data keys."""
    old = {row.id: was.key_of(row) for row in rows}
    new = {row.id: vault.new_key(row.id) for row in rows}
    renewed = []
    for row in rows:
        person = was.open_person(row, old[row.id])
        key, wrapped = new[row.id]
        # Somebody merged away has a name and no tag.
        tag = None if row.tag is None or person.name is None else vault.name_tag(person.name)
        sealed = vault.seal_person(person, key)
        renewed.append(row._replace(tag=tag, key=wrapped, sealed=sealed, revision=revision))
    by_model: dict[str, list[OpenFace]] = defaultdict(list)
    for face in records.faces_of([row.id for row in rows]):
        by_model[face.model].append(was.open_face(face, old[face.person]))
    photos = []
    for model, faces in by_model.items():
        moved = templates.move(model, stack([face.template for face in faces]))
        for opened, template in zip(faces, moved, strict=True):
            photos.append(vault.seal_open_face(opened, template, new[opened.face.person][0]))
    return renewed, photos


def _log_again(records: Records, new: Sealer) -> None:
    """The same entries, chained with the new key; the old chain was verified before."""
    seq, mac = 0, b""
    while rows := records.audit_after(seq, PAGE):
        linked = []
        for row in rows:
            seq = row.seq
            mac = audit.link(new, mac, seq, row.at, row.actor, row.action, row.subject, row.detail)
            linked.append(row._replace(mac=mac))
        records.replace_macs(linked)
    records.put_meta(audit.HEAD, seq.to_bytes(8, "little") + mac)


def _pages(records: Records) -> Iterator[list[PersonRow]]:
    after = 0
    while rows := records.people_after(after, PAGE):
        yield rows
        after = rows[-1].id

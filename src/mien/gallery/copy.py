"""Move a gallery between stores, sealed as it is: the same key opens the copy."""

from __future__ import annotations

from mien.core.errors import StoreError
from mien.gallery.audit import HEAD
from mien.gallery.rows import Records
from mien.gallery.search import SERVED, SERVED_MODELS

# What each store knows for itself: which revision its own index has seen.
_ITS_OWN = (SERVED, SERVED_MODELS)
_PAGE = 500


def copy(source: Records, target: Records) -> tuple[int, int]:
    """Copy everything into an empty store, whole or not at all; returns people and faces.

    Nothing is opened on the way, so no key is needed. The copy is the same gallery: erase one of the two when
    it is no longer needed, or people who are erased in one live on in the other.
    raises: `StoreError` when the target is not empty, or somebody writes to the source meanwhile.
    """
    _require_empty(target)
    before = _state(source)
    with target.filling():
        _require_empty(target)  # another copy may have been faster
        for name in source.metas():
            value = source.get_meta(name)
            if value is not None and name not in _ITS_OWN:
                target.put_meta(name, value)
        after = 0
        while people := source.people_after(after, _PAGE):
            target.put_people(people)
            target.put_faces(source.faces_of([row.id for row in people]))
            after = people[-1].id
        for link in source.links():
            target.put_link(link)
        for edit in reversed(source.edits()):
            target.put_edit(edit)
        seq = 0
        while entries := source.audit_after(seq, _PAGE):
            target.put_audit(entries)
            seq = entries[-1].seq
        if _state(source) != before:  # people without their photos, or a log without its end, are no copy
            raise StoreError("the source changed while it was copied, so nothing was kept: repeat it")
    return target.count()


def _state(records: Records) -> tuple[int, bytes | None]:
    """Differs after every change but that somebody was seen."""
    return records.revision(), records.get_meta(HEAD)


def _require_empty(target: Records) -> None:
    if target.get_meta("gallery") is not None:
        raise StoreError("the target holds a gallery already: name an empty folder, schema or collection")

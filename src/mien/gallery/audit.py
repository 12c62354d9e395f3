"""The log that cannot be rewritten quietly: every entry's MAC covers the entry before it.

The key is the gallery's, so a thief of the data folder can neither forge an entry nor drop one in the middle.
Rolling the whole store back to an older copy stays possible; whoever fears that keeps `head` elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from mien.core.errors import StoreCorrupt
from mien.core.people import AuditEntry
from mien.core.protocols import Sealer
from mien.gallery.rows import AuditRow, Records

HEAD = "audit_head"


def append(
    records: Records,
    sealer: Sealer,
    at: float,
    actor: str,
    entries: Iterable[tuple[str, int | None, Mapping[str, Any]]],
) -> None:
    """Add (action, person, details) entries inside the running transaction."""
    seq, mac = head(records)
    rows = []
    spelled: dict[tuple[tuple[str, Any], ...], str] = {}  # thousands of enrolments have the same details
    for action, person, details in entries:
        seq += 1
        key = tuple(details.items())
        detail = spelled.get(key) or json.dumps(details, sort_keys=True, separators=(",", ":"))
        spelled[key] = detail
        mac = link(sealer, mac, seq, at, actor, action, person, detail)
        rows.append(AuditRow(seq, at, actor, action, person, detail, mac))
    records.put_audit(rows)
    records.put_meta(HEAD, seq.to_bytes(8, "little") + mac)


def head(records: Records) -> tuple[int, bytes]:
    """Number and MAC of the last entry; (0, b"") before the first."""
    stored = records.get_meta(HEAD) or bytes(8)
    return int.from_bytes(stored[:8], "little"), stored[8:]


def link(
    sealer: Sealer,
    before: bytes,
    seq: int,
    at: float,
    actor: str,
    action: str,
    person: int | None,
    detail: str,
) -> bytes:
    """The MAC of an entry that follows one with MAC ``before``."""
    # Lengths are written out, so that no two entries spell the same text.
    text = f"{seq},{at!r},{person},{len(actor)}:{actor}{len(action)}:{action}{detail}"
    return sealer.tag("audit", before + hashlib.sha256(text.encode()).digest())


def verify(records: Records, sealer: Sealer) -> int:
    """Recompute the whole chain; returns its length, or raises `StoreCorrupt` with the first bad entry."""
    seq, mac = 0, b""
    while rows := records.audit_after(seq, 1000):
        for row in rows:
            seq += 1
            mac = link(sealer, mac, seq, row.at, row.actor, row.action, row.subject, row.detail)
            if row.seq != seq or row.mac != mac:
                raise StoreCorrupt(f"audit entry {seq} was changed or removed: compare with a backup")
    if (seq, mac) != head(records):
        raise StoreCorrupt(f"the audit log ends early, at entry {seq}: compare with a backup")
    return seq


def read(records: Records, after: int = 0, limit: int = 1000) -> list[AuditEntry]:
    """Entries in order."""
    return [
        AuditEntry(row.seq, row.at, row.actor, row.action, row.subject, json.loads(row.detail))
        for row in records.audit_after(after, limit)
    ]

"""What is in a tar shard, remembered: walking through a tar of gigabytes for its headers takes minutes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mien.core.errors import InputError
from mien.training.data.listing import Sample
from mien.zoo.folder import cache_folder

VERSION = 1


def remembered(shard: Path) -> list[Sample] | None:
    """The samples of a shard as they were noted; None where it is new, or has changed since."""
    try:
        rows = json.loads(_note(shard).read_text(encoding="utf-8"))
        return [
            Sample(shard, label, group, attributes, span=(start, length))
            for label, group, attributes, start, length in rows
        ]
    except (OSError, ValueError, TypeError):  # none, or a damaged one: the shard itself is read again
        return None


def remember(shard: Path, samples: Sequence[Sample]) -> None:
    """Note what is in a shard, below mien's cache."""
    note = _note(shard)
    note.parent.mkdir(parents=True, exist_ok=True)
    fresh = note.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(json.dumps(list(_rows(samples)), ensure_ascii=False), encoding="utf-8")
    os.replace(fresh, note)


def _rows(samples: Sequence[Sample]) -> Iterator[list[object]]:
    for one in samples:
        assert one.span is not None
        yield [one.label, one.group, dict(one.attributes), *one.span]


def _note(shard: Path) -> Path:
    try:
        state = shard.stat()
    except OSError as error:
        raise InputError(f"the shard {shard} cannot be read ({error.strerror}): check the path") from error
    facts = json.dumps([VERSION, str(shard.resolve()), state.st_size, state.st_mtime_ns])
    return cache_folder() / "shards" / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.json"

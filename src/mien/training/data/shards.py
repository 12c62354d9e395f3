"""WebDataset tar shards as a listing: members that share a key are one sample.

``key.jpg`` is the picture; ``key.cls`` or ``key.txt`` its label, or ``key.json`` with "label", "group" and
further facts. The shards are not unpacked: a sample remembers where in its tar the picture lies. With the
sampler "stream" they are read from front to end, as large sets and network drives want it.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.core.errors import InputError
from mien.training.data.listing import Listing, Sample
from mien.training.data.pictures import ENDINGS
from mien.training.data.shardnotes import remember, remembered
from mien.training.options import option

FACTS = (".cls", ".txt", ".json")


@dataclass(frozen=True, slots=True)
class Config:
    pattern: str = option("*.tar", "which files below the root are shards; ** is any folder")
    also: tuple[str, ...] = option((), "further folders with shards: other disks, network drives")


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a shard that belongs to a sample.    data: its bytes, None where they were not read."""

    key: str
    ending: str
    span: tuple[int, int]
    data: bytes | None


def find_shards(root: Path, pattern: str = "*.tar") -> list[Path]:
    """The shards of a folder, or the one file, sorted; raises `InputError` where there are none."""
    shards = [root] if root.is_file() else sorted(root.glob(pattern))
    if not shards:
        raise InputError(f"{root} has no shards like {pattern}: check the path and the pattern")
    return shards


def read(root: Path, config: Config) -> Listing:
    """List every shard; raises `InputError` for a compressed or damaged shard, or a sample without label."""
    folders = [root, *(Path(folder) for folder in config.also)]
    shards = [shard for folder in folders for shard in find_shards(folder, config.pattern)]
    return Listing(tuple(sample for shard in shards for sample in _list(shard)))


def _list(shard: Path) -> list[Sample]:
    known = remembered(shard)
    if known is None:
        known = list(samples_of(shard, read_members(shard)))
        remember(shard, known)
    return known


def read_members(shard: Path) -> Iterator[Member]:
    """Walk a tar, past the pictures."""
    try:
        with tarfile.open(shard, "r:") as tar:
            for info in tar:
                key, ending = _split(info.name)
                if not info.isfile() or ending not in (*ENDINGS, *FACTS):
                    continue
                file = tar.extractfile(info) if ending in FACTS else None
                data = file.read() if file is not None else None
                yield Member(key, ending, (info.offset_data, info.size), data)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise InputError(
            f"the shard {shard} is unreadable ({error}): copy it anew, as a plain tar that is not compressed"
        ) from error


def samples_of(shard: Path, members: Iterable[Member]) -> Iterator[Sample]:
    """Join neighbouring members that share a key; a key without a picture is left out."""
    waiting: list[Member] = []
    for member in members:
        if waiting and member.key != waiting[0].key:
            yield from _join(shard, waiting)
            waiting = []
        waiting.append(member)
    if waiting:
        yield from _join(shard, waiting)


def _join(shard: Path, members: list[Member]) -> Iterator[Sample]:
    picture = next((member for member in members if member.ending in ENDINGS), None)
    if picture is None:
        return
    facts: dict[str, Any] = {}
    for member in members:
        if member.ending in FACTS:
            facts |= _facts(shard, member)
    if "label" not in facts:
        raise InputError(
            f'{picture.key} of {shard} has no label: give it a .cls, .txt or .json with a "label"'
        )
    label = str(facts.pop("label"))
    group = str(facts.pop("group", label))
    attributes = {name: str(value) for name, value in facts.items()}
    yield Sample(shard, label, group, attributes, span=picture.span)


def _facts(shard: Path, member: Member) -> dict[str, Any]:
    try:
        text = (member.data or b"").decode("utf-8").strip()
        if member.ending != ".json":
            return {"label": text}
        facts = json.loads(text)
    except ValueError as error:
        raise InputError(
            f"{member.key}{member.ending} of {shard} is damaged ({error}): write it anew"
        ) from error
    if not isinstance(facts, dict):
        raise InputError(f"{member.key}.json of {shard} is no table of facts: write an object")
    return facts


def _split(name: str) -> tuple[str, str]:
    """WebDataset's rule: the key ends at the first dot of the file's own name.

    >>> _split("a.b/0001.left.jpg")
    ('a.b/0001', '.left.jpg')
    """
    folder, slash, file = name.rpartition("/")
    stem, dot, ending = file.partition(".")
    return folder + slash + stem, (dot + ending).lower()

"""A listing packed into WebDataset tar shards."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.training.data.listing import Listing, Sample
from mien.training.data.pictures import read_bytes


def write_shards(
    listing: Listing,
    folder: Path,
    per_shard: int,
    seed: int | None = 0,
    done: Callable[[], object] = lambda: None,
) -> list[Path]:
    """Pack a listing into tar shards: the pictures' own bytes, and their facts as JSON.

    seed: samples are shuffled by it before they are dealt, as streams want it; None keeps the order.
    done: called after each picture.
    raises: `InputError` where the folder cannot be written or holds shards already, `ImageError`.
    """
    if per_shard < 1:
        raise InputError(f"a shard cannot hold {per_shard} pictures: give at least one")
    if any(folder.glob("*.tar")):
        raise InputError(f"{folder} holds shards already: choose another --out, or remove them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}): choose another --out") from error
    rows = np.arange(len(listing)) if seed is None else np.random.default_rng(seed).permutation(len(listing))
    written: list[Path] = []
    for start in range(0, len(rows), per_shard):
        path = folder / f"shard-{len(written):06d}.tar"
        with tarfile.open(path, "w") as tar:
            for row in rows[start : start + per_shard]:
                _add(tar, f"{row:09d}", listing.samples[row])
                done()
        written.append(path)
    return written


def _add(tar: tarfile.TarFile, key: str, sample: Sample) -> None:
    ending = sample.path.suffix.lower() if sample.span is None else ".jpg"
    facts = {**sample.attributes, "label": sample.label, "group": sample.group}
    text = json.dumps(facts, ensure_ascii=False).encode()
    for name, data in ((key + ending, read_bytes(sample)), (f"{key}.json", text)):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))

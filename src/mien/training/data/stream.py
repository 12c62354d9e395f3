"""Tar shards as a stream: read front to end, shuffled through a buffer, dealt to workers and ranks."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from mien.core.errors import InputError
from mien.training.data.crops import Align, whole_picture
from mien.training.data.dataset import Augmentation, augmented, to_tensor
from mien.training.data.listing import Listing, Sample
from mien.training.data.pictures import read_bytes
from mien.training.data.shards import read_members, samples_of


class ShardStream(IterableDataset[tuple[Tensor, int]]):
    """(picture, label) a sample, as `PictureDataset` gives them, without a list of what there is.

    shards: tar files; every worker of every rank reads its own, so there must be at least that many.
    classes: what label numbers mean.    buffer: samples held to be drawn from; 0 keeps the shards' order.
    batch: of the loader, so that `resume` knows which worker gave what.
    per_rank: samples each rank gives an epoch, reading on from the first shard where they end before; None:
        what its shards hold (ranks may then differ, which a distributed run does not survive).
    Shards and buffer are shuffled by (seed, epoch).
    """

    def __init__(
        self,
        shards: Sequence[Path],
        classes: Sequence[str],
        size: int,
        channels: int = 3,
        augment: Augmentation | None = None,
        align: Align | None = None,
        *,
        batch: int = 1,
        buffer: int = 1000,
        per_rank: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if len(shards) < world:
            raise InputError(f"{len(shards)} shards cannot feed {world} processes: cut the data into more")
        self.shards, self.place = tuple(shards), {name: number for number, name in enumerate(classes)}
        self.size, self.channels = size, channels
        self.augment, self.align = augment, align or whole_picture
        self.batch, self.buffer, self.per_rank = batch, buffer, per_rank
        self.seed, self.rank, self.world = seed, rank, world
        self.epoch, self.batches_done = 0, 0

    def set_epoch(self, epoch: int) -> None:
        """Start this epoch from its beginning."""
        self.epoch, self.batches_done = epoch, 0

    def resume(self, epoch: int, batches_done: int) -> None:
        """Go on where so many batches of the epoch had been trained on; they are read past, not decoded."""
        self.epoch, self.batches_done = epoch, batches_done

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        info = get_worker_info()
        workers, worker = (info.num_workers, info.id) if info else (1, 0)
        # The loader takes batches from workers in turn, from worker 0 on; after a break it has to begin with
        # the one whose turn it was, so each worker plays the part of the one that far on.
        part = (worker + self.batches_done) % workers
        skip = -(-(self.batches_done - part) // workers) * self.batch
        for place, sample in enumerate(self._samples(part, workers)):
            if place >= skip:
                yield self._item(sample, part, place)

    def _samples(self, part: int, workers: int) -> Iterator[Sample]:
        """This worker's share of the epoch, shuffled."""
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self.shards)) if self.buffer else np.arange(len(self.shards))
        mine = [self.shards[row] for row in order[self.rank :: self.world]][part::workers]
        if not mine:
            raise InputError(
                f"{len(self.shards)} shards cannot feed {self.world} processes of {workers} workers: "
                "cut the data into more, or use fewer workers"
            )
        shuffled = _shuffle(
            self._read(mine), self.buffer, np.random.default_rng((self.seed, self.epoch, self.rank, part))
        )
        if self.per_rank is None:
            yield from shuffled
            return
        # Batches are dealt to workers in turn; the first ones give one more where they do not come out even.
        batches = -(-self.per_rank // self.batch)
        share = (batches - part + workers - 1) // workers * self.batch
        for _ in range(share):
            yield next(shuffled)

    def _read(self, shards: Sequence[Path]) -> Iterator[Sample]:
        while True:
            count = 0
            for shard in shards:
                for sample in samples_of(shard, read_members(shard, "r|*", pictures=True)):
                    count += 1
                    yield sample
            if self.per_rank is None:
                return
            if count == 0:
                raise InputError(f"there are no pictures in {shards[0]}: check the shards")

    def _item(self, sample: Sample, part: int, place: int) -> tuple[Tensor, int]:
        if sample.label not in self.place:
            raise InputError(
                f"label {sample.label!r} of {sample.path} is none of the {len(self.place)} known classes: "
                "list it too"
            )
        crop = self.align(sample, self.size)
        pixels = crop.pixels
        if self.augment is not None:
            rng = np.random.default_rng((self.seed, self.epoch, self.rank, part, place))
            pixels = augmented(self.augment, crop, None, rng).pixels
        return to_tensor(pixels, self.channels), self.place[sample.label]


def _shuffle(samples: Iterator[Sample], size: int, rng: np.random.Generator) -> Iterator[Sample]:
    """Draw from a buffer that is kept full; with a size of 0 the order stays."""
    held: list[Sample] = []
    for sample in samples:
        if len(held) < size:
            held.append(sample)
            continue
        if not held:
            yield sample
            continue
        place = int(rng.integers(len(held)))
        held[place], sample = sample, held[place]
        yield sample
    for place in rng.permutation(len(held)):
        yield held[int(place)]


def write_shards(listing: Listing, folder: Path, per_shard: int, seed: int | None = 0) -> list[Path]:
    """Pack a listing into tar shards: the pictures' own bytes, and their facts as JSON.

    seed: samples are shuffled by it before they are dealt, as streams want it; None keeps the order.
    """
    if per_shard < 1:
        raise InputError(f"a shard cannot hold {per_shard} pictures: give at least one")
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.arange(len(listing)) if seed is None else np.random.default_rng(seed).permutation(len(listing))
    written: list[Path] = []
    for start in range(0, len(rows), per_shard):
        path = folder / f"shard-{len(written):06d}.tar"
        with tarfile.open(path, "w") as tar:
            for row in rows[start : start + per_shard]:
                _add(tar, f"{row:09d}", listing.samples[row])
        written.append(path)
    return written


def _add(tar: tarfile.TarFile, key: str, sample: Sample) -> None:
    import json

    ending = sample.path.suffix.lower() if sample.span is None else ".jpg"
    facts = {**sample.attributes, "label": sample.label, "group": sample.group}
    text = json.dumps(facts, ensure_ascii=False).encode()
    for name, data in ((key + ending, read_bytes(sample)), (f"{key}.json", text)):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))

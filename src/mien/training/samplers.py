"""Which samples make up the next batches: plain, weighted against imbalance, so many of so many people, or
as tar shards are read best.

A sampler gives single picks in an order whose every ``batch`` neighbours belong together, so it goes into a
``DataLoader(dataset, batch_size=batch, sampler=sampler, drop_last=...)``. Every rank of a distributed run
draws the same order and takes its own batches of it. What is drawn depends on (seed, epoch) alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ThinData
from mien.training.options import option, read_options

Rows = NDArray[np.int64]


class Pick(NamedTuple):
    """One sample of an epoch.    draw: a number that no other pick of the run has; it seeds augmentation."""

    row: int
    draw: int


@dataclass(frozen=True, slots=True)
class Plain:
    shuffle: bool = option(True, "a new order each epoch; otherwise the order of the listing")


@dataclass(frozen=True, slots=True)
class Weighted:
    power: float = option(
        1.0,
        "labels of n samples are drawn as n ** (1 - power): with 1 all alike",
        low=0,
        high=1,
    )


@dataclass(frozen=True, slots=True)
class Balanced:
    pictures: int = option(4, "pictures of each label in a batch", low=1)


@dataclass(frozen=True, slots=True)
class Stream:
    buffer: int = option(2000, "pictures that are shuffled with each other: how far a reader jumps", low=1)


class Sampler(ABC):
    """What all samplers share: epochs, ranks, and where a run was broken off.

    labels: (N,) label numbers of the data set.    batch: picks a rank takes for one step.
    rank, world: this process and how many there are.
    files: (N,) in which file each sample lies, where files hold many, one after the other (tar shards).
    """

    def __init__(
        self, labels: Rows, batch: int, seed: int, rank: int, world: int, files: Rows | None = None
    ) -> None:
        if batch < 1 or not 0 <= rank < world:
            raise InputError(f"a sampler cannot give batches of {batch} to rank {rank} of {world}")
        if len(labels) < 1:
            raise ThinData("a sampler needs at least one sample: check the data source and its split")
        self.labels, self.files = np.asarray(labels, np.int64), files
        self.batch, self.seed, self.rank, self.world = batch, seed, rank, world
        self.epoch, self.batches_done = 0, 0

    @abstractmethod
    def order(self, rng: np.random.Generator) -> Rows:
        """Every pick of one epoch, for all ranks together."""

    def __len__(self) -> int:
        """Picks of a whole epoch for this rank."""
        return len(self._own(np.arange(self._total())))

    def __iter__(self) -> Iterator[Pick]:
        """The picks that are left of the epoch."""
        order = self.order(np.random.default_rng((self.seed, self.epoch)))
        first = self.epoch * len(order)
        for place in self._own(np.arange(len(order)))[self.batches_done * self.batch :]:
            yield Pick(int(order[place]), first + int(place))

    def set_epoch(self, epoch: int) -> None:
        """Start this epoch from its beginning."""
        self.epoch, self.batches_done = epoch, 0

    def step(self, batches: int = 1) -> None:
        """Note that the loop has trained on so many batches more; the loader itself may have read ahead."""
        self.batches_done += batches

    def state_dict(self) -> dict[str, int]:
        """Where the run stands, for a checkpoint."""
        return {"epoch": self.epoch, "batches_done": self.batches_done}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Continue where `state_dict` was taken: the next pick is the one that would have followed."""
        self.epoch, self.batches_done = int(state["epoch"]), int(state["batches_done"])

    def _total(self) -> int:
        return len(self.labels)

    def _own(self, places: Rows) -> Rows:
        """The places in the epoch's order that are this rank's; every rank gets equally many.

        With several ranks what does not fill a batch for each of them is dropped: a rank without a batch
        would keep the others waiting for its gradient.
        """
        if self.world == 1:
            return places
        steps = len(places) // (self.batch * self.world)
        if steps == 0:
            raise ThinData(
                f"{len(places)} samples do not make one batch of {self.batch} for each of "
                f"{self.world} processes: use smaller batches"
            )
        cut = places[: steps * self.batch * self.world].reshape(steps, self.world, self.batch)
        return cut[:, self.rank].reshape(-1)


class PlainSampler(Sampler):
    """Every sample once an epoch."""

    def __init__(self, config: Plain, *args: Any) -> None:
        super().__init__(*args)
        self.config = config

    def order(self, rng: np.random.Generator) -> Rows:
        count = len(self.labels)
        return rng.permutation(count) if self.config.shuffle else np.arange(count)


class WeightedSampler(Sampler):
    """Drawn with repetition, so that rare labels come as often as common ones (or nearer to that)."""

    def __init__(self, config: Weighted, *args: Any) -> None:
        super().__init__(*args)
        counts = np.bincount(self.labels)
        share = counts[self.labels].astype(np.float64) ** -config.power
        self.chances = share / share.sum()

    def order(self, rng: np.random.Generator) -> Rows:
        return rng.choice(len(self.labels), size=len(self.labels), p=self.chances).astype(np.int64)


class BalancedSampler(Sampler):
    """Batches of P labels with K pictures each ("P × K", Hermans et al. 2017), P = batch / K.

    Labels come equally often, in a new order each epoch; pictures of a label likewise, and are repeated only
    where the label has fewer than K. An epoch has as many batches as the data set would fill.
    """

    def __init__(self, config: Balanced, *args: Any) -> None:
        super().__init__(*args)
        self.each = config.pictures
        self.people = self.batch // self.each
        order = np.argsort(self.labels, kind="stable")
        self.rows = np.split(order, np.flatnonzero(np.diff(self.labels[order])) + 1)
        if self.batch % self.each or self.people > len(self.rows):
            raise InputError(
                f"a batch of {self.batch} cannot hold {self.each} pictures each of different labels out of "
                f"{len(self.rows)}: choose a batch that is a multiple of `pictures` and has no more labels"
            )

    def _total(self) -> int:
        return max(len(self.labels) // self.batch, self.world) * self.batch

    def order(self, rng: np.random.Generator) -> Rows:
        wanted = self._total() // self.batch * self.people
        decks = [_Deck(rows, rng) for rows in self.rows]
        turns = _turns(len(decks), self.people, wanted, rng)
        return np.concatenate([decks[turn].deal(self.each) for turn in turns])


class StreamSampler(Sampler):
    """Files in a new order each epoch, each read from front to end, shuffled through a buffer.

    So that the order of reading suits disks and network drives that hold more than a machine can. Each rank
    reads files of its own; where these hold fewer pictures than another's, it begins again.
    """

    def __init__(self, config: Stream, *args: Any) -> None:
        super().__init__(*args)
        if self.files is None:
            raise InputError("the sampler stream reads tar shards: set data.source to shards, or use plain")
        starts = np.flatnonzero(np.diff(self.files, prepend=-1))
        self.shards = np.split(np.arange(len(self.labels)), starts[1:])
        self.buffer = config.buffer
        if len(self.shards) < self.world:
            raise InputError(
                f"{len(self.shards)} shards cannot feed {self.world} processes: cut the data into more"
            )

    def order(self, rng: np.random.Generator) -> Rows:
        turn = rng.permutation(len(self.shards))
        streams = [self._shuffled(turn[rank :: self.world], rng) for rank in range(self.world)]
        if self.world == 1:
            return streams[0]
        steps = len(self.labels) // (self.batch * self.world)
        each = [np.resize(stream, (steps, 1, self.batch)) for stream in streams]
        return np.concatenate(each, axis=1).reshape(-1)

    def _total(self) -> int:
        if self.world == 1:
            return len(self.labels)
        return len(self.labels) // (self.batch * self.world) * self.batch * self.world

    def _shuffled(self, shards: Rows, rng: np.random.Generator) -> Rows:
        """The rows of these shards, shuffled within stretches as long as the buffer."""
        rows = np.concatenate([self.shards[shard] for shard in shards])
        # Stretches begin elsewhere each epoch, so that pictures meet others.
        cuts = np.arange(int(rng.integers(1, self.buffer + 1)), len(rows), self.buffer)
        return np.concatenate([rng.permutation(stretch) for stretch in np.split(rows, cuts)])


class _Deck:
    """Pictures of one label, dealt without repetition until all had their turn."""

    def __init__(self, rows: Rows, rng: np.random.Generator) -> None:
        self.rows, self.rng = rows, rng
        self.left: list[int] = []

    def deal(self, count: int) -> Rows:
        dealt: list[int] = []
        while len(dealt) < count:
            if not self.left:
                fresh = self.rng.permutation(self.rows).tolist()
                # Pictures that are already in this hand go to the bottom: they come again last.
                self.left = [row for row in fresh if row in dealt] + [
                    row for row in fresh if row not in dealt
                ]
            dealt.append(self.left.pop())
        return np.array(dealt, np.int64)


def _turns(labels: int, people: int, wanted: int, rng: np.random.Generator) -> list[int]:
    """Label numbers, ``people`` different ones a batch, each label as often as any other within one."""
    turns: list[int] = []
    waiting: list[int] = []
    while len(turns) < wanted:
        batch: list[int] = []
        while len(batch) < people:
            if not waiting:
                waiting = rng.permutation(labels).tolist()
            fresh = next((label for label in waiting if label not in batch), None)
            if fresh is None:  # all that wait are in the batch already: shuffle the next round in behind them
                waiting += rng.permutation(labels).tolist()
                continue
            waiting.remove(fresh)
            batch.append(fresh)
        turns += batch
    return turns


class SamplerEntry(NamedTuple):
    """One line of the registry."""

    config: type[Any]
    made: Callable[..., Sampler]
    doc: str


SAMPLERS: Mapping[str, SamplerEntry] = {
    "plain": SamplerEntry(Plain, PlainSampler, "every sample once an epoch"),
    "weighted": SamplerEntry(Weighted, WeightedSampler, "rare labels drawn as often as common ones"),
    "balanced": SamplerEntry(Balanced, BalancedSampler, "P labels with K pictures each in every batch"),
    "stream": SamplerEntry(Stream, StreamSampler, "tar shards from front to end, through a shuffle buffer"),
}


def build_sampler(
    name: str,
    labels: Rows,
    *,
    batch: int,
    seed: int = 0,
    rank: int = 0,
    world: int = 1,
    files: Rows | None = None,
    **options: Any,
) -> Sampler:
    """Make a sampler over a data set's label numbers.

    raises: `InputError` for an unknown sampler or option, or a batch that cannot be filled.
    """
    entry = _find(name)
    config = read_options(entry.config, f"the sampler {name}", options)
    return entry.made(config, labels, batch, seed, rank, world, files)


def sampler_config(name: str) -> type[Any]:
    """The options of a sampler, as a dataclass."""
    return _find(name).config


def _find(name: str) -> SamplerEntry:
    if name not in SAMPLERS:
        raise InputError(f"no sampler is called {name!r}: choose one of {', '.join(SAMPLERS)}")
    return SAMPLERS[name]


def class_weights(labels: Rows, classes: int, power: float = 1.0) -> tuple[float, ...]:
    """Weights against imbalance for a loss: n^-power of each label's count, scaled to a mean of 1 a sample.

    A label without samples gets no weight.

    >>> class_weights(np.array([0, 0, 0, 1]), 2)
    (0.6666666666666666, 2.0)
    """
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    raw = np.where(counts > 0, np.maximum(counts, 1) ** -power, 0.0)
    scale = counts.sum() / (raw * counts).sum()
    return tuple((raw * scale).tolist())

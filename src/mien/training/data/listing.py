"""What a data set holds, before any picture is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ThinData
from mien.core.types import Box, Points


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture of one face.

    path: the picture's file.
    label: what is to be learned: an identity or a class.
    group: who is shown; samples of one group never end up on two sides of a split. For identities the label.
    attributes: further facts, as the data set spells them ("age": "20-29").
    box: the face in picture pixels, where the data set says it; None: find it, or take the whole picture.
    points: (K, 2) picture pixels, where the data set has them; the scheme is the data set's.
    span: where in ``path`` the picture's file lies, start and length in bytes, when ``path`` is a tar shard.
    """

    path: Path
    label: str
    group: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    box: Box | None = None
    points: Points | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """Samples in a stable order."""

    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def classes(self) -> tuple[str, ...]:
        """Every label, sorted; a label's place is its number in training."""
        return tuple(sorted({sample.label for sample in self.samples}))

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group, sorted."""
        return tuple(sorted({sample.group for sample in self.samples}))

    def labels(self, classes: Sequence[str] | None = None) -> NDArray[np.int64]:
        """Number each sample's label by its place in ``classes``: (N,); default: the listing's own classes.

        raises: `InputError` for a label that is not among ``classes``.
        """
        names = self.classes if classes is None else classes
        place = {name: number for number, name in enumerate(names)}
        missing = sorted({sample.label for sample in self.samples} - set(place))
        if missing:
            raise InputError(f"label {missing[0]!r} is none of the {len(place)} known classes: list it too")
        return np.array([place[sample.label] for sample in self.samples], np.int64)

    @property
    def files(self) -> NDArray[np.int64] | None:
        """The number of the shard that each sample lies in: (N,); None where one has a file of its own."""
        if any(sample.span is None for sample in self.samples):
            return None
        place = {path: number for number, path in enumerate(dict.fromkeys(s.path for s in self.samples))}
        return np.array([place[sample.path] for sample in self.samples], np.int64)

    def subset(self, rows: Iterable[int]) -> Listing:
        """The samples at these places, in the order given."""
        return Listing(tuple(self.samples[row] for row in rows))

    def where(self, keep: Callable[[Sample], bool]) -> Listing:
        """The samples that ``keep`` says yes to."""
        return Listing(tuple(sample for sample in self.samples if keep(sample)))

    def with_at_least(self, count: int) -> Listing:
        """Without the labels that have fewer than ``count`` samples."""
        names, counts = np.unique([sample.label for sample in self.samples], return_counts=True)
        enough = set(names[counts >= count].tolist())
        return self.where(lambda sample: sample.label in enough)


def split_by_identity(listing: Listing, fractions: Sequence[float], seed: int) -> tuple[Listing, ...]:
    """Deal the groups of a listing into parts; a group is never in two of them.

    fractions: share of the groups in each part, positive, of any sum (they are scaled to 1).
    The groups are shuffled by ``seed`` and cut at the fractions; every part gets at least one. The order of
    the samples is kept, and the split does not depend on it.
    raises: `InputError` for fractions that are not positive, `ThinData` for fewer groups than parts.
    """
    shares = np.asarray(fractions, np.float64)
    if shares.ndim != 1 or len(shares) < 1 or not (np.isfinite(shares).all() and (shares > 0).all()):
        raise InputError(f"the fractions of a split cannot be {list(fractions)}: give positive numbers")
    groups = listing.groups
    if len(groups) < len(shares):
        raise ThinData(
            f"{len(groups)} people cannot be dealt into {len(shares)} parts: add people, or ask for fewer "
            "parts (data.fractions)"
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    part_of = {groups[row]: part for part, rows in enumerate(_cut(order, shares)) for row in rows}
    parts: list[list[Sample]] = [[] for _ in shares]
    for sample in listing.samples:
        parts[part_of[sample.group]].append(sample)
    return tuple(Listing(tuple(part)) for part in parts)


def _cut(order: NDArray[np.int64], shares: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Cut at the shares, moving each cut just enough that no part is empty."""
    total, parts = len(order), len(shares)
    cuts = np.round(np.cumsum(shares / shares.sum())[:-1] * total).astype(int)
    for place in range(parts - 1):
        least = cuts[place - 1] + 1 if place else 1
        cuts[place] = min(max(cuts[place], least), total - (parts - 1 - place))
    return np.split(order, cuts)

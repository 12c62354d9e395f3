"""The user's own pictures as scores to calibrate on: a folder of people, or a list of pairs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, MienError, ThinData
from mien.core.types import Embedding
from mien.evaluation.metrics.groups import GroupRate, match_rate_by_group
from mien.evaluation.protocols.pairs import PairList

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
# Pairs of people, at most; more do not narrow the intervals, because the people repeat.
MOST_IMPOSTORS = 2_000_000

EmbedPictures = Callable[[Sequence[Path]], Iterator[Embedding | MienError]]


@dataclass(frozen=True, slots=True, eq=False)
class OwnScores:
    """Similarities of pictures whose people are known.

    genuine: (G,).    impostor: (N,).    people: (N, 2) numbers of the people of each impostor pair.
    groups: (N,) index into ``group_names`` where both people are of one group, else -1.
    failures: picture -> why it could not be used.
    """

    genuine: NDArray[np.float64]
    impostor: NDArray[np.float64]
    people: NDArray[np.int64]
    pictures: int
    subjects: int
    groups: NDArray[np.int64]
    group_names: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)


def folder_of_people(root: Path) -> dict[str, list[Path]]:
    """Person -> pictures, one sub-folder a person."""
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    found = {f.name: sorted(p for p in f.rglob("*") if p.suffix.lower() in PICTURES) for f in folders}
    found = {name: pictures for name, pictures in found.items() if pictures}
    if len(found) < 2:
        raise ThinData(f"{root} has {len(found)} people: give a folder with one sub-folder a person")
    return found


def score_people(
    people: Mapping[str, Sequence[Path]], embed: EmbedPictures, groups: Mapping[str, str] | None = None
) -> OwnScores:
    """Compare every picture with every other: those of one person are genuine pairs."""
    pictures = [path for paths in people.values() for path in paths]
    owners = [number for number, paths in enumerate(people.values()) for _ in paths]
    vectors, kept, failures = _embedded(pictures, embed)
    owner = np.array(owners)[kept]
    first, second = np.triu_indices(len(owner), 1)
    scores = (vectors @ vectors.T)[first, second]
    same = owner[first] == owner[second]
    pairs = np.stack([owner[first], owner[second]], axis=1)[~same]
    impostor = scores[~same].astype(np.float64)
    if len(impostor) > MOST_IMPOSTORS:
        chosen = np.sort(np.random.default_rng(0).choice(len(impostor), MOST_IMPOSTORS, replace=False))
        impostor, pairs = impostor[chosen], pairs[chosen]
    of_pair, names = _groups(list(people), groups or {}, pairs)
    return OwnScores(
        scores[same].astype(np.float64),
        impostor,
        pairs,
        len(kept),
        len(np.unique(owner)),
        of_pair,
        names,
        failures,
    )


def score_listed(pairs: PairList, embed: EmbedPictures) -> OwnScores:
    """Compare the listed pairs; a person is the folder that a picture lies in."""
    vectors, kept, failures = _embedded(pairs.pictures, embed)
    row = np.full(len(pairs.pictures), -1)
    row[kept] = np.arange(len(kept))
    usable = (row[pairs.a] >= 0) & (row[pairs.b] >= 0)
    a, b, same = row[pairs.a[usable]], row[pairs.b[usable]], pairs.same[usable]
    scores = np.einsum("ij,ij->i", vectors[a], vectors[b]).astype(np.float64)
    names = [str(pairs.pictures[i].parent) for i in kept]
    owner = np.unique(names, return_inverse=True)[1]
    people = np.stack([owner[a], owner[b]], axis=1)[~same]
    nobody = np.full(len(people), -1)
    return OwnScores(
        scores[same], scores[~same], people, len(kept), len(np.unique(owner)), nobody, failures=failures
    )


def read_groups(file: Path) -> dict[str, str]:
    """Person -> group, from a table ``person,group``."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = [(row[0].strip(), row[1].strip()) for row in csv.reader(lines) if len(row) >= 2]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read ({error}): give a table person,group") from error
    return {person: group for person, group in rows if (person, group) != ("person", "group")}


def rates_by_group(scores: OwnScores, threshold: float, target: float) -> tuple[GroupRate, ...]:
    """False match rate among the strangers of each group, at the one threshold that stands for ``target``."""
    inside = scores.groups >= 0
    if not inside.any():
        return ()
    names = np.array(scores.group_names)[scores.groups[inside]]
    return match_rate_by_group(scores.impostor[inside], names, threshold, target)


def _embedded(
    pictures: Sequence[Path], embed: EmbedPictures
) -> tuple[NDArray[np.float32], NDArray[np.int64], dict[str, str]]:
    vectors, kept, failures = [], [], {}
    for number, (path, answer) in enumerate(zip(pictures, embed(pictures), strict=True)):
        if isinstance(answer, MienError):
            failures[str(path)] = str(answer)
        else:
            vectors.append(answer.vector)
            kept.append(number)
    if len(kept) < 2:
        raise ThinData("fewer than two pictures show a face: give more, and clearer ones")
    return np.stack(vectors), np.array(kept), failures


def _groups(
    names: Sequence[str], groups: Mapping[str, str], pairs: NDArray[np.int64]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    kinds = sorted(set(groups.values()))
    number = np.array([kinds.index(groups[name]) if name in groups else -1 for name in names])
    first, second = number[pairs[:, 0]], number[pairs[:, 1]]
    return np.where(first == second, first, -1), tuple(kinds)

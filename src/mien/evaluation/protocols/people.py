"""A folder of people cut into what a protocol needs: folds by person and their pairs, gallery and probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ThinData
from mien.evaluation.own import MOST_IMPOSTORS, PICTURES, folder_of_people
from mien.evaluation.protocols.pairs import PairList


def identity_folds(people: int, folds: int, seed: int = 0) -> NDArray[np.int32]:
    """Deal people into folds of equal size, so that nobody is on both sides of a split.

    >>> sorted(identity_folds(4, 2).tolist())
    [0, 0, 1, 1]
    """
    if not 2 <= folds <= people:
        raise ThinData(
            f"{people} people cannot be cut into {folds} folds: give more people, or --folds of 2 to {people}"
        )
    dealt: NDArray[np.int32] = (np.arange(people) % folds).astype(np.int32)
    return np.random.default_rng(seed).permutation(dealt)


def pairs_of_people(people: Mapping[str, Sequence[Path]], folds: int, seed: int = 0) -> PairList:
    """Pair all pictures of the people of one fold with each other; pairs across folds are left out.

    At most 2,000,000 impostor pairs are kept, drawn at random.
    """
    fold_of = identity_folds(len(people), folds, seed)
    pictures = tuple(path for paths in people.values() for path in paths)
    owner = np.repeat(np.arange(len(people)), [len(paths) for paths in people.values()])
    a, b = np.triu_indices(len(pictures), 1)
    inside = fold_of[owner[a]] == fold_of[owner[b]]
    a, b = a[inside], b[inside]
    same = owner[a] == owner[b]
    others = np.flatnonzero(~same)
    if len(others) > MOST_IMPOSTORS:
        drawn = np.random.default_rng(seed).choice(others, MOST_IMPOSTORS, replace=False)
        kept = np.sort(np.concatenate([np.flatnonzero(same), drawn]))
        a, b, same = a[kept], b[kept], same[kept]
    fold = fold_of[owner[a]]
    for name in range(folds):
        here = same[fold == name]
        if not here.any() or here.all():
            raise ThinData(
                f"fold {name} of {folds} has no genuine or no impostor pair: give more people and more "
                "pictures of each, or fewer --folds"
            )
    return PairList(pictures, a.astype(np.int32), b.astype(np.int32), same, fold, folds_given=True)


@dataclass(frozen=True, slots=True, eq=False)
class SearchList:
    """Who is enrolled with which pictures, and who is searched for.

    people: names of N enrolled people.    gallery: their pictures.
    probes: P pictures of enrolled people.    mate: (P,) who of them each shows.
    strangers: S pictures of people who are not enrolled.    stranger: (S,) number of the person.
    """

    people: tuple[str, ...]
    gallery: tuple[tuple[Path, ...], ...]
    probes: tuple[Path, ...]
    mate: NDArray[np.int64]
    strangers: tuple[Path, ...]
    stranger: NDArray[np.int64]

    @property
    def pictures(self) -> tuple[Path, ...]:
        """All pictures: gallery, probes, strangers."""
        return (*(path for paths in self.gallery for path in paths), *self.probes, *self.strangers)


def search_list(
    people: Mapping[str, Sequence[Path]],
    strangers: Mapping[str, Sequence[Path]] | None = None,
    *,
    enrol: int = 1,
    seed: int = 0,
) -> SearchList:
    """Enrol ``enrol`` pictures of each person, drawn at random, and search for the others.

    strangers: people who are in no gallery; without them half of the people, drawn at random, stay outside.
    """
    if enrol < 1:
        raise InputError(f"{enrol} pictures enrol nobody: give --enrol 1 or more")
    rng = np.random.default_rng(seed)
    names = sorted(people)
    if strangers is None:
        outside = {names[i] for i in np.flatnonzero(identity_folds(len(names), 2, seed))}
        strangers = {name: people[name] for name in names if name in outside}
        names = [name for name in names if name not in outside]
    gallery, probes, mate = [], [], []
    for number, name in enumerate(names):
        order = [people[name][i] for i in rng.permutation(len(people[name]))]
        gallery.append(tuple(order[:enrol]))
        probes += order[enrol:]
        mate += [number] * len(order[enrol:])
    others = [(path, number) for number, name in enumerate(sorted(strangers)) for path in strangers[name]]
    if not probes or len({number for _, number in others}) < 2:
        raise ThinData(
            "a search needs people with more pictures than are enrolled, and two strangers or more: "
            "add pictures, or give --strangers"
        )
    return SearchList(
        tuple(names),
        tuple(gallery),
        tuple(probes),
        np.array(mate, np.int64),
        tuple(path for path, _ in others),
        np.array([number for _, number in others], np.int64),
    )


def folder_of_strangers(root: Path, most: int | None = None, seed: int = 0) -> dict[str, list[Path]]:
    """Read strangers: one sub-folder a person, or pictures that lie side by side, each of another person.

    most: draw this many people at random.
    """
    flat = sorted(p for p in root.iterdir() if p.suffix.lower() in PICTURES) if root.is_dir() else []
    found = {path.name: [path] for path in flat} if flat else folder_of_people(root)
    if most is not None and most < len(found):
        names = sorted(found)
        drawn = sorted(np.random.default_rng(seed).choice(len(names), most, replace=False))
        found = {names[i]: found[names[i]] for i in drawn}
    return found

"""Nobody is on both sides of a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, ThinData
from mien.evaluation.protocols.people import folder_of_strangers, identity_folds, pairs_of_people, search_list


def people(count: int = 12, each: int = 4) -> dict[str, list[Path]]:
    return {f"p{i:02}": [Path(f"p{i:02}/{j}.jpg") for j in range(each)] for i in range(count)}


def test_folds_are_even_and_the_seed_decides() -> None:
    folds = identity_folds(10, 3, seed=1)
    assert sorted(np.bincount(folds).tolist()) == [3, 3, 4]
    assert identity_folds(10, 3, seed=1).tolist() == folds.tolist()
    with pytest.raises(ThinData, match="more people"):
        identity_folds(3, 4)


def test_no_pair_and_no_person_crosses_folds() -> None:
    pairs = pairs_of_people(people(), folds=3)
    owner = [path.parent.name for path in pairs.pictures]
    fold_of: dict[str, set[int]] = {}
    for a, b, same, fold in zip(pairs.a, pairs.b, pairs.same, pairs.fold, strict=True):
        assert (owner[a] == owner[b]) == same
        for person in (owner[a], owner[b]):
            fold_of.setdefault(person, set()).add(int(fold))
    assert all(len(folds) == 1 for folds in fold_of.values())
    # 4 people a fold, 4 pictures each: 6 genuine pairs a person, 6 pairs of people with 16 each.
    assert int(pairs.same.sum()) == 12 * 6
    assert int((~pairs.same).sum()) == 3 * 6 * 16


def test_a_fold_without_genuine_pairs_is_refused() -> None:
    with pytest.raises(ThinData, match="no genuine"):
        pairs_of_people(people(each=1), folds=2)


def test_without_strangers_half_of_the_people_stay_outside() -> None:
    listed = search_list(people(), enrol=2)
    assert len(listed.people) == 6
    assert {path.parent.name for path in listed.strangers}.isdisjoint(listed.people)
    assert all(len(paths) == 2 for paths in listed.gallery)
    enrolled = {path for paths in listed.gallery for path in paths}
    assert enrolled.isdisjoint(listed.probes)
    assert [listed.people[i] for i in listed.mate] == [path.parent.name for path in listed.probes]
    assert len(set(listed.pictures)) == 48


def test_given_strangers_leave_everybody_enrolled() -> None:
    listed = search_list(people(3), {"x": [Path("x/1")], "y": [Path("y/1"), Path("y/2")]})
    assert len(listed.people) == 3
    assert listed.stranger.tolist() == [0, 1, 1]


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(ThinData, match="more pictures than are enrolled"):
        search_list(people(4, each=1))
    with pytest.raises(InputError, match="--enrol"):
        search_list(people(), enrol=0)


def test_flat_pictures_are_one_stranger_each_and_may_be_drawn(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"{i}.jpg").touch()
    assert len(folder_of_strangers(tmp_path)) == 5
    assert len(folder_of_strangers(tmp_path, most=3)) == 3

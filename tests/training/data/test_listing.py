"""Splits that never leak, and the listings they are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError, ThinData
from mien.training.data import Listing, Sample, read_source, split_by_identity


def listing_of(groups: list[int]) -> Listing:
    return Listing(
        tuple(
            Sample(Path(f"{row}.jpg"), f"label {group % 3}", str(group)) for row, group in enumerate(groups)
        )
    )


@given(
    groups=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    fractions=st.lists(st.floats(0.01, 10), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_a_split_never_shares_a_person_and_never_loses_a_sample(
    groups: list[int], fractions: list[float], seed: int
) -> None:
    listing = listing_of(groups)
    if len(set(groups)) < len(fractions):
        with pytest.raises(ThinData, match="people cannot be dealt"):
            split_by_identity(listing, fractions, seed)
        return
    parts = split_by_identity(listing, fractions, seed)
    people = [set(part.groups) for part in parts]
    assert all(people)
    assert sum(map(len, people)) == len(set(groups)) == len(set().union(*people))
    assert sorted(s.path for part in parts for s in part.samples) == sorted(s.path for s in listing.samples)


@given(groups=st.permutations([0, 0, 1, 2, 2, 3, 4, 5]), seed=st.integers(0, 9))
def test_a_split_does_not_depend_on_the_order_of_the_samples(groups: list[int], seed: int) -> None:
    first = [part.groups for part in split_by_identity(listing_of([0, 1, 2, 3, 4, 5]), (2, 1), seed)]
    second = [part.groups for part in split_by_identity(listing_of(groups), (2, 1), seed)]
    assert first == second


def test_a_split_has_the_shares_that_were_asked_for() -> None:
    parts = split_by_identity(listing_of(list(range(100))), (0.7, 0.2, 0.1), 0)
    assert [len(part) for part in parts] == [70, 20, 10]
    assert split_by_identity(listing_of(list(range(100))), (7, 2, 1), 0)[0].groups == parts[0].groups
    assert split_by_identity(listing_of(list(range(100))), (7, 2, 1), 1)[0].groups != parts[0].groups


@pytest.mark.parametrize("fractions", [(), (1.0, 0.0), (1.0, -1.0), (float("nan"),)])
def test_a_split_wants_positive_fractions(fractions: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="give positive numbers"):
        split_by_identity(listing_of([0, 1]), fractions, 0)


def test_labels_are_numbered_in_their_sorted_order() -> None:
    listing = listing_of([2, 0, 1, 0])
    assert listing.classes == ("label 0", "label 1", "label 2")
    assert listing.labels().tolist() == [2, 0, 1, 0]
    assert listing.labels(("label 2", "label 1", "label 0")).tolist() == [0, 2, 1, 2]
    with pytest.raises(InputError, match="label 'label 2' is none of the 2 known classes"):
        listing.labels(("label 0", "label 1"))


def test_leaves_out_labels_with_few_samples() -> None:
    assert np.unique([s.label for s in listing_of([0, 0, 1, 2, 2]).with_at_least(2).samples]).tolist() == [
        "label 0",
        "label 2",
    ]


def test_a_folder_an_identity(tmp_path: Path) -> None:
    for name in ("ada/2.PNG", "ada/1.jpg", "bob/deep/3.pgm", "bob/notes.txt", ".cache/4.jpg", "loose.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listing = read_source("folder", tmp_path)
    assert [(s.path.relative_to(tmp_path).as_posix(), s.label, s.group) for s in listing.samples] == [
        ("ada/1.jpg", "ada", "ada"),
        ("ada/2.PNG", "ada", "ada"),
        ("bob/deep/3.pgm", "bob", "bob"),
    ]
    assert read_source("folder", tmp_path, min_pictures=2).classes == ("ada",)
    assert len(read_source("folder", tmp_path, max_pictures=1)) == 2


def test_says_where_it_looked_for_data(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no data at .*nowhere: check the path"):
        read_source("folder", tmp_path / "nowhere")
    with pytest.raises(InputError, match="found no pictures under"):
        read_source("folder", tmp_path)
    (tmp_path / "list").touch()
    with pytest.raises(InputError, match="cannot be listed"):
        read_source("folder", tmp_path / "list")

"""Grouping faces by person."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.gallery.conftest import near, unit

from mien.gallery.cluster import cluster


def threshold(rate: float) -> float:
    """A made-up calibration: stricter rates, higher cosines."""
    return float(0.3 - 0.05 * np.log10(rate))


def crowd(people: int, photos: int, cosine: float = 0.85) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Faces of each person at this cosine from the person's own direction."""
    vectors = [near(unit(p, 128), cosine, 1000 * p + k) for p in range(people) for k in range(photos)]
    return np.stack(vectors), np.repeat(np.arange(people), photos)


def test_finds_the_people_of_a_clear_crowd() -> None:
    vectors, truth = crowd(30, 5)
    shuffled = np.random.default_rng(0).permutation(len(vectors))
    labels = cluster(vectors[shuffled], threshold)
    same = labels[:, None] == labels
    np.testing.assert_array_equal(same, truth[shuffled][:, None] == truth[shuffled])


def test_labels_count_up_in_order_of_appearance() -> None:
    vectors, truth = crowd(4, 3)
    np.testing.assert_array_equal(cluster(vectors, threshold), truth)


@pytest.mark.parametrize("seed", range(5))
def test_average_linkage_agrees_with_scipy(seed: int) -> None:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((200, 16)) + rng.standard_normal((20, 16)).repeat(10, axis=0) * 1.5
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    distance = 1 - vectors.astype(np.float64) @ vectors.T
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    expected = fcluster(tree, 0.5, "distance")
    # A rate for small groups that nothing reaches leaves the first pass alone.
    labels = cluster(vectors, lambda rate: 0.5 if rate == 0.5 / 200 else 1.1)
    np.testing.assert_array_equal(labels[:, None] == labels, expected[:, None] == expected)


def test_two_faces_of_one_photo_are_never_one_person() -> None:
    vectors = np.stack([unit(1), near(unit(1), 0.99, 1), near(unit(1), 0.99, 2)])
    labels = cluster(vectors, threshold, photos=["a", "a", "b"])
    assert labels[0] != labels[1]


def test_people_said_to_be_different_stay_apart_in_every_pass() -> None:
    vectors, _ = crowd(1, 6, 0.95)
    labels = cluster(vectors, threshold, apart=[(0, 1)])
    assert labels[0] != labels[1]


def test_known_people_keep_their_faces_and_take_in_new_ones() -> None:
    vectors, truth = crowd(3, 4)
    people = np.full(12, -1)
    people[0], people[4] = 7, 3
    labels = cluster(vectors, threshold, people=people)
    np.testing.assert_array_equal(labels[:, None] == labels, truth[:, None] == truth)


def test_two_known_people_are_never_joined_however_alike() -> None:
    vectors = np.stack([unit(1), near(unit(1), 0.99, 1), near(unit(1), 0.99, 2)])
    labels = cluster(vectors, threshold, people=np.array([5, 6, -1]))
    assert labels[0] != labels[1]


def test_faces_of_one_known_person_stay_together_however_unlike() -> None:
    vectors = np.stack([unit(1), unit(2), unit(3)])
    np.testing.assert_array_equal(cluster(vectors, threshold, people=np.array([4, 4, -1])), [0, 0, 1])


def test_nothing_gives_no_labels_and_one_face_gives_one() -> None:
    assert len(cluster(np.zeros((0, 8), np.float32), threshold)) == 0
    np.testing.assert_array_equal(cluster(unit(1)[None], threshold), [0])

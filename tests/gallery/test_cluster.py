"""Grouping faces by person."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.gallery.conftest import near, unit

from mien.gallery.cluster import Strangers, _centred, cluster, evidence

# Random directions of 128 dimensions.
STRANGERS = Strangers(0.0, 128**-0.5)


def crowd(people: int, photos: int, cosine: float = 0.85) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Faces of each person at this cosine from the person's own direction."""
    vectors = [near(unit(p, 128), cosine, 1000 * p + k) for p in range(people) for k in range(photos)]
    return np.stack(vectors), np.repeat(np.arange(people), photos)


def test_finds_the_people_of_a_clear_crowd() -> None:
    vectors, truth = crowd(30, 5)
    shuffled = np.random.default_rng(0).permutation(len(vectors))
    labels = cluster(vectors[shuffled], STRANGERS)
    same = labels[:, None] == labels
    np.testing.assert_array_equal(same, truth[shuffled][:, None] == truth[shuffled])


def test_labels_count_up_in_order_of_appearance() -> None:
    vectors, truth = crowd(4, 3)
    np.testing.assert_array_equal(cluster(vectors, STRANGERS), truth)


def test_evidence_is_the_likelihood_ratio_of_the_gaussian_model() -> None:
    """Independent reference: SciPy's densities of the stacked coordinates, groups of three and two faces."""
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(0)
    dimension, clear = 16, np.array([0.8, 0.5, 0.3, 0.7, 0.6])
    faces = rng.standard_normal((5, dimension)) / np.sqrt(dimension)

    def density(rows: list[int]) -> float:
        a = clear[rows]
        covariance = (np.outer(a, a) + np.diag(1 - a**2)) / dimension
        return float(multivariate_normal(np.zeros(len(rows)), covariance).logpdf(faces[rows].T).sum())

    def said(rows: list[int]) -> float:
        a = clear[rows]
        total = (a / (1 - a**2)) @ faces[rows]
        return float(evidence(np.sum(a**2 / (1 - a**2)), total @ total, Strangers(0.0, dimension**-0.5)))

    first, second = [0, 1, 2], [3, 4]
    wanted = density(first + second) - density(first) - density(second)
    assert said(first + second) - said(first) - said(second) == pytest.approx(wanted, rel=1e-9)


def test_what_all_faces_share_is_taken_off() -> None:
    common, (a, b) = unit(0, 64), (unit(1, 64), unit(2, 64))
    shares = [np.sqrt(0.5) * common + np.sqrt(0.5) * own for own in (a, b)]
    seen = shares[0] @ shares[1] - 0.5 * (common @ a + common @ b) - 0.5 * float(a @ b)
    centred = _centred(np.array([seen, 1.0]), np.ones(2), Strangers(0.5, 0.05))
    np.testing.assert_allclose(centred, [0.0, 1.0], atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_joining_all_mutual_favourites_at_once_gives_what_one_join_at_a_time_gives(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    vectors = np.repeat(rng.standard_normal((25, 64)), 6, axis=0) + 1.1 * rng.standard_normal((150, 64))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    who = Strangers(0.0, 0.125)
    labels = cluster(vectors, who)
    monkeypatch.setattr("mien.gallery.cluster.SURE", 0.999)  # only the surest join of each round
    np.testing.assert_array_equal(labels, cluster(vectors, who))
    assert 25 <= labels.max() + 1 < 75


def test_a_blurred_face_joins_on_less_than_a_clear_one_would_need() -> None:
    person = unit(1, 128)
    clear = [near(person, 0.9, k) for k in range(8)]
    vectors = np.stack([*clear, near(person, 0.3, 99)])
    qualities = np.full(9, 0.9)
    assert len(set(cluster(vectors, STRANGERS, qualities))) == 2
    qualities[-1] = 0.3
    assert len(set(cluster(vectors, STRANGERS, qualities))) == 1


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand_faces_take_bounded_memory() -> None:
    import tracemalloc

    rng = np.random.default_rng(0)
    people = rng.standard_normal((500, 128))
    vectors = np.repeat(people, 20, axis=0) + 0.9 * rng.standard_normal((10_000, 128))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    tracemalloc.start()
    labels = cluster(vectors, STRANGERS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert labels.max() + 1 == 500
    assert peak < 250e6  # every pair at once would be 400 MB in float32


def test_two_faces_of_one_photo_are_never_one_person() -> None:
    vectors = np.stack([unit(1), near(unit(1), 0.99, 1), near(unit(1), 0.99, 2)])
    labels = cluster(vectors, STRANGERS, photos=["a", "a", "b"])
    assert labels[0] != labels[1]


def test_people_said_to_be_different_stay_apart_in_every_pass() -> None:
    vectors, _ = crowd(1, 6, 0.95)
    labels = cluster(vectors, STRANGERS, apart=[(0, 1)])
    assert labels[0] != labels[1]


def test_known_people_keep_their_faces_and_take_in_new_ones() -> None:
    vectors, truth = crowd(3, 4)
    people = np.full(12, -1)
    people[0], people[4] = 7, 3
    labels = cluster(vectors, STRANGERS, people=people)
    np.testing.assert_array_equal(labels[:, None] == labels, truth[:, None] == truth)


def test_two_known_people_are_never_joined_however_alike() -> None:
    vectors = np.stack([unit(1), near(unit(1), 0.99, 1), near(unit(1), 0.99, 2)])
    labels = cluster(vectors, STRANGERS, people=np.array([5, 6, -1]))
    assert labels[0] != labels[1]


def test_faces_of_one_known_person_stay_together_however_unlike() -> None:
    vectors = np.stack([unit(1), unit(2), unit(3)])
    np.testing.assert_array_equal(cluster(vectors, STRANGERS, people=np.array([4, 4, -1])), [0, 0, 1])


def test_nothing_gives_no_labels_and_one_face_gives_one() -> None:
    assert len(cluster(np.zeros((0, 8), np.float32), STRANGERS)) == 0
    np.testing.assert_array_equal(cluster(unit(1)[None], STRANGERS), [0])

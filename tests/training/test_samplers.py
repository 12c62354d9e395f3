"""Samplers: what an epoch shows, how ranks share it, and that a broken run goes on where it was."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError, ThinData
from mien.training.samplers import SAMPLERS, Pick, build_sampler, class_weights, sampler_config

LABELS = np.repeat(np.arange(6), [40, 20, 10, 6, 3, 1])
NAMES = [("plain", {}), ("weighted", {}), ("balanced", {"pictures": 2}), ("stream", {"buffer": 10})]


FILES = np.repeat(np.arange(5), [20, 16, 24, 12, 8])  # five tar shards


def picks(name: str, options: dict[str, Any], epoch: int = 0, **where: int) -> list[Pick]:
    sampler = build_sampler(name, LABELS, batch=8, seed=3, files=FILES, **where, **options)
    sampler.set_epoch(epoch)
    drawn = list(sampler)
    assert len(drawn) == len(sampler)
    return drawn


def test_plain_shows_everything_once_in_a_new_order_each_epoch() -> None:
    first, second = picks("plain", {}), picks("plain", {}, epoch=1)
    assert sorted(pick.row for pick in first) == list(range(len(LABELS)))
    assert [pick.row for pick in first] != [pick.row for pick in second]
    assert [pick.row for pick in picks("plain", {"shuffle": False})] == list(range(len(LABELS)))


def test_weighted_draws_rare_labels_as_often_as_common_ones() -> None:
    shown: Counter[int] = Counter()
    for epoch in range(60):
        shown.update(int(LABELS[pick.row]) for pick in picks("weighted", {}, epoch))
    share = np.array([shown[label] for label in range(6)]) / sum(shown.values())
    np.testing.assert_allclose(share, 1 / 6, atol=0.02)


def test_half_weighted_stands_between() -> None:
    sampler = build_sampler("weighted", np.array([0, 0, 0, 0, 1]), batch=1, power=0.5)
    chances = getattr(sampler, "chances")  # noqa: B009 (the subclass's own)
    np.testing.assert_allclose(chances.sum(where=[1, 1, 1, 1, 0]) / chances[4], 2)


def test_balanced_batches_have_so_many_of_so_many() -> None:
    for epoch in range(5):
        drawn = picks("balanced", {"pictures": 2}, epoch)
        assert len(drawn) == 80
        for start in range(0, 80, 8):
            counts = Counter(int(LABELS[pick.row]) for pick in drawn[start : start + 8])
            assert list(counts.values()) == [2, 2, 2, 2]
        shown = Counter(int(LABELS[pick.row]) for pick in drawn)
        assert max(shown.values()) - min(shown.values()) <= 2


def test_balanced_repeats_a_picture_only_where_there_are_too_few() -> None:
    drawn = picks("balanced", {"pictures": 2})
    for start in range(0, len(drawn), 2):
        a, b = drawn[start].row, drawn[start + 1].row
        assert a != b or LABELS[a] == 5


@pytest.mark.parametrize(("name", "options"), NAMES)
def test_no_two_picks_of_a_run_share_their_draw(name: str, options: dict[str, Any]) -> None:
    draws = [pick.draw for epoch in range(3) for pick in picks(name, options, epoch)]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize(("name", "options"), NAMES[:3])
def test_ranks_share_the_batches_of_one_order(name: str, options: dict[str, Any]) -> None:
    alone = picks(name, options)
    shares = [picks(name, options, rank=rank, world=3) for rank in range(3)]
    together = [
        pick for start in range(0, len(shares[0]), 8) for share in shares for pick in share[start : start + 8]
    ]
    assert together == alone[: len(together)]
    assert len(together) == 72


@given(batches=st.integers(0, 10), chosen=st.sampled_from(NAMES), epoch=st.integers(0, 3))
def test_a_resumed_epoch_continues_at_the_same_place(
    batches: int, chosen: tuple[str, dict[str, Any]], epoch: int
) -> None:
    name, options = chosen
    sampler = build_sampler(name, LABELS, batch=8, seed=3, files=FILES, **options)
    sampler.set_epoch(epoch)
    sampler.step(batches)
    fresh = build_sampler(name, LABELS, batch=8, seed=3, files=FILES, **options)
    fresh.load_state_dict(sampler.state_dict())
    assert list(fresh) == picks(name, options, epoch)[8 * batches :]


def test_a_stream_reads_shard_after_shard_and_mixes_what_is_near() -> None:
    first, second = ([pick.row for pick in picks("stream", {"buffer": 10}, epoch)] for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(len(LABELS)))
    assert first != second
    alone = [pick.row for pick in picks("stream", {"buffer": 1})]
    turns = [FILES[row] for row in alone]
    assert len(np.flatnonzero(np.diff(turns))) == 4  # one shard follows another
    for file in range(5):
        inside = [row for row in alone if FILES[row] == file]
        assert inside == sorted(inside)
    place = {row: number for number, row in enumerate(alone)}
    assert max(abs(place[row] - number) for number, row in enumerate(first)) < 10


def test_ranks_read_shards_of_their_own_and_give_equally_many() -> None:
    shares = [picks("stream", {"buffer": 4}, rank=rank, world=2) for rank in range(2)]
    seen = [{int(FILES[pick.row]) for pick in share} for share in shares]
    assert not seen[0] & seen[1]
    assert [len(share) for share in shares] == [40, 40]


def test_every_option_is_documented() -> None:
    assert set(SAMPLERS) == {"plain", "weighted", "balanced", "stream"}
    assert sampler_config("balanced")().pictures == 4


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("random", {}, "no sampler is called 'random': choose one of plain, weighted, balanced"),
        ("stream", {}, "the sampler stream reads tar shards: set data.source to shards"),
        ("stream", {"files": FILES, "world": 6}, "5 shards cannot feed 6 processes"),
        (
            "balanced",
            {"pictures": 3},
            "a batch of 8 cannot hold 3 pictures each of different labels",
        ),
        (
            "balanced",
            {"pictures": 1},
            "a batch of 8 cannot hold 1 pictures each of different labels",
        ),
        ("plain", {"rank": 2, "world": 2}, "a sampler cannot give batches of 8 to rank 2 of 2"),
    ],
)
def test_says_what_is_wrong(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_sampler(name, LABELS, batch=8, **options)


def test_ranks_without_a_batch_each_are_refused() -> None:
    with pytest.raises(ThinData, match="80 samples do not make one batch of 50 for each of 2 processes"):
        len(build_sampler("plain", LABELS, batch=50, world=2))


def test_class_weights_give_every_label_the_same_say() -> None:
    weights = np.array(class_weights(LABELS, 7))
    np.testing.assert_allclose((weights[:6] * np.bincount(LABELS)), 80 / 6)
    assert weights[6] == 0

"""What is called an improvement, and what is refused; measured with clocks and scores that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.compression.accuracy import (
    Accuracy,
    AccuracyChange,
    Trial,
    compare_accuracy,
    trial_of_people,
)
from mien.compression.guard import Comparison, judge, refusal, table_rows
from mien.compression.result import ASIDE, new_card, save_result
from mien.compression.speed import SpeedChange, compare_speed
from mien.core.errors import InputError, NotAnImprovement, ThinData
from mien.core.modelcard import ModelCard
from mien.evaluation.metrics.intervals import Interval
from mien.zoo.registry import card as find_card
from mien.zoo.store import fetch

CardFor = Callable[..., ModelCard]


def comparison(
    lost: float = 0.0, size: int = 50, time: tuple[float, float, float] = (0.5, 0.4, 0.6)
) -> Comparison:
    sides = Accuracy(0.9, 0.05, 0.99), Accuracy(0.9 - lost, 0.05, 0.99)
    accuracy = AccuracyChange(*sides, lost, Interval(lost - 0.01, lost + 0.01), 1e-3, 100, 5000)
    return Comparison(accuracy, SpeedChange(10.0, 10 * time[0], time[0], Interval(*time[1:])), 100, size)


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (comparison(), []),
        (comparison(lost=-0.02), []),
        (comparison(lost=0.01), []),  # just the budget
        (comparison(lost=0.012), ["loses 1.2 points"]),
        (comparison(time=(1.5, 1.4, 1.6)), ["slower: 1.50"]),
        (comparison(time=(1.1, 0.9, 1.3)), []),  # slower perhaps, smaller surely
        (comparison(size=100, time=(1.0, 0.99, 1.01)), ["neither smaller nor surely faster"]),
        (comparison(size=100, time=(0.8, 0.7, 1.1)), ["neither smaller nor surely faster"]),
        (comparison(size=100, time=(0.8, 0.7, 0.9)), []),
        (comparison(size=120, time=(1.3, 1.2, 1.4)), ["slower", "neither"]),
        (comparison(lost=0.3, time=(1.3, 1.2, 1.4)), ["loses 30.0", "slower"]),
    ],
)
def test_an_improvement_keeps_accuracy_and_is_smaller_or_faster_and_not_slower(
    found: Comparison, reasons: list[str]
) -> None:
    verdict = judge(found, budget=0.01)
    assert len(verdict.reasons) == len(reasons)
    assert all(wanted in got for wanted, got in zip(reasons, verdict.reasons, strict=True))
    assert verdict.improvement == (not reasons)


def test_a_budget_is_a_share() -> None:
    with pytest.raises(InputError, match="one point"):
        judge(comparison(), budget=3)


def test_a_refusal_exits_with_one_and_says_where_the_model_is() -> None:
    error = refusal(judge(comparison(lost=0.2)), "tiny_int8", Path("out/aside"))
    assert isinstance(error, NotAnImprovement)
    assert error.exit_code == 1
    assert str(error) == (
        "tiny_int8 is not an improvement: it loses 20.0 points of TMR at FMR 0.001, and the budget is 1.0; "
        "it is kept aside in out/aside, change the options or the budget"
    )


def test_the_table_says_before_after_and_change() -> None:
    rows = {row[0]: row[1:] for row in table_rows(comparison(lost=0.02))}
    assert rows["TMR at FMR 0.001"] == ("90.00 %", "88.00 %", "-2.00 points (-3.00 … -1.00)")
    assert rows["one crop"][2] == "2.00 × as fast (1.67 … 2.50)"
    assert rows["file"][2] == "2.00 × smaller"


def test_a_saved_improvement_is_a_model_like_any_other(tmp_path: Path, card_for: CardFor) -> None:
    source = card_for(b"before")
    made = new_card(source, "tiny_int8", b"after", "tiny in int8.", ("int8",))
    found = comparison()
    saved = save_result(tmp_path / "out", made, b"after", found, judge(found))
    assert not saved.aside
    read = find_card(saved.card)
    assert fetch(read) == b"after"
    assert (read.licence, read.credit, read.template, read.precisions) == (
        "CC0-1.0",
        "nobody",
        "arcface",
        ("int8",),
    )
    assert read.measured["file, before and after"] == "0.00 MB → 0.00 MB, 2.00 × smaller"


def test_what_is_no_improvement_is_kept_apart_and_says_so_on_its_card(
    tmp_path: Path, card_for: CardFor
) -> None:
    found = comparison(lost=0.5)
    made = new_card(card_for(b"before"), "tiny_int8", b"after", "", ("int8",))
    saved = save_result(tmp_path, made, b"after", found, judge(found))
    assert saved.aside
    assert saved.card == tmp_path / ASIDE / "tiny_int8.toml"
    assert not (tmp_path / "tiny_int8.toml").exists()
    assert find_card(saved.card).measured["verdict"].startswith("not an improvement: it loses 50.0 points")


def test_what_the_old_file_was_measured_to_bear_is_not_said_of_the_new_one(card_for: CardFor) -> None:
    source = replace(card_for(b""), quick_precisions=("int8",), ranges={"inner value": (0.0, 1.0)})
    made = new_card(source, "tiny_int8", b"after", "", ("int8",))
    assert (made.quick_precisions, dict(made.ranges)) == ((), {})


def test_a_name_that_no_card_may_have_is_refused(card_for: CardFor) -> None:
    with pytest.raises(InputError, match="no model name"):
        new_card(card_for(b""), "Tiny INT8", b"", "", ("int8",))


def people_trial(people: int, each: int) -> tuple[Trial, NDArray[np.int64]]:
    person = np.repeat(np.arange(people), each)
    a, b = np.triu_indices(len(person), 1)
    return Trial(
        tuple(Path(str(i)) for i in range(len(person))), a, b, person[a] == person[b], person
    ), np.arange(len(person))


def rows_for(person: NDArray[np.int64], noise: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    rows = np.eye(40)[person] + rng.normal(0, noise, (len(person), 40))
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_the_same_embeddings_lose_nothing_however_people_are_drawn() -> None:
    trial, picture = people_trial(12, 4)
    rows = rows_for(trial.person, 0.2)
    change = compare_accuracy(trial, picture, rows, rows, 1e-2, rounds=20)
    assert change.lost == 0
    assert change.interval == (0, 0)


def test_a_planted_regression_is_seen_with_its_sign() -> None:
    trial, picture = people_trial(12, 4)
    good, bad = rows_for(trial.person, 0.05), rows_for(trial.person, 0.45)
    change = compare_accuracy(trial, picture, good, bad, 1e-2, rounds=40)
    assert change.before.tmr == 1
    assert change.lost > 0.2
    assert change.interval.low > 0
    assert compare_accuracy(trial, picture, bad, good, 1e-2, rounds=5).lost == -change.lost


def test_pictures_without_a_crop_are_left_out_for_both_networks_alike() -> None:
    trial, picture = people_trial(12, 4)
    rows = rows_for(trial.person, 0.1)
    change = compare_accuracy(trial, picture[4:], rows[4:], rows[4:], 1e-2, rounds=3)
    assert change.genuine == 11 * 6


def test_too_few_strangers_for_the_rate_are_refused() -> None:
    trial, picture = people_trial(4, 2)
    rows = rows_for(trial.person, 0.1)
    with pytest.raises(ThinData, match="1,000 pairs of strangers"):
        compare_accuracy(trial, picture, rows, rows, 1e-3)


def test_people_kept_for_calibration_are_never_measured(tmp_path: Path) -> None:
    for name in "abcdefghij":
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.jpg").touch()
    trial, held = trial_of_people(tmp_path, 0.2)
    assert {path.parent.name for path in held}.isdisjoint(path.parent.name for path in trial.pictures)
    assert (len(held), len(trial.pictures), int(trial.same.sum())) == (4, 16, 8)
    assert trial_of_people(tmp_path)[1] == ()


class Ticking:
    """A network whose calls take a known time on a clock of their own."""

    def __init__(self, card: ModelCard, seconds: float, clock: list[float], drift: float = 1.0) -> None:
        self.card, self._seconds, self._clock, self._drift = card, seconds, clock, drift

    def run(self, pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        self._clock[0] += self._seconds * (1 + self._drift * self._clock[0])
        return {}


@pytest.mark.parametrize("drift", [0.0, 0.02], ids=["steady machine", "machine that slows down"])
def test_speed_is_the_ratio_of_times_whatever_else_the_machine_does(card_for: CardFor, drift: float) -> None:
    clock = [0.0]
    fast, slow = (Ticking(card_for(b""), seconds, clock, drift) for seconds in (0.01, 0.03))
    change = compare_speed(slow, fast, np.zeros((3, 2, 2, 3), np.uint8), clock=lambda: clock[0])
    assert change.ratio == pytest.approx(1 / 3, rel=0.02)
    assert change.interval.low <= change.ratio <= change.interval.high
    assert change.interval.high - change.interval.low < 0.05

"""Error rates against known answers, scikit-learn, and changes that must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve

from mien.core.errors import InputError, ThinData
from mien.evaluation.metrics.verification import (
    FAILED,
    auc,
    best_threshold,
    det_curve,
    eer,
    fmr_at,
    fold_accuracy,
    threshold_at_fmr,
    tmr_at_fmr,
)

Scores = NDArray[np.float64]

# Coarse values make ties common; sixteenths stay exact under the changes tried below.
coarse = st.integers(-20, 20).map(lambda n: n / 16)
some = st.integers(1, 60).flatmap(lambda n: arrays(np.float64, n, elements=coarse))


def mixed(seed: int, genuine: int = 300, impostor: int = 500, gap: float = 1.5) -> tuple[Scores, Scores]:
    rng = np.random.default_rng(seed)
    return rng.normal(gap, 1, genuine).round(2), rng.normal(0, 1, impostor).round(2)


@pytest.mark.parametrize("seed", range(5))
def test_auc_and_eer_agree_with_scikit_learn(seed: int) -> None:
    genuine, impostor = mixed(seed)
    truth = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    scores = np.r_[genuine, impostor]
    fpr, tpr, _ = roc_curve(truth, scores)
    assert auc(genuine, impostor) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert eer(genuine, impostor) == pytest.approx(
        brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1), abs=1e-9
    )


@pytest.mark.parametrize("seed", range(5))
def test_every_point_of_the_det_curve_is_on_the_roc_curve_of_scikit_learn(seed: int) -> None:
    genuine, impostor = mixed(seed)
    truth = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    fpr, tpr, thresholds = roc_curve(truth, np.r_[genuine, impostor], drop_intermediate=False)
    curve = det_curve(genuine, impostor)
    at = np.searchsorted(curve.thresholds, thresholds)
    np.testing.assert_allclose(curve.fmr[at], fpr, atol=1e-12)
    np.testing.assert_allclose(1 - curve.fnmr[at], tpr, atol=1e-12)


def test_a_perfect_matcher_has_no_errors() -> None:
    assert auc([0.8, 0.9], [0.1, 0.2]) == 1
    assert eer([0.8, 0.9], [0.1, 0.2]) == 0
    assert tmr_at_fmr([0.8, 0.9], [0.1, 0.2], 1e-4).tmr == 1


def test_a_matcher_that_knows_nothing_is_right_half_of_the_time() -> None:
    same_score = np.full(10, 0.5)
    assert auc(same_score, same_score) == 0.5
    assert eer(same_score, same_score) == 0.5


def test_the_threshold_admits_exactly_the_share_that_was_asked_for() -> None:
    impostor = np.arange(1000) / 1000
    for wanted in (0.1, 0.01, 0.001):
        assert fmr_at(impostor, threshold_at_fmr(impostor, wanted)) == wanted
    assert threshold_at_fmr(impostor, 0.001) == np.nextafter(0.998, 1)


def test_tied_impostors_are_refused_together() -> None:
    impostor = [0.1] * 90 + [0.5] * 10
    assert fmr_at(impostor, threshold_at_fmr(impostor, 0.05)) == 0
    assert fmr_at(impostor, threshold_at_fmr(impostor, 0.10)) == 0.10


def test_a_share_that_is_a_whole_number_of_pairs_is_not_lost_to_rounding() -> None:
    impostor = np.arange(3000.0)
    assert fmr_at(impostor, threshold_at_fmr(impostor, 1e-3)) == 1e-3


@given(some, st.floats(0, 1))
def test_no_smaller_threshold_keeps_the_rate(impostor: Scores, wanted: float) -> None:
    threshold = threshold_at_fmr(impostor, wanted)
    assert fmr_at(impostor, threshold) <= wanted * (1 + 1e-9)
    if threshold > np.finfo(np.float64).min:
        assert fmr_at(impostor, np.nextafter(threshold, -np.inf)) > wanted


def test_a_rate_that_the_sample_cannot_show_is_marked() -> None:
    genuine, impostor = mixed(0, impostor=3000)
    assert tmr_at_fmr(genuine, impostor, 1e-3).supported
    unsupported = tmr_at_fmr(genuine, impostor, 1e-4)
    assert not unsupported.supported
    assert unsupported.false_matches == 0


def test_the_interval_of_a_tmr_holds_it() -> None:
    point = tmr_at_fmr(*mixed(1), 0.01)
    assert point.tmr_interval.low < point.tmr < point.tmr_interval.high


@given(some, some)
def test_a_monotone_change_of_the_scores_changes_nothing(genuine: Scores, impostor: Scores) -> None:
    def change(scores: Scores) -> Scores:
        return np.exp(3 * scores) - 7

    assert auc(change(genuine), change(impostor)) == auc(genuine, impostor)
    assert eer(change(genuine), change(impostor)) == eer(genuine, impostor)
    for wanted in (0.5, 0.1, 0.01):
        assert (
            tmr_at_fmr(change(genuine), change(impostor), wanted).tmr
            == tmr_at_fmr(genuine, impostor, wanted).tmr
        )


@settings(max_examples=50)
@given(
    st.integers(4, 40).flatmap(lambda n: st.tuples(arrays(np.float64, n, elements=coarse), arrays(bool, n)))
)
def test_the_accuracy_survives_shift_scale_and_reordering(
    data: tuple[Scores, NDArray[np.bool_]],
) -> None:
    scores, same = data
    fold = np.arange(len(scores)) % 4
    accuracy = fold_accuracy(scores, same, fold)
    assert fold_accuracy(8 * scores - 4, same, fold).mean == accuracy.mean
    order = np.random.default_rng(0).permutation(len(scores))
    assert fold_accuracy(scores[order], same[order], fold[order]) == accuracy


@given(
    st.integers(1, 40).flatmap(lambda n: st.tuples(arrays(np.float64, n, elements=coarse), arrays(bool, n)))
)
def test_no_threshold_beats_the_best(data: tuple[Scores, NDArray[np.bool_]]) -> None:
    scores, same = data
    found = np.mean((scores >= best_threshold(scores, same)) == same)
    candidates = [*scores, np.inf, -np.inf]
    assert found == max(np.mean((scores >= threshold) == same) for threshold in candidates)


def test_of_equally_good_thresholds_the_middle_one_is_taken() -> None:
    # One mistake each at thresholds below 0.3, 0.5 and 0.7.
    scores = np.array([0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    same = np.array([False, True, False, True, False, True, True])
    assert best_threshold(scores, same) == pytest.approx(0.45)


def test_nothing_matches_when_everybody_is_a_stranger() -> None:
    assert best_threshold([0.1, 0.9], [False, False]) == np.inf


def test_the_fold_under_test_has_no_say_in_its_threshold() -> None:
    # Fold 0 alone would choose 0.75; the others choose 0.35 and get half of fold 0 wrong.
    scores = np.array([0.6, 0.9, 0.2, 0.5, 0.2, 0.5])
    same = np.array([False, True] * 3)
    result = fold_accuracy(scores, same, np.array([0, 0, 1, 1, 2, 2]))
    assert result.folds[0].threshold == 0.35
    assert result.folds[0].accuracy == 0.5
    assert [fold.accuracy for fold in result.folds[1:]] == [1.0, 1.0]


def test_std_and_standard_error_are_those_of_the_lfw_report() -> None:
    scores = np.array([0.6, 0.9, 0.2, 0.5, 0.2, 0.5])
    result = fold_accuracy(scores, np.array([False, True] * 3), np.array([0, 0, 1, 1, 2, 2]))
    accuracies = [fold.accuracy for fold in result.folds]
    assert result.mean == pytest.approx(np.mean(accuracies))
    assert result.std == pytest.approx(np.std(accuracies, ddof=1))
    assert result.standard_error == pytest.approx(result.std / np.sqrt(3))


def test_a_failed_pair_is_an_error_if_genuine_and_right_if_not() -> None:
    scores = np.array([FAILED, 0.9, FAILED, 0.1] * 2)
    same = np.array([True, True, False, False] * 2)
    assert fold_accuracy(scores, same, np.repeat([0, 1], 4)).mean == 0.75


def test_a_failed_genuine_pair_never_matches_however_high_the_fmr() -> None:
    genuine, impostor = [FAILED, 0.9], [FAILED, 0.1]
    assert tmr_at_fmr(genuine, impostor, 1.0).tmr == 0.5
    assert tmr_at_fmr(genuine, [FAILED, FAILED], 0.01).tmr == 0.5
    assert tmr_at_fmr(genuine, impostor, 1.0).false_matches == 1


@pytest.mark.parametrize("bad", [[], [0.1, np.nan], [[0.1]]])
def test_scores_that_are_none_are_the_callers_fault(bad: list[float]) -> None:
    with pytest.raises(InputError, match="genuine"):
        auc(bad, [0.1])


def test_labels_must_be_true_or_false_and_as_many_as_scores() -> None:
    with pytest.raises(InputError, match="true/false"):
        best_threshold([0.1, 0.2], [1, 0])
    with pytest.raises(InputError, match="2 scores"):
        best_threshold([0.1, 0.2], [True])


def test_one_fold_is_too_few() -> None:
    with pytest.raises(ThinData, match="two folds"):
        fold_accuracy([0.1, 0.2], [True, False], [0, 0])


def test_a_fold_is_judged_by_the_other_folds_alone() -> None:
    # Each fold is right by its own threshold (0.35 and 0.75) and half wrong by the other's.
    found = fold_accuracy([0.4, 0.3, 0.9, 0.6], [True, False, True, False], [0, 0, 1, 1])
    assert [fold.threshold for fold in found.folds] == [pytest.approx(0.75), pytest.approx(0.35)]
    assert [fold.accuracy for fold in found.folds] == [0.5, 0.5]

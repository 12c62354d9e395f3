"""Label scores against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import InputError, ThinData
from mien.evaluation.metrics.classification import (
    accuracy,
    balanced_accuracy,
    confusion,
    label_scores,
    macro_f1,
    number_score,
)


def labels(seed: int, gaps: bool = False) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(["cat", "dog", "owl"], 200, p=[0.7, 0.2, 0.1])
    said = np.where(
        rng.random(200) < 0.7, truth, rng.choice(["cat", "dog", "owl", *(["", "newt"] if gaps else [])], 200)
    )
    return [str(label) for label in truth], [str(label) for label in said]


@pytest.mark.parametrize("gaps", [False, True])
def test_every_score_is_scikit_learns(gaps: bool) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, said = labels(0, gaps)
    table = confusion(truth, said)
    names = list(table.labels)
    precision, recall, f1, faces = metrics.precision_recall_fscore_support(
        truth, said, labels=names, zero_division=0
    )
    for i, score in enumerate(label_scores(table)):
        assert (score.precision, score.recall, score.f1, score.faces) == pytest.approx(
            (precision[i], recall[i], f1[i], faces[i])
        )
    assert accuracy(table) == pytest.approx(metrics.accuracy_score(truth, said))
    assert macro_f1(table) == pytest.approx(f1.mean())
    assert balanced_accuracy(table) == pytest.approx(recall.mean())
    np.testing.assert_array_equal(table.counts[:, :-1], metrics.confusion_matrix(truth, said, labels=names))


def test_no_answer_is_wrong_and_has_its_own_column() -> None:
    table = confusion(["a", "b"], ["", "b"])
    assert table.counts[:, -1].tolist() == [1, 0]
    assert accuracy(table) == 0.5


def test_a_label_never_said_has_no_precision() -> None:
    assert label_scores(confusion(["a", "b"], ["a", "a"]))[1].precision is None


def test_numbers_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    truth, said = rng.uniform(0, 90, 50), rng.uniform(0, 90, 50)
    score = number_score(truth, said)
    assert score.mae == pytest.approx(metrics.mean_absolute_error(truth, said))
    assert score.rmse == pytest.approx(metrics.root_mean_squared_error(truth, said))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="one each"):
        confusion(["a"], [])
    with pytest.raises(ThinData):
        confusion([], [])
    with pytest.raises(ThinData):
        number_score([], [])

"""The whole measurement, with stand-ins for the embedder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, MienError, NoFaceFound
from mien.core.types import Embedding
from mien.evaluation.metrics.verification import Scores
from mien.evaluation.pages.frame import Run
from mien.evaluation.pages.verification import verification_page
from mien.evaluation.protocols.pairs import Pair, PairList, collect_pairs
from mien.evaluation.protocols.people import pairs_of_people
from mien.evaluation.verification import (
    Indices,
    cosine_scores,
    evaluate_verification,
    hold_out,
    one_by_one,
    score_pairs,
)
from mien.page.html import page_html
from mien.page.picture import embed


def pairs_of(people: int = 40, folds: int = 10) -> PairList:
    """Two pictures a person; each person once with themself and once with the next."""
    return collect_pairs(
        pair
        for i in range(people)
        for pair in (
            Pair(Path(f"{i}/a"), Path(f"{i}/b"), True, i % folds),
            Pair(Path(f"{i}/a"), Path(f"{(i + 1) % people}/b"), False, i % folds),
        )
    )


def embed_well(paths: Sequence[Path]) -> Iterator[Embedding | MienError]:
    """Give every person a direction of their own, a little shaken in every picture."""
    for path in paths:
        person = np.random.default_rng(int(path.parent.name)).normal(size=64)
        shake = np.random.default_rng(int(path.parent.name) * 2 + (path.name == "b") + 10_000).normal(size=64)
        vector = person + 0.5 * shake
        yield Embedding((vector / np.linalg.norm(vector)).astype(np.float32), "tiny")


def embed_some(paths: Sequence[Path]) -> Iterator[Embedding | MienError]:
    """Fail on the second picture of person 0."""
    for path, embedding in zip(paths, embed_well(paths), strict=True):
        yield NoFaceFound("no face; use another picture") if path == Path("0/b") else embedding


def dot(a: Embedding, b: Embedding) -> float:
    return float(a.vector.astype(float) @ b.vector.astype(float))


def test_a_good_embedder_is_always_right() -> None:
    report = evaluate_verification(pairs_of(), embed_well, cosine_scores)
    assert (report.accuracy.mean, report.auc, report.eer) == (1, 1, 0)
    assert report.failures == ()


def test_a_failed_picture_costs_its_genuine_pair_and_is_reported() -> None:
    report = evaluate_verification(pairs_of(), embed_some, cosine_scores).to_dict()
    assert report["pairs"] == 80
    assert report["accuracy"] == pytest.approx(79 / 80)
    assert report["tmr_at_fmr"]["1e-2"] == pytest.approx(39 / 40)
    assert report["failures_to_acquire"] == 1
    assert report["failed_pairs"] == 2
    assert report["failures"] == [
        {"source": str(Path("0/b")), "code": "no_face", "message": "no face; use another picture"}
    ]


def test_every_picture_is_embedded_once() -> None:
    seen: list[Path] = []

    def embed(paths: Sequence[Path]) -> Iterator[Embedding | MienError]:
        seen.extend(paths)
        return embed_well(paths)

    evaluate_verification(pairs_of(), embed, cosine_scores)
    assert len(seen) == len(set(seen)) == 80


def test_a_scorer_of_two_things_gives_the_same_report_as_the_fast_one() -> None:
    slow = one_by_one(dot)
    reports = [
        evaluate_verification(pairs_of(), embed_some, score).to_dict() for score in (cosine_scores, slow)
    ]
    for fast, slow_one in zip(reports[0]["folds"], reports[1]["folds"], strict=True):
        assert fast == pytest.approx(slow_one)
    assert reports[0]["eer"] == reports[1]["eer"]


def test_keeps_every_promised_key() -> None:
    report = evaluate_verification(pairs_of(), embed_well, cosine_scores).to_dict()
    promised = {"pairs", "accuracy", "accuracy_std", "auc", "eer", "tmr_at_fmr", "threshold_at_fmr"}
    assert promised | {"failures_to_acquire", "seconds", "images_per_second"} <= set(report)
    assert list(report["tmr_at_fmr"]) == list(report["threshold_at_fmr"]) == ["1e-2", "1e-3", "1e-4"]
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_a_rate_without_enough_impostors_is_marked() -> None:
    report = evaluate_verification(pairs_of(people=200), embed_well, cosine_scores).to_dict()
    supported = {rate: support["supported"] for rate, support in report["support_at_fmr"].items()}
    assert supported == {"1e-2": True, "1e-3": False, "1e-4": False}
    assert report["support_at_fmr"]["1e-2"]["false_matches"] == 2


def test_an_embedder_that_skips_a_picture_is_refused() -> None:
    with pytest.raises(InputError, match="79 times for 80 pictures"):
        evaluate_verification(pairs_of(), lambda paths: embed_well(paths[:-1]), cosine_scores)


def test_embeddings_of_two_models_are_not_compared() -> None:
    def embed(paths: Sequence[Path]) -> Iterator[Embedding | MienError]:
        for number, embedding in enumerate(embed_well(paths)):
            assert isinstance(embedding, Embedding)
            yield Embedding(embedding.vector, f"model{number % 2}")

    with pytest.raises(InputError, match="model0 and model1"):
        evaluate_verification(pairs_of(), embed, cosine_scores)


def test_scores_a_million_pairs_in_pieces() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 50, (2, 1_000_000), dtype=np.int32)
    pictures = tuple(Path(f"{i}/a") for i in range(50))
    pairs = PairList(pictures, a, b, a == b, np.zeros(len(a), np.int32), folds_given=False)
    embeddings = list(embed_well(pictures))
    scores = score_pairs(pairs, embeddings, cosine_scores)
    np.testing.assert_allclose(scores[pairs.same], 1, atol=1e-6)
    assert scores.shape == (1_000_000,)


def test_the_threshold_of_other_folds_is_judged_on_pairs_it_has_not_seen() -> None:
    rng = np.random.default_rng(0)
    people = {f"{i}": [Path(f"{i}/{j}") for j in range(4)] for i in range(40)}
    pairs = pairs_of_people(people, folds=4)
    scores = np.where(pairs.same, rng.normal(2, 1, len(pairs)), rng.normal(0, 1, len(pairs)))
    held = hold_out(scores, pairs, 0.01)
    assert held.supported
    assert held.fmr_seen == pytest.approx(0.01, abs=0.006)
    # The normal quantile at 1 % is 2.326; genuine scores lie around 2.
    assert held.tmr == pytest.approx(0.37, abs=0.1)


def test_a_pair_that_is_judged_sets_no_threshold_for_it() -> None:
    people = {f"{i}": [Path(f"{i}/{j}") for j in range(2)] for i in range(40)}
    pairs = pairs_of_people(people, folds=4)
    scores = np.where(pairs.same, 0.9, 0.1)
    scores[np.flatnonzero(~pairs.same)[0]] = 0.5
    assert hold_out(scores, pairs, 0.0).fmr_seen == pytest.approx(1 / (~pairs.same).sum())


def test_accuracy_of_all_pairs_of_a_folder_weighs_both_kinds_alike() -> None:
    people = {f"{i}": [Path(f"{i}/a"), Path(f"{i}/b")] for i in range(40)}
    pairs = pairs_of_people(people, folds=4)

    def coin(things: Sequence[Embedding], first: Indices, second: Indices) -> Scores:
        return np.random.default_rng(0).random(len(first))

    report = evaluate_verification(pairs, embed_well, coin, balance=True)
    assert report.to_dict()["accuracy_pairs"] == 80
    assert 0.3 < report.accuracy.mean < 0.7  # guessing is not made good by the many impostors


def test_the_page_shows_curves_the_hardest_pairs_and_the_failures() -> None:
    pairs = pairs_of()
    report = evaluate_verification(pairs, embed_some, cosine_scores)
    grey = embed(np.full((8, 8, 3), 99, np.uint8), "a face")
    html = page_html(verification_page(report, pairs, lambda path: grey, Run("mien …", {}, "0")))
    assert html.count("<svg") >= 3
    assert html.count('class="comparison') >= 12
    assert "no face; use another picture" in html
    assert "takes 10,000 impostor pairs" in html

"""The open-set search, with an embedder whose mistakes are known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, MienError, NoFaceFound
from mien.core.types import Embedding
from mien.embedding.calibration import shipped_calibration
from mien.evaluation.identification import evaluate_identification
from mien.evaluation.pages.frame import Run
from mien.evaluation.pages.identification import identification_page
from mien.evaluation.protocols.people import search_list
from mien.page.html import page_html


def people(count: int, kind: str = "p") -> dict[str, list[Path]]:
    return {f"{kind}{i}": [Path(f"{kind}{i}/{j}") for j in range(3)] for i in range(count)}


LISTED = search_list(people(40), people(200, "x"), enrol=1)


def direction(name: str, shake: float, picture: str) -> Embedding:
    seed = int(name[1:]) + (10_000 if name[0] == "x" else 0)
    person = np.random.default_rng(seed).normal(size=64)
    noise = np.random.default_rng(seed * 10 + int(picture) + 50_000).normal(size=64)
    vector = person + shake * noise
    return Embedding((vector / np.linalg.norm(vector)).astype(np.float32), "tiny")


def embed_with(shake: float, failing: Sequence[Path] = ()):  # type: ignore[no-untyped-def]  # a test's closure
    def embed(paths: Sequence[Path]) -> Iterator[Embedding | MienError]:
        for path in paths:
            failed = path in failing
            yield (
                NoFaceFound("no face; use another")
                if failed
                else direction(path.parent.name, shake, path.name)
            )

    return embed


def test_a_good_embedder_finds_everybody_and_names_no_stranger() -> None:
    report = evaluate_identification(LISTED, embed_with(0.3))
    assert report.rank(1) == 1
    point = report.points[1]
    assert (point.fnir, point.supported) == (0, True)
    assert point.fpir_seen <= 0.05


def test_the_threshold_keeps_its_rate_on_strangers_it_has_not_seen() -> None:
    report = evaluate_identification(LISTED, embed_with(1.5), folds=4)
    point = report.points[0]
    assert point.fpir_interval.low <= 0.1 <= point.fpir_interval.high
    assert 0 < point.fnir < 1


def test_failures_are_misses_and_refusals() -> None:
    gallery = LISTED.gallery[0]
    report = evaluate_identification(LISTED, embed_with(0.3, [*gallery, LISTED.strangers[0]]))
    assert report.not_enrolled == 1
    assert report.rank(1) == pytest.approx(78 / 80)  # both probes of that person are missed
    assert report.points[1].fnir == pytest.approx(2 / 80)
    assert len(report.failures) == 2


def test_a_stranger_who_is_scored_sets_no_threshold_for_it() -> None:
    # A stranger who looks like an enrolled person: only thresholds that know that picture keep it out.
    twin = LISTED.strangers[0]

    def embed(paths: Sequence[Path]) -> Iterator[Embedding | MienError]:
        for path in paths:
            name = LISTED.people[0] if path == twin else path.parent.name
            yield direction(name, 0.3, path.name)

    point = evaluate_identification(LISTED, embed).points[2]  # no stranger of the other fold may pass
    assert point.fpir_seen > 0
    assert max(point.thresholds) > min(point.thresholds) + 0.2


def test_few_strangers_support_no_small_rate() -> None:
    report = evaluate_identification(LISTED, embed_with(0.3))
    assert [point.supported for point in report.points] == [True, True, False]


def test_the_promise_of_a_calibration_is_checked_at_its_own_thresholds() -> None:
    report = evaluate_identification(LISTED, embed_with(0.3), calibration=shipped_calibration("sface"))
    assert len(report.promised) == 3
    assert len(set(report.promised[0].thresholds)) == 1


def test_the_answer_is_json_and_a_page() -> None:
    report = evaluate_identification(LISTED, embed_with(1.5, [LISTED.probes[0]]))
    document = report.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert list(document["fnir_at_fpir"]) == ["1e-1", "1e-2", "3e-3"]
    html = page_html(identification_page(report, Run("mien evaluate …", {"embed": "tiny"}, "0")))
    assert "too few strangers" in html
    assert "no_face" in html
    assert html.count("<svg") == 2


def test_nobody_enrolled_is_refused() -> None:
    everybody = [path for paths in LISTED.gallery for path in paths]
    with pytest.raises(InputError, match="nobody could be enrolled"):
        evaluate_identification(LISTED, embed_with(0.3, everybody))

"""The threshold comes from the development part alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, ThinData
from mien.evaluation.liveness import Presentation, evaluate_liveness, read_presentations
from mien.evaluation.pages.frame import Run
from mien.evaluation.pages.liveness import liveness_page
from mien.page.html import page_html


def presentations(shift: float = 0.0) -> list[Presentation]:
    """Screens are harder than prints; in the test part everything scores ``shift`` higher."""
    rng = np.random.default_rng(0)
    rows = []
    for part, add in (("dev", 0.0), ("test", shift)):
        for species, mean in (("", 2.0), ("print", -2.0), ("screen", 0.0)):
            for i, score in enumerate(rng.normal(mean + add, 1, 400)):
                rows.append(Presentation(f"{i}", part, species, f"{species}{i // 4}", float(score)))
    return rows


def test_the_worst_species_is_the_headline() -> None:
    answer = evaluate_liveness(presentations()).to_dict()
    assert answer["worst_species"] == "screen"
    assert answer["apcer"] == answer["species"]["screen"]["apcer"] > answer["species"]["print"]["apcer"]
    assert answer["bpcer"] == pytest.approx(0.1, abs=0.04)
    assert "acer" not in answer


def test_the_test_part_does_not_move_the_threshold() -> None:
    same, shifted = evaluate_liveness(presentations()), evaluate_liveness(presentations(shift=1.0))
    assert same.threshold == shifted.threshold
    assert shifted.test.worst.apcer > same.test.worst.apcer
    assert shifted.test.bpcer < same.test.bpcer


@pytest.mark.parametrize(("rule", "target"), [("apcer", 0.05), ("eer", 0.0)])
def test_other_rules_keep_what_they_say_on_the_development_part(rule: str, target: float) -> None:
    report = evaluate_liveness(presentations(), rule, target)  # type: ignore[arg-type]  # a parametrised str
    if rule == "apcer":
        assert report.dev.worst.apcer <= target
    else:
        assert report.dev.worst.apcer == pytest.approx(report.dev.bpcer, abs=0.01)


def test_a_species_the_threshold_has_never_seen_is_named() -> None:
    mask = [Presentation("m", "test", "mask", "x", 5.0)]
    report = evaluate_liveness([*presentations(), *mask])
    assert report.unseen == ("mask",)
    assert (report.test.worst.species, report.test.worst.apcer) == ("mask", 1)


def test_a_table_is_read_and_gaps_are_refusals(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(
        "part,species,score,person\ndevel,Real,,a\ndev,Print,0.2,a\ntest,bona fide,0.9,b\ntest,print,0.1,b\n"
    )
    rows = read_presentations(file)
    assert [(row.part, row.species) for row in rows] == [
        ("dev", ""),
        ("dev", "print"),
        ("test", ""),
        ("test", "print"),
    ]
    assert np.isneginf(rows[0].score)
    report = evaluate_liveness(rows, "apcer", 0.0)
    assert report.dev.bpnrr == 1


def test_what_cannot_be_judged_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("part,species,score\ntrain,real,1\n")
    with pytest.raises(InputError, match="line 2: part is 'train'"):
        read_presentations(file)
    with pytest.raises(ThinData, match="test part has no attack"):
        evaluate_liveness([row for row in presentations() if row.part == "dev" or not row.species])


def test_the_answer_is_json_and_a_page() -> None:
    report = evaluate_liveness(presentations())
    document = report.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    html = page_html(liveness_page(report, Run("mien …", {}, "0")))
    assert "APCER, worst: screen" in html
    assert html.count("<svg") >= 2

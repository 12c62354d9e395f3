"""The whole fairness report flags a planted difference between groups and no fair one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, MienError, NoFaceFound, ThinData, UnknownModel
from mien.core.types import Embedding
from mien.evaluation import fairness
from mien.evaluation.fairness import FairnessReport, Labelled, evaluate_fairness, read_labelled
from mien.evaluation.operating import Deployed, deployed_threshold
from mien.evaluation.pages.fairness import fairness_page
from mien.evaluation.pages.frame import Run
from mien.page.html import page_html

GROUPS = ("x", "y", "z")
DEPLOYED = Deployed(0.01, 0.4, "a test")


def labelled(people: int = 120) -> list[Labelled]:
    return [
        Labelled(Path(f"{group}{i}/{j}"), f"{group}{i}", {"division": group})
        for group in GROUPS
        for i in range(people)
        for j in (0, 1)
    ]


def vectors(seed: int, crowd: float) -> dict[str, np.ndarray]:
    """Directions of people; those of group z share a direction, so that they resemble each other."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=32)
    found = {}
    for one in labelled():
        if one.person not in found:
            own = rng.normal(size=32)
            found[one.person] = own + crowd * common if one.person[0] == "z" else own
    return found


def measure(seed: int, crowd: float = 0.0, lost: Sequence[str] = ()) -> FairnessReport:
    people = vectors(seed, crowd)

    def embed(paths: Sequence[Path]) -> Iterator[Embedding | MienError]:
        rng = np.random.default_rng(seed + 1)
        for path in paths:
            if path.parent.name in lost:
                yield NoFaceFound("no face; use another")
                continue
            vector = people[path.parent.name] + 0.4 * rng.normal(size=32)
            yield Embedding((vector / np.linalg.norm(vector)).astype(np.float32), "tiny")

    return evaluate_fairness(labelled(), embed, DEPLOYED)


def test_a_group_whose_people_look_alike_is_flagged_and_no_other() -> None:
    (division,) = measure(0, crowd=0.55).divisions
    flagged = {v.cell.group: v.flagged for v in division.fmr}
    rates = {v.cell.group: v.cell.rate or 0.0 for v in division.fmr}
    assert rates["z"] > 4 * rates["x"]
    assert flagged == {"x": False, "y": False, "z": True}


def test_pairs_of_one_person_all_count_however_many_strangers_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fairness, "MOST_PAIRS", 500)
    (division,) = measure(0).divisions
    assert [v.cell.trials for v in division.fnmr] == [120, 120, 120]
    assert [v.cell.trials for v in division.fmr] == [500, 500, 500]


def test_fair_groups_are_left_alone() -> None:
    alarms = sum(measure(seed).flagged for seed in range(20))
    assert alarms <= 2  # 5 % of 20 is 1


def test_a_group_whose_faces_are_not_found_is_flagged() -> None:
    (division,) = measure(0, lost=[f"y{i}" for i in range(40)]).divisions
    assert [v.flagged for v in division.fte] == [False, True, False]
    assert not any(v.flagged for v in division.fmr)


def test_the_answer_is_json_and_a_page() -> None:
    report = measure(0, crowd=0.55)
    document = report.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["divisions"]["division"]["spread"]["fmr"]["max_over_min"] > 4
    html = page_html(fairness_page(report, Run("mien …", {}, "0")))
    assert "worse for: division" in html
    assert "not shown worse" in html


def test_a_table_of_groups_is_read_and_broken_ones_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    file = tmp_path / "labels.csv"
    file.write_text("file,sex,age\na.jpg,f,20-29\n")
    (one,) = read_labelled(file, tmp_path)
    assert (one.person, dict(one.groups)) == ("a.jpg", {"sex": "f", "age": "20-29"})
    assert dict(read_labelled(file, tmp_path, ["age"])[0].groups) == {"age": "20-29"}
    file.write_text("file,sex\nb.jpg,f\n")
    with pytest.raises(InputError, match="line 2: there is no picture"):
        read_labelled(file, tmp_path)
    file.write_text("file,person\na.jpg,f\n")
    with pytest.raises(InputError, match="names no groups"):
        read_labelled(file, tmp_path)


def test_one_group_is_no_comparison() -> None:
    rows = [one for one in labelled() if one.groups["division"] == "x"]
    good = Embedding(np.eye(4, dtype=np.float32)[0], "tiny")
    with pytest.raises(ThinData, match="a comparison takes two"):
        evaluate_fairness(rows, lambda paths: [good for _ in paths], DEPLOYED)


def test_the_threshold_is_that_of_a_calibration() -> None:
    assert 0.2 < deployed_threshold("sface", 1e-3).threshold < 0.6
    with pytest.raises(UnknownModel, match="--calibration FILE"):
        deployed_threshold("my_own", 1e-3)

"""`mien calibrate` on real people: what it says, where it is kept, and who uses it from then on."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_commands import Outcome, mien

from mien.core.types import Image
from mien.embedding.calibration import parse_calibration, shipped_calibration


def within(home: Path, *words: str) -> Outcome:
    return mien(*words, MIEN_KEYS=str(home / "keys"))


@pytest.fixture(scope="module")
def people(shared: Path, astronaut: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """London's 102 people, two photos each; and a table of who is a woman."""
    del astronaut  # skips where the weights cannot be had
    home = tmp_path_factory.mktemp("calibrate")
    for photo in sorted((shared / "london").glob("*_front/*.jpg")):
        folder = home / "people" / photo.name[:3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{photo.parent.name}.jpg").symlink_to(photo.absolute())
    with (shared / "london" / "info.csv").open(encoding="utf-8") as file:
        rows = [(row["face_id"], row["face_gender"]) for row in csv.DictReader(file)]
    lines = "\n".join(",".join(row) for row in [("person", "group"), *rows])
    (home / "groups.csv").write_text(lines, encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def told(people: Path) -> Any:
    words = ["--people", str(people / "people"), "--groups", str(people / "groups.csv")]
    words += ["--gallery", str(people / "gallery"), "--out", str(people / "own.json"), "--json"]
    answer = within(people, "calibrate", *words)
    assert answer.code == 0, answer.err
    return answer.json


@pytest.mark.weights
@pytest.mark.shared
def test_says_rates_with_intervals_and_what_they_rest_on(told: Any) -> None:
    assert (told["people"], told["pictures"], told["genuine"]) == (102, 204, 102)
    assert told["impostors"] == 204 * 203 // 2 - 102
    assert told["smallest_fmr"] >= 30 / told["impostors"]
    for row in told["thresholds"]:
        assert row["low"] <= row["fmr"] * 1.001
        assert row["fmr"] <= row["high"] * 1.001
    assert told["tmr"]["1.0e-02"] > 0.95


@pytest.mark.weights
@pytest.mark.shared
def test_reports_each_group_at_the_one_threshold(told: Any) -> None:
    groups = told["groups"]
    assert {"female", "male"} <= set(groups)
    inside = sum(cell["pairs"] for cell in groups.values())
    assert 0 < inside < told["impostors"]  # pairs across groups belong to none
    for cell in groups.values():
        assert cell["interval"][0] <= cell["fmr"] <= cell["interval"][1]


@pytest.mark.weights
@pytest.mark.shared
def test_the_gallery_uses_it_from_then_on(told: Any, people: Path) -> None:
    own = parse_calibration((people / "own.json").read_text(encoding="utf-8"))
    a, b = sorted((people / "people" / "001").iterdir())
    words = ["verify", str(a), str(b), "--fmr", "1e-2", "--json"]
    shipped, stored = within(people, *words), within(people, *words, "--gallery", str(people / "gallery"))
    assert shipped.json["threshold"] == pytest.approx(shipped_calibration("sface").threshold(1e-2), abs=1e-5)
    assert stored.json["threshold"] == pytest.approx(own.threshold(1e-2), abs=1e-5)
    assert stored.json["threshold"] != pytest.approx(shipped.json["threshold"], abs=1e-3)
    gallery = ["--gallery", str(people / "gallery"), "--json"]
    assert within(people, "enrol", "--name", "One", str(a), *gallery).code == 0
    answer = within(people, "identify", str(b), "--fpir", "1e-2", *gallery).json
    assert answer["gallery"]["threshold"] == pytest.approx(own.threshold(1e-2), abs=1e-5)
    assert answer["results"][0]["faces"][0]["decision"] == "One"


@pytest.mark.weights
@pytest.mark.shared
def test_a_rate_beyond_the_data_is_refused_with_the_cure(told: Any, people: Path) -> None:
    a, b = sorted((people / "people" / "001").iterdir())
    gallery = ["--gallery", str(people / "gallery"), "--json"]
    answer = within(people, "verify", str(a), str(b), "--fmr", str(told["smallest_fmr"] / 10), *gallery)
    assert answer.code == 2
    assert answer.json["error"]["code"] == "thin_data"


@pytest.mark.weights
@pytest.mark.shared
def test_thin_data_is_refused_and_nothing_is_stored(people: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for person in sorted((people / "people").iterdir())[:5]:
        (few / person.name).symlink_to(person)
    gallery = ["--gallery", str(tmp_path / "gallery"), "--json"]
    answer = within(tmp_path, "calibrate", "--people", str(few), *gallery)
    assert (answer.code, answer.json["error"]["code"]) == (2, "thin_data")
    assert "give at least" in answer.err
    assert not (tmp_path / "gallery").exists()


def test_either_people_or_pairs_must_be_given() -> None:
    answer = mien("calibrate", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (2, "bad_input")

"""`mien index` from the command line, and the commands that take its folder in place of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures
from tests.cli.test_commands import Outcome, mien

from mien.core.types import Image


@pytest.fixture
def people(astronaut: Image, hopper: Image, tmp_path: Path) -> Path:
    for name, image in (("Eileen", astronaut), ("Grace", hopper)):
        (tmp_path / "people" / name).mkdir(parents=True)
        for number, size in enumerate((1.0, 0.7, 0.5)):
            small = Pictures.fromarray(image.pixels).resize(
                (round(image.width * size), round(image.height * size))
            )
            small.save(tmp_path / "people" / name / f"{number}.jpg", quality=90)
    (tmp_path / "people" / "Grace" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return tmp_path / "people"


def within(home: Path, *words: str) -> Outcome:
    """The command, with its gallery and keys under ``home``."""
    return mien(*words, MIEN_KEYS=str(home / "keys"), MIEN_GALLERY=str(home / "gallery"))


def indexed(people: Path, out: Path, *more: str) -> Any:
    answer = within(people.parent, "index", str(people), "--out", str(out), "--json", *more)
    assert answer.code == 0, answer.err
    return answer.json


@pytest.mark.weights
def test_an_index_serves_every_command_that_takes_photos(people: Path) -> None:
    out = people.parent / "index"
    told = indexed(people, out)
    assert (told["photos"], told["before"], told["faces"]) == (7, 0, 6)
    assert [Path(row["source"]).name for row in told["errors"]] == ["broken.jpg"]
    assert indexed(people, out)["before"] == 7
    for photo in people.rglob("*.jpg"):
        photo.write_bytes(b"gone")  # nothing below may look at the photos again
    home = people.parent
    groups = within(home, "cluster", str(out), "--json").json
    by_group: dict[int, set[str]] = {}
    for face in groups["faces"]:
        by_group.setdefault(face["group"], set()).add(Path(face["source"]).parent.name)
    assert sorted(map(sorted, by_group.values())) == [["Eileen"], ["Grace"]]
    assert [row["error"]["code"] for row in groups["errors"]] == ["image_damaged"]
    enrolled = within(home, "enrol", "--people", str(out), "--json").json["results"]
    assert [(row["name"], len(row["accepted"]), len(row["rejected"])) for row in enrolled] == [
        ("Eileen", 3, 0),
        ("Grace", 3, 1),
    ]
    found = within(home, "identify", str(out), "--json").json["results"]
    decided = [
        (Path(row["source"]).parent.name, [face["decision"] for face in row["faces"]]) for row in found
    ]
    assert decided == [("Eileen", ["Eileen"])] * 3 + [("Grace", ["Grace"])] * 3 + [("Grace", [])]


@pytest.mark.weights
@pytest.mark.long
def test_a_cluster_of_processes_sees_what_one_process_sees(people: Path) -> None:
    pytest.importorskip("ray")
    indexed(people, people.parent / "alone")
    told = indexed(people, people.parent / "cluster", "--engine", "ray", "--workers", "2")
    assert (told["photos"], told["faces"], len(told["errors"])) == (7, 6, 1)
    home = people.parent
    one, many = (
        within(home, "cluster", str(home / name), "--json").json["faces"] for name in ("alone", "cluster")
    )
    assert [(face["source"], face["group"]) for face in one] == [
        (face["source"], face["group"]) for face in many
    ]
    np.testing.assert_allclose([face["box"] for face in one], [face["box"] for face in many], atol=0.5)


def test_an_unknown_engine_and_an_option_of_another_engine_are_refused(tmp_path: Path) -> None:
    answer = mien("index", str(tmp_path), "--out", str(tmp_path / "out"), "--engine", "spark")
    assert (answer.code, "--engine ray" in answer.err) == (2, True)
    answer = mien("index", str(tmp_path), "--out", str(tmp_path / "out"), "--send")
    assert (answer.code, "--engine ray" in answer.err) == (2, True)


def test_nothing_to_index_is_said(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    answer = mien(
        "index", str(tmp_path / "photos"), "--out", str(tmp_path / "out"), MIEN_KEYS=str(tmp_path / "k")
    )
    assert answer.code == 2
    assert "no pictures were found" in answer.err


@pytest.mark.weights
def test_a_cluster_command_that_ended_leaves_nothing_and_can_be_said_again(people: Path) -> None:
    home = people.parent
    words = ("cluster", str(people), "--json")
    first = mien(*words, MIEN_KEYS=str(home / "keys"), MIEN_CACHE=str(home / "cache"))
    again = mien(*words, "--resume", MIEN_KEYS=str(home / "keys"), MIEN_CACHE=str(home / "cache"))
    assert first.code == again.code == 0
    assert first.json == again.json
    assert not [*(home / "cache").rglob("*.sealed"), *(home / "keys").glob("*")]
    refused = within(home, "cluster", "-", "--resume", "--json")
    assert refused.code == 2
    assert "leave --resume out" in refused.json["error"]["message"]

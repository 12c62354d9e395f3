"""People of other programs' galleries, enrolled from the command line and recognised afterwards."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pictures
from tests.cli.test_commands import Outcome, mien

from mien.core.types import Image


def within(home: Path, *words: str) -> Outcome:
    return mien(*words, MIEN_KEYS=str(home / "keys"), MIEN_GALLERY=str(home / "gallery"))


@pytest.fixture
def pictures(astronaut: Image, hopper: Image, tmp_path: Path) -> Path:
    for name, image in (("Eileen/1.png", astronaut), ("Grace/1.png", hopper)):
        path = tmp_path / "db" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pictures.fromarray(image.pixels).save(path)
    return tmp_path / "db"


def decisions(home: Path, pictures: Path) -> list[Any]:
    answers = json.loads(within(home, "identify", str(pictures), "--json").out)["results"]
    return [face["decision"] for row in answers for face in row["faces"]]


@pytest.mark.weights
def test_a_deepface_gallery_is_enrolled_afresh(pictures: Path, tmp_path: Path) -> None:
    rows = [
        {"identity": f"/old/db/{who}/1.png", "hash": "0", "embedding": [0.5] * 128, "target_x": 1}
        for who in ("Eileen", "Grace", "Gone")
    ]
    (tmp_path / "ds_model.pkl").write_bytes(pickle.dumps(rows))
    words = ["people", "adopt", str(tmp_path / "ds_model.pkl"), "--images", str(pictures), "--json"]
    told = within(tmp_path, *words, "--consent-by", "themselves")
    assert told.code == 0, told.err
    assert [row["name"] for row in told.json["results"]] == ["Eileen", "Grace"]
    assert told.json["missing"] == ["Gone/1.png"]
    assert decisions(tmp_path, pictures) == ["Eileen", "Grace"]
    people = json.loads(within(tmp_path, "people", "list", "--json").out)["people"]
    assert [row["consent"]["given_by"] for row in people] == ["themselves"] * 2


@pytest.mark.weights
def test_a_compreface_list_is_enrolled(pictures: Path, tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    ids.mkdir()
    faces = []
    for number, who in enumerate(("Eileen", "Grace")):
        (pictures / who / "1.png").rename(ids / f"id-{number}.png")
        faces.append({"image_id": f"id-{number}", "subject": who})
    (tmp_path / "faces.json").write_text(json.dumps({"faces": faces, "total_elements": 2}))
    words = ["people", "adopt", str(tmp_path / "faces.json"), "--from", "compreface", "--images", str(ids)]
    assert within(tmp_path, *words).code == 0
    assert decisions(tmp_path, ids) == ["Eileen", "Grace"]


def test_a_hostile_pickle_is_refused_by_the_command(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "owned",)

    (tmp_path / "images").mkdir()
    (tmp_path / "ds_model.pkl").write_bytes(pickle.dumps([Evil()]))
    words = [
        "people",
        "adopt",
        str(tmp_path / "ds_model.pkl"),
        "--images",
        str(tmp_path / "images"),
        "--json",
    ]
    answer = within(tmp_path, *words)
    assert (answer.code, answer.json["error"]["code"]) == (2, "bad_input")
    assert not (tmp_path / "owned").exists()

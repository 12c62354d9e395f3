"""The promises every command keeps: one JSON document, exit codes, one error shape, never a traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures

from mien.core.types import Image


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def mien(*words: str, stdin: bytes = b"", **variables: str) -> Outcome:
    """Run the command in its own process, as a shell would."""
    done = subprocess.run(
        [sys.executable, "-m", "mien", *words],
        input=stdin,
        capture_output=True,
        env={**os.environ, **variables},
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def photos(astronaut: Image, hopper: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name, image in (("astronaut", astronaut), ("hopper", hopper)):
        Pictures.fromarray(image.pixels).save(folder / f"{name}.png")
        half = Pictures.fromarray(image.pixels).resize((image.width // 2, image.height // 2))
        half.save(folder / f"{name}-small.jpg", quality=90)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    Pictures.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(folder / "wall.png")
    return folder


@pytest.mark.weights
def test_analyze_prints_one_document_with_a_row_for_every_picture(photos: Path) -> None:
    answer = mien("analyze", str(photos), "--json", "--only", "box,keypoints,embedding")
    assert answer.code == 0
    rows = {Path(row["source"]).name: row for row in answer.json["results"]}
    assert len(rows) == 6
    assert rows["broken.jpg"]["error"]["code"].startswith("image_")
    assert rows["wall.png"]["faces"] == []
    (face,) = rows["astronaut.png"]["faces"]
    assert set(face) == {"box", "score", "keypoints", "embedding"}
    assert answer.json["models"] == {"detect": "yunet", "landmarks": "mesh468", "embed": "sface"}
    assert answer.json["mien"]


@pytest.mark.weights
def test_analyze_reads_standard_input(photos: Path) -> None:
    data = (photos / "astronaut.png").read_bytes()
    answer = mien("analyze", "-", "--json", "--only", "box", stdin=data)
    (row,) = answer.json["results"]
    assert row["source"] == "-"
    assert len(row["faces"]) == 1


@pytest.mark.weights
def test_analyze_writes_annotated_pictures_and_lines(photos: Path, tmp_path: Path) -> None:
    source = str(photos / "astronaut.png")
    answer = mien("analyze", source, "--out", str(tmp_path / "out"), COLUMNS="160")
    assert answer.code == 0
    assert "astronaut.png" in answer.out
    (line,) = (tmp_path / "out" / "faces.jsonl").read_text().splitlines()
    assert json.loads(line)["faces"][0]["landmarks"]["scheme"] == "mesh468"
    (drawn,) = (tmp_path / "out").glob("*.jpg")
    with Pictures.open(drawn) as picture, Pictures.open(photos / "astronaut.png") as plain:
        difference = np.abs(np.asarray(picture, np.int16) - np.asarray(plain.convert("RGB"), np.int16))
    assert picture.size == plain.size
    assert difference[80:180, 180:270].mean() > 3 * difference[300:, :100].mean()


@pytest.mark.weights
def test_only_unreadable_pictures_is_the_callers_fault(photos: Path) -> None:
    answer = mien("analyze", str(photos / "broken.jpg"), str(photos / "gone.jpg"), "--json")
    assert answer.code == 2
    codes = [row["error"]["code"] for row in answer.json["results"]]
    assert codes[1] == "image_unreadable"


@pytest.mark.weights
@pytest.mark.parametrize(
    ("a", "b", "code", "same"),
    [
        ("astronaut.png", "astronaut-small.jpg", 0, True),
        ("hopper.png", "hopper-small.jpg", 0, True),
        ("astronaut.png", "hopper.png", 1, False),
        ("astronaut.png", "wall.png", 2, None),
    ],
)
def test_verify_answers_with_its_exit_code(
    photos: Path, a: str, b: str, code: int, same: bool | None
) -> None:
    answer = mien("verify", str(photos / a), str(photos / b), "--json")
    assert answer.code == code
    assert answer.json["same"] is same
    wanted = {"same", "similarity", "probability", "fmr", "threshold", "faces", "error"}
    assert wanted <= set(answer.json)
    if same is None:
        assert answer.json["error"]["code"] == "no_face"


@pytest.mark.weights
def test_verify_without_json_speaks_plainly(photos: Path) -> None:
    answer = mien("verify", str(photos / "astronaut.png"), str(photos / "hopper.png"))
    assert answer.code == 1
    assert answer.out.startswith("not the same person")


@pytest.mark.weights
def test_verify_refuses_a_rate_that_the_calibration_does_not_support(photos: Path) -> None:
    a = str(photos / "astronaut.png")
    answer = mien("verify", a, a, "--fmr", "1e-12", "--json")
    assert answer.code == 2
    assert answer.json["error"]["code"] == "thin_data"


@pytest.mark.weights
def test_doctor_explains_the_choice_of_engine() -> None:
    answer = mien("doctor", "--json")
    assert answer.code == 0
    says = {item["topic"]: item["says"] for item in answer.json["findings"]}
    assert "openvino" in says["model sface"]
    assert "ms" in says["model sface"]


def test_a_missing_model_is_exit_code_3_and_says_how_to_mend_it(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Pictures.fromarray(np.zeros((50, 50, 3), np.uint8)).save(picture, "PNG")
    nowhere = {"MIEN_MODELS": str(tmp_path), "MIEN_OFFLINE": "1"}
    answer = mien("analyze", "-", "--json", stdin=picture.getvalue(), **nowhere)
    assert answer.code == 3
    assert answer.json["error"]["code"] == "model_missing"
    assert "mien models" in answer.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("verify", "a.jpg"), "usage"),
        (("analyze",), "usage"),
        (("nonsense",), "usage"),
        (("analyze", "x.jpg", "--only", "iq"), "bad_input"),
        (("verify", "a.jpg", "b.jpg", "--profile", "best"), "bad_input"),
        (("verify", "a.jpg", "b.jpg", "--models", "sfase"), "unknown_model"),
    ],
)
def test_a_wrong_call_is_one_error_document_and_no_traceback(words: Sequence[str], code: str) -> None:
    answer = mien(*words, "--json")
    assert answer.code == (3 if code == "unknown_model" else 2)
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["message"]
    assert "Traceback" not in answer.err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have only names that are text")
def test_names_that_are_no_text_and_links_in_circles_are_rows(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"no picture")
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    for out in ([], ["--out", str(tmp_path / "out")]):
        answer = mien("analyze", str(tmp_path), "--only", "box", "--json", *out, LC_ALL="C.UTF-8")
        assert answer.code == 2
        sources = [Path(row["source"]).name for row in answer.json["results"]]
        assert sources == [os.fsdecode(b"caf\xe9.jpg"), "circle.jpg"]


def test_a_folder_without_pictures_is_said_so_with_json_and_without(tmp_path: Path) -> None:
    assert mien("analyze", str(tmp_path)).code == 2
    answer = mien("analyze", str(tmp_path), "--json")
    assert answer.code == 2
    assert answer.json["error"]["code"] == "bad_input"


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in mien("analyze", "x.jpg", "--only", "iq", "--debug").err


def test_the_version_is_the_packages() -> None:
    import mien as package

    assert mien("--version").out.strip() == package.__version__

"""`mien reconstruct` end to end, on real photos, through every option."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures

from mien.cli.main import run
from mien.core.mesh import Camera, Placement
from mien.core.types import HeadPose, Image
from mien.face3d.export.read import read_mesh
from mien.face3d.model.arkit import ARKIT
from mien.face3d.render.shade import render_textured
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose
from mien.pipeline.analyze import Analyzer
from mien.pipeline.reconstruct import reconstruct

PROMISED = {
    "output", "vertices", "triangles", "identity", "expression", "pose", "camera", "scale", "residual_px",
    "seconds",
}  # fmt: skip
pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def photos(astronaut: Image, hopper: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name, image in (("astronaut", astronaut), ("hopper", hopper)):
        Pictures.fromarray(image.pixels).save(folder / f"{name}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    Pictures.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(folder / "wall.png")
    return folder


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    with pytest.raises(SystemExit) as stopped:
        run(["reconstruct", *words, "--json"])
    return int(str(stopped.value.code)), json.loads(capsys.readouterr().out)


def test_a_glb_and_its_page_with_every_promised_key(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "head.glb"
    code, answer = command(capsys, str(photos / "astronaut.png"), "-o", str(out), "--html")
    assert code == 0
    assert set(answer) >= PROMISED
    assert set(answer["expression"]) == set(ARKIT)
    assert all(0 <= weight <= 1 for weight in answer["expression"].values())
    assert answer["camera"]["model"] == "perspective"
    assert answer["scale"] == "mm"
    assert answer["size"]["source"] in ("iris", "unknown")
    assert [Path(file).suffix for file in answer["files"]] == [".glb", ".html"]
    mesh = read_mesh(out)
    assert 200 < np.ptp(mesh.vertices[:, 1]) < 420  # millimetres, y up
    assert "astronaut.png" in (tmp_path / "head.html").read_text(encoding="utf-8")


def test_brightness_corrects_the_shape_when_asked(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(photos / "astronaut.png"), "-o", str(tmp_path / "head.glb"), "--no-texture"]
    plain, refined = (command(capsys, *words, *more)[1] for more in ([], ["--refine", "photometric"]))
    assert plain["identity"] != refined["identity"]
    assert max(abs(z) for z in refined["identity"]) < 3.5
    code, answer = command(capsys, *words, "--refine", "magic")
    assert code == 2
    assert "photometric" in answer["error"]["message"]


@pytest.mark.parametrize("kind", [".obj", ".ply"])
def test_the_coarsest_head_without_expression_or_skin(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    out = tmp_path / f"head{kind}"
    words = ["--neutral", "--lod", "2", "--no-texture"]
    code, answer = command(capsys, str(photos / "astronaut.png"), "-o", str(out), *words)
    assert code == 0
    assert answer["files"] == [str(out)]
    assert len(read_mesh(out).triangles) < 6000


def test_camera_space_stands_before_the_camera(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = {}
    for kind in (".glb", ".ply"):
        out = tmp_path / f"head{kind}"
        code, answer = command(capsys, str(photos / "hopper.png"), "-o", str(out), "--camera-space")
        assert code == 0
        where[kind] = read_mesh(out).vertices
    np.testing.assert_allclose(where[".glb"], where[".ply"], atol=0.05)
    assert where[".ply"][:, 2].min() > 200
    camera = answer["camera"]
    columns = camera["fx"] * where[".ply"][:, 0] / where[".ply"][:, 2] + camera["cx"]
    assert 100 < np.median(columns) < 400  # her face lies there in the photo


def test_a_folder_is_a_row_a_photo_and_bad_ones_are_rows_too(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = command(capsys, str(photos), "-o", str(tmp_path / "heads"), "--no-texture", "--ipd", "62")
    assert code == 0
    rows = {Path(row["source"]).name: row for row in answer["results"]}
    assert len(rows) == 4
    assert rows["wall.png"]["error"]["code"] == "no_face"
    assert rows["broken.jpg"]["error"]["code"].startswith("image_")
    assert rows["hopper.png"]["size"]["source"] == "ipd"
    assert {path.name for path in (tmp_path / "heads").iterdir()} == {"astronaut.glb", "hopper.glb"}


def test_photos_of_one_name_do_not_overwrite_each_other(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    (twin / "hopper.png").write_bytes((photos / "hopper.png").read_bytes())
    words = [
        str(photos / "hopper.png"),
        str(twin / "hopper.png"),
        "-o",
        str(tmp_path / "out"),
        "--no-texture",
    ]
    _, answer = command(capsys, *words)
    assert len({row["output"] for row in answer["results"]}) == 2


def test_standard_input_with_its_focal_length(
    astronaut: Image, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = Pictures.Exif()
    tags.get_ifd(0x8769)[0xA405] = 85
    stream = io.BytesIO()
    Pictures.fromarray(astronaut.pixels).save(stream, "JPEG", quality=92, exif=tags)
    stream.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    code, answer = command(capsys, "-", "-o", str(tmp_path / "head.ply"), "--no-texture")
    assert code == 0
    wanted = 85 * np.hypot(astronaut.width, astronaut.height) / np.hypot(36, 24)
    assert answer["camera"]["fx"] == pytest.approx(wanted, rel=1e-3)


def test_a_profile_is_a_head_that_says_how_unsure_it_is(
    analyzer: Analyzer, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, front = command(capsys, str(photos / "hopper.png"), "-o", str(tmp_path / "f.glb"), "--no-texture")
    head = reconstruct(analyzer, photos / "hopper.png")
    assert head.texture is not None
    placement = Placement(rotation_from_pose(HeadPose(0.9, 0, 0)) @ HEAD_TO_CAMERA, np.array([0, 0, 900.0]))
    camera = Camera(1000.0, 1000.0, 255.5, 255.5)
    side = render_textured(head.mesh, head.texture, placement, camera, 512, 512, background=110)
    Pictures.fromarray(side).save(tmp_path / "side.png")
    code, answer = command(capsys, str(tmp_path / "side.png"), "-o", str(tmp_path / "s.glb"))
    assert code == 0
    assert answer["pose"]["yaw"] > 0.5
    assert np.abs(answer["identity"]).max() < 4.5  # never a monster
    assert np.mean(answer["identity_sd"]) >= np.mean(front["identity_sd"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["wall.png", "-o", "x.glb"], "no_face"),
        (["broken.jpg", "-o", "x.glb"], "image_"),
        (["gone.jpg", "-o", "x.glb"], "image_unreadable"),
        (["hopper.png", "-o", "x.fbx"], "bad_input"),
        (["hopper.png", "astronaut.png", "-o", "x.glb"], "bad_input"),
        (["hopper.png", "-o", "x.glb", "--ipd", "6"], "bad_input"),
        (["hopper.png", "-o", "x.glb", "--focal", "-3"], "bad_input"),
        (["nothing*.jpg"], "bad_input"),
    ],
)
def test_what_is_wrong_is_one_error(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: str
) -> None:
    said = [
        str(photos / w) if w.endswith(("png", "jpg")) else str(tmp_path / w) if w[0] == "x" else w
        for w in words
    ]
    status, answer = command(capsys, *said)
    assert status == 2
    assert answer["error"]["code"].startswith(code)
    assert answer["error"]["message"]


def test_people_read_a_few_plain_lines(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(["reconstruct", str(photos / "hopper.png"), "-o", str(tmp_path / "h.glb"), "--no-texture"])
    shown = capsys.readouterr().out
    assert "52 blendshapes" in shown
    assert "°" in shown

"""The pipeline end to end on real portraits, and its behaviour around bad pictures."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from mien.core.errors import ImageError, InputError
from mien.core.report import FINDINGS, FaceReport
from mien.core.types import Image
from mien.imaging.rotate import quarter_turns, rotate
from mien.pipeline.analyze import Analyzer, asked_findings, named_sources
from mien.pipeline.photos import PhotoFolder
from mien.pipeline.verify import verify

BOX = {"box", "keypoints"}


def jpeg(image: Image, **options: object) -> bytes:
    stream = io.BytesIO()
    Pictures.fromarray(image.pixels).save(stream, "JPEG", quality=95, **options)
    return stream.getvalue()


def test_nothing_asked_means_everything_that_can_be_answered() -> None:
    assert asked_findings(None) == {"box", "keypoints", "landmarks", "pose", "embedding"}


@pytest.mark.parametrize("only", [["age", "iq"], []])
def test_an_unknown_question_lists_the_known_ones(only: list[str]) -> None:
    with pytest.raises(InputError, match="choose out of box, keypoints"):
        asked_findings(only)


def test_sources_are_named_by_their_path_or_their_place(tmp_path: Path) -> None:
    (tmp_path / "b.png").touch()
    (tmp_path / "a.JPG").touch()
    (tmp_path / "notes.txt").touch()
    names = [name for name, _ in named_sources([tmp_path, b"bytes", "gone.jpg"], {"jpeg", "png"})]
    assert names == [str(tmp_path / "a.JPG"), str(tmp_path / "b.png"), "#1", "gone.jpg"]


@pytest.mark.weights
def test_a_portrait_has_one_face_where_the_face_is(analyzer: Analyzer, astronaut: Image) -> None:
    (face,) = analyzer.analyze(astronaut.pixels)
    assert face.detection.box == pytest.approx((178, 63, 268, 176), abs=12)
    left_eye, right_eye, nose, left_mouth, right_mouth = face.detection.keypoints
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.weights
@pytest.mark.parametrize("how", ["path", "str", "bytes", "file", "pil", "array"])
def test_every_kind_of_source_gives_the_same_face(
    how: str, analyzer: Analyzer, astronaut: Image, tmp_path: Path
) -> None:
    path = tmp_path / "portrait.png"
    Pictures.fromarray(astronaut.pixels).save(path)
    sources: dict[str, object] = {
        "path": path,
        "str": str(path),
        "bytes": path.read_bytes(),
        "file": io.BytesIO(path.read_bytes()),
        "pil": Pictures.open(io.BytesIO(path.read_bytes())),
        "array": astronaut.pixels,
    }
    (expected,) = analyzer.analyze(astronaut.pixels, BOX)
    (found,) = analyzer.analyze(sources[how], BOX)
    np.testing.assert_allclose(found.detection.box, expected.detection.box)


def same_person(analyzer: Analyzer, a: object, b: object) -> float:
    found = [analyzer.analyze(source, {"embedding"}) for source in (a, b)]
    assert [len(faces) for faces in found] == [1, 1]
    first, second = (faces[0].embedding for faces in found)
    assert first is not None
    assert second is not None
    return float(first.vector @ second.vector)


@pytest.mark.weights
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_camera_held_any_way_gives_the_same_face(
    orientation: int, analyzer: Analyzer, astronaut: Image
) -> None:
    exif = Pictures.Exif()
    exif[0x0112] = orientation
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # PIL.Image.Transpose members
    stored = Pictures.fromarray(astronaut.pixels).transpose(Pictures.Transpose(undo))
    stream = io.BytesIO()
    stored.save(stream, "JPEG", quality=95, exif=exif)
    (plain,) = analyzer.analyze(jpeg(astronaut), BOX)
    (found,) = analyzer.analyze(stream.getvalue(), BOX)
    np.testing.assert_allclose(found.detection.box, plain.detection.box, atol=2.0)


@pytest.mark.weights
@pytest.mark.parametrize("degrees", [30, 60, 90, 135, 180, 270])
def test_a_turned_face_is_found_and_recognised(degrees: int, analyzer: Analyzer, astronaut: Image) -> None:
    turned = rotate(astronaut.pixels, np.radians(degrees)).pixels
    assert same_person(analyzer, astronaut.pixels, turned) > 0.7


@pytest.mark.weights
def test_small_large_and_cut_off_faces_are_found(analyzer: Analyzer, astronaut: Image) -> None:
    whole = Pictures.fromarray(astronaut.pixels)
    tiny = np.asarray(whole.resize((80, 80), Pictures.Resampling.LANCZOS))
    close = np.asarray(whole.crop((180, 75, 270, 190)))
    huge = np.asarray(whole.crop((170, 60, 280, 200)).resize((2200, 2800)))
    cut = np.asarray(whole.crop((0, 0, 235, 512)))
    scene = Pictures.new("RGB", (1600, 1200), (90, 110, 90))
    scene.paste(whole.resize((128, 128)), (1400, 1000))
    for picture in (tiny, close, huge, cut, np.asarray(scene)):
        assert len(analyzer.analyze(picture, BOX)) == 1


@pytest.mark.weights
def test_a_picture_decoded_smaller_answers_in_its_own_pixels(astronaut: Image) -> None:
    large = Pictures.fromarray(astronaut.pixels).resize((4096, 4096), Pictures.Resampling.BICUBIC)
    from mien.pipeline.config import configure

    with Analyzer(configure("fast")) as fast:
        picture = fast.open(jpeg(Image(np.asarray(large))))
        assert picture.scale < 1
        assert (picture.width, picture.height) == (4096, 4096)
        (face,) = fast.report(picture, frozenset({"box", "landmarks"}))
    assert face.detection.box == pytest.approx((178 * 8, 63 * 8, 268 * 8, 176 * 8), abs=12 * 8)
    assert face.landmarks is not None
    x, y = face.landmarks.points[:, :2].mean(axis=0)
    assert face.detection.box.x1 < x < face.detection.box.x2
    assert face.detection.box.y1 < y < face.detection.box.y2


@pytest.mark.weights
@pytest.mark.parametrize(("side", "whole"), [(300, True), (1500, False)])
def test_a_large_file_is_decoded_as_large_as_its_faces_need(
    side: int, whole: bool, analyzer: Analyzer, astronaut: Image
) -> None:
    scene = Pictures.new("RGB", (1600, 1600), (90, 110, 90))
    scene.paste(Pictures.fromarray(astronaut.pixels).resize((side, side)), (100, 60))
    file = jpeg(Image(np.asarray(scene)))
    picture, (seen,) = analyzer.look(file)
    assert picture.scale == (1 if whole else 0.5)
    box = np.asarray(seen.box) / picture.scale
    np.testing.assert_allclose(
        box, np.array([178, 63, 268, 176]) * side / 512 + [100, 60] * 2, atol=side / 25
    )
    (report,) = analyzer.analyze(file, {"box", "embedding"})
    (again,) = analyzer.report(analyzer.open(file), frozenset({"box", "embedding"}))
    assert report.embedding is not None
    assert again.embedding is not None
    assert float(report.embedding.vector @ again.embedding.vector) > 0.9


@pytest.mark.weights
def test_a_bad_picture_is_one_row_and_never_the_end(
    analyzer: Analyzer, astronaut: Image, tmp_path: Path
) -> None:
    (tmp_path / "1.jpg").write_bytes(jpeg(astronaut))
    (tmp_path / "2.jpg").write_bytes(b"not a picture")
    (tmp_path / "3.jpg").write_bytes(jpeg(astronaut)[:2000])
    (tmp_path / "4.jpg").write_bytes(b"")
    (tmp_path / "5.jpg").write_bytes(jpeg(astronaut))
    reports = list(analyzer.analyze_many([tmp_path, tmp_path / "gone.jpg"], BOX))
    codes = [None if report.error is None else report.error.to_dict()["code"] for report in reports]
    assert codes == [
        None,
        "image_unsupported_format",
        "image_damaged",
        "image_empty",
        None,
        "image_unreadable",
    ]
    assert [len(report.faces) for report in reports] == [1, 0, 0, 0, 1, 0]


@pytest.mark.weights
def test_reports_come_in_the_order_of_the_pictures(analyzer: Analyzer, astronaut: Image) -> None:
    large = np.asarray(Pictures.fromarray(astronaut.pixels).resize((1500, 1500)))
    sources = [large, *[astronaut.pixels] * 5, large]
    widths = [report.width for report in analyzer.analyze_many(sources, BOX)]
    assert widths == [1500, 512, 512, 512, 512, 512, 1500]


@pytest.mark.weights
def test_leaving_early_stops_the_work(analyzer: Analyzer, astronaut: Image) -> None:
    drawn = 0

    def endless() -> object:
        nonlocal drawn
        while True:
            drawn += 1
            yield astronaut.pixels

    reports = analyzer.analyze_many(endless(), BOX)
    next(reports)
    reports.close()
    assert drawn <= 4 * threading.active_count() + 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mien")]


@pytest.mark.weights
def test_the_json_has_what_was_asked_and_nothing_else(analyzer: Analyzer, astronaut: Image) -> None:
    (face,) = analyzer.analyze(astronaut.pixels, {"box", "pose", "age"})
    said = face.to_dict()
    assert set(said) == {"box", "score", "pose", "age", "notes"}
    assert said["age"] is None
    assert "age" in said["notes"]
    (everything,) = analyzer.analyze(astronaut.pixels)
    document = json.loads(json.dumps(everything.to_dict(), allow_nan=False))
    assert len(document["embedding"]) == 128
    assert len(document["landmarks"]["points"]) == 468


def test_every_finding_of_the_contract_can_be_said() -> None:
    assert set(FINDINGS) == set(FaceReport.__dataclass_fields__) - {"detection", "asked", "notes"} | {
        "box",
        "keypoints",
        "age",
        "sex",
        "expression",
        "quality",
        "liveness",
    }


@pytest.mark.weights
def test_the_same_person_is_told_from_another(analyzer: Analyzer, astronaut: Image, hopper: Image) -> None:
    small = np.asarray(Pictures.fromarray(astronaut.pixels).resize((200, 200)))
    yes = verify(analyzer, astronaut.pixels, small)
    no = verify(analyzer, astronaut.pixels, hopper.pixels)
    assert yes.same is True
    assert no.same is False
    assert yes.similarity is not None
    assert yes.probability is not None
    assert no.probability is not None
    assert yes.fmr is not None
    assert no.fmr is not None
    assert yes.fmr < 1e-4 < no.fmr
    assert no.probability < 0.5 < yes.probability


@pytest.mark.weights
def test_several_faces_are_not_decided_unless_one_is_meant(
    analyzer: Analyzer, astronaut: Image, hopper: Image
) -> None:
    both = np.zeros((600, 1040, 3), np.uint8)
    both[:512, :512] = astronaut.pixels
    both[: hopper.height, 520 : 520 + hopper.width] = hopper.pixels[:600]
    undecided = verify(analyzer, both, astronaut.pixels)
    assert undecided.same is None
    assert undecided.to_dict()["error"]["code"] == "ambiguous_face"
    nobody = verify(analyzer, np.full((200, 200, 3), 128, np.uint8), astronaut.pixels)
    assert nobody.same is None
    assert nobody.to_dict()["error"]["code"] == "no_face"
    answers = {verify(analyzer, both, astronaut.pixels, which=number).same for number in ("1", "2")}
    assert answers == {True, False}


@pytest.mark.weights
def test_verify_refuses_what_is_no_picture(analyzer: Analyzer, astronaut: Image) -> None:
    with pytest.raises(ImageError, match=r"there is no file gone\.jpg"):
        verify(analyzer, astronaut.pixels, "gone.jpg")


@pytest.mark.weights
def test_a_stopped_run_goes_on_where_it_was_left(
    analyzer: Analyzer, astronaut: Image, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for i in range(4):
        (photos / f"{i}.jpg").write_bytes(jpeg(astronaut))
    asked = frozenset(BOX)
    with PhotoFolder(out) as folder:
        rows = folder.fill(analyzer, [str(photos)], asked)
        next(rows), next(rows)
        rows.close()
    with (out / "faces.jsonl").open("a") as torn:
        torn.write('{"source": "cut sho')
    with pytest.raises(InputError, match="--resume"):
        PhotoFolder(out)
    with PhotoFolder(out, resume=True) as folder:
        rest = [report.source for report in folder.fill(analyzer, [str(photos)], asked)]
    assert [Path(name).name for name in rest] == ["2.jpg", "3.jpg"]
    lines = [json.loads(line) for line in (out / "faces.jsonl").read_text().splitlines()]
    assert [Path(line["source"]).name for line in lines] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert len(list(out.glob("*.jpg"))) == 4
    with PhotoFolder(out, resume=True) as folder:
        assert list(folder.fill(analyzer, [str(photos)], asked)) == []
        assert folder.skipped == 4


def test_a_quarter_turn_is_its_own_way_back() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(quarter_turns(quarter_turns(pixels, 1).pixels, 3).pixels, pixels)

"""The demonstration from end to end, against answers that are known."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mien.core.errors import DependencyMissing, InputError, ModelMissing
from mien.pipeline.analyze import Analyzer
from mien.pipeline.demo.run import Demo, run_demo
from mien.pipeline.demo.stage import Chapter, Stage, Told


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    def missing(stage: Stage) -> Told:
        raise DependencyMissing("the box of paints is missing: buy one")

    from mien.pipeline.demo.run import CHAPTERS

    painted = Chapter("paint", "A painting", missing)
    with Analyzer() as analyzer:
        try:
            return run_demo(analyzer, tmp_path_factory.mktemp("demo") / "out", chapters=[*CHAPTERS, painted])
        except ModelMissing as error:
            pytest.skip(f"the weights or samples cannot be had: {error}")


def chapter(done: Demo, name: str) -> dict[str, Any]:
    found: dict[str, Any] = done.summary["chapters"][name]
    return found


@pytest.mark.weights
def test_every_face_is_found_in_every_variation_and_nothing_else(done: Demo) -> None:
    assert chapter(done, "analyze") == {"faces": 26, "found": 26, "others": 0}


@pytest.mark.weights
def test_nobody_is_taken_for_somebody_else(done: Demo) -> None:
    told = chapter(done, "verify")
    assert told["mistaken"] == []
    assert told["comparisons"] == 72


@pytest.mark.weights
def test_everybody_is_known_again_in_every_variation(done: Demo) -> None:
    assert chapter(done, "verify")["missed"] == []


@pytest.mark.weights
def test_the_enrolled_are_named_and_the_third_stays_unknown(done: Demo) -> None:
    told = chapter(done, "identify")
    assert told["enrolled"] == ["Eileen Collins", "Grace Hopper"]
    assert told["wrong"] == []
    assert told["faces"] == 22
    assert "unknown" in done.report.read_text("utf-8")


@pytest.mark.weights
def test_all_pictures_without_names_fall_into_three_people(done: Demo) -> None:
    assert chapter(done, "cluster") == {"faces": 26, "groups": 3, "right": 26}


@pytest.mark.weights
def test_two_portraits_become_heads_to_open_elsewhere(done: Demo) -> None:
    told = chapter(done, "reconstruct")
    kinds = {".glb": b"glTF", ".html": b"<!doctype"}
    assert told["heads"] == 2
    for path in told["files"]:
        file = done.report.parent / path
        assert file.read_bytes()[:9].lower().startswith(kinds[file.suffix].lower())


@pytest.mark.weights
def test_a_chapter_that_cannot_run_says_so_and_stops_nobody(done: Demo) -> None:
    assert list(done.errors) == ["paint"]
    assert chapter(done, "paint")["error"]["code"] == "dependency_missing"
    assert "the box of paints is missing: buy one" in done.report.read_text("utf-8")


@pytest.mark.weights
def test_the_page_and_the_summary_lie_beside_the_pictures(done: Demo) -> None:
    folder = done.report.parent
    html = done.report.read_text("utf-8")
    assert json.loads((folder / "demo.json").read_text("utf-8")) == json.loads(json.dumps(done.summary))
    assert len(list((folder / "pictures").iterdir())) == len(list((folder / "annotated").iterdir())) == 24
    for link in re.findall(r'href="([^#"][^"]*)"', html):
        assert (folder / link).is_file()
    assert not re.search(r"https?:", html)


def test_writes_nothing_among_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(InputError, match="holds other files"):
        run_demo(Analyzer(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]

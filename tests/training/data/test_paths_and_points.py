"""Sources whose paths or tables say what pictures show."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.training.data import read_source


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_a_path_says_label_person_and_more(tmp_path: Path) -> None:
    touch(tmp_path, "train/real/c7_1.jpg", "train/fake/c7_2.jpg", "notes/readme.jpg")
    pattern = r"(?P<part>\w+)/(?P<label>real|fake)/c(?P<person>\d+)_\d.jpg"
    found = read_source("paths", tmp_path, pattern=pattern)
    assert [(s.label, s.group, dict(s.attributes)) for s in found.samples] == [
        ("fake", "7", {"part": "train"}),
        ("real", "7", {"part": "train"}),
    ]


@pytest.mark.parametrize(("pattern", "said"), [("(", "no regular expression"), ("x", "names no group label")])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str, said: str, tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg")
    with pytest.raises(InputError, match=said):
        read_source("paths", tmp_path, pattern=pattern)


def test_a_table_says_points_and_the_name_says_the_person(tmp_path: Path) -> None:
    (tmp_path / "keypoints.csv").write_text(",0,1,2,3\nAda_L_1.jpg,1,2,3,4.5\n", encoding="utf-8")
    (sample,) = read_source("points", tmp_path, person=r"(.*)_\d").samples
    assert (sample.path, sample.group) == (tmp_path / "Ada_L_1.jpg", "Ada_L")
    assert sample.points is not None
    assert sample.points.tolist() == [[1, 2], [3, 4.5]]


@pytest.mark.parametrize("row", ["a.jpg,1,2,3", "a.jpg,1,x", "a.jpg,1,nan", "a.jpg"])
def test_a_row_without_pairs_of_numbers_is_refused_by_its_line(row: str, tmp_path: Path) -> None:
    (tmp_path / "keypoints.csv").write_text(f",0,1\n{row}\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 2 of"):
        read_source("points", tmp_path)

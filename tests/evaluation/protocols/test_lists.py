"""Tables, boxes and points are read as they are published; what is broken is named by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.evaluation.protocols.boxes import read_found_boxes, read_true_boxes
from mien.evaluation.protocols.points import read_points
from mien.evaluation.protocols.table import read_table

WIDER = """0--Parade/a.jpg
2
10 20 30 40 0 0 0 0 0 0
1 2 3 4 2 0 0 1 0 0
0--Parade/none.jpg
0
0 0 0 0 0 0 0 0 0 0
0--Parade/b.jpg
1
5 5 0 9 0 0 0 0 0 0
"""


def write(folder: Path, text: str, name: str = "list.csv") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_wider_faces_list_has_invalid_and_empty_boxes_ignored(tmp_path: Path) -> None:
    faces = read_true_boxes(write(tmp_path, WIDER, "gt.txt"))
    assert list(faces) == ["0--Parade/a.jpg", "0--Parade/none.jpg", "0--Parade/b.jpg"]
    assert faces["0--Parade/a.jpg"].boxes.tolist() == [[10, 20, 40, 60], [1, 2, 4, 6]]
    assert faces["0--Parade/a.jpg"].ignored.tolist() == [False, True]
    assert faces["0--Parade/none.jpg"].boxes.shape == (0, 4)
    assert faces["0--Parade/b.jpg"].ignored.tolist() == [True]


def test_a_table_of_boxes_may_name_pictures_without_faces(tmp_path: Path) -> None:
    faces = read_true_boxes(write(tmp_path, "file,x1,y1,x2,y2,ignore\na.jpg,1,2,3,4,1\nb.jpg,,,,,\n"))
    assert faces["a.jpg"].ignored.tolist() == [True]
    assert len(faces["b.jpg"].boxes) == 0


def test_found_boxes_have_scores(tmp_path: Path) -> None:
    found = read_found_boxes(write(tmp_path, "file\tx1\ty1\tx2\ty2\tscore\na.jpg\t1\t2\t3\t4\t0.5\n"))
    assert found["a.jpg"].scores.tolist() == [0.5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.jpg\nmany\n", "line 2: the number of faces"),
        ("a.jpg\n2\n1 2 3 4\n", "line 4: no `x y w h"),
        ("file,x1,y1,x2,y2\na.jpg,3,2,1,4\n", "line 2: the box 3,2,1,4 has no area"),
        ("file,x1,y1,x2,y2\na.jpg,x,2,1,4\n", "line 2: x1 is 'x'"),
    ],
)
def test_a_broken_list_of_boxes_is_named_by_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_true_boxes(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("file\na\n", "no column score among file"),
        ("file,score\na\n", "line 2: 1 cells under 2 columns"),
        ("file,score\n", "no row"),
    ],
)
def test_a_broken_table_is_named_by_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_table(write(tmp_path, text), ["file", "score"])


def test_points_come_as_table_as_pts_and_as_json(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    wanted = np.array([[1.0, 2.0], [3.0, 4.0]])
    table = read_points(write(tmp_path, ",0,1,2,3\na.jpg,1,2,3,4\n"), tmp_path, 2)
    (tmp_path / "pts").mkdir()
    write(tmp_path / "pts", "version: 1\nn_points: 2\n{\n2 3\n4 5\n}\n", "a.pts")
    (tmp_path / "json").mkdir()
    write(tmp_path / "json", json.dumps(wanted.tolist()), "a.points.json")
    for found in (table, *(read_points(tmp_path / kind, tmp_path, 2) for kind in ("pts", "json"))):
        np.testing.assert_array_equal(found[tmp_path / "a.jpg"], wanted)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.jpg,1,2,3\n", "line 1: a name and then x and y"),
        ("b.jpg,1,2,3,4\n", "line 1: there is no picture"),
        ("a.jpg,1,2\n", "has 1 points where 2 belong"),
        ("x\n", "holds no points"),
    ],
)
def test_broken_points_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(InputError, match=said):
        read_points(write(tmp_path, text), tmp_path, 2)

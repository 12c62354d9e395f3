"""Other programs' galleries are read as data, and nothing in them is run."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.pipeline.adopt import photos_of_compreface, photos_of_deepface
from mien.pipeline.plainpickle import read_plain_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(PLAIN, st.integers(3, 5))
def test_reads_what_pickle_wrote(value: Any, protocol: int) -> None:
    assert read_plain_pickle(pickle.dumps(value, protocol)) == value


class Evil:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", range(6))
def test_never_calls_what_a_hostile_pickle_names(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "owned"
    for evil in (Evil(os.mkdir, str(marker)), [Evil(eval, f"open({str(marker)!r}, 'w')")]):
        with pytest.raises(InputError, match=r"refused|cannot be read"):
            read_plain_pickle(pickle.dumps(evil, protocol))
    assert not marker.exists()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(data: bytes) -> None:
    with contextlib.suppress(InputError):
        read_plain_pickle(data)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("Ada/1.jpg", "Ada/2.jpg", "Ben/1.jpg", "ids/abc-1.png"):
        path = tmp_path / "db" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "db"


def test_a_deepface_folder_gives_its_people(images: Path, tmp_path: Path) -> None:
    rows = [{"identity": f"/elsewhere/db/{p}", "embedding": [0.1]} for p in ("Ada/1.jpg", "Ben/1.jpg")]
    rows.append({"identity": "C:\\faces\\Ada\\2.jpg", "embedding": [0.2]})
    file = tmp_path / "ds_model.pkl"
    file.write_bytes(pickle.dumps(rows))
    assert photos_of_deepface(file, images).people == {
        "Ada": [images / "Ada/1.jpg", images / "Ada/2.jpg"],
        "Ben": [images / "Ben/1.jpg"],
    }


def test_pictures_that_are_not_here_are_named(images: Path, tmp_path: Path) -> None:
    rows = [{"identity": f"/elsewhere/db/{p}"} for p in ("Zoe/1.jpg", "Ada/1.jpg", "Ada/9.jpg")]
    file = tmp_path / "ds_model.pkl"
    file.write_bytes(pickle.dumps(rows))
    found = photos_of_deepface(file, images)
    assert found.people == {"Ada": [images / "Ada/1.jpg"]}
    assert found.missing == ["Zoe/1.jpg", "Ada/9.jpg"]


def test_one_page_of_a_longer_list_is_not_taken_for_all(images: Path, tmp_path: Path) -> None:
    file = tmp_path / "faces.json"
    page = {"faces": [{"image_id": "abc-1", "subject": "Ada"}], "page_number": 0, "total_elements": 25}
    file.write_text(json.dumps(page))
    with pytest.raises(InputError, match="1 of 25 faces: ask for all with size=25"):
        photos_of_compreface(file, images)


def test_a_path_in_a_foreign_file_never_leaves_the_folder(images: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"x")
    file = tmp_path / "ds_model.pkl"
    file.write_bytes(pickle.dumps([{"identity": str(secret)}, {"identity": "../secret.jpg"}]))
    with pytest.raises(InputError, match="none of the 2 pictures"):
        photos_of_deepface(file, images)


def test_a_compreface_list_gives_its_people(images: Path, tmp_path: Path) -> None:
    file = tmp_path / "faces.json"
    file.write_text(json.dumps({"faces": [{"image_id": "abc-1", "subject": "Ada"}]}))
    assert photos_of_compreface(file, images).people == {"Ada": [images / "ids/abc-1.png"]}
    file.write_text("[]")
    with pytest.raises(InputError, match="CompreFace"):
        photos_of_compreface(file, images)

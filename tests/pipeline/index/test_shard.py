"""Looks survive the way to disk and over the wire, unrounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pipeline.index.standin import face

from mien.core import errors
from mien.core.errors import ImageError, InputError, MienError, NoFaceFound, StoreCorrupt
from mien.core.report import PhotoReport
from mien.pipeline.index.shard import pack, unpack
from mien.pipeline.look import Look


def look(source: str, faces: int, error: MienError | None = None) -> Look:
    report = PhotoReport(source, 640, 480, tuple(face(source, place) for place in range(faces)), error)
    return Look(report, bytes(range(32)))


@given(st.lists(st.tuples(st.text(), st.integers(0, 3)), max_size=5))
def test_unpacks_what_was_packed_to_the_last_bit(photos: list[tuple[str, int]]) -> None:
    looks = [look(name.encode("utf-8", "replace").decode(), faces) for name, faces in photos]
    back = unpack(pack(looks))
    assert [one.report.source for one in back] == [one.report.source for one in looks]
    for one, other in zip(looks, back, strict=True):
        assert one.digest == other.digest
        for a, b in zip(one.report.faces, other.report.faces, strict=True):
            assert a.detection.box == b.detection.box
            assert a.detection.score == b.detection.score
            assert a.embedding is not None
            assert b.embedding is not None
            assert a.embedding.norm == b.embedding.norm
            np.testing.assert_array_equal(a.embedding.vector, b.embedding.vector)
            np.testing.assert_array_equal(a.detection.keypoints, b.detection.keypoints)


def test_a_file_name_that_is_no_text_survives() -> None:
    name = b"/photos/\xff\xfe.jpg".decode("utf-8", "surrogateescape")
    assert unpack(pack([look(name, 1)]))[0].report.source == name


def test_an_error_keeps_its_kind_reason_and_words() -> None:
    told = [ImageError("damaged", "cut short: copy it again"), NoFaceFound("nobody: use another")]
    for error in told:
        (back,) = unpack(pack([look("a", 0, error)]))
        assert type(back.report.error) is type(error)
        assert back.report.error is not None
        assert back.report.error.to_dict() == error.to_dict()


def test_an_error_that_cannot_be_made_again_is_bad_input() -> None:
    (back,) = unpack(pack([look("a", 0, errors.ShapeError("box", "(4,)", (5,)))]))
    assert type(back.report.error) is InputError


@pytest.mark.parametrize("cut", [0, 3, 50, -1, -4])
def test_bytes_that_are_cut_short_are_refused(cut: int) -> None:
    with pytest.raises(StoreCorrupt, match="make them again"):
        unpack(pack([look("a", 2)])[:cut])


def test_embeddings_of_nobody_are_refused() -> None:
    with pytest.raises(StoreCorrupt, match="left over"):
        unpack(pack([look("a", 2)]) + bytes(4))

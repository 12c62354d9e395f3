"""The length of an answer says how clear a face is."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.types import Embedding
from mien.embedding.pool import pool
from mien.embedding.quality import quality_of


def face(norm: float | None, model: str = "sface") -> Embedding:
    return Embedding(np.eye(4, dtype=np.float32)[0], model, norm)


def test_longer_answers_are_clearer_faces_within_bounds() -> None:
    said = [quality_of(face(norm)) for norm in (0.0, 9.0, 12.0, 14.0, 100.0)]
    assert said == sorted(said, key=float)  # type: ignore[arg-type]  # none is None
    assert said[0] == pytest.approx(0.03**0.5, abs=1e-3)
    assert said[-1] == pytest.approx(0.85**0.5, abs=1e-3)


def test_a_fused_embedding_speaks_by_its_first_network() -> None:
    assert quality_of(face(12.0, "sface+dlib_resnet")) == quality_of(face(12.0))


@pytest.mark.parametrize("unknown", [face(None), face(12.0, "auraface")])
def test_where_lengths_tell_nothing_there_is_no_answer(unknown: Embedding) -> None:
    assert quality_of(unknown) is None


def test_two_views_of_a_face_have_their_mean_length() -> None:
    assert pool([face(10.0), face(14.0)]).norm == 12.0
    assert pool([face(10.0), face(None)]).norm is None

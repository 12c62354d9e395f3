"""Pictures become embeddings in order; what cannot be one is counted, what is broken ends the run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from mien.core.errors import ImageError, ModelMissing, NoFaceFound
from mien.core.types import Box, Detection, Embedding
from mien.evaluation.acquire import embed_pictures, embed_the_face
from mien.pipeline.analyze import Analyzer


class FakeAnalyzer:
    """Finds as many faces as the picture's name says; an embedding points at the chosen face's x."""

    config = SimpleNamespace(streams=2)

    @property
    def detector(self) -> FakeAnalyzer:
        return self

    def open(self, picture: Path) -> Any:
        if picture.name == "damaged":
            raise ImageError("damaged", "it is cut off; send it again")
        return SimpleNamespace(image=SimpleNamespace(width=100, height=100, faces=int(picture.name)))

    def detect(self, image: Any) -> list[Detection]:
        boxes = [Box(10 + 30 * i, 40, 30 + 30 * i, 60) for i in range(image.faces)]
        return [Detection(box, 0.9, np.zeros((5, 2))) for box in boxes]

    def describe(self, picture: Any, found: list[Detection], asked: frozenset[str]) -> Any:
        if picture.image.faces == 9:
            raise ModelMissing("no weights; run `mien models pull`")
        (face,) = found
        return [SimpleNamespace(embedding=Embedding(np.array([face.box.center[0]], np.float32), "fake"))]


analyzer = cast(Analyzer, FakeAnalyzer())


def test_pictures_stay_in_order_and_failures_stay_in_place() -> None:
    done: list[int] = []
    paths = [Path(name) for name in ("1", "0", "3", "damaged", "1")] * 5
    outcomes = list(embed_pictures(analyzer, done=lambda: done.append(1))(paths))
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Embedding, NoFaceFound, Embedding, ImageError, Embedding] * 5
    assert len(done) == 25


def test_the_central_face_is_meant_unless_said_otherwise() -> None:
    assert float(embed_the_face(analyzer, Path("3")).vector[0]) == 50
    assert float(embed_the_face(analyzer, Path("3"), "1").vector[0]) == 20


def test_a_missing_model_is_no_failure_to_acquire() -> None:
    with pytest.raises(ModelMissing):
        list(embed_pictures(analyzer)([Path("9")]))

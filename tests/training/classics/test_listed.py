"""A listing in, embeddings out: what a net does, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.training.classics.listed import faces_of, fit_listing
from mien.training.data import read_source, split_by_identity

Faces = tuple[NDArray[np.uint8], NDArray[np.int64]]


def test_a_classic_fitted_to_some_people_embeds_others(faces: Faces, tmp_path: Path) -> None:
    for number, (face, person) in enumerate(zip(*faces, strict=True)):
        (tmp_path / f"p{person}").mkdir(exist_ok=True)
        Image.fromarray(face).save(tmp_path / f"p{person}" / f"{number:02}.png")
    known, others = split_by_identity(read_source("folder", tmp_path), (0.6, 0.4), 0)
    fitted = fit_listing("pca", known, 24, dim=6)
    rows = fitted.embed(faces_of(others, 24))
    assert rows.shape == (len(others), 6)
    people = others.labels()
    scores, same = rows @ rows.T, people[:, None] == people[None]
    inner = ~np.eye(len(rows), dtype=bool)
    assert scores[same & inner].mean() > scores[~same].mean() + 0.5

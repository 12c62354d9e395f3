"""Every classic by its name, through the one call that all share."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.training.classics.methods import METHODS, fit_classic

Faces = tuple[NDArray[np.uint8], NDArray[np.int64]]


@pytest.mark.parametrize("name", METHODS)
def test_every_classic_recognises_people_of_its_gallery(name: str, faces: Faces) -> None:
    pictures, people = faces
    gallery = np.arange(len(people)) % 5 < 4
    options = {"grid": (3, 3), "radius": 1.0} if name == "lbp" else {}
    fitted = fit_classic(name, pictures[gallery], people[gallery], **options)
    known, probes = fitted.embed(pictures[gallery]), fitted.embed(pictures[~gallery])
    assert known.shape == (32, fitted.dim)
    assert known.dtype == np.float32
    nearest = people[gallery][(probes @ known.T).argmax(axis=1)]
    assert (nearest == people[~gallery]).mean() >= 0.75


def test_an_unknown_name_or_option_is_answered_with_those_that_exist(faces: Faces) -> None:
    with pytest.raises(InputError, match="choose pca, lda, lbp, hog"):
        fit_classic("svm", *faces)
    with pytest.raises(InputError, match="it knows cell"):
        fit_classic("hog", *faces, cells=8)


def test_labels_must_belong_to_the_faces(faces: Faces) -> None:
    with pytest.raises(ShapeError, match=r"people must have shape \(40,\)"):
        fit_classic("pca", faces[0], faces[1][:3])

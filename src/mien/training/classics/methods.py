"""The classics by name, with one call for all: ``fit_classic(name, faces, people).embed(faces)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.training.classics.eigenfaces import fit_eigenfaces
from mien.training.classics.fisherfaces import fit_fisherfaces
from mien.training.classics.hog import fit_hog
from mien.training.classics.lbp import fit_lbp


class Classic(Protocol):
    """A fitted method: an embedder like a trained net."""

    @property
    def dim(self) -> int: ...

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W[, 3]) uint8 of the training size -> (N, dim) float32 of unit length."""


METHODS: Mapping[str, Callable[..., Classic]] = {
    "pca": fit_eigenfaces,
    "lda": fit_fisherfaces,
    "lbp": fit_lbp,
    "hog": fit_hog,
}


def fit_classic(name: str, faces: NDArray[np.uint8], people: NDArray[np.integer], **options: Any) -> Classic:
    """Learn what the method learns from labelled faces of one size.

    faces: (N, H, W[, 3]) uint8.    people: (N,) whole numbers.    options: those of the method's function.
    raises: InputError for a method or an option that does not exist, `ThinData` for too few faces.
    """
    if name not in METHODS:
        raise InputError(f"no classic is called {name!r}: choose {', '.join(METHODS)}")
    if people.shape != (len(faces),):
        raise ShapeError("people", f"({len(faces)},)", people.shape)
    known = {key for key in METHODS[name].__annotations__} - {"faces", "people", "return"}
    if unknown := sorted(set(options) - known):
        raise InputError(f"{name} has no option {', '.join(unknown)}: it knows {', '.join(sorted(known))}")
    return METHODS[name](faces, people, **options)

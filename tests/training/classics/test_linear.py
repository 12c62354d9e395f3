"""Eigenfaces and Fisherfaces against scikit-learn, and what must hold of any projection."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from mien.core.errors import InputError, ShapeError, ThinData
from mien.training.classics.eigenfaces import fit_eigenfaces, principal_axes
from mien.training.classics.fisherfaces import discriminants, fit_fisherfaces, scatter

Faces = tuple[NDArray[np.uint8], NDArray[np.int64]]


def unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    scaled: NDArray[np.floating] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


@pytest.mark.parametrize("whiten", [True, False])
def test_eigenfaces_agree_with_scikit_learn(faces: Faces, whiten: bool) -> None:
    pictures, people = faces
    rows = pictures.reshape(len(pictures), -1).astype(np.float64)
    wanted = unit(PCA(10, whiten=whiten, svd_solver="full").fit_transform(rows))
    found = fit_eigenfaces(pictures, people, 10, whiten=whiten).embed(pictures)
    # Axes are known up to their sign, cosines altogether.
    np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=1e-5)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)], ids=["more faces", "more pixels"])
def test_axes_and_variances_are_those_of_scikit_learn(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(1).normal(size=shape) * np.arange(1, shape[1] + 1)
    reference = PCA(5, svd_solver="full").fit(rows)
    mean, axes, variances = principal_axes(rows, 5)
    np.testing.assert_allclose(mean, reference.mean_)
    np.testing.assert_allclose(variances, reference.explained_variance_, rtol=1e-8)
    np.testing.assert_allclose(np.abs(axes.T @ reference.components_.T), np.eye(5), atol=1e-7)


def test_no_axis_is_made_of_rounding() -> None:
    rows = np.outer([1.0, 2.0, 4.0], np.ones(6))
    assert principal_axes(rows, 6)[1].shape == (6, 1)


def test_discriminants_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(4), 12)
    rows = rng.normal(size=(48, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=(4, 6))[people]
    reference = LinearDiscriminantAnalysis(solver="eigen").fit(rows, people)
    wanted = reference.transform(rows) - reference.transform(rows).mean(axis=0)
    found = (rows - rows.mean(axis=0)) @ discriminants(rows, people, ridge=0.0)
    assert found.shape == wanted.shape == (48, 3)
    correlation = np.corrcoef(found.T, wanted.T)[:3, 3:]
    np.testing.assert_allclose(np.abs(correlation), np.eye(3), atol=1e-6)


def test_scatter_within_and_between_people_sum_to_the_covariance() -> None:
    rows = np.random.default_rng(3).normal(size=(20, 4))
    within, between = scatter(rows, np.repeat(np.arange(5), 4))
    np.testing.assert_allclose(within + between, np.cov(rows.T, bias=True))


def test_fisherfaces_have_one_direction_fewer_than_people(faces: Faces) -> None:
    fitted = fit_fisherfaces(*faces)
    assert fitted.dim == 7
    assert np.allclose(np.linalg.norm(fitted.embed(faces[0]), axis=1), 1, atol=1e-6)


def test_colour_and_grey_pictures_of_the_same_face_agree(faces: Faces) -> None:
    pictures, people = faces
    fitted = fit_eigenfaces(pictures, people, 5)
    colour = np.repeat(pictures[..., None], 3, axis=3)
    np.testing.assert_allclose(fitted.embed(colour), fitted.embed(pictures), atol=1e-4)


def test_says_what_size_it_was_trained_for(faces: Faces) -> None:
    with pytest.raises(ShapeError, match=r"24, 20\), as in training"):
        fit_eigenfaces(*faces, 5).embed(np.zeros((1, 8, 8), np.uint8))


def test_one_picture_a_person_is_too_thin_for_fisherfaces(faces: Faces) -> None:
    with pytest.raises(ThinData, match="several faces of some"):
        fit_fisherfaces(faces[0][:4], np.arange(4))


def test_a_picture_without_any_difference_from_the_mean_is_refused(faces: Faces) -> None:
    pictures = np.concatenate([faces[0][:2], np.full((1, 24, 20), 7, np.uint8)])
    with pytest.raises(ThinData, match="same picture"):
        fit_eigenfaces(np.repeat(pictures[:1], 3, axis=0), np.zeros(3, np.int64))
    with pytest.raises(InputError, match="ask for 1 or more"):
        fit_eigenfaces(pictures, np.zeros(3, np.int64), 0)

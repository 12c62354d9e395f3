"""What a template of several photos is worth beside one of a single photo."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.embedding.mean_face import common_direction
from mien.gallery.templates import advise, bits_clarity, own_parts, pool, pool_bits, similarities
from mien.privacy.protect import BioHash

Array = NDArray[np.float32]
DIMENSION, COMMON = 128, 0.5
AXIS = np.eye(1, DIMENSION, dtype=np.float32)[0]


def people(count: int, photos: int, rng: np.random.Generator) -> Array:
    """(count, photos, D) faces that share ``COMMON`` of their squared length with everybody, and have 0.6 of
    the rest in common with the other photos of their person."""

    def directions(*shape: int) -> NDArray[np.float64]:
        rows = rng.standard_normal((*shape, DIMENSION))
        rows[..., 0] = 0
        return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))

    own = np.sqrt(0.6) * directions(count, 1) + np.sqrt(0.4) * directions(count, photos)
    own /= np.linalg.norm(own, axis=-1, keepdims=True)
    return np.asarray(np.sqrt(COMMON) * AXIS + np.sqrt(1 - COMMON) * own, dtype=np.float32)


def templates(faces: Array, common: Array | None) -> Array:
    equal = np.full(faces.shape[1], 0.6, dtype=np.float32)
    return np.stack([pool(photos, equal, common) for photos in faces])


@pytest.mark.parametrize("photos", [2, 3, 8])
def test_strangers_are_no_more_alike_with_many_photos_than_with_one(photos: int) -> None:
    rng = np.random.default_rng(photos)
    strangers, known = people(2000, 1, rng)[:, 0], people(100, photos, rng)
    single, pooled = strangers @ known[:, 0].T, strangers @ templates(known, AXIS).T
    assert pooled.mean() == pytest.approx(single.mean(), abs=0.005)
    assert np.quantile(pooled, 0.999) <= np.quantile(single, 0.999)
    unaware = strangers @ templates(known, None).T  # what the centre of all faces is worth
    assert unaware.mean() > single.mean() + 0.3 * single.std()


def test_more_photos_make_a_person_easier_to_know() -> None:
    known = people(200, 9, np.random.default_rng(0))
    mates = [
        float(np.vecdot(known[:, 8], templates(known[:, :photos], AXIS)).mean()) for photos in (1, 2, 4, 8)
    ]
    assert mates == sorted(mates)
    assert mates[-1] > mates[0] + 0.03


def test_one_photo_is_its_own_template() -> None:
    face = people(1, 1, np.random.default_rng(0))[0]
    for common in (None, AXIS):
        np.testing.assert_allclose(pool(face, np.array([0.3], np.float32), common), face[0], atol=1e-6)


def test_photos_that_contradict_each_other_make_a_short_template_and_no_nan() -> None:
    there = people(1, 1, np.random.default_rng(0))[0]
    own = there - COMMON**0.5 * AXIS
    back = COMMON**0.5 * AXIS - own
    pooled = pool(np.concatenate([there, back]), np.array([0.6, 0.6], np.float32), AXIS)
    assert np.isfinite(pooled).all()
    assert pooled @ AXIS == pytest.approx(COMMON**0.5, abs=1e-5)
    assert np.linalg.norm(own_parts(pooled[None], AXIS)) <= 1 + 1e-6


def test_a_photo_of_somebody_else_is_noticed_though_all_faces_are_half_alike() -> None:
    rng = np.random.default_rng(1)
    photos = np.concatenate([people(1, 4, rng)[0], people(1, 1, rng)[0]])
    words = advise(photos, np.full(5, 0.6, np.float32), AXIS)
    assert [bool(word) for word in words] == [False, False, False, False, True]
    assert "check who it shows" in words[4]


def test_what_faces_share_is_measured_for_the_networks_that_ship() -> None:
    for embedder, dimension in (("sface", 128), ("dlib_resnet", 128), ("sface+dlib_resnet", 256)):
        direction = common_direction(embedder)
        assert direction is not None
        assert direction.shape == (dimension,)
        assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-6)
    assert common_direction("sface+of my own") is None


@pytest.mark.parametrize("photos", [2, 8])
def test_bits_do_not_make_strangers_alike_either(photos: int) -> None:
    rng = np.random.default_rng(photos)
    codes = BioHash(b"key", DIMENSION)
    strangers, known = people(1000, 1, rng)[:, 0], people(60, photos, rng)
    equal = np.full(photos, 0.6, dtype=np.float32)
    asked = codes.protect(own_parts(strangers, AXIS))
    stored = [codes.protect(own_parts(faces, AXIS)) for faces in known]
    single = np.stack([similarities(code, np.stack([faces[0] for faces in stored])) for code in asked])
    pooled = np.stack([pool_bits(faces, equal) for faces in stored])
    clear = np.array([bits_clarity(faces) for faces in stored])
    many = np.stack([similarities(code, pooled) * clear for code in asked])
    assert abs(many.mean()) < 0.01
    assert np.quantile(many, 0.999) <= np.quantile(single, 0.999)
    assert bits_clarity(stored[0][:1]) == pytest.approx(1, abs=1e-6)

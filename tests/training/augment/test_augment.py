"""Augmentation: what each step does to a picture, known before it runs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError, ShapeError
from mien.core.types import Pixels
from mien.training.augment import AugmentConfig, build_augment
from mien.training.augment.geometry import MIRRORED, Motion, draw_motion
from mien.training.augment.mix import mixup
from mien.training.data.dataset import luma
from mien.training.trainee import Trainee

EVERYTHING: dict[str, float] = {field.name: 0.5 for field in dataclasses.fields(AugmentConfig)} | {
    "rotate": 20.0
}


def noise(height: int = 32, width: int = 24, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def face_like(size: int = 64) -> Pixels:
    """Smooth blobs of colour: interpolation hardly changes them."""
    y, x = np.mgrid[:size, :size] / size
    planes = [np.sin(3 * x + k) * np.cos(4 * y - k) for k in range(3)]
    return np.asarray(127 + 100 * np.stack(planes, -1), np.uint8)


def test_nothing_asked_changes_nothing() -> None:
    assert np.array_equal(build_augment({})(noise(), np.random.default_rng(0)), noise())


@given(seed=st.integers(0, 10_000), height=st.integers(20, 50), width=st.integers(20, 50))
def test_any_mixture_keeps_the_shape_and_leaves_its_input_alone(seed: int, height: int, width: int) -> None:
    pixels = noise(height, width, seed)
    before = pixels.copy()
    changed = build_augment(EVERYTHING)(pixels, np.random.default_rng(seed))
    assert changed.shape == pixels.shape
    assert changed.dtype == np.uint8
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("name", EVERYTHING)
def test_each_option_alone_changes_the_picture(name: str) -> None:
    strength = (
        20.0 if name == "rotate" else 0.5 if name in ("crop", "shift", "zoom", "shear", "colour") else 1.0
    )
    changed = build_augment({name: strength})(noise(64, 64), np.random.default_rng(1))
    assert not np.array_equal(changed, noise(64, 64))


def test_the_same_generator_gives_the_same_picture() -> None:
    augment = build_augment(EVERYTHING)
    first, second = (augment(noise(), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_flip_is_the_mirror_image_and_its_points_trade_places() -> None:
    points = np.array([(3.0, 5), (20, 6), (11, 12), (6, 20), (18, 21)])
    pixels, moved = build_augment({"flip": 1}).with_points(noise(), np.random.default_rng(0), points=points)
    assert np.array_equal(pixels, noise()[:, ::-1])
    assert moved is not None
    np.testing.assert_allclose(moved, [(3, 6), (20, 5), (12, 12), (5, 21), (17, 20)])


@pytest.mark.parametrize("order", MIRRORED.values())
def test_a_mirrored_mirror_is_the_first_order(order: tuple[int, ...]) -> None:
    assert [order[place] for place in order] == list(range(len(order)))


def test_a_flip_of_unknown_points_is_refused() -> None:
    with pytest.raises(InputError, match="which of 7 points trade places in a mirror is not known"):
        build_augment({"flip": 1}).with_points(noise(), np.random.default_rng(0), points=np.zeros((7, 2)))


@pytest.mark.parametrize("seed", range(6))
def test_points_stay_on_what_they_marked(seed: int) -> None:
    pixels = np.zeros((80, 80, 3), np.uint8)
    marks = np.array([(30.0, 30), (50, 32), (40, 40), (33, 50), (48, 51)])
    for x, y in marks.astype(int):
        pixels[y - 1 : y + 2, x - 1 : x + 2] = 255
    augment = build_augment({"flip": 0.5, "crop": 0.2, "shift": 0.1, "zoom": 0.2, "rotate": 30, "shear": 0.2})
    drawn, moved = augment.with_points(pixels, np.random.default_rng(seed), points=marks)
    assert moved is not None
    inside = moved[((moved > 3) & (moved < 76)).all(1)]
    assert len(inside) >= 3
    for x, y in inside:
        patch = drawn[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4, 0].astype(float)
        rows, columns = np.mgrid[-3:4, -3:4]
        centre = (patch * columns).sum() / patch.sum(), (patch * rows).sum() / patch.sum()
        assert np.hypot(round(x) + centre[0] - x, round(y) + centre[1] - y) < 0.75


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    motion = Motion(np.array([[0.0, -1.0], [1.0, 0.0]]), np.zeros(2), False)
    np.testing.assert_allclose(motion.place(np.array([[0.0, 0.0]]), (9, 9)), [[8, 0]], atol=1e-9)


def test_a_crop_shows_only_what_was_in_the_picture() -> None:
    config = AugmentConfig(crop=0.5)
    corners = np.array([(-0.5, -0.5), (63.5, 63.5)])
    for seed in range(200):
        low, high = draw_motion(config, np.random.default_rng(seed)).place(corners, (64, 64))
        assert (low <= -0.5 + 1e-9).all()
        assert (high >= 63.5 - 1e-9).all()


def test_grey_keeps_the_luma() -> None:
    grey = build_augment({"grey": 1})(noise(), np.random.default_rng(0))
    assert (grey == grey[..., :1]).all()
    assert np.abs(grey[..., 0].astype(int) - luma(noise())).max() <= 1


def test_colour_leaves_grey_pictures_grey() -> None:
    plain = np.repeat(noise()[..., :1], 3, 2)
    changed = build_augment({"colour": 1})(plain, np.random.default_rng(3)).astype(int)
    assert np.abs(changed - changed[..., :1]).max() <= 1


def test_blur_shrinking_and_jpeg_keep_the_picture_recognisable() -> None:
    for name in ("blur", "shrink", "jpeg"):
        changed = build_augment({name: 1})(face_like(), np.random.default_rng(2)).astype(int)
        assert 0 < np.abs(changed - face_like()).mean() < 12


def test_occlusion_hides_two_to_thirty_percent() -> None:
    shares = []
    for seed in range(60):
        changed = build_augment({"occlusion": 1})(noise(64, 64), np.random.default_rng(seed))
        shares.append((changed != noise(64, 64)).any(-1).mean())
    assert min(shares) > 0.01
    assert max(shares) < 0.33


def test_says_what_it_wanted() -> None:
    with pytest.raises(InputError, match="the augmentation has no option 'flipp': did you mean flip"):
        build_augment({"flipp": 1})
    with pytest.raises(InputError, match=r"flip is 1\.5: choose a value from 0 to 1"):
        build_augment({"flip": 1.5})
    with pytest.raises(ShapeError, match=r"pixels must have shape \(H, W, 3\) uint8"):
        build_augment({})(np.zeros((3, 3), np.uint8), np.random.default_rng(0))


def test_mixup_mixes_pictures_and_losses_by_one_share() -> None:
    pictures, labels = torch.rand(6, 1, 4, 4), torch.arange(6)
    mixed, mix = mixup(pictures, labels, 0.4, np.random.default_rng(0))
    assert 0.5 <= mix.share < 1
    torch.testing.assert_close(mixed, mix.share * pictures + (1 - mix.share) * pictures[mix.targets])
    # Both labels count in the loss, each by its share: here the loss is the mean label.
    trainee = Trainee(torch.nn.Identity(), _MeanLabel())
    value = trainee(mixed, torch.zeros(6), mix._replace(targets=torch.ones(6)))
    assert value.item() == pytest.approx(1 - mix.share)


class _MeanLabel(torch.nn.Module):
    def forward(self, answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return labels.mean()

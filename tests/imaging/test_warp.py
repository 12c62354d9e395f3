from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.imaging.pictures import plain

from mien.core.errors import InputError, ShapeError
from mien.imaging.letterbox import frame_size, letterbox, resize, shrink
from mien.imaging.rotate import quarter_turns, rotate
from mien.imaging.warp import invert_affine, move_points, sample_affine, warp_affine

PICTURE = np.asarray(plain(320, 240))


def similarity(angle: float, scale: float, center: tuple[float, float], size: int) -> NDArray[np.float64]:
    """Turn and scale about ``center``, which comes to the crop's middle."""
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.column_stack((turn, (size - 1) / 2 - turn @ center))


def test_a_shift_by_whole_pixels_copies_them() -> None:
    matrix = np.array([[1.0, 0, -30], [0, 1, -20]])
    assert (warp_affine(PICTURE, matrix, (50, 60)) == PICTURE[20:70, 30:90]).all()


def test_beyond_the_picture_is_black() -> None:
    matrix = np.array([[1.0, 0, 10], [0, 1, 10]])
    crop = warp_affine(PICTURE, matrix, (40, 40))
    assert (crop[:10] == 0).all()
    assert (crop[:, :10] == 0).all()
    assert (crop[10:, 10:] == PICTURE[:30, :30]).all()


@pytest.mark.parametrize("shift", [(-9999, 0), (0, 9999), (1e12, 0), (-321, -241)])
def test_a_crop_that_misses_the_picture_is_black(shift: tuple[float, float]) -> None:
    matrix = np.array([[1.0, 0, shift[0]], [0, 1, shift[1]]])
    assert (warp_affine(PICTURE, matrix, (8, 9)) == np.zeros((8, 9, 3))).all()


def test_a_linear_ramp_stays_linear() -> None:
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 100, 0).repeat(3, 2)
    crop = warp_affine(ramp, np.array([[2.0, 0, -100], [0, 2, -100]]), (64, 64))
    assert np.abs(crop[..., 0] - (np.arange(64) + 100) / 2).max() <= 0.5


def test_antialiasing_keeps_the_mean_of_a_fine_pattern() -> None:
    board = np.indices((256, 256)).sum(0) % 2 * 255
    pixels = np.repeat(board[..., None], 3, 2).astype(np.uint8)
    matrix = np.array([[0.25, 0, -0.375], [0, 0.25, -0.375]])
    smooth = warp_affine(pixels, matrix, (64, 64), antialias=True)
    assert np.abs(smooth[2:-2, 2:-2].astype(int) - 127).max() <= 1


def test_antialiasing_does_not_move_the_picture() -> None:
    big = np.asarray(plain(1600, 1200))
    matrix = similarity(0.3, 0.2, (800.0, 600.0), 112)
    plain_crop, smooth = (
        warp_affine(big, matrix, (112, 112)),
        warp_affine(big, matrix, (112, 112), antialias=True),
    )
    assert np.abs(plain_crop.astype(int) - smooth).mean() < 1.0


@pytest.mark.peer
@pytest.mark.parametrize("angle", [0.0, 0.1, -0.7, 2.0])
@pytest.mark.parametrize("scale", [0.3, 0.6, 1.0, 2.5])
@pytest.mark.parametrize("center", [(160.0, 120.0), (5.0, 8.0), (318.2, 239.4)])
def test_agrees_with_opencv(angle: float, scale: float, center: tuple[float, float]) -> None:
    cv2 = pytest.importorskip("cv2")
    matrix = similarity(angle, scale, center, 112)
    expected = cv2.warpAffine(PICTURE, matrix, (112, 112), flags=cv2.INTER_LINEAR)
    apart = np.abs(warp_affine(PICTURE, matrix, (112, 112)).astype(int) - expected)
    assert np.percentile(apart, 99) <= 1
    assert apart.max() <= 10  # OpenCV rounds positions to 1/32 pixel: visible at the black border only


@pytest.mark.parametrize("across", [1, 3])
def test_steps_are_taken_evenly_around_a_pixels_middle(across: int) -> None:
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(100, axis=0)
    crop = sample_affine(ramp, similarity(0.0, 0.5, (100.0, 50.0), 40), (40, 40), across=across).astype(float)
    np.testing.assert_allclose(crop[20, :, 0], 100 + 2 * (np.arange(40) - 19.5), atol=1.0)


@pytest.mark.parametrize(("angle", "scale"), [(0.0, 1.0), (0.3, 0.5), (-1.2, 0.8), (2.0, 0.3)])
def test_sampling_draws_what_interpolating_draws(angle: float, scale: float) -> None:
    matrix = similarity(angle, scale, (160.0, 120.0), 64)
    smooth = warp_affine(PICTURE, matrix, (64, 64), antialias=True).astype(int)
    sampled = sample_affine(PICTURE, matrix, (64, 64)).astype(int)
    assert np.abs(sampled - smooth).mean() < 6
    assert abs((sampled - smooth).mean()) < 1


def test_sampling_does_not_move_the_picture() -> None:
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(100, axis=0)
    crop = sample_affine(ramp, similarity(0.0, 0.5, (100.0, 50.0), 40), (40, 40)).astype(float)
    np.testing.assert_allclose(crop[20, :, 0], 100 + 2 * (np.arange(40) - 19.5), atol=1.0)


def test_a_sample_that_misses_the_picture_is_black() -> None:
    matrix = np.array([[1.0, 0, -9999], [0, 1, 0]])
    assert (sample_affine(PICTURE, matrix, (20, 30)) == np.zeros((20, 30, 3))).all()


def test_inverting_twice_gives_the_matrix_back() -> None:
    matrix = similarity(0.4, 1.7, (3.0, 4.0), 112)
    assert np.allclose(invert_affine(invert_affine(matrix)), matrix)
    assert np.allclose(
        move_points(invert_affine(matrix), move_points(matrix, PICTURE[0, :9, :2])), PICTURE[0, :9, :2]
    )


def test_refuses_a_matrix_that_flattens_or_has_another_shape() -> None:
    with pytest.raises(InputError, match="cannot be inverted"):
        warp_affine(PICTURE, np.ones((2, 3)), (8, 8))
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        warp_affine(PICTURE, np.eye(3), (8, 8))


@pytest.mark.parametrize("turns", range(-1, 5))
def test_quarter_turns_move_pixels_and_points_alike(turns: int) -> None:
    turned = quarter_turns(PICTURE, turns)
    for x, y in ((0, 0), (319, 0), (17, 101)):
        u, v = move_points(turned.matrix, np.array([x, y])).astype(int)
        assert (turned.pixels[v, u] == PICTURE[y, x]).all()
        assert turned.to_picture(np.array([u, v])).tolist() == [x, y]


def test_a_turn_by_90_degrees_is_a_quarter_turn() -> None:
    assert (
        np.abs(rotate(PICTURE, math.pi / 2).pixels.astype(int) - quarter_turns(PICTURE, 1).pixels).max() <= 1
    )
    assert np.allclose(rotate(PICTURE, math.pi / 2).matrix, quarter_turns(PICTURE, 1).matrix)


@pytest.mark.parametrize("angle", [0.3, -1.0, 2.8])
def test_a_turned_picture_holds_every_corner_and_maps_back(angle: float) -> None:
    turned = rotate(PICTURE, angle)
    corners = move_points(turned.matrix, np.array([(0, 0), (319, 0), (0, 239), (319, 239)]))
    assert corners.min() >= -0.5
    assert (corners <= np.array(turned.pixels.shape[1::-1]) - 0.5).all()
    u, v = move_points(turned.matrix, np.array([160.0, 120.0]))
    assert np.abs(turned.pixels[round(v), round(u)].astype(int) - PICTURE[120, 160]).max() <= 6


def test_letterbox_keeps_the_shape_and_maps_back() -> None:
    boxed = letterbox(PICTURE, 640, 640)
    assert boxed.pixels.shape == (640, 640, 3)
    assert boxed.scale == (2.0, 2.0)
    assert (boxed.pixels[480:] == 0).all()
    assert boxed.to_picture(np.array([[-0.5, -0.5], [639.5, 479.5]])).tolist() == [
        [-0.5, -0.5],
        [319.5, 239.5],
    ]
    assert boxed.to_picture(np.array([1.5, 1.5, 3.5, 3.5])).tolist() == [0.5, 0.5, 1.5, 1.5]


def test_letterbox_does_not_enlarge_where_told() -> None:
    boxed = letterbox(PICTURE, 640, 480, enlarge=False)
    assert (boxed.pixels[:240, :320] == PICTURE).all()
    assert boxed.scale == (1.0, 1.0)


@pytest.mark.parametrize(("width", "height"), [(1, 5000), (5000, 1), (333, 77)])
def test_letterbox_takes_any_shape(width: int, height: int) -> None:
    boxed = letterbox(np.full((height, width, 3), 9, np.uint8), 64, 96)
    assert boxed.pixels.shape == (96, 64, 3)
    assert boxed.pixels.max() == 9


def test_frames_are_whole_strides() -> None:
    assert frame_size(480, 640, 640, 32) == (480, 640)
    assert frame_size(333, 9, 320, 32) == (320, 32)


def test_resizing_keeps_a_flat_colour_and_the_mean() -> None:
    assert (resize(np.full((50, 70, 3), 77, np.uint8), 31, 19) == 77).all()
    assert abs(float(resize(PICTURE, 80, 60).mean()) - float(PICTURE.mean())) < 0.5
    assert resize(PICTURE, 320, 240) is PICTURE
    with pytest.raises(InputError, match="at least one pixel"):
        resize(PICTURE, 0, 5)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (160, 120), (107, 80), (200, 150), (2, 1)])
def test_shrinking_draws_what_resizing_draws(width: int, height: int) -> None:
    apart = shrink(PICTURE, width, height).astype(int) - resize(PICTURE, width, height)
    assert np.abs(apart).mean() < 5
    assert abs(apart.mean()) < 1


@pytest.mark.parametrize(("width", "height"), [(160, 120), (107, 80), (200, 150), (33, 25)])
def test_resizing_does_not_move_the_picture(width: int, height: int) -> None:
    expected = plain(320, 240).resize((width, height), Image.Resampling.BOX)
    assert np.abs(resize(PICTURE, width, height).astype(int) - np.asarray(expected)).mean() < 1.5

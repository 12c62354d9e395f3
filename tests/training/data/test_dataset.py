"""From files to tensors: geometry, ranges, and what makes an augmented picture repeatable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pictures
from torch.utils.data import DataLoader

from mien.core.errors import ImageError, InputError
from mien.core.types import Box
from mien.training.augment import build_augment
from mien.training.data.crops import boxed, centre_square, whole_picture
from mien.training.data.dataset import PictureDataset, luma, to_tensor
from mien.training.data.listing import Listing, Sample
from mien.training.samplers import Pick, build_sampler


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    """Four pictures of 40 × 20 of two people: a ramp, a little brighter each."""
    samples = []
    for number in range(4):
        pixels = np.broadcast_to(np.arange(40, dtype=np.uint8)[None, :, None] * 3 + 20 * number, (20, 40, 3))
        path = tmp_path / f"{number}.png"
        Pictures.fromarray(np.ascontiguousarray(pixels)).save(path)
        person = "ab"[number % 2]
        points = np.array([(0.0, 0.0), (39.0, 19.0)])
        samples.append(Sample(path, person, person, box=Box(9.5, 4.5, 19.5, 14.5), points=points))
    return Listing(tuple(samples))


def test_gives_tensors_between_minus_one_and_one_and_label_numbers(listing: Listing) -> None:
    picture, label = PictureDataset(listing, 16, 1)[3]
    assert (picture.shape, picture.dtype, label) == ((1, 16, 16), torch.float32, 1)
    ends = to_tensor(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
    assert ends[0].tolist() == [[-1.0, 1.0]]


def test_luma_is_pillows() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)
    assert np.array_equal(luma(pixels), np.asarray(Pictures.fromarray(pixels).convert("L")))


def test_crops_say_where_points_went(listing: Listing) -> None:
    sample = listing.samples[0]
    assert sample.points is not None
    whole = whole_picture(sample, 10)
    np.testing.assert_allclose(whole.place(sample.points), [(-0.375, -0.25), (9.375, 9.25)])
    centre = centre_square(sample, 20)
    assert np.array_equal(centre.pixels[0, :, 0], np.arange(10, 30) * 3)
    box = boxed(sample, 10, margin=0.0)
    assert np.array_equal(box.pixels[0, :, 0], np.arange(10, 20) * 3)
    np.testing.assert_allclose(box.place(np.array([(10.0, 5.0)])), [(0, 0)], atol=1e-9)


def test_a_sample_without_a_box_is_refused(listing: Listing) -> None:
    with pytest.raises(InputError, match="has no box: use a source that has boxes"):
        boxed(Sample(listing.samples[0].path, "a", "a"), 10)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    listing = Listing((Sample(tmp_path / "bad.jpg", "a", "a"),))
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        PictureDataset(listing, 16)[0]


def test_augmentation_depends_on_the_pick_alone(listing: Listing) -> None:
    augment = build_augment({"crop": 0.3, "colour": 0.5})
    made = PictureDataset(listing, 16, augment=augment, seed=1)
    again = PictureDataset(listing, 16, augment=augment, seed=1, keep=True)
    first = [made[Pick(0, 7)][0], made[Pick(0, 8)][0]]
    assert torch.equal(first[1], again[Pick(0, 8)][0])
    assert torch.equal(first[0], again[Pick(0, 7)][0])
    assert not torch.equal(*first)
    other = PictureDataset(listing, 16, augment=augment, seed=2)
    assert not torch.equal(first[0], other[Pick(0, 7)][0])


def test_points_move_with_the_picture(listing: Listing) -> None:
    dataset = PictureDataset(listing, 10, augment=build_augment({"shift": 0.3}))
    points = dataset.picture(Pick(0, 3)).points
    assert points is not None
    np.testing.assert_allclose(points[1] - points[0], (9.75, 9.5))
    assert not np.allclose(points[0], (-0.375, -0.25))


def test_workers_give_what_one_process_gives(listing: Listing) -> None:
    dataset = PictureDataset(listing, 16, augment=build_augment({"flip": 0.5, "colour": 0.5}))
    batches = []
    for workers in (0, 2):
        sampler = build_sampler("plain", dataset.labels, batch=2, seed=5)
        batches.append(list(DataLoader(dataset, 2, sampler=sampler, num_workers=workers)))
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])

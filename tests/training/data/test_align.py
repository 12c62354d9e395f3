"""Crops by the pipeline: placed by points or by a detector, kept, and remembered when they fail."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from mien.alignment.templates import find_template, scaled
from mien.core.errors import ImageError, NoFaceFound, StoreCorrupt
from mien.core.types import Box, Detection, Image, Landmarks, LocatedFace
from mien.geometry.similarity import fit_similarity
from mien.imaging.decode import Decoded
from mien.imaging.warp import move_points
from mien.pipeline.analyze import Analyzer
from mien.training.augment.mask import aligned_mean_face
from mien.training.data.align import PipelineAlign, acquire, five_of
from mien.training.data.listing import Listing, Sample


class Eyes(Analyzer):
    """Finds faces at given places without a network: (x, y, scale) of the template's corner."""

    def __init__(self, *places: tuple[float, float, float]) -> None:
        super().__init__()
        self.places, self.asked = places, 0
        self.__dict__["landmarker"] = self  # cached_property: what is there is not built

    def find(self, picture: Decoded) -> list[Detection]:
        self.asked += 1
        points = np.array(find_template("arcface").keypoints)
        return [
            Detection(Box(x, y, x + 112 * s, y + 112 * s), 0.9, points * s + (x, y))
            for x, y, s in self.places
        ]

    def locate(self, face: LocatedFace) -> Landmarks:
        scale = face.detection.box.width / 112
        points = aligned_mean_face(112) * scale
        points[:, :2] += (face.detection.box.x1, face.detection.box.y1)
        return Landmarks("mesh468", points, 1.0)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    Pictures.fromarray(pixels).save(tmp_path / "face.png")
    return tmp_path / "face.png"


def test_the_crop_is_where_the_template_wants_it(picture: Path, tmp_path: Path) -> None:
    crop = PipelineAlign(cache=tmp_path / "crops", mesh=True, analyzer=Eyes((50, 40, 1.0)))(
        Sample(picture, "a", "a"), 56
    )
    assert crop.pixels.shape == (56, 56, 3)
    assert crop.mesh is not None
    np.testing.assert_allclose(crop.mesh, aligned_mean_face(56), atol=1.5)
    points = np.add(find_template("arcface").keypoints, (50, 40))
    np.testing.assert_allclose(crop.place(points), scaled(find_template("arcface"), 56).keypoints, atol=1.5)


def test_a_crop_is_made_once(picture: Path, tmp_path: Path) -> None:
    eyes = Eyes((50, 40, 1.0))
    align = PipelineAlign(cache=tmp_path / "crops", mesh=True, analyzer=eyes)
    sample = Sample(picture, "a", "a")
    made, kept = align(sample, 56), PipelineAlign(cache=tmp_path / "crops", mesh=True)(sample, 56)
    assert eyes.asked == 1
    assert np.array_equal(made.pixels, kept.pixels)
    assert np.array_equal(made.matrix, kept.matrix)
    np.testing.assert_allclose(np.asarray(made.mesh), np.asarray(kept.mesh), atol=1e-4)
    align(sample, 64)
    align(Sample(picture, "a", "a", box=Box(50, 40, 162, 152)), 56)
    assert eyes.asked == 3


def test_the_box_tells_which_face_is_meant(picture: Path, tmp_path: Path) -> None:
    align = PipelineAlign(cache=tmp_path, analyzer=Eyes((0, 0, 0.5), (90, 40, 1.0)))
    big = align(Sample(picture, "a", "a"), 112)
    small = align(Sample(picture, "a", "a", box=Box(2, 3, 50, 55)), 112)
    assert np.hypot(*big.matrix[:, 0]) == pytest.approx(1, abs=0.02)
    assert np.hypot(*small.matrix[:, 0]) == pytest.approx(2, abs=0.04)


def test_five_points_need_no_network(picture: Path, tmp_path: Path) -> None:
    eyes = Eyes()
    points = np.array(find_template("arcface").keypoints) * 1.5 + (20, 10)
    crop = PipelineAlign(cache=tmp_path, analyzer=eyes)(Sample(picture, "a", "a", points=points), 112)
    np.testing.assert_allclose(crop.place(points), find_template("arcface").keypoints, atol=1e-6)
    assert eyes.asked == 0


def test_a_picture_without_a_face_is_remembered_and_left_out(picture: Path, tmp_path: Path) -> None:
    eyes = Eyes()
    align = PipelineAlign(cache=tmp_path / "crops", analyzer=eyes)
    gone = Sample(tmp_path / "gone.png", "b", "b")
    listing = Listing((Sample(picture, "a", "a"), gone))
    for _ in range(2):
        found = acquire(listing, align, 56)
        assert len(found.listing) == 0
        assert [type(error) for _, error in found.failures] == [NoFaceFound, ImageError]
    assert eyes.asked == 1
    seen: list[tuple[int, int]] = []
    kept = acquire(listing, PipelineAlign(cache=tmp_path / "others", analyzer=Eyes((50, 40, 1.0))), 56,
                   lambda done, of: seen.append((done, of)))  # fmt: skip
    assert [sample.label for sample in kept.listing.samples] == ["a"]
    assert seen == [(1, 2), (2, 2)]


def test_a_damaged_crop_says_what_to_delete(picture: Path, tmp_path: Path) -> None:
    align = PipelineAlign(cache=tmp_path / "crops", analyzer=Eyes((50, 40, 1.0)))
    align(Sample(picture, "a", "a"), 56)
    (place,) = (tmp_path / "crops").glob("*/*.npz")
    place.write_bytes(b"cut short")
    with pytest.raises(StoreCorrupt, match="is damaged: delete that file, and it is made anew"):
        align(Sample(picture, "a", "a"), 56)


def test_travels_to_workers_without_its_networks(tmp_path: Path) -> None:
    align = PipelineAlign(cache=tmp_path, analyzer=Eyes())
    assert align.analyzer is not None
    assert vars(pickle.loads(pickle.dumps(align)))["_given"] is None


def test_a_scaled_template_is_the_same_crop_at_another_size() -> None:
    template = find_template("arcface")
    double = scaled(template, 224)
    matrix = fit_similarity(np.array(template.keypoints), np.array(double.keypoints))
    # The corner of the first pixel stays the corner.
    np.testing.assert_allclose(move_points(matrix, np.array([[-0.5, -0.5]])), [[-0.5, -0.5]], atol=1e-9)


@pytest.mark.weights
def test_places_a_real_face(astronaut: Image, analyzer: Analyzer, tmp_path: Path) -> None:
    Pictures.fromarray(astronaut.pixels).save(tmp_path / "astronaut.png")
    sample = Sample(tmp_path / "astronaut.png", "a", "a")
    crop = PipelineAlign(cache=tmp_path / "crops", mesh=True, analyzer=analyzer)(sample, 112)
    assert crop.mesh is not None
    assert np.abs(crop.mesh[4, :2] - aligned_mean_face(112)[4, :2]).max() < 12  # the nose, a little turned


def test_of_68_points_the_five_are_eyes_nose_and_corners_of_the_mouth() -> None:
    points = np.arange(136, dtype=float).reshape(68, 2)
    five = five_of(points)
    assert five is not None
    np.testing.assert_allclose(five[:, 0] / 2, [38.5, 44.5, 30, 48, 54])
    assert five_of(points[:20]) is None

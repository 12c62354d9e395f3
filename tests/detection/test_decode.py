"""Decoders against hand-made outputs: every number of a face is put where the paper says."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.core.modelcard import ModelCard, Preprocess
from mien.core.types import Image
from mien.detection import centerface, yunet
from mien.detection.centerface import CenterFace
from mien.detection.yunet import YuNet

BOX = (100.0, 60.0, 180.0, 164.0)
POINTS = np.array([[120.0, 90], [160, 92], [140, 112], [124, 136], [158, 138]])


def card(stride: int) -> ModelCard:
    return ModelCard(
        "fake", "detect", "f", "onnx", "", 0, "", True, "", (), Preprocess(None, None, stride=stride)
    )


@dataclass
class FakeYuNet:
    """Answers with one face of `BOX` and `POINTS` in network pixels, told by one cell of stride 16."""

    score: float = 0.81
    seen: list[tuple[int, ...]] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: card(32))

    def run(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        self.seen.append(pixels.shape)
        _, height, width, _ = pixels.shape
        answer: dict[str, NDArray[np.float32]] = {}
        for stride in (8, 16, 32):
            cells = (height // stride) * (width // stride)
            for name, size in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
                answer[f"{name}_{stride}"] = np.zeros((1, cells, size), np.float32)
        column, row, stride = 8, 7, 16
        cell = row * (width // stride) + column
        x1, y1, x2, y2 = BOX
        answer["cls_16"][0, cell], answer["obj_16"][0, cell] = self.score, self.score
        middle = ((x1 + x2) / 2 / stride - column, (y1 + y2) / 2 / stride - row)
        answer["bbox_16"][0, cell] = (*middle, math.log((x2 - x1) / stride), math.log((y2 - y1) / stride))
        answer["kps_16"][0, cell] = (POINTS / stride - (column, row)).ravel()
        return answer


@dataclass
class FakeCenterFace:
    card: ModelCard = field(default_factory=lambda: card(32))

    def run(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        _, height, width, _ = pixels.shape
        rows, columns = height // 4, width // 4
        heat, size, offset, points = (np.zeros((1, n, rows, columns), np.float32) for n in (1, 2, 2, 10))
        x1, y1, x2, y2 = BOX
        column, row = 34, 27
        heat[0, 0, row, column] = 0.9
        size[0, :, row, column] = math.log((y2 - y1) / 4), math.log((x2 - x1) / 4)
        offset[0, :, row, column] = (y1 + y2) / 8 - 0.5 - row, (x1 + x2) / 8 - 0.5 - column
        shares = (POINTS - (x1, y1)) / (x2 - x1, y2 - y1)
        points[0, :, row, column] = shares[:, ::-1].ravel()
        return {"537": heat, "538": size, "539": offset, "540": points}


def picture(width: int, height: int) -> Image:
    return Image(np.zeros((height, width, 3), np.uint8))


def test_yunet_puts_every_number_where_it_belongs() -> None:
    (face,) = YuNet(FakeYuNet(), (320, 640), 0.6).detect(picture(320, 256))
    np.testing.assert_allclose(face.box, BOX, rtol=1e-5)
    np.testing.assert_allclose(face.keypoints, POINTS, rtol=1e-5)
    assert math.isclose(face.score, 0.81, rel_tol=1e-6)


def test_centerface_puts_every_number_where_it_belongs() -> None:
    (face,) = CenterFace(FakeCenterFace(), (320, 640), 0.5).detect(picture(320, 256))
    np.testing.assert_allclose(face.box, BOX, rtol=1e-5)
    np.testing.assert_allclose(face.keypoints, POINTS, rtol=1e-5)


def test_a_face_found_in_a_shrunk_picture_is_told_in_the_pictures_own_pixels() -> None:
    (face,) = YuNet(FakeYuNet(), (320, 640), 0.6).detect(picture(1280, 960))
    np.testing.assert_allclose(face.box, (np.array(BOX) + 0.5) * 2 - 0.5, rtol=1e-5)
    np.testing.assert_allclose(face.keypoints, (POINTS + 0.5) * 2 - 0.5, rtol=1e-5)


def test_the_network_sees_whole_strides_between_the_least_and_the_most_pixels() -> None:
    network = FakeYuNet()
    detector = YuNet(network, (320, 640), 0.6)
    for width, height in ((2000, 1000), (500, 300), (50, 40)):
        detector.detect(picture(width, height))
    assert network.seen == [(1, 320, 640, 3), (1, 320, 512, 3), (1, 256, 320, 3)]


def test_a_network_of_one_size_sees_every_picture_in_its_own_frame() -> None:
    network = FakeYuNet(card=card(32).framed(320))
    detector = YuNet(network, (320, 640), 0.6)
    for width, height in ((2000, 1000), (300, 500), (50, 40)):
        detector.detect(picture(width, height))
    assert set(network.seen) == {(1, 320, 320, 3)}
    (face,) = detector.detect(picture(480, 640))
    np.testing.assert_allclose(face.keypoints, (POINTS + 0.5) * 2 - 0.5, rtol=1e-5)


def test_a_face_below_the_least_score_is_dropped() -> None:
    assert YuNet(FakeYuNet(score=0.59), (320, 640), 0.6).detect(picture(320, 256)) == []


def test_a_score_above_one_does_not_raise_the_product() -> None:
    outputs = FakeYuNet(score=1.7).run(np.zeros((1, 256, 320, 3), np.uint8))
    assert yunet.decode(outputs, 320, 0.6).scores.tolist() == [1.0]


def test_a_map_without_a_face_gives_no_candidates() -> None:
    maps = FakeCenterFace().run(np.zeros((1, 256, 320, 3), np.uint8))
    found = centerface.decode(maps["537"] * 0, maps["538"], maps["539"], maps["540"], 0.5)
    assert found.boxes.shape == (0, 4)
    assert found.keypoints.shape == (0, 5, 2)
    assert found.distinct(0.3) == []


def test_a_picture_of_the_right_size_is_padded_not_stretched() -> None:
    (face,) = YuNet(FakeYuNet(), (320, 640), 0.6).detect(picture(385, 345))
    np.testing.assert_allclose(face.box, BOX, rtol=1e-5)
    np.testing.assert_allclose(face.keypoints, POINTS, rtol=1e-5)

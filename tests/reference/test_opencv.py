"""Our decoders and our alignment against OpenCV's reference implementation on the same networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.alignment.crop import align
from mien.core.types import Image, LocatedFace
from mien.detection.yunet import YuNet
from mien.embedding.embedder import NetworkEmbedder
from mien.imaging.letterbox import resize
from mien.pipeline.analyze import Analyzer
from mien.runtime.engine import Choice
from mien.runtime.openvino_engine import compile as compile_here
from mien.runtime.session import OpenNetwork
from mien.zoo.registry import card
from mien.zoo.store import fetch

cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless (extra `peers` or `dev`)")
pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def files(analyzer: Analyzer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    for name in ("yunet", "sface"):
        (folder / f"{name}.onnx").write_bytes(fetch(card(name)))
    return folder


def in_fp32(analyzer: Analyzer, name: str) -> OpenNetwork:
    opened = analyzer.networks.get(name)
    return OpenNetwork(
        opened.card, opened.decision, compile_here(opened.card, fetch(card(name)), Choice("openvino"), 1)
    )


def opencv_faces(path: Path, pixels: NDArray[np.uint8]) -> NDArray[Any]:
    height, width = pixels.shape[:2]
    detector = cv2.FaceDetectorYN.create(str(path), "", (width, height), 0.6, 0.3)
    _, faces = detector.detect(np.ascontiguousarray(pixels[..., ::-1]))
    return np.zeros((0, 15)) if faces is None else np.asarray(faces)


@pytest.mark.parametrize("side", [320, 512])
def test_yunet_agrees_with_opencv_within_a_pixel(
    side: int, files: Path, analyzer: Analyzer, astronaut: Image, hopper: Image
) -> None:
    detector = YuNet(in_fp32(analyzer, "yunet"), (side, side), 0.6)
    for portrait in (astronaut, hopper):
        scale = side / max(portrait.width, portrait.height)
        pixels = resize(portrait.pixels, round(portrait.width * scale), round(portrait.height * scale))
        theirs = opencv_faces(files / "yunet.onnx", pixels)
        ours = detector.detect(Image(pixels))
        assert len(ours) == len(theirs) == 1
        x, y, width, height = theirs[0, :4]
        np.testing.assert_allclose(ours[0].box, (x, y, x + width, y + height), atol=1.0)
        np.testing.assert_allclose(ours[0].keypoints.ravel(), theirs[0, 4:14], atol=1.0)
        assert ours[0].score == pytest.approx(float(theirs[0, 14]), abs=0.01)


def test_the_embedding_of_the_same_five_points_agrees_with_opencvs(
    files: Path, analyzer: Analyzer, astronaut: Image, hopper: Image
) -> None:
    recognizer = cv2.FaceRecognizerSF.create(str(files / "sface.onnx"), "")
    for original in (astronaut, hopper):
        # Small enough that neither side has to shrink the face: OpenCV samples there, we average.
        portrait = Image(resize(original.pixels, original.width // 2, original.height // 2))
        (found,) = analyzer.detector.detect(portrait)
        crop = align(LocatedFace(portrait, found), "arcface")
        (ours,) = NetworkEmbedder(analyzer.networks.get("sface")).embed([crop])
        row = np.concatenate(
            [
                (found.box.x1, found.box.y1, found.box.width, found.box.height),
                found.keypoints.ravel(),
                [found.score],
            ]
        ).astype(np.float32)
        bgr = np.ascontiguousarray(portrait.pixels[..., ::-1])
        theirs = recognizer.feature(recognizer.alignCrop(bgr, row[None])).ravel()
        assert float(ours.vector @ theirs / np.linalg.norm(theirs)) >= 0.999

"""What colour behind transparent pixels serves faces best? Cut heads out and compare with the whole photos.

python benchmarks/studies/cutout_background.py DIR [COUNT]      (MIEN_MODELS: folder of the two networks)
Prints, per colour: faces missed, change of the detector's score, cosine to the whole photo's embedding.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import cv2
import numpy as np

MODELS = Path(os.environ.get("MIEN_MODELS", "models"))
COLOURS = {"white": 255.0, "grey": 128.0, "black": 0.0}


def main(folder: str, count: int) -> None:
    detector = cv2.FaceDetectorYN.create(
        str(MODELS / "face_detection_yunet_2023mar.onnx"), "", (320, 320), 0.5
    )
    network = cv2.FaceRecognizerSF.create(str(MODELS / "face_recognition_sface_2021dec.onnx"), "")

    def largest(bgr: np.ndarray) -> np.ndarray | None:
        detector.setInputSize(bgr.shape[1::-1])
        faces = detector.detect(bgr)[1]
        return None if faces is None else faces[faces[:, 2].argmax()]

    def embed(bgr: np.ndarray, face: np.ndarray) -> np.ndarray:
        vector = network.feature(network.alignCrop(bgr, face))[0]
        return vector / np.linalg.norm(vector)

    paths = sorted(path for path in Path(folder).rglob("*.jpg"))
    random.Random(3).shuffle(paths)
    cosines: dict[str, list[float]] = {name: [] for name in COLOURS}
    scores: dict[str, list[float]] = {name: [] for name in COLOURS}
    for path in paths[:count]:
        whole = cv2.imread(str(path))
        face = largest(whole)
        if face is None:
            continue
        reference = embed(whole, face)
        mask = head_mask(whole.shape[:2], face)
        for name, level in COLOURS.items():
            cut = (whole * mask + level * (1 - mask) + 0.5).astype(np.uint8)
            found = largest(cut)
            if found is not None:
                scores[name].append(float(found[14] - face[14]))
                cosines[name].append(float(reference @ embed(cut, found)))
    for name in COLOURS:
        low = np.percentile(cosines[name], 5)
        print(f"{name}: {len(cosines[name])} found, score {np.mean(scores[name]):+.4f}, ", end="")
        print(f"cosine {np.mean(cosines[name]):.4f}, lowest 5 % below {low:.4f}")


def head_mask(shape: tuple[int, ...], face: np.ndarray) -> np.ndarray:
    """An ellipse round face and hair with a soft edge; (H, W, 1) float, 0..1."""
    x, y, width, height = (float(number) for number in face[:4])
    mask = np.zeros(shape, np.float32)
    outline = ((x + width / 2, y + height * 0.42), (width * 1.45, height * 1.55), 0.0)
    cv2.ellipse(mask, outline, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), 2)[..., None]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 120)

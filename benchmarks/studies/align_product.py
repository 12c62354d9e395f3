"""mien's own alignment on wild40, as photographed and as tight crops of many sizes (as CFP's pictures are).

python benchmarks/studies/align_product.py OUT.json [PHOTOS_A_PERSON]      (MIEN_MODELS, MIEN_SHARED)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from align_embed import first_look
from align_verify import tmr, unit
from detection_ladder import box_crop
from study_models import DATA, compiled, sface, yunet

from mien.alignment.views import Views
from mien.core.modelcard import ModelCard, Preprocess
from mien.core.types import Box, Detection, Image, LocatedFace
from mien.detection.sharpen import Sharpen
from mien.landmarks.mesh468 import FaceMesh

WAYS = {
    "keypoints": Views(),
    "mesh": Views(landmarks=True, keypoints=False),
    "mesh and keypoints": Views(landmarks=True),
    "mesh and sharpened keypoints": Views(landmarks=True, sharpen=True),
}


class MeshNetwork:
    card = ModelCard(
        "mesh468", "landmarks", "", "tflite", "", 0, "", True, "", (), Preprocess(192, 192, "nhwc")
    )

    def run(self, pixels):
        out = compiled("face_landmark.tflite", (1, 192, 192, 3))(pixels.astype(np.float32) / 255)
        return {str(i): value for i, value in enumerate(out.values())}


class Yunet:
    def detect(self, image):
        return [detection(row) for row in yunet(np.ascontiguousarray(image.pixels[:, :, ::-1]), 0.3)]


def detection(row) -> Detection:
    return Detection(Box(*row[:4]), float(min(row[4], 1)), row[5:].reshape(5, 2))


def main(out: str, photos: int) -> None:
    mesh, sharpen = FaceMesh(MeshNetwork()), Sharpen(Yunet())
    rng = np.random.default_rng(0)
    report = {}
    for condition in ("as photographed", "tight crop"):
        vectors, labels = {way: [] for way in WAYS}, []
        for folder in sorted(p for p in (DATA / "wild40").iterdir() if p.is_dir()):
            for path in sorted(folder.glob("*.jpg"))[:photos]:
                bgr = cv2.imread(str(path))
                rows = first_look(bgr)
                if not len(rows):
                    continue
                row = rows[np.argmax((rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1]))]
                if condition == "tight crop":
                    bgr, _ = box_crop(bgr, row, rng.uniform(1.0, 1.25), int(rng.uniform(80, 350)))
                    rows = first_look(bgr)
                    if not len(rows):
                        continue
                    row = rows[np.argmax(rows[:, 4])]
                face = LocatedFace(Image(np.ascontiguousarray(bgr[:, :, ::-1])), detection(row))
                points = mesh.locate(face)
                for way, views in WAYS.items():
                    placed = sharpen(face) if views.sharpen else face
                    (crop,) = views.crops(placed, "arcface", points)
                    vectors[way].append(sface(crop.pixels[None, :, :, ::-1])[0])
                labels.append(folder.name)
        i, j = np.triu_indices(len(labels), 1)
        same = np.array(labels)[i] == np.array(labels)[j]
        report[condition] = {"faces": len(labels), "genuine pairs": int(same.sum())}
        for way, rows in vectors.items():
            v = unit(np.stack(rows))
            report[condition][way] = [round(100 * x, 2) for x in tmr((v @ v.T)[i, j], same)]
        print(condition, report[condition], flush=True)
        Path(out).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 12)

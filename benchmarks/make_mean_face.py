"""Average the landmarks of the London portraits into the mean face that head poses are measured against.

    python -m benchmarks.make_mean_face [--out src/mien/attributes/data/mean_face.json]

Reads $MIEN_SHARED/data/london (CC BY 4.0). Generalised Procrustes (Gower 1975): each face is scaled, shifted
and turned onto the running mean. The mean is made mirror-symmetric, so yaw and roll are zero by construction;
its pitch is the mean pitch of people who look into the camera.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mien.core.types import LocatedFace
from mien.geometry.rotation import nearest_rotation
from mien.imaging.sources import iter_pictures, open_picture
from mien.pipeline.build import build_detector, build_landmarker
from mien.pipeline.config import configure
from mien.pipeline.networks import Networks

Points = NDArray[np.float64]
EYES = (33, 133), (362, 263)
ROUNDS = 4


def landmarks_of(folder: Path) -> list[Points]:
    config = configure("balanced")
    networks = Networks(config)
    detector, landmarker = build_detector(config, networks), build_landmarker(config, networks)
    found = []
    for name in iter_pictures(folder):
        image = open_picture(name).image
        face = detector.detect(image)[0]
        found.append(np.asarray(landmarker.locate(LocatedFace(image, face)).points, np.float64))
    return found


def normalized(points: Points) -> Points:
    """Origin between the eyes, eye distance 1."""
    left, right = (points[list(corners)].mean(axis=0) for corners in EYES)
    return np.asarray((points - (left + right) / 2) / np.linalg.norm(right - left))


def mirrored(points: Points) -> Points:
    """The mirror image, each point under the number of its partner."""
    image = points * [-1, 1, 1]
    _, partner = linear_sum_assignment(np.linalg.norm(points[:, None] - image[None], axis=2) ** 2)
    if not np.array_equal(partner[partner], np.arange(len(points))):
        raise SystemExit("the mean face is not symmetric enough to pair its points")
    return np.asarray(image[partner])


def turned_onto(target: Points, points: Points) -> Points:
    centred = points - points.mean(axis=0)
    turn = nearest_rotation((target - target.mean(axis=0)).T @ centred)
    return np.asarray(centred @ turn.T + target.mean(axis=0))


def mean_of(faces: list[Points]) -> Points:
    faces = [normalized(face) for face in faces]
    mean = np.mean(faces, axis=0)
    for _ in range(ROUNDS):
        mean = normalized((mean + mirrored(mean)) / 2)
        mean = np.mean([turned_onto(mean, face) for face in faces], axis=0)
    return normalized((mean + mirrored(mean)) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description="Average the London portraits into the mean face.")
    parser.add_argument("--out", type=Path, default=Path("src/mien/attributes/data/mean_face.json"))
    out = parser.parse_args().out
    folder = Path(os.environ.get("MIEN_SHARED", "../shared")) / "data" / "london" / "neutral_front"
    faces = landmarks_of(folder)
    document = {
        "scheme": "mesh468",
        "unit": "distance between the eye centres",
        "frame": "+x picture right, +y down, +z into the scene; looks into the camera",
        "made_on": f"{len(faces)} neutral portraits, Face Research Lab London Set (CC BY 4.0)",
        "command": "python -m benchmarks.make_mean_face",
        "points": np.round(mean_of(faces), 4).tolist(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(f"{len(faces)} faces -> {out}")


if __name__ == "__main__":
    main()

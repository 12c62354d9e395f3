"""Where the face mesh wants its crop, told from the detector's five keypoints.

    python -m benchmarks.studies.mesh_square

Prints the coefficients of `mien.landmarks.mesh468._SQUARE`: least squares from the keypoints to the square
that the mesh's own points ask for after two looks, over every 40th photo of FairFace and every 4th of the
London set (both CC BY 4.0). Then the recognition on wild40 (all pairs) with one look and with two.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.calibration_data import fairface, read_rgb

from mien.core.errors import NoFaceFound
from mien.core.types import Image, LocatedFace
from mien.evaluation.acquire import embed_the_face
from mien.evaluation.metrics.verification import tmr_at_fmr
from mien.landmarks.mesh468 import FaceMesh, _square_of_points
from mien.pipeline.analyze import Analyzer

DATA = Path(os.environ.get("MIEN_SHARED", "../shared")) / "data"


def fit_square(analyzer: Analyzer) -> np.ndarray:
    mesh = FaceMesh(analyzer.networks.get("mesh468"))
    pictures = [picture() for picture, _ in fairface(DATA / "fairface", 40)]
    pictures += [read_rgb(path) for path in sorted((DATA / "london").glob("*/*.jpg"))[::4]]
    rows, targets = [], []
    for pixels in pictures:
        image = Image(pixels)
        for face in analyzer.detector.detect(image)[:1]:
            found = mesh.locate(LocatedFace(image, face))
            if found.presence < 0.9:
                continue
            center, side, angle = _square_of_points(np.asarray(found.points, np.float64))
            keypoints = np.asarray(face.keypoints, np.float64)
            eyes, mouth = keypoints[:2].mean(axis=0), keypoints[3:].mean(axis=0)
            length = float(np.hypot(*(mouth - eyes)))
            down = (mouth - eyes) / length
            frame = np.array([[down[1], -down[0]], down])
            nose = frame @ (keypoints[2] - eyes) / length
            across = abs(frame[0] @ (keypoints[1] - keypoints[0])) / length
            rows.append([1.0, *nose, across])
            roll = np.arctan2(-down[0], down[1])
            targets.append([*(frame @ (np.asarray(center) - eyes) / length), side / length, angle - roll])
    print(f"{len(rows)} faces")
    return np.asarray(np.linalg.lstsq(np.array(rows), np.array(targets), rcond=None)[0].T)


def recognition(analyzer: Analyzer, looks: int) -> list[float]:
    embedder = replace(analyzer.embedder, landmarker=FaceMesh(analyzer.networks.get("mesh468"), looks=looks))
    analyzer.__dict__["embedder"] = embedder
    vectors, people = [], []
    for path in sorted((DATA / "wild40").glob("*/*.jpg")):
        try:
            vectors.append(embed_the_face(analyzer, path).vector)
        except NoFaceFound:
            continue
        people.append(path.parent.name)
    pairs = np.triu_indices(len(people), 1)
    scores = (np.stack(vectors) @ np.stack(vectors).T)[pairs]
    same = np.array(people)[pairs[0]] == np.array(people)[pairs[1]]
    return [tmr_at_fmr(scores[same], scores[~same], fmr).tmr for fmr in (1e-2, 1e-3, 1e-4)]


def main() -> None:
    with Analyzer() as analyzer:
        print(np.round(fit_square(analyzer), 3))
        for looks in (1, 2):
            print(f"{looks} look(s): TMR at FMR 1e-2, 1e-3, 1e-4:", recognition(analyzer, looks))


if __name__ == "__main__":
    main()

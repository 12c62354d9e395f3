"""How often a turned face is found with its eyes where the eyes are, by angle.

    python -m benchmarks.studies.second_look [--photos 40] [--profile balanced]

Reads $MIEN_SHARED/data/wild40. The truth is what the same detector says of the picture before it is turned;
a face is wrong when its keypoints lie more than a quarter of the eye distance away on average.
"""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

import numpy as np

from mien.core.protocols import Detector
from mien.core.types import Image
from mien.imaging.rotate import rotate
from mien.imaging.sources import iter_pictures
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import DEFAULT_PROFILE, configure

WRONG = 0.25


def error_of(detector: Detector, image: Image, angle: float) -> float | None:
    """Mean keypoint error of the best face over the eye distance; None where no face is found."""
    truth = detector.detect(image)[0].keypoints
    turned = rotate(image.pixels, angle)
    found = detector.detect(Image(turned.pixels))
    if not found:
        return None
    back = turned.to_picture(found[0].keypoints)
    return float(np.linalg.norm(back - truth, axis=1).mean() / np.linalg.norm(truth[0] - truth[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Find turned faces.")
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--profile", default=DEFAULT_PROFILE)
    given = parser.parse_args()
    names = list(iter_pictures(Path(os.environ.get("MIEN_SHARED", "../shared")) / "data" / "wild40"))
    analyzer = Analyzer(configure(given.profile))
    images = [analyzer.open(name).image for name in names[:: max(1, len(names) // given.photos)]]
    images = [image for image in images if analyzer.detector.detect(image)]
    for degrees in (0, 30, 45, 60, 90, 135, 180, 225):
        errors = [error_of(analyzer.detector, image, math.radians(degrees)) for image in images]
        missed = errors.count(None)
        wrong = sum(error is not None and error > WRONG for error in errors)
        print(f"{degrees:3d}°  missed {missed:3d}  eyes misplaced {wrong:3d}  of {len(images)}")


if __name__ == "__main__":
    main()

"""What the rooms hand to each other: small, frozen, made of NumPy arrays.

Frames and units, stated once (docs/conventions.md): pixels with the origin at the centre of the top-left
pixel, +x right, +y down; boxes are ``x1, y1, x2, y2``; angles are radians; pictures are RGB, uint8, upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError

Pixels = NDArray[np.uint8]
Points = NDArray[np.floating]
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """An upright RGB picture.

    pixels: (H, W, 3) uint8.
    """

    pixels: Pixels

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or 0 in self.pixels.shape:
            raise ShapeError("pixels", "(H, W, 3)", self.pixels.shape)

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])


class Box(NamedTuple):
    """A rectangle in pixels; it may reach beyond the picture when the face does."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def center(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face found in a picture.

    score: 0..1, the detector's confidence.
    keypoints: (5, 2) pixels: the eye on the picture's left, the other eye, nose tip, left and right mouth
        corner ("left" as the picture shows them, upright face).
    """

    box: Box
    score: float
    keypoints: Points

    def __post_init__(self) -> None:
        if self.keypoints.shape != (5, 2):
            raise ShapeError("keypoints", "(5, 2)", self.keypoints.shape)


@dataclass(frozen=True, slots=True, eq=False)
class LocatedFace:
    """A face together with the picture around it: the input of every task that needs the surroundings."""

    image: Image
    detection: Detection


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Named points of one face.

    scheme: the point set, e.g. "mesh468" (docs/conventions.md lists them).
    points: (N, 3) pixels of the full picture; z in the same scale, smaller is nearer to the camera.
    presence: 0..1, how sure the network is that the crop shows a face.
    irises: (2, 5, 2) pixels or None: for the eye on the picture's left, then the other: centre and four rim
        points of the iris.
    """

    scheme: str
    points: Points
    presence: float
    irises: Points | None = None

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 3:
            raise ShapeError("points", "(N, 3)", self.points.shape)


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFace:
    """A face moved onto a template: the input of embedding and attribute networks.

    pixels: (S, S, 3) uint8 RGB.
    matrix: (2, 3) float64, maps picture pixels to crop pixels.
    template: name of the template in `mien.alignment.templates`.
    """

    pixels: Pixels
    matrix: NDArray[np.float64]
    template: str


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """One face as a direction.

    vector: (D,) float32 of unit length.
    model: name of the card, or fused cards joined by "+"; vectors of different models are never compared.
    norm: length of the network's answer before it was made unit, which tells clear faces from blurred ones
        (`mien.embedding.quality`); None where it is not known.
    """

    vector: Vector
    model: str
    norm: float | None = None


@dataclass(frozen=True, slots=True)
class Age:
    """How old a face looks, in years: the mean of what the network holds possible.

    low, high: ends of the ages (or age bands) between which it holds nine in ten to lie.
    """

    years: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Liveness:
    """Whether a living face is seen, or a print, a screen, a mask.

    live: None where nobody has set a threshold.    score: 0..1, higher is more alive.
    evidence: in words, what speaks for the answer.
    """

    live: bool | None
    score: float
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Rotation of the head in the camera frame (+x right, +y down, +z into the scene), in radians.

    Zero is a head that looks straight into the camera. Positive yaw: the nose points to the picture's
    right. Positive pitch: the nose points down. Positive roll: the head tips clockwise in the picture.
    """

    yaw: float
    pitch: float
    roll: float

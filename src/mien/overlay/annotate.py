"""The annotated picture: a frame, a label, the mesh and the gaze of each head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mien.core.report import FaceReport
from mien.core.types import HeadPose, Image, Landmarks, Pixels, Points
from mien.geometry.rotation import rotation_from_pose
from mien.geometry.schemes import scheme, scheme_names

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Colour = tuple[int, int, int]

# Distinct on skin, and told apart by colour-blind readers (Okabe & Ito, "Color Universal Design", 2008).
COLOURS: tuple[Colour, ...] = ((0, 158, 255), (240, 228, 66), (0, 190, 130), (230, 120, 0), (220, 110, 180))
AXES: tuple[Colour, ...] = ((235, 80, 70), (80, 200, 90), (70, 130, 245))
SMOOTH = 2  # drawn this many times larger, then averaged down


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """A face to draw: its report, what to write at its frame, and its colour."""

    face: FaceReport
    label: str
    colour: Colour


def annotate(image: Image, faces: Sequence[Marked]) -> Pixels:
    """Draw faces onto a copy of the picture.

    returns: (H, W, 3) uint8.
    """
    from PIL import Image as Pictures
    from PIL import ImageDraw

    size = image.width * SMOOTH, image.height * SMOOTH
    layer = Pictures.new("RGBA", size)
    pen = ImageDraw.Draw(layer)
    for marked in faces:
        _draw_face(pen, marked, image)
    base = Pictures.fromarray(image.pixels).convert("RGBA")
    base.alpha_composite(layer.resize((image.width, image.height), Pictures.Resampling.BOX))
    return np.asarray(base.convert("RGB"))


def _draw_face(pen: ImageDraw, marked: Marked, image: Image) -> None:
    face, box = marked.face, marked.face.detection.box
    size = max(box.width, box.height)
    line = SMOOTH * max(1.0, min(size / 110, max(image.width, image.height) / 260))
    if face.landmarks is not None:
        _draw_mesh(pen, face.landmarks, marked.colour, line * 0.6, min(line * 0.6, SMOOTH * size / 260))
    else:
        _draw_points(pen, face.detection.keypoints, marked.colour, line * 1.2)
    if face.pose is not None:
        _draw_axes(pen, face.pose, _middle(face), size * 0.45, line)
    corners = [SMOOTH * (value + 0.5) for value in box]
    pen.rounded_rectangle(
        _ordered(corners), radius=line * 4, outline=(*marked.colour, 255), width=round(line)
    )
    if marked.label:
        _draw_label(pen, marked, corners, line, image)


def _ordered(corners: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = corners
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _middle(face: FaceReport) -> tuple[float, float]:
    """Where the axes start: the bridge of the nose, or the nose tip of the detector."""
    if face.landmarks is not None and face.landmarks.scheme == "mesh468":
        x, y = face.landmarks.points[6, :2]
    else:
        x, y = face.detection.keypoints[2]
    return float(x), float(y)


def _draw_mesh(pen: ImageDraw, found: Landmarks, colour: Colour, line: float, dot: float) -> None:
    """dot: radius; small on small faces, so that 468 of them leave the face to be seen."""
    flat = (found.points[:, :2] + 0.5) * SMOOTH
    for x, y in flat:
        pen.ellipse((x - dot, y - dot, x + dot, y + dot), fill=(*colour, 190))
    if found.scheme not in scheme_names():  # a point set of the user's own has no lines
        return
    named = scheme(found.scheme)
    for part in named.closed.values():
        _stroke(pen, flat[[*part, part[0]]], colour, line)
    for part in named.open.values():
        _stroke(pen, flat[list(part)], colour, line)
    for iris in found.irises if found.irises is not None else ():
        centre, rim = (iris[0] + 0.5) * SMOOTH, (iris[1:] + 0.5) * SMOOTH
        radius = float(np.linalg.norm(rim - centre, axis=1).mean())
        x, y = centre
        outline = (255, 255, 255, 230)
        pen.ellipse(
            (x - radius, y - radius, x + radius, y + radius), outline=outline, width=max(1, round(line))
        )


def _stroke(pen: ImageDraw, points: Points, colour: Colour, line: float) -> None:
    pen.line(
        [tuple(point) for point in points], fill=(*colour, 210), width=max(1, round(line)), joint="curve"
    )


def _draw_points(pen: ImageDraw, points: Points, colour: Colour, radius: float) -> None:
    for x, y in (np.asarray(points) + 0.5) * SMOOTH:
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(box, fill=(*colour, 235), outline=(0, 0, 0, 160))


def _draw_axes(
    pen: ImageDraw, pose: HeadPose, start: tuple[float, float], length: float, line: float
) -> None:
    """The head's own axes: right (red), up (green) and out of the face (blue)."""
    rotation = rotation_from_pose(pose)
    origin = (np.asarray(start) + 0.5) * SMOOTH
    for axis, colour in zip(([1, 0, 0], [0, -1, 0], [0, 0, -1]), AXES, strict=True):
        tip = origin + (rotation @ axis)[:2] * length * SMOOTH
        pen.line([tuple(origin), tuple(tip)], fill=(*colour, 255), width=max(1, round(line * 1.2)))
        reach = float(np.hypot(*(tip - origin)))
        if reach > 6 * line:
            _arrow_head(pen, origin, tip, colour, line * 4)


def _arrow_head(pen: ImageDraw, origin: Points, tip: Points, colour: Colour, size: float) -> None:
    angle = math.atan2(tip[1] - origin[1], tip[0] - origin[0])
    wings = [
        tip - size * np.array([math.cos(angle + turn), math.sin(angle + turn)]) for turn in (0.45, -0.45)
    ]
    pen.polygon([tuple(point) for point in (tip, *wings)], fill=(*colour, 255))


def _draw_label(pen: ImageDraw, marked: Marked, corners: Sequence[float], line: float, image: Image) -> None:
    from PIL import ImageFont

    size = float(np.clip((corners[2] - corners[0]) / 9, 11 * SMOOTH, max(image.height / 14, 11) * SMOOTH))
    font = ImageFont.load_default(size)
    left, top, right, bottom = pen.textbbox((0, 0), marked.label, font=font)
    pad = size * 0.3
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x = float(np.clip(corners[0], 0, max(image.width * SMOOTH - width, 0)))
    above = corners[1] - height - line
    y = above if above >= 0 else min(corners[3] + line, image.height * SMOOTH - height)
    pen.rounded_rectangle((x, y, x + width, y + height), radius=pad, fill=(*marked.colour, 235))
    dark = sum(marked.colour) > 330
    pen.text(
        (x + pad - left, y + pad - top),
        marked.label,
        font=font,
        fill=(15, 15, 20) if dark else (255, 255, 255),
    )

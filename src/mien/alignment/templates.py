"""Where the points of a face belong in the crop that an embedding network was trained on.

A point finder has its own idea of what an eye is, so each template holds one set of places a finder:

* the detector's five keypoints. "arcface": the five points of ArcFace (Deng et al., CVPR 2019), on which
  SFace, ArcFace and their kin were trained.
* some points of mesh468, averaged in groups.

Except for ArcFace's own five, the places are medians over the frontal faces of FairFace: where the points
fall in the crops that the network's authors cut (benchmarks/studies/align_templates.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.types import Landmarks, Points

Places = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A square crop and where points belong in it.

    size: pixels.    keypoints: places of the detector's five points.
    groups: indices of mesh468 that are averaged to one point each.    mesh: their places.
    """

    name: str
    size: int
    keypoints: Places
    groups: tuple[tuple[int, ...], ...]
    mesh: Places


_EYES_NOSE_MOUTH = ((33, 133), (362, 263), (1,), (61,), (291,))
_EYE_CORNERS_AND_NOSE_BASE = ((33,), (133,), (362,), (263,), (2,))

TEMPLATES: Mapping[str, Template] = {
    template.name: template
    for template in (
        Template(
            name="arcface",
            size=112,
            keypoints=(
                (38.2946, 51.6963),
                (73.5318, 51.5014),
                (56.0252, 71.7366),
                (41.5493, 92.3655),
                (70.7299, 92.2041),
            ),
            groups=_EYES_NOSE_MOUTH,
            mesh=((37.6, 53.3), (73.7, 53.3), (55.65, 73.2), (39.9, 87.5), (71.4, 87.5)),
        ),
        Template(
            name="dlib",
            size=150,
            keypoints=((44.1, 47.8), (104.9, 47.8), (74.5, 78.3), (48.05, 102.0), (100.95, 102.0)),
            groups=_EYE_CORNERS_AND_NOSE_BASE,
            mesh=((33.75, 46.4), (57.9, 47.5), (89.3, 47.5), (113.45, 46.4), (73.6, 82.6)),
        ),
        # ArcFace's places, smaller: the whole head and room around it, for points of the outline and for
        # what stands beside a face (the edge of a screen, a hand).
        Template(
            name="wide",
            size=112,
            keypoints=(
                (44.79, 48.66),
                (66.11, 48.54),
                (55.52, 60.78),
                (46.76, 73.27),
                (64.41, 73.17),
            ),
            groups=_EYES_NOSE_MOUTH,
            mesh=((44.37, 49.63), (66.21, 49.63), (55.29, 61.67), (45.76, 70.32), (64.82, 70.32)),
        ),
    )
}


def scaled(template: Template, size: int) -> Template:
    """The same template for crops of another size: pixels are scaled about the picture's corner."""
    if size == template.size:
        return template
    scale = size / template.size

    def move(points: Places) -> Places:
        return tuple(((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5) for x, y in points)

    return replace(template, size=size, keypoints=move(template.keypoints), mesh=move(template.mesh))


def find_template(name: str) -> Template:
    """Look a template up by the name that model cards use; an unknown one raises InputError."""
    try:
        return TEMPLATES[name]
    except KeyError:
        known = ", ".join(sorted(TEMPLATES))
        raise InputError(f"no alignment template is called {name!r}: choose {known}") from None


def grouped_points(landmarks: Landmarks, template: Template) -> NDArray[np.float64]:
    """The points of a mesh that the template places: (K, 2) pixels of the picture."""
    if landmarks.scheme != "mesh468":
        raise ShapeError("landmarks to align by", "(468, 3) of mesh468", landmarks.points.shape)
    flat = landmarks.points[:, :2]
    return np.stack([flat[list(group)].mean(axis=0) for group in template.groups]).astype(np.float64)


def places(points: Places) -> Points:
    """Template places as an array: (K, 2) crop pixels."""
    return np.array(points, np.float64)

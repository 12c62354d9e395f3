"""The outline of a turned face: pass 2 of a fit follows it in the photo.

Where a turned head ends, its skin turns away from the camera, and no numbered point of a mesh lies there: the
occluding boundary slides over the skin with the pose and the shape.  Each round finds it on the current head,
on the side that is turned away, looks for the edge in the photo across it, and hands both to the solver as
further points (Bas, Smith, Bolkart and Wuhrer, "Fitting a 3D Morphable Model to Edges", 2016; eos's occluding
boundary).  The landmark network's own outline does not serve: it draws the hidden side where it believes
it to be, behind the face, and not where the picture shows the face end.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera
from mien.face3d.fit.evidence import LinearPoints, mesh468_points, surface_points
from mien.face3d.fit.soft import SoftPicture, window_on
from mien.face3d.fit.solve import Problem, State, solve
from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import rasterize
from mien.face3d.render.shade import sample
from mien.face3d.render.visibility import visible
from mien.geometry.projection import place, project
from mien.geometry.rotation import pose_of_head
from mien.geometry.triangles import boundary_edges, unique_edges, vertex_normals

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Pixels = NDArray[np.uint8]

LEVEL = 1  # level of detail: rims lie between vertices, and half the triangles take half the time
CHIN, FOREHEAD, CHEEK = 152, 10, 234
"""Landmarks that bound the skin of the face: from below the chin to under the hair, and before the ears."""
BELOW, UNDER, BEFORE = 14.0, 11.0, -14.0
"""mm: how far below the chin, under the forehead's end and before the cheek's that skin lies."""
OPENING = 7.0  # mm around lids and lips, whose edges are not the head's
CLEAR, BEHIND = 4.0, 25.0
"""mm: beside the rim nothing of the head stands, or only what is so far behind."""
MARGIN = 25.0  # mm around the rim, for edges and for the next rounds
GRAIN = 2.0  # pixels a mm of the picture in which edges are looked for
SOFT = 1.3  # pixels of that picture, over which it is softened
FAINT = 25.0  # change of colour, all channels together, over two pixels, below which there is no edge
FEW = 8  # points of an outline, below which it is none
DEPTH_SIDE = 160  # pixels across the head of the depth map that tells what is seen


@dataclass(frozen=True, slots=True, eq=False)
class ContourSettings:
    """How the outline is followed; chosen on the development scans (docs/face3d.md).

    turned: radians of yaw from which the outline is followed; from the front it said nothing new.
    furthest: radians of yaw up to which it makes a fit surer; what it is worth in profile no scan says.
    scatter: mm, error of one point of the outline if there were ``worth`` of them.
    worth: how many independent points an outline counts for; neighbours err together.
    reach: mm to either side in which the first round looks for the edge; each round looks less far.
    believed: mm, standard deviation of how far from the current head the edge is believed to lie.
    """

    rounds: int = 2
    turned: float = 0.15
    furthest: float = 0.75
    scatter: float = 3.0
    worth: float = 60.0
    reach: float = 8.0
    narrowing: float = 0.7
    believed: float = 4.0
    iterations: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What of the head model an outline can be made of.

    points: (S,) vertices of one level of detail without eyes and mouth, and how they move.
    triangles: (T, 3) of them all; edges: (E, 2) where a rim may cross.    side: (S,) mm to the person's left.
    """

    points: LinearPoints
    triangles: Ints
    edges: Ints
    side: Array


@dataclass(frozen=True, slots=True, eq=False)
class Rim:
    """Points on edges where the skin turns away: ``share`` of ``first``, the rest of ``second``.

    first, second: (N,) vertices of the outline.    places, normals: (N, 3) mm in the camera frame.
    """

    first: Ints
    second: Ints
    share: Array
    places: Array
    normals: Array

    def only(self, chosen: NDArray[np.bool_]) -> Rim:
        """The rim without the points that are not ``chosen`` (N,)."""
        places, normals = self.places[chosen], self.normals[chosen]
        return Rim(self.first[chosen], self.second[chosen], self.share[chosen], places, normals)

    def points(self, outline: Outline) -> LinearPoints:
        """How these points of the surface move with the coefficients."""
        a, b, share = self.first, self.second, self.share
        whole = outline.points
        mean = share[:, None] * whole.mean[a] + (1 - share)[:, None] * whole.mean[b]
        near, far = share[:, None, None] * whole.moves[a], (1 - share)[:, None, None] * whole.moves[b]
        return LinearPoints(mean, near + far, whole.identity)


@functools.lru_cache(maxsize=4)
def outline_of(model: HeadModel, components: int) -> Outline:
    """What an outline of this head model is made of; computed once."""
    triangles = model.skin_triangles(min(LEVEL, len(model.levels) - 1))
    vertices, compact = np.unique(triangles, return_inverse=True)
    compact = compact.reshape(triangles.shape)
    corners = np.repeat(vertices[:, None], 3, axis=1)
    points = surface_points(model, corners, np.tile([1.0, 0.0, 0.0], (len(vertices), 1)), components)
    front = face_front(model, points.mean)
    rim = np.unique(boundary_edges(compact))
    holes = points.mean[rim[front[rim]]]
    open_ = np.linalg.norm(points.mean[:, None] - holes, axis=2).min(axis=1, initial=np.inf) < OPENING
    allowed = front & ~open_
    edges = unique_edges(compact)
    return Outline(points, compact, edges[allowed[edges].all(axis=1)], points.mean[:, 0])


def face_front(model: HeadModel, places: Array) -> NDArray[np.bool_]:
    """Which places (N, 3) on the mean head lie between chin and hair and before the ears."""
    marks = mesh468_points(model, 1).mean
    _, y, z = places.T
    return np.asarray(
        (y > marks[CHIN, 1] - BELOW) & (y < marks[FOREHEAD, 1] - UNDER) & (z > marks[CHEEK, 2] + BEFORE)
    )


def rim_of(outline: Outline, state: State, camera: Camera, yaw: float) -> Rim:
    """Where the head turns away from the camera, seen and with nothing beside it, on the side turned away."""
    stand = place(outline.points.at(state.coefficients), state.placement)
    normals = vertex_normals(stand, outline.triangles)
    facing = -(normals * stand).sum(axis=1)
    away = outline.edges[(outline.side[outline.edges] * yaw > 0).all(axis=1)]
    a, b = away[(facing[away[:, 0]] > 0) != (facing[away[:, 1]] > 0)].T
    share = facing[b] / (facing[b] - facing[a])
    mixed = [share[:, None] * part[a] + (1 - share)[:, None] * part[b] for part in (stand, normals)]
    mixed[1] /= np.maximum(np.linalg.norm(mixed[1], axis=1, keepdims=True), 1e-12)
    rim = Rim(a, b, share, mixed[0], mixed[1])
    return rim.only(_outermost(stand, outline.triangles, rim, camera))


def _outermost(stand: Array, triangles: Ints, rim: Rim, camera: Camera) -> NDArray[np.bool_]:
    ahead = stand[stand[:, 2] > 1]
    if not len(ahead) or not len(rim.first):
        return np.zeros(len(rim.first), bool)
    seen = project(ahead, camera)
    low, high = seen.min(axis=0), seen.max(axis=0)
    shrink = DEPTH_SIDE / max(float((high - low).max()), 1.0)
    margin = 8.0
    window = Camera(
        camera.fx * shrink,
        camera.fy * shrink,
        (camera.cx - low[0]) * shrink + margin,
        (camera.cy - low[1]) * shrink + margin,
    )
    columns, rows = (int(np.ceil(v * shrink + 2 * margin)) for v in high - low)
    drawn = rasterize(stand, triangles, window, columns, rows)
    beside = np.round(np.nan_to_num(project(rim.places + CLEAR * rim.normals, window))).astype(np.int64)
    beside = np.clip(beside, 0, (columns - 1, rows - 1))
    free = drawn.depth[beside[:, 1], beside[:, 0]] > rim.places[:, 2] + BEHIND
    return np.asarray(free & visible(rim.places, window, drawn, 6.0))


def soft_picture(pixels: Pixels, camera: Camera, places: Array) -> SoftPicture:
    """The part of the photo (H, W, 3) around points (N, 3) of the camera frame, softened over `SOFT`."""
    from PIL import Image, ImageFilter

    height, width = pixels.shape[:2]
    window, (low, high), size = window_on(places, width, height, camera, MARGIN, GRAIN)
    part = Image.fromarray(np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]]))
    drawn = part.resize(size, Image.Resampling.BILINEAR) if part.size != size else part
    return SoftPicture(np.asarray(drawn.filter(ImageFilter.GaussianBlur(SOFT)), np.float32), window)


def edges_beside(picture: SoftPicture, rim: Rim, reach: float, believed: float) -> tuple[Array, Array]:
    """Look across the rim for the edge in the photo: mm (N,) outwards to it, and how strong it is (N,).

    reach, believed: mm, as in `ContourSettings`.
    """
    grain = picture.camera.fx / rim.places[:, 2]
    at = project(rim.places, picture.camera)
    out = project(rim.places + rim.normals, picture.camera) - at
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    steps = np.arange(-np.ceil(reach * grain.max()), np.ceil(reach * grain.max()) + 1)
    across = at[:, None] + steps[:, None] * out[:, None]
    colours = sample(picture.colours, across.reshape(-1, 2)).reshape(len(at), len(steps), 3)
    change = np.abs(colours[:, 2:] - colours[:, :-2]).sum(axis=2)
    offsets = steps[1:-1] / grain[:, None]
    score = change * np.exp(-0.5 * (offsets / believed) ** 2) * (np.abs(offsets) <= reach)
    rows, best = np.arange(len(at)), score.argmax(axis=1)
    return np.asarray(offsets[rows, best], np.float64), np.asarray(change[rows, best], np.float64)


def follow_outline(
    model: HeadModel, problem: Problem, photo: Pixels, state: State, settings: ContourSettings
) -> tuple[Problem, State]:
    """Pass 2: the same landmarks and the outline that the photo (H, W, 3) shows, in a few rounds.

    returns: what the photo says of the head, and where that led.  Both are the given ones where it shows no
    outline: a face from the front, one cut by the picture's edge, a plain background of the skin's colour.
    """
    outline = outline_of(model, problem.points.identity)
    together, soft = problem, None
    for number in range(settings.rounds):
        yaw = pose_of_head(state.placement).yaw
        if abs(yaw) < settings.turned:
            break
        rim = _within(photo, rim_of(outline, state, problem.camera, yaw), problem.camera)
        if len(rim.first) < FEW:
            break
        soft = soft_picture(photo, problem.camera, rim.places) if soft is None else soft
        reach = settings.reach * settings.narrowing**number
        offsets, strength = edges_beside(soft, rim, reach, settings.believed)
        clear = strength > FAINT
        if clear.sum() < FEW:
            break
        points, targets, sigma = _sighting(outline, rim.only(clear), offsets[clear], problem.camera, settings)
        together = problem.with_points(points, targets, sigma)
        state = solve(together, state, settings.iterations)
    far = abs(pose_of_head(state.placement).yaw) > settings.furthest
    return problem if far else together, state


def _within(photo: Pixels, rim: Rim, camera: Camera) -> Rim:
    height, width = photo.shape[:2]
    seen = project(rim.places, camera)
    return rim.only(np.asarray(np.all((seen > 2) & (seen < (width - 3, height - 3)), axis=1)))


def _sighting(
    outline: Outline, rim: Rim, offsets: Array, camera: Camera, settings: ContourSettings
) -> tuple[LinearPoints, Array, Array]:
    """The rim's points, where the photo has them (N, 2), and their error in pixels (N,)."""
    targets = project(rim.places + offsets[:, None] * _across(rim), camera)
    widened = settings.scatter * np.sqrt(max(1.0, len(offsets) / settings.worth))
    return rim.points(outline), targets, widened * camera.fx / rim.places[:, 2]


def _across(rim: Rim) -> Array:
    """Unit steps (N, 3) parallel to the picture and across the rim."""
    flat = rim.normals * (1.0, 1.0, 0.0)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12))

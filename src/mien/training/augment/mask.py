"""A surgical mask, rendered onto a face: a draped surface over the 468-point mesh, lit as the skin is.

The mask is a grid laid over the lower half of the mean face. Each grid point is tied to the mesh vertices
around it (moving least squares, exact for affine maps), so it follows any face in any pose; cloth does not
follow the face into its hollows, which is worked out once on the mean face.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from mien.alignment.templates import find_template, grouped_points, places
from mien.attributes.head_pose import mean_face
from mien.core.errors import ShapeError
from mien.core.types import Landmarks, Pixels, Points
from mien.geometry.similarity import fit_similarity

Floats = NDArray[np.float64]

ROWS, COLUMNS = 24, 32
SUPERSAMPLE = 3
EARS = (234, 454)  # vertices beside the ears, where the bands go: picture left, right
# Cloth colours, RGB: light blue, white, green, pink, black, and how often each is worn.
CLOTH = np.array(
    [(158, 196, 218), (232, 234, 236), (150, 202, 180), (228, 184, 194), (48, 50, 54)], np.float64
)
WORN = (0.4, 0.25, 0.1, 0.05, 0.2)


@dataclass(frozen=True, slots=True, eq=False)
class Drape:
    """weights: (G, 468) from mesh vertices to grid points.    lift: (G,) eye distances off the skin."""

    weights: Floats
    lift: Floats


def wear_mask(pixels: Pixels, mesh: Points | None, rng: np.random.Generator) -> Pixels:
    """Paint a mask of random cloth onto a face.

    mesh: (468, 3) pixels, z in the same scale, smaller is nearer. None: the mean face, where the alignment
        template "arcface" has it, for crops that are aligned to it.
    """
    height, width = pixels.shape[:2]
    points = aligned_mean_face(min(height, width)) if mesh is None else np.asarray(mesh, np.float64)
    if points.shape != (468, 3):
        raise ShapeError("mesh", "(468, 3)", points.shape)
    skin, cloth = _surfaces(points)
    normals = _normals(cloth)
    light = _light(pixels, skin, _normals(skin), normals)
    colours = np.clip(CLOTH[rng.choice(len(CLOTH), p=WORN)] + rng.normal(0, 8, 3), 0, 255)
    shade = light * _pleats(rng)
    layer, alpha = _draw(cloth, normals, shade[:, :, None] * colours, points, (height, width))
    return _lay(pixels, layer, alpha)


@cache
def drape() -> Drape:
    """Lay the mask over the mean face, once."""
    face = mean_face()
    grid = _outline()
    weights = np.stack([_tie(point, face) for point in grid.reshape(-1, 2)])
    depth = (weights @ face)[:, 2].reshape(ROWS, COLUMNS)
    cloth = depth - 0.03
    for _ in range(60):  # cloth spans hollows: it may only come nearer than the skin, and it has no folds
        padded = np.pad(cloth, 1, "edge")
        mean = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4
        cloth = np.minimum(depth - 0.03, mean)
    return Drape(weights, (depth - cloth).reshape(-1))


def _outline() -> Floats:
    """Where the grid lies on the mean face seen from the front: (ROWS, COLUMNS, 2), eye distances."""
    across = np.linspace(-1, 1, COLUMNS)
    down = np.linspace(0, 1, ROWS)[:, None]
    # From the bridge of the nose over the cheekbones, and from under the chin to the angles of the jaw.
    top = 0.10 + 0.36 * np.abs(across) ** 1.3
    bottom = 1.70 - 0.62 * np.abs(across) ** 2.2
    reach = 0.90 + 0.06 * np.sin(np.pi * down)
    y = top + (bottom - top) * down
    # The face narrows to the chin, and the mask with it.
    x = across * (reach - 0.32 * np.clip(y - 1.15, 0, None))
    return np.stack([x, y], axis=-1)


def _tie(point: Floats, face: Floats, count: int = 10) -> Floats:
    """Weights over the mesh that give ``point``: (468,); they sum to 1 and are exact for affine maps."""
    offset = face[:, :2] - point
    square = (offset**2).sum(1)
    # A vertex at the side of the head may lie behind one of the cheek: depth keeps it out.
    near = np.argsort(square + 0.02 * np.clip(face[:, 2] - 0.45, 0, None))[:count]
    pull = 1 / (square[near] + 0.01)
    basis = np.column_stack([np.ones(count), offset[near]])
    normal = basis.T @ (pull[:, None] * basis)
    weights = np.zeros(len(face))
    weights[near] = pull * (basis @ np.linalg.solve(normal, np.array([1.0, 0.0, 0.0])))
    return weights


@cache
def _mean_in_template() -> Floats:
    template = find_template("arcface")
    flat = Landmarks("mesh468", mean_face(), 1.0)
    matrix = fit_similarity(grouped_points(flat, template), places(template.mesh))
    scale = float(np.hypot(*matrix[:, 0]))
    placed = mean_face()[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.column_stack([placed, mean_face()[:, 2] * scale])


def aligned_mean_face(size: int) -> Floats:
    """The mean face in a crop of the template "arcface" of this size: (468, 3) pixels."""
    scale = size / find_template("arcface").size
    points = _mean_in_template() * scale
    points[:, :2] += (scale - 1) / 2  # pixels are counted from the centre of the first one
    return points


def _surfaces(points: Floats) -> tuple[Floats, Floats]:
    """The skin under the mask and the mask: (ROWS, COLUMNS, 3) pixels each."""
    laid = drape()
    skin = laid.weights @ points
    turn, scale = _pose(points)
    cloth = skin + laid.lift[:, None] * scale * (turn @ np.array([0.0, 0.0, -1.0]))
    return skin.reshape(ROWS, COLUMNS, 3), cloth.reshape(ROWS, COLUMNS, 3)


def _pose(points: Floats) -> tuple[Floats, float]:
    """Rotation (3, 3) and scale that carry the mean face onto a mesh (Umeyama 1991)."""
    a, b = mean_face() - mean_face().mean(0), points - points.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return (u * sign) @ vt, float((s * sign).sum() / (a**2).sum())


def _normals(grid: Floats) -> Floats:
    """Unit normals of a grid, towards the camera where it faces it (z < 0)."""
    normal = np.cross(np.gradient(grid, axis=1), np.gradient(grid, axis=0))
    return np.asarray(-normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9))


def _light(pixels: Pixels, skin: Floats, skin_normals: Floats, normals: Floats) -> Floats:
    """How bright white cloth would be, 0..1.2: the light that explains the skin, put onto the cloth.

    One direction and what comes from all around: ``luma = a + b . normal``, ridge regression.
    """
    height, width = pixels.shape[:2]
    x, y = np.round(skin[..., 0]).astype(int), np.round(skin[..., 1]).astype(int)
    seen = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (skin_normals[..., 2] < -0.2)
    if seen.sum() < 20:
        return np.full(normals.shape[:2], 0.85)
    luma = pixels[y[seen], x[seen]].astype(np.float64) @ (0.299, 0.587, 0.114) / 255
    basis = np.column_stack([np.ones(len(luma)), skin_normals[seen][:, :2]])
    ridge = np.diag([0.0, 0.05, 0.05]) * len(luma)
    found = np.linalg.solve(basis.T @ basis + ridge + 1e-9 * np.eye(3), basis.T @ luma)
    lit = found[0] + normals[..., :2] @ found[1:]
    # Skin reflects about half of the light, cloth nearly all; cameras expose for the face.
    exposure = np.clip(1.55 * lit, 0.25, 1.12)
    facing = 0.78 + 0.22 * np.clip(-normals[..., 2], 0, 1)
    return np.asarray(exposure * facing)


def _pleats(rng: np.random.Generator) -> Floats:
    """Three folds across, seams along the rims, and the wire over the nose: (ROWS, COLUMNS) factors."""
    down = np.linspace(0, 1, ROWS)[:, None]
    across = np.linspace(-1, 1, COLUMNS)[None, :]
    factor = np.ones((ROWS, COLUMNS))
    for fold in (0.36, 0.54, 0.72):
        place = fold + rng.normal(0, 0.01) - 0.04 * across**2
        behind = down - place
        factor -= 0.16 * np.exp(-((behind / 0.018) ** 2)) + 0.07 * np.exp(-np.clip(behind, 0, 1) / 0.06) * (
            behind > 0
        )
    for rim in (down - 0.05, 0.95 - down, (0.95 - np.abs(across)) + 0 * down):
        factor -= 0.10 * np.exp(-((rim / 0.02) ** 2))
    factor += 0.05 * np.exp(-(((down - 0.08) / 0.03) ** 2)) * (np.abs(across) < 0.35)
    return np.asarray(factor + rng.normal(0, 0.006, factor.shape))


def _draw(
    cloth: Floats, normals: Floats, colours: Floats, points: Floats, size: tuple[int, int]
) -> tuple[Floats, Floats]:
    """The mask as a layer: (H, W, 3) colours and (H, W) opacity 0..1, far parts first."""
    height, width = size
    canvas = Image.new("RGBA", (width * SUPERSAMPLE, height * SUPERSAMPLE), (0, 0, 0, 0))
    pen = ImageDraw.Draw(canvas)
    where = (cloth[..., :2] + 0.5) * SUPERSAMPLE - 0.5
    _draw_loops(pen, cloth, where, points, float(colours.mean()))
    depth = (cloth[:-1, :-1, 2] + cloth[1:, 1:, 2]) / 2
    # From the farthest to the nearest, so that the near side covers the far one in a turned face.
    for place in np.argsort(-depth, axis=None):
        row, column = divmod(int(place), COLUMNS - 1)
        if normals[row, column, 2] > 0.15:
            continue
        ring = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
        colour = np.mean([colours[corner] for corner in ring], axis=0)
        red, green, blue = np.clip(colour, 0, 255).astype(int).tolist()
        pen.polygon([tuple(where[corner].tolist()) for corner in ring], fill=(red, green, blue, 255))
    drawn = np.asarray(canvas, np.float64).reshape(height, SUPERSAMPLE, width, SUPERSAMPLE, 4)
    alpha = drawn[..., 3] / 255
    weight = np.maximum(alpha.sum((1, 3)), 1e-9)
    layer = (drawn[..., :3] * alpha[..., None]).sum((1, 3)) / weight[..., None]
    return layer, alpha.mean((1, 3))


def _draw_loops(
    pen: ImageDraw.ImageDraw, cloth: Floats, where: Floats, points: Floats, brightness: float
) -> None:
    """Two elastic bands a side, to the ears; a side that faces away shows none."""
    grey = int(np.clip(brightness * 1.05, 60, 235))
    thick = max(round(SUPERSAMPLE * np.ptp(points[:, 0]) / 70), 1)
    for column, ear in ((0, EARS[0]), (COLUMNS - 1, EARS[1])):
        outward = (points[ear, 0] - points[1, 0]) * (1 if column else -1)
        if outward <= 0.25 * np.ptp(points[:, 0]):
            continue
        end = tuple(((points[ear, :2] + 0.5) * SUPERSAMPLE - 0.5).tolist())
        for row in (1, ROWS - 2):
            pen.line([tuple(where[row, column].tolist()), end], fill=(grey, grey, grey, 255), width=thick)


def _lay(pixels: Pixels, layer: Floats, alpha: Floats) -> Pixels:
    """Put the layer over the picture, with the soft shadow that it throws on the skin around it."""
    reach = max(min(pixels.shape[:2]) / 60, 0.5)
    matte = Image.fromarray((alpha * 255).astype(np.uint8))
    shadow = np.asarray(matte.filter(ImageFilter.GaussianBlur(1.6 * reach)), np.float64) / 255
    under = pixels * (1 - 0.35 * shadow * (1 - alpha))[..., None]
    mixed = under * (1 - alpha[..., None]) + layer * alpha[..., None]
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)

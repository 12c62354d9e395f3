"""How far hair stands off the skull, told from its outline in the photo.

A head model's scalp is bald.  Rays from inside the skull, spread like a fan over the picture, say how far
the person goes on beyond the model: the scalp is lifted by that much, as far behind the outline as at it,
growing from nothing at the hairline.  Where person and background cannot be told apart it stays as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera, Placement
from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import rasterize
from mien.face3d.texture.anatomy import CROWN, HAIRLINE
from mien.face3d.texture.background import background_probability, grown
from mien.geometry.projection import place, project
from mien.geometry.triangles import unique_edges

Floats = NDArray[np.floating]
Array = NDArray[np.float64]

RAYS = np.linspace(-1.9, 1.9, 77)
"""Radians from straight up, towards the person's left: from below one ear over the crown to the other."""
SIDE = 320  # pixels that the photo is looked at in, at most
TALLEST, LONGEST = 55.0, 70.0
"""mm that hair is lifted at most; mm beside the skull that are searched: what goes on is no hair."""
SURE = 0.7  # share of the rays that must have ended
RAMP = 40.0  # mm above the hairline over which hair grows to its height
TURNED = 0.6  # radians of yaw beyond which the outline is not the one from ear to ear


def hair_volume(
    model: HeadModel,
    vertices: Floats,
    placement: Placement,
    camera: Camera,
    pixels: NDArray[np.uint8],
    yaw: float,
) -> Array | None:
    """What to add to the vertices, (V, 3) mm in the head frame; None where the photo does not tell."""
    if abs(yaw) > TURNED:
        return None
    heights = _heights(model, vertices, placement, camera, pixels)
    if heights is None:
        return None
    mean = model.mean.astype(np.float64)
    grows = np.clip((mean[:, 1] - np.interp(mean[:, 2], *HAIRLINE.T)) / RAMP, 0, 1)
    ears = (np.abs(mean[:, 0]) > 66) & (mean[:, 1] < 41) & (mean[:, 2] > -24)
    grows = np.where(model.skin & ~ears, grows * grows * (3 - 2 * grows), 0)
    out = mean - CROWN
    length = np.linalg.norm(out, axis=1)
    across = np.hypot(out[:, 0], out[:, 1]) / length
    around = np.interp(np.arctan2(out[:, 0], out[:, 1]), RAYS, heights)
    usual = 0.6 * float(np.median(heights[np.abs(RAYS) < 1.3]))
    lift = grows * (across**2 * around + (1 - across**2) * usual)
    lift = _smooth(lift, model.levels[0][0], model.skin & (grows > 0))
    return np.asarray(lift[:, None] * out / length[:, None])


def _heights(
    model: HeadModel, vertices: Floats, placement: Placement, camera: Camera, pixels: NDArray[np.uint8]
) -> Array | None:
    """mm that the person goes on beyond the model along each ray, (R,)."""
    height, width = pixels.shape[:2]
    step = max(1, -(-max(height, width) // SIDE))
    small = pixels[step // 2 :: step, step // 2 :: step]
    view = Camera(camera.fx / step, camera.fy / step, camera.cx / step, camera.cy / step)
    stand = place(vertices, placement)
    triangles = model.levels[-1][0]
    head = rasterize(stand, triangles, view, small.shape[1], small.shape[0])
    middle = placement.rotation @ CROWN + placement.translation
    grain = view.fx / float(middle[2])  # pixels a mm
    doubt = _doubt(model, head.covered, head.triangle, triangles, small, stand, view, grain)
    if doubt is None:
        return None
    start = project(middle[None], view)[0]
    up = placement.rotation @ np.array([0.0, 1.0, 0.0])
    left = placement.rotation @ np.array([1.0, 0.0, 0.0])
    ways = np.cos(RAYS)[:, None] * up[:2] + np.sin(RAYS)[:, None] * left[:2]
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    far = 130.0 + LONGEST
    steps = np.arange(0, far * grain, 0.5)
    at = np.round(start + steps[:, None] * ways[:, None]).astype(np.int64)  # (R, S, 2)
    inside = ((at >= 0) & (at < (small.shape[1], small.shape[0]))).all(axis=2)
    at = np.clip(at, 0, (small.shape[1] - 1, small.shape[0] - 1))
    skull = head.covered[at[..., 1], at[..., 0]] & inside
    ends = np.where(skull.any(axis=1), skull.shape[1] - 1 - skull[:, ::-1].argmax(axis=1), 0)
    background = (doubt[at[..., 1], at[..., 0]] > 0.5) | ~inside
    # background counts where it goes on for 3 mm, from a little inside the model, which may be too large
    run = max(1, round(3 * grain / 0.5))
    lasting = np.lib.stride_tricks.sliding_window_view(background, run, axis=1).all(axis=2)
    places = np.arange(lasting.shape[1])
    beyond = lasting & (places >= ends[:, None])
    found = beyond.any(axis=1)
    gap = (np.where(found, beyond.argmax(axis=1), 0) - ends) * 0.5 / grain
    found &= gap < LONGEST
    cut = ~inside[np.arange(len(at)), np.minimum(ends + round(5 * grain), at.shape[1] - 1)]
    found &= ~cut
    if found.mean() < SURE:
        return None
    known = np.interp(RAYS, RAYS[found], gap[found])
    padded = np.pad(known, 4, mode="edge")
    calm = np.median(np.lib.stride_tricks.sliding_window_view(padded, 9), axis=1)
    return np.asarray(np.clip(calm - 1.0, 0, TALLEST))


def _doubt(
    model: HeadModel,
    covered: NDArray[np.bool_],
    triangle: NDArray[np.integer],
    triangles: NDArray[np.integer],
    small: NDArray[np.uint8],
    stand: Array,
    view: Camera,
    grain: float,
) -> NDArray[np.float32] | None:
    """Probability (h, w) of background, the person's colours being those on face and scalp."""
    region = np.where(covered, model.region[triangles[np.maximum(triangle, 0), 0]], 255)
    chin = float(project(stand[model.points68[8]][None], view)[0, 1])
    rows = np.arange(small.shape[0])[:, None]
    person = np.isin(region, [model.region_names.index(name) for name in ("face", "scalp")]) & (rows < chin)
    outside = ~grown(covered, max(2, int(LONGEST * grain))) & (rows < chin)
    if outside.sum() < 200 or person.sum() < 200:
        return None
    return background_probability(small, person, outside)


def _smooth(
    lift: Array, triangles: NDArray[np.integer], moving: NDArray[np.bool_], rounds: int = 25
) -> Array:
    first, second = unique_edges(triangles).T
    ends, others = np.concatenate([first, second]), np.concatenate([second, first])
    count = np.maximum(np.bincount(ends, minlength=len(lift)), 1)
    for _ in range(rounds):
        around = np.bincount(ends, lift[others], len(lift)) / count
        lift = np.where(moving, 0.5 * lift + 0.5 * around, lift)
    return np.asarray(lift)

"""Fragments → pictures: plain clay, depth, normals, and skin from a texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.mesh import Camera, Mesh, Placement, TextureMap
from mien.face3d.render.rasterize import Fragments, rasterize
from mien.geometry.projection import place
from mien.geometry.triangles import vertex_normals

Pixels = NDArray[np.uint8]
_CLAY = np.array([205.0, 190.0, 180.0])
_LIGHT = np.array([-0.35, -0.45, -0.82])  # from the upper left, in the camera frame


def render_clay(
    mesh: Mesh, placement: Placement, camera: Camera, width: int, height: int, background: int = 255
) -> Pixels:
    """A picture (H, W, 3) of the bare shape under one soft light."""
    points = place(mesh.vertices, placement)
    fragments = rasterize(points, mesh.triangles, camera, width, height)
    normals = _normals(points, mesh, fragments)
    picture = np.full((height, width, 3), background, np.uint8)
    shade = 0.32 + 0.68 * np.clip(normals @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
    picture[fragments.covered] = np.clip(shade[:, None] * _CLAY, 0, 255).astype(np.uint8)
    return picture


def render_textured(
    mesh: Mesh,
    texture: TextureMap,
    placement: Placement,
    camera: Camera,
    width: int,
    height: int,
    background: int = 255,
    modelling: float = 0.0,
    finer: int = 1,
) -> Pixels:
    """A picture (H, W, 3) of the head with its skin.

    modelling: 0..1, how much a soft light from above adds to the skin's own colours; 0 shows them bare.
    finer: looks each pixel up so many times across and down, so that outlines are smooth.
    """
    if finer > 1:
        closer = Camera(
            camera.fx * finer,
            camera.fy * finer,
            (camera.cx + 0.5) * finer - 0.5,
            (camera.cy + 0.5) * finer - 0.5,
        )
        large = render_textured(
            mesh, texture, placement, closer, width * finer, height * finer, background, modelling
        )
        means = large.reshape(height, finer, width, finer, 3).mean(axis=(1, 3))
        return np.asarray(means.round(), np.uint8)
    points = place(mesh.vertices, placement)
    fragments = rasterize(points, mesh.triangles, camera, width, height)
    picture = np.full((height, width, 3), background, np.uint8)
    colours = texture_colours(mesh, texture, fragments)
    if modelling:
        normals = _normals(points, mesh, fragments)
        key = np.clip(normals @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
        shade = 1 + modelling * (0.72 + 0.36 * key - 1)
        colours = np.clip(colours * shade[:, None], 0, 255).astype(np.uint8)
    picture[fragments.covered] = colours
    return picture


def texture_colours(mesh: Mesh, texture: TextureMap, fragments: Fragments) -> Pixels:
    """Texture at the covered pixels, (N, 3), bilinear."""
    if mesh.uv is None or mesh.uv_triangles is None:
        raise InputError("this mesh has no texture coordinates; build it from the head model")
    uv = fragments.interpolate(mesh.uv, mesh.uv_triangles)
    size = np.array([texture.pixels.shape[1], texture.pixels.shape[0]])
    return sample(texture.pixels, uv * size - 0.5).round().astype(np.uint8)


def sample(
    pixels: NDArray[np.uint8] | NDArray[np.float32], points: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Bilinear values (N, C) of a picture (H, W, C) at points (N, 2); beyond the edge the edge is
    repeated."""
    height, width = pixels.shape[:2]
    x = np.clip(points[:, 0], 0, width - 1).astype(np.float32)
    y = np.clip(points[:, 1], 0, height - 1).astype(np.float32)
    left, top = (
        np.minimum(x.astype(np.int64), max(width - 2, 0)),
        np.minimum(y.astype(np.int64), max(height - 2, 0)),
    )
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    above = pixels[top, left] * (1 - fx) + pixels[top, right] * fx
    below = pixels[bottom, left] * (1 - fx) + pixels[bottom, right] * fx
    return np.asarray(above * (1 - fy) + below * fy, np.float32)


def depth_map(
    mesh: Mesh, placement: Placement, camera: Camera, width: int, height: int
) -> NDArray[np.float32]:
    """Depth z (H, W) in mm, inf where the head is not."""
    return rasterize(place(mesh.vertices, placement), mesh.triangles, camera, width, height).depth


def normal_map(
    mesh: Mesh, placement: Placement, camera: Camera, width: int, height: int
) -> NDArray[np.float32]:
    """Unit normals (H, W, 3) in the camera frame, zero where the head is not."""
    points = place(mesh.vertices, placement)
    fragments = rasterize(points, mesh.triangles, camera, width, height)
    picture = np.zeros((height, width, 3), np.float32)
    picture[fragments.covered] = _normals(points, mesh, fragments)
    return picture


def _normals(points: NDArray[np.float64], mesh: Mesh, fragments: Fragments) -> NDArray[np.float32]:
    normals = fragments.interpolate(vertex_normals(points, mesh.triangles), mesh.triangles)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-9), np.float32)

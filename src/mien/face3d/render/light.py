"""Spherical-harmonics light: nine numbers a colour channel (Ramamoorthi and Hanrahan 2001)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def harmonics(normals: Floats) -> NDArray[np.float64]:
    """The nine real spherical harmonics of unit normals (N, 3), scaled by the Lambertian kernel: (N, 9).

    With light coefficients L, irradiance is ``harmonics(n) @ L``; a constant light of radiance 1 is
    ``L = [sqrt(4 pi), 0, ...]`` and gives pi everywhere.
    """
    x, y, z = np.asarray(normals, np.float64).T
    a0, a1, a2 = np.pi, 2 * np.pi / 3, np.pi / 4
    return np.stack(
        [
            a0 * 0.282095 * np.ones_like(x),
            a1 * 0.488603 * y,
            a1 * 0.488603 * z,
            a1 * 0.488603 * x,
            a2 * 1.092548 * x * y,
            a2 * 1.092548 * y * z,
            a2 * 0.315392 * (3 * z**2 - 1),
            a2 * 1.092548 * x * z,
            a2 * 0.546274 * (x**2 - y**2),
        ],
        axis=1,
    )


def harmonics_slope(normals: Floats) -> NDArray[np.float64]:
    """Derivative of `harmonics` by the normal, taken as three free numbers: (N, 9, 3)."""
    x, y, z = np.asarray(normals, np.float64).T
    none, one = np.zeros_like(x), np.ones_like(x)
    a1, a2 = 2 * np.pi / 3, np.pi / 4
    rows = [
        (none, none, none),
        (none, a1 * 0.488603 * one, none),
        (none, none, a1 * 0.488603 * one),
        (a1 * 0.488603 * one, none, none),
        (a2 * 1.092548 * y, a2 * 1.092548 * x, none),
        (none, a2 * 1.092548 * z, a2 * 1.092548 * y),
        (none, none, a2 * 0.315392 * 6 * z),
        (a2 * 1.092548 * z, none, a2 * 1.092548 * x),
        (a2 * 0.546274 * 2 * x, -a2 * 0.546274 * 2 * y, none),
    ]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def fit_light(normals: Floats, colours: Floats, albedo: Floats, ridge: float = 1e-3) -> NDArray[np.float64]:
    """Find the light (9, C) that best explains colours (N, C) of a surface of known albedo (N, C)."""
    basis = harmonics(normals)
    light = np.empty((9, colours.shape[1]))
    for channel in range(colours.shape[1]):
        rows = basis * albedo[:, channel : channel + 1]
        normal = rows.T @ rows + ridge * len(rows) * np.eye(9)
        light[:, channel] = np.linalg.solve(normal, rows.T @ colours[:, channel])
    return light

"""Read the registered shapes of ICT-FaceKit (USC Institute for Creative Technologies, MIT) as training
data."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TEETH_END = 21451
"""Skin, mouth bag, eye sockets, gums, tongue and teeth come first; eyeballs and lashes follow."""
BACK, GUMS, TEETH = 9409, 14062, 17039
SOCKETS = 11248
SCLERA = {"left": slice(21451, 22221), "right": slice(23021, 23791)}


_WANTED = frozenset(
    [
        "neutral",
        "identity",
        "identity_scale",
        "expression",
        "expression_scale",
        "arkit_from_ict",
        "tris",
        "quads",
        "uv",
        "uv_tris",
        "material",
        "landmarks68",
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """Heads on one topology, in millimetres, +x the person's left, +y up, +z out of the face.

    mean: (V, 3).    modes: (K, V, 3), one standard deviation each.    expression: (52, V, 3), full movement.
    tile: (T,) number of the texture tile of each triangle; uv is relative to its tile, v upwards.
    """

    mean: Floats
    modes: NDArray[np.float32]
    expression: NDArray[np.float32]
    triangles: Ints
    uv: Floats
    uv_triangles: Ints
    tile: Ints
    landmarks68: Ints


def read_registered(path: Path) -> Registered:
    """Read the packed file (format: ``mien train head-model --help``); units become millimetres."""
    packed = read_arrays(path)
    absent = _WANTED - packed.keys()
    if absent:
        raise InputError(
            f"{path.name} lacks {sorted(absent)[0]!r}; give a packed file as head3d/README.md describes"
        )
    return _registered(packed)


def _registered(packed: dict[str, NDArray[Any]]) -> Registered:
    identity = packed["identity"].astype(np.float32) * packed["identity_scale"][:, None, None] * 10
    moves = packed["expression"].astype(np.float32) * packed["expression_scale"][:, None, None] * 10
    expression = np.einsum("ae,evc->avc", packed["arkit_from_ict"].astype(np.float32), moves, optimize=True)
    quads, material = packed["quads"], packed["material"]
    return Registered(
        mean=packed["neutral"].astype(np.float64) * 10,
        modes=identity,
        expression=expression,
        triangles=packed["tris"].astype(np.int64),
        uv=packed["uv"].astype(np.float64),
        uv_triangles=packed["uv_tris"].astype(np.int64),
        tile=np.concatenate([material, material[quads[:, 3] >= 0]]).astype(np.int64),
        landmarks68=packed["landmarks68"].astype(np.int64),
    )


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz; raises `InputError` where it is none."""
    if not path.is_file():
        raise InputError(f"no such file: {path}; check the path")
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as packed:
            return {name: packed[name] for name in packed.files}
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path.name} holds no arrays ({error}); give an .npz") from error


def sample_heads(modes: NDArray[np.float32], mean: Floats, count: int, seed: int) -> NDArray[np.float32]:
    """Draw ``count`` heads (count, V, 3) in mirrored pairs (z and -z), so that their mean is the mean."""
    half = np.random.default_rng(seed).standard_normal((count // 2, len(modes))).astype(np.float32)
    z = np.concatenate([half, -half])
    heads = (z @ modes.reshape(len(modes), -1)).reshape(len(z), *mean.shape)
    heads += mean.astype(np.float32)
    return heads

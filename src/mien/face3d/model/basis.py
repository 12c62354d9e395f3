"""The head model as it lies in memory, and its file.

The file is an npz without pickled objects.  Identity displacements are stored as whole steps of ``*_step``
mm:
the large components in 16 bit, the small ones in 8; expressions as 16-bit floats of the vertices that move.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ModelCorrupt, ModelMissing
from mien.core.mesh import Mesh

FORMAT = "mien-head-1"
SKIN = ("face", "scalp")
_KEYS = frozenset(
    [
        "format",
        "mean",
        "identity_wide",
        "identity_wide_step",
        "identity_narrow",
        "identity_narrow_step",
        "sigma",
        "expression_names",
        "expression_rows",
        "expression_counts",
        "expression_moves",
        "uv",
        "region",
        "region_names",
        "mirror",
        "level_sizes",
        "level_triangles",
        "level_uv_triangles",
        "level_counts",
        "eye_centres",
        "eye_modes",
        "mesh468_corners",
        "mesh468_weights",
        "mesh468_scatter",
        "points68",
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """Landmarks on the surface.

    corners: (N, 3) vertex numbers.    weights: (N, 3) barycentric.    scatter: (N,) mm, how far a landmark
    network
    puts the point from here, measured over people and views.
    """

    corners: NDArray[np.int64]
    weights: NDArray[np.float64]
    scatter: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HeadModel:
    """A population of heads on one mesh; millimetres, head frame.

    mean: (V, 3) float32.    identity: (K, V, 3) float32, displacement of one standard deviation of each
    component.
    sigma: (K,) mm, length of that displacement over all 3V numbers; ``identity / sigma`` has orthonormal
    rows.
    expression: (E, V, 3) float32, full movement of each name.    names: (E,) blendshape names.
    levels: triangles and uv triangles, finest first; level i uses the first ``level_sizes[i]`` vertices and
        the eyeballs.    uv: (U, 2).
    region: (V,) number in ``region_names``.    mirror: (V,) number of the vertex on the other side, or -1.
    eye_centres: (2, 3) person's left and right.    eye_modes: (K, 2, 3) their displacement with identity.
    mesh468, points68: embeddings of the landmark schemes.
    """

    mean: NDArray[np.float32]
    identity: NDArray[np.float32]
    sigma: NDArray[np.float64]
    expression: NDArray[np.float32]
    names: tuple[str, ...]
    levels: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]
    level_sizes: tuple[int, ...]
    uv: NDArray[np.float32]
    region: NDArray[np.uint8]
    region_names: tuple[str, ...]
    mirror: NDArray[np.int64]
    eye_centres: NDArray[np.float64]
    eye_modes: NDArray[np.float64]
    mesh468: Embedding
    points68: NDArray[np.int64]

    def mesh(self, vertices: NDArray[np.floating] | None = None, level: int = 0) -> Mesh:
        """The mesh of one level of detail around given vertices (V, 3), or around the mean head."""
        triangles, uv_triangles = self.levels[level]
        return Mesh(self.mean if vertices is None else vertices, triangles, self.uv, uv_triangles)

    def rows(self, *regions: str) -> NDArray[np.int64]:
        """Numbers of the vertices in the named regions."""
        labels = [self.region_names.index(name) for name in regions]
        return np.flatnonzero(np.isin(self.region, labels))

    @property
    def skin(self) -> NDArray[np.bool_]:
        """Which vertices (V,) are skin: face and scalp, of those that the model tells apart."""
        return np.isin(self.region, [n for n, name in enumerate(self.region_names) if name in SKIN])

    def skin_triangles(self, level: int = 0) -> NDArray[np.int64]:
        """The triangles (T, 3) of one level of detail whose three corners are skin."""
        triangles = self.levels[level][0]
        return triangles[self.skin[triangles].all(axis=1)]

    def triangle_regions(self, level: int = 0) -> NDArray[np.uint8]:
        """Region number of each triangle, (T,): that of its first corner."""
        return self.region[self.levels[level][0][:, 0]]


@functools.cache
def load_head_model() -> HeadModel:
    """The head model that ships with mien."""
    source = resources.files("mien.face3d") / "data" / "head.npz"
    if not source.is_file():
        raise ModelMissing("the head model is not in this installation; install mien again")
    return _read(source.read_bytes(), "the head model of this installation")


def read_head_model(path: Path) -> HeadModel:
    """Read a head model that `mien train head-model` wrote."""
    if not path.is_file():
        raise ModelMissing(f"no head model at {path}; train one with `mien train head-model`")
    return _read(path.read_bytes(), str(path))


def _read(data: bytes, name: str) -> HeadModel:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as packed:
            arrays = {key: packed[key] for key in packed.files}
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise ModelCorrupt(f"{name} is not a head model ({error}); fetch or train it again") from error
    if _KEYS - arrays.keys() or str(arrays["format"]) != FORMAT:
        raise ModelCorrupt(f"{name} is not a head model of format {FORMAT}; fetch or train it again")
    return _unpack(arrays)


def _unpack(packed: Mapping[str, NDArray[Any]]) -> HeadModel:
    mean = packed["mean"].astype(np.float32)
    ends = np.cumsum(packed["level_counts"])
    triangles = np.split(packed["level_triangles"].astype(np.int64), ends[:-1])
    uv_triangles = np.split(packed["level_uv_triangles"].astype(np.int64), ends[:-1])
    return HeadModel(
        mean=mean,
        identity=_identity(packed),
        sigma=packed["sigma"].astype(np.float64),
        expression=_expression(packed, len(mean)),
        names=tuple(str(name) for name in packed["expression_names"]),
        levels=tuple(zip(triangles, uv_triangles, strict=True)),
        level_sizes=tuple(int(n) for n in packed["level_sizes"]),
        uv=packed["uv"].astype(np.float32),
        region=packed["region"].astype(np.uint8),
        region_names=tuple(str(name) for name in packed["region_names"]),
        mirror=packed["mirror"].astype(np.int64),
        eye_centres=packed["eye_centres"].astype(np.float64),
        eye_modes=packed["eye_modes"].astype(np.float64),
        mesh468=Embedding(
            packed["mesh468_corners"].astype(np.int64),
            packed["mesh468_weights"].astype(np.float64),
            packed["mesh468_scatter"].astype(np.float64),
        ),
        points68=packed["points68"].astype(np.int64),
    )


def _identity(packed: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    wide, narrow = packed["identity_wide"], packed["identity_narrow"]
    result = np.empty((len(wide) + len(narrow), *wide.shape[1:]), np.float32)
    np.multiply(wide, packed["identity_wide_step"][:, None, None], out=result[: len(wide)], casting="unsafe")
    np.multiply(
        narrow, packed["identity_narrow_step"][:, None, None], out=result[len(wide) :], casting="unsafe"
    )
    return result


def _expression(packed: Mapping[str, NDArray[Any]], vertices: int) -> NDArray[np.float32]:
    counts = packed["expression_counts"]
    result = np.zeros((len(counts), vertices, 3), np.float32)
    owner = np.repeat(np.arange(len(counts)), counts)
    result[owner, packed["expression_rows"].astype(np.int64)] = packed["expression_moves"]
    return result

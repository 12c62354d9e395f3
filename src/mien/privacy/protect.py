"""Revocable templates (ISO/IEC 24745): what is stored can be renewed without a new photo.

`Rotation` changes no similarity at all and gives renewal and unlinkability, but whoever has its key has the
embedding back. `BioHash` keeps only the signs of 256 keyed projections: a sixteenth of the bytes, at a price
in accuracy; of embeddings as short as ours a thief of the key gets most back all the same (docs/gallery.md
has the figures). `Plain` leaves vectors as they are.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.protocols import Protector

BIOHASH_BITS = 256


class Plain:
    """No protection beyond encryption."""

    kind = "plain"

    def protect(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return vectors

    def recover(self, templates: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32] | None:
        return np.asarray(templates, dtype=np.float32)


class Rotation:
    """Multiply by an orthonormal matrix that only the key determines; cosines stay the same to 1e-6."""

    kind = "rotation"

    def __init__(self, key: bytes, dimension: int) -> None:
        self._matrix = orthonormal(key, dimension)

    def protect(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(vectors @ self._matrix, dtype=np.float32)

    def recover(self, templates: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32] | None:
        return np.ascontiguousarray(templates @ self._matrix.T, dtype=np.float32)


class BioHash:
    """Signs of keyed random projections (Teoh et al. 2006), packed to 32 bytes.  matrix: (D, 256)."""

    kind = "biohash"

    def __init__(self, key: bytes, dimension: int) -> None:
        blocks = -(-BIOHASH_BITS // dimension)
        parts = [orthonormal(key + bytes([i]), dimension) for i in range(blocks)]
        self.matrix = np.concatenate(parts, axis=1)[:, :BIOHASH_BITS]

    def protect(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.packbits(vectors @ self.matrix > 0, axis=1)

    def recover(self, templates: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32] | None:
        return None


def orthonormal(key: bytes, dimension: int) -> NDArray[np.float32]:
    """A (D, D) orthonormal matrix, uniform over rotations and reflections (Mezzadri 2007), fixed by the key.

    The Gaussian entries come from SHAKE-256 by Box-Muller, so that the matrix does not depend on the version
    of NumPy's generators.
    """
    count = dimension * dimension
    half = -(-count // 2)
    words = np.frombuffer(hashlib.shake_256(b"mien/rotation/1" + key).digest(16 * half), dtype="<u8")
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    radius, angle = np.sqrt(-2 * np.log(uniform[:half])), 2 * np.pi * uniform[half:]
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
    q, r = np.linalg.qr(normal.reshape(dimension, dimension))
    return np.ascontiguousarray(q * np.sign(np.diag(r)), dtype=np.float32)


def load_protector(kind: str, key: bytes, dimension: int) -> Protector:
    """kind: "plain", "rotation" or "biohash"."""
    match kind:
        case "plain":
            return Plain()
        case "rotation":
            return Rotation(key, dimension)
        case "biohash":
            return BioHash(key, dimension)
    raise InputError(f"no template protection is called {kind!r}: use plain, rotation or biohash")

"""Coarsen a mesh by mirror-symmetric half-edge collapses.

A vertex moves onto a neighbour (half-edge collapse), so what remains is a subset of the original vertices and
every linear basis on the mesh is carried over by picking rows.  Costs are quadric errors (Garland and
Heckbert
1997) times a weight per vertex; a weight of infinity keeps a vertex.  The collapse of a vertex and of its
mirror image happen together, so a symmetric mesh stays symmetric.  The order of removal gives levels of
detail.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.geometry.triangles import boundary_edges, face_crosses

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Face = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One level of detail.

    triangles: (T, 3) original vertex numbers.    uv_triangles: (T, 3) original texture vertex numbers.
    """

    triangles: Ints
    uv_triangles: Ints


def mirror_map(vertices: Floats, tolerance: float) -> Ints:
    """Number of the mirror image (x → -x) of each vertex, (V,); a vertex on the middle is its own.

    A vertex whose mirror image is further than ``tolerance`` away, or not mutual, gets -1.
    """
    order = np.lexsort(np.round(vertices / (tolerance * 4)).T)  # sorted along z to keep the search local
    z = vertices[order, 2]
    partner = np.full(len(vertices), -1, np.int64)
    for i, (x, y, depth) in enumerate(vertices):
        low, high = np.searchsorted(z, [depth - 5 * tolerance, depth + 5 * tolerance])
        near = order[low:high]
        gaps = np.abs(vertices[near] - (-x, y, depth)).max(axis=1)
        best = int(np.argmin(gaps)) if len(near) else -1
        if best >= 0 and gaps[best] <= tolerance:
            partner[i] = near[best]
    mutual = (partner >= 0) & (partner[partner] == np.arange(len(vertices)))
    return np.where(mutual, partner, -1)


class SymmetricDecimation:
    """A mesh that can be coarsened step by step; keeps the state between levels of detail."""

    def __init__(
        self, vertices: Floats, triangles: Ints, uv_triangles: Ints, mirror: Ints, weights: Floats
    ) -> None:
        self.vertices, self.mirror, self.weights = vertices, mirror, weights
        self.faces: list[Face | None] = [tuple(map(int, row)) for row in triangles]  # type: ignore[misc]  # rows of three
        self.uv_faces: list[Face] = [tuple(map(int, row)) for row in uv_triangles]  # type: ignore[misc]  # rows of three
        self.around: list[set[int]] = [set() for _ in vertices]
        for number, row in enumerate(triangles):
            for vertex in row:
                self.around[vertex].add(number)
        self.boundary = set(map(int, boundary_edges(triangles).ravel()))
        self.quadrics = _quadrics(vertices, triangles)
        self.removed: list[int] = []
        self._version = np.zeros(len(vertices), np.int64)
        self._heap: list[tuple[float, int, int, int]] = []
        for vertex in range(len(vertices)):
            self._push(vertex)

    def reduce_to(self, vertices: int) -> Level:
        """Collapse until that many vertices are in use, or nothing more may collapse."""
        used = sum(1 for faces in self.around if faces)
        while used > vertices and self._heap:
            _, version, source, target = heapq.heappop(self._heap)
            if version != self._version[source] or not self.around[source]:
                continue
            used -= self._collapse_pair(source, target)
        return self.level()

    def level(self) -> Level:
        """The mesh as it is now."""
        keep = [i for i, face in enumerate(self.faces) if face is not None]
        faces = [self.faces[i] for i in keep]
        return Level(np.array(faces, np.int64), np.array([self.uv_faces[i] for i in keep], np.int64))

    def _collapse_pair(self, source: int, target: int) -> int:
        """Collapse source onto target and their mirror images alike; returns the number of vertices
        removed."""
        twin, twin_target = int(self.mirror[source]), int(self.mirror[target])
        if twin == source and twin_target != target:
            return 0
        if not self._allowed(source, target):
            return 0
        if twin in (source, -1):
            self._collapse(source, target)
            return 1
        if twin_target in (source, -1) or target == twin or not self._allowed(twin, twin_target):
            return 0
        self._collapse(source, target)
        if not self._allowed(
            twin, twin_target
        ):  # the first collapse touched the same faces across the middle
            return 1
        self._collapse(twin, twin_target)
        return 2

    def _push(self, source: int) -> None:
        self._version[source] += 1
        if not np.isfinite(self.weights[source]):
            return
        for target in self._neighbours(source):
            if not (self.mirror[source] == source and self.mirror[target] != target):
                cost = self._cost(source, target)
                heapq.heappush(self._heap, (cost, int(self._version[source]), source, target))

    def _cost(self, source: int, target: int) -> float:
        point = np.append(self.vertices[target], 1.0)
        error = float(point @ (self.quadrics[source] + self.quadrics[target]) @ point)
        length = float(np.sum((self.vertices[source] - self.vertices[target]) ** 2))
        return (max(error, 0.0) + 1e-3 * length * length) * float(self.weights[source])

    def _neighbours(self, vertex: int) -> set[int]:
        found = {corner for i in self.around[vertex] for corner in self._face(i)}
        found.discard(vertex)
        return found

    def _face(self, number: int) -> Face:
        face = self.faces[number]
        assert face is not None, "a removed face is in no vertex's list"
        return face

    def _uv_map(self, source: int, target: int) -> dict[int, int]:
        shared = self.around[source] & self.around[target]
        return {
            self.uv_faces[i][self._face(i).index(source)]: self.uv_faces[i][self._face(i).index(target)]
            for i in shared
        }

    def _allowed(self, source: int, target: int) -> bool:
        shared = self.around[source] & self.around[target]
        common = self._neighbours(source) & self._neighbours(target)
        if not shared or len(common) != len(shared):
            return False
        if source in self.boundary and len(shared) != 1:
            return False
        carried = self._uv_map(source, target)
        for i in self.around[source] - shared:
            face = self._face(i)
            if self.uv_faces[i][face.index(source)] not in carried:
                return False
            if not self._keeps_facing(face, source, target):
                return False
        return True

    def _keeps_facing(self, face: Face, source: int, target: int) -> bool:
        before = self.vertices[list(face)]
        after = self.vertices[[target if corner == source else corner for corner in face]]
        n0 = np.cross(before[1] - before[0], before[2] - before[0])
        n1 = np.cross(after[1] - after[0], after[2] - after[0])
        area0, area1 = float(np.linalg.norm(n0)), float(np.linalg.norm(n1))
        if area0 == 0:
            return True
        longest = max(float(np.sum((after[i] - after[i - 1]) ** 2)) for i in range(3))
        return float(n0 @ n1) > 0.35 * area0 * area1 and area1 > 0.12 * longest

    def _collapse(self, source: int, target: int) -> None:
        carried = self._uv_map(source, target)
        for i in list(self.around[source]):
            face = self._face(i)
            if target in face:
                for corner in face:
                    self.around[corner].discard(i)
                self.faces[i] = None
                continue
            corner = face.index(source)
            texture = list(self.uv_faces[i])
            texture[corner] = carried[texture[corner]]
            self.uv_faces[i] = (texture[0], texture[1], texture[2])
            moved = [target if v == source else v for v in face]
            self.faces[i] = (moved[0], moved[1], moved[2])
            self.around[target].add(i)
        self.around[source] = set()
        self.removed.append(source)
        self.quadrics[target] += self.quadrics[source]
        for vertex in self._neighbours(target) | {target}:
            self._push(vertex)


def _quadrics(vertices: Floats, triangles: Ints) -> Floats:
    """Sum of squared-distance matrices of the planes around each vertex, (V, 4, 4), weighted by area."""
    crosses = face_crosses(vertices, triangles)
    doubled = np.maximum(np.linalg.norm(crosses, axis=1, keepdims=True), 1e-30)
    normals = crosses / doubled
    planes = np.concatenate(
        [normals, -np.einsum("ni,ni->n", normals, vertices[triangles[:, 0]])[:, None]], axis=1
    )
    per_face = planes[:, :, None] * planes[:, None, :] * (doubled / 2)[:, :, None]
    result = np.zeros((len(vertices), 4, 4))
    for corner in range(3):
        np.add.at(result, triangles[:, corner], per_face)
    return result

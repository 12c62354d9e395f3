"""A folder's registered heads → head model file, on the triangles they come with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, NoFaceFound
from mien.core.mesh import Mesh
from mien.evaluation.metrics.mesh import align
from mien.evaluation.seven import find_landmarks
from mien.face3d.model.basis import FORMAT, read_head_model
from mien.geometry.nearest import nearest_on_mesh, nearest_vertices
from mien.pipeline.analyze import Analyzer
from mien.training.headmodel.anatomy import fit_sphere
from mien.training.headmodel.build import pack_expressions, pack_identity
from mien.training.headmodel.decimate import mirror_map
from mien.training.headmodel.folder import Indices, RegisteredHeads
from mien.training.headmodel.learn import Identity, learn_identity, reconstruction_error
from mien.training.headmodel.topology import REGIONS

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

MOST_VERTICES = 65_535
NEAREST_OF_468 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107,
    336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387,
    263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""The mesh's point next to each of the 68."""


@dataclass(frozen=True, slots=True)
class FolderRecipe:
    """Settings of one training run.

    components: identity components kept at most.    aligned: turn and shift heads onto their mean first.
    symmetric: learn from every head and its mirror image; the mesh must be symmetric.
    held_out: share of the heads that the error is measured on, by a model that has not seen them.
    licence: of the shapes, for the card.
    """

    components: int = 100
    aligned: bool = True
    symmetric: bool = False
    held_out: float = 0.1
    seed: int = 20240
    wide_above: float = 2.5
    licence: str = "unknown"


def train_on_folder(
    shapes: RegisteredHeads,
    expression: Singles,
    indices: Indices,
    recipe: FolderRecipe,
    out: Path,
    analyzer: Analyzer | None = None,
) -> dict[str, Any]:
    """Train and write a head model and its card (``out`` with .json); returns the card.

    expression: (52, V, 3) mm.    analyzer: looks for the 468 landmarks on the mean head; without it, or
    where it sees no face, the model knows none and fits scans, not photos.
    raises: `InputError` where the mesh has no symmetry to learn by, or is too fine.
    """
    count = shapes.heads.shape[1]
    if count > MOST_VERTICES:
        raise InputError(
            f"{count:,} vertices are above {MOST_VERTICES:,}; decimate the registered mesh first"
        )
    heads = onto_mean(shapes.heads) if recipe.aligned else shapes.heads
    mirror = _mirror(heads.mean(axis=0, dtype=np.float64), indices, recipe.symmetric)
    if recipe.symmetric:
        heads = np.concatenate([heads, heads[:, mirror] * np.array([-1, 1, 1], np.float32)])
    error = _held_out_error(heads, len(shapes.heads), recipe)
    identity = learn_identity(heads, min(recipe.components, len(heads) - 1))
    arrays: dict[str, NDArray[Any]] = {"format": np.array(FORMAT), "mean": identity.mean.astype(np.float32)}
    arrays |= pack_identity(identity, recipe.wide_above) | pack_expressions(expression)
    arrays |= _surface(shapes, identity.mean, indices, mirror)
    marks, found = _landmarks(shapes, identity.mean, indices, analyzer)
    arrays |= marks | _eyes(identity, indices, marks["points68"])
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, **arrays)  # type: ignore[arg-type]  # the stub takes the names for allow_pickle
    card = _card(shapes, recipe, out, identity, error, found)
    out.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card


def onto_mean(heads: Singles, rounds: int = 3) -> Singles:
    """Turn and shift heads (N, V, 3) rigidly onto their mean (generalised Procrustes, Gower 1975)."""
    result = heads - heads.mean(axis=1, keepdims=True)
    target = np.asarray(result[0], np.float64)
    for _ in range(rounds):
        for number, head in enumerate(result):
            _, rotation, shift = align(head.astype(np.float64), target, scale=False)
            result[number] = head @ rotation.T + shift
        target = result.mean(axis=0, dtype=np.float64)
    # as the first head stood: its own frame is the population's
    _, rotation, shift = align(target, heads[0].astype(np.float64), scale=False)
    return np.asarray(result @ rotation.T.astype(np.float32) + shift, np.float32)


def _mirror(mean: Floats, indices: Indices, needed: bool) -> Ints:
    if indices.mirror is not None:
        mirror = indices.mirror
    else:
        mirror = mirror_map(mean, 0.01 * float(np.ptp(mean[:, 0])))
    if needed and (mirror < 0).any():
        lonely = int((mirror < 0).sum())
        raise InputError(
            f"{lonely:,} vertices have no mirror image; name it in --indices, or leave --symmetric"
        )
    return mirror


def _held_out_error(heads: Singles, people: int, recipe: FolderRecipe) -> Floats:
    """Root mean square error in mm, per held-out head; a person and the mirror image go together."""
    keep = max(2, round(people * recipe.held_out))
    if people - keep < 8:
        return np.zeros(0)
    out = np.random.default_rng(recipe.seed).permutation(people)[:keep]
    person = np.arange(len(heads)) % people
    rest = heads[~np.isin(person, out)]
    learned = learn_identity(rest, min(recipe.components, len(rest) - 1))
    return reconstruction_error(learned, heads[out])


def _surface(
    shapes: RegisteredHeads, mean: Floats, indices: Indices, mirror: Ints
) -> dict[str, NDArray[Any]]:
    uv, uv_triangles = shapes.uv, shapes.uv_triangles
    if uv is None or uv_triangles is None:
        uv, uv_triangles = cylinder(mean, shapes.triangles)
    region = np.zeros(len(mean), np.uint8)
    for name, rows in indices.regions.items():
        region[rows] = REGIONS.index(name)
    return {
        "uv": np.asarray(uv, np.float32),
        "region": region,
        "region_names": np.array(REGIONS),
        "mirror": mirror.astype(np.int32),
        "level_sizes": np.array([len(mean)], np.uint32),
        "level_counts": np.array([len(shapes.triangles)], np.uint32),
        "level_triangles": shapes.triangles.astype(np.uint16),
        "level_uv_triangles": np.asarray(uv_triangles, np.uint32),
    }


def cylinder(mean: Floats, triangles: NDArray[np.integer]) -> tuple[Floats, NDArray[np.int64]]:
    """Texture coordinates around the vertical axis, where the shapes bring none: (U, 2) and (T, 3).

    Cut at the back of the head: triangles that cross the cut have second places at its other side.
    """
    centred = mean - (mean.min(axis=0) + mean.max(axis=0)) / 2
    turn = np.arctan2(centred[:, 0], centred[:, 2]) / (2 * np.pi) + 0.5
    height = (mean[:, 1].max() - mean[:, 1]) / max(float(np.ptp(mean[:, 1])), 1e-9)
    crossing = np.ptp(turn[triangles], axis=1) > 0.5
    corners = np.asarray(triangles, np.int64).copy()
    again = np.unique(corners[crossing][turn[corners[crossing]] < 0.5])
    second = np.arange(len(mean))
    second[again] = len(mean) + np.arange(len(again))
    corners[crossing] = second[corners[crossing]]
    beyond = np.minimum(turn[again] + 1, 1)  # the square ends there: a sliver of the back is stretched
    return np.stack([np.append(turn, beyond), np.append(height, height[again])], axis=1), corners


def _landmarks(
    shapes: RegisteredHeads, mean: Floats, indices: Indices, analyzer: Analyzer | None
) -> tuple[dict[str, NDArray[Any]], str]:
    """The embeddings, and in a word where they are from."""
    points, source = None, "none"
    if analyzer is not None:
        try:
            points = find_landmarks(analyzer, Mesh(mean, shapes.triangles), "the mean head", range(468))
            source = "found on a render"
        except NoFaceFound:
            source = "none: no face was found on the mean head"
    corners: NDArray[np.integer] = np.zeros((0, 3), np.int64)
    weights, of68 = np.zeros((0, 3)), np.zeros(0, np.int64)
    if points is not None:
        _, chosen, weights = nearest_on_mesh(points, mean, shapes.triangles, 6)
        corners = shapes.triangles[chosen]
        of68 = np.asarray(nearest_vertices(points[list(NEAREST_OF_468)], mean)[:, 0], np.int64)
    if indices.landmarks68 is not None:
        of68 = indices.landmarks68
    marks: dict[str, NDArray[Any]] = {
        "mesh468_corners": corners.astype(np.uint16),
        "mesh468_weights": weights,
        "mesh468_scatter": np.full(len(corners), 2.0),
        "points68": of68.astype(np.uint16),
    }
    return marks, source


def _eyes(identity: Identity, indices: Indices, points68: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Eye centres: of the eyeballs' vertices, else behind the corners of the lids, else the origin."""
    displacement = identity.basis * identity.sigma[:, None, None]
    centres, modes = np.zeros((2, 3)), np.zeros((len(identity.sigma), 2, 3))
    corners = ((42, 45), (36, 39))
    for side, name in enumerate(("eye_left", "eye_right")):
        rows = indices.regions.get(name, np.zeros(0, np.int64))
        if len(rows) >= 4:
            centres[side] = fit_sphere(identity.mean[rows])[0]
        elif len(points68):
            rows = points68[list(corners[side])].astype(np.int64)
            centres[side] = identity.mean[rows].mean(axis=0) - (0.0, 0.0, 12.0)
        if len(rows):
            modes[:, side] = displacement[:, rows].mean(axis=1)
    return {"eye_centres": centres, "eye_modes": modes}


def _card(
    shapes: RegisteredHeads,
    recipe: FolderRecipe,
    out: Path,
    identity: Identity,
    error: Floats,
    landmarks: str,
) -> dict[str, Any]:
    model = read_head_model(out)
    rebuilt = Identity(
        model.mean.astype(np.float64),
        (model.identity / model.sigma[:, None, None]).astype(np.float32),
        model.sigma,
    )
    stored = float(
        np.abs(
            rebuilt.shape(np.ones((1, len(model.sigma)))) - identity.shape(np.ones((1, len(identity.sigma))))
        ).max()
    )
    return {
        "name": out.stem,
        "format": FORMAT,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "bytes": out.stat().st_size,
        "licence": recipe.licence,
        "recipe": asdict(recipe),
        "trained_on": {"heads": len(shapes.names), "sha256": shapes.sha256},
        "vertices": len(model.mean),
        "triangles": len(shapes.triangles),
        "components": len(model.sigma),
        "moving_expressions": int((np.abs(model.expression).max(axis=(1, 2)) > 0).sum()),
        "landmarks": landmarks,
        "held_out": len(error),
        "held_out_rms_mm": {"median": float(np.median(error)), "max": float(error.max())}
        if len(error)
        else None,
        "storage_error_mm": stored,
    }

"""Registered shapes → head model file: the whole training run, step by step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera
from mien.face3d.model.arkit import ARKIT, mirrored
from mien.face3d.model.basis import FORMAT, read_head_model
from mien.geometry.nearest import nearest_on_mesh
from mien.training.headmodel.anatomy import fit_sphere, radial_profile, similarity_displacement, tongue_out
from mien.training.headmodel.embedding import learn_embedding
from mien.training.headmodel.ict import SCLERA, Registered, sample_heads
from mien.training.headmodel.learn import Identity, learn_identity, reconstruction_error
from mien.training.headmodel.topology import REGIONS, Topology, build_topology

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
PORTRAIT_CAMERA = Camera(2400.0, 2400.0, 399.5, 399.5)
"""A long lens on 800-pixel portraits; the embedding hardly depends on it."""
_SILENT = 0.01  # mm: a vertex that an expression moves less is not stored


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one training run; the seed makes it repeatable."""

    sizes: tuple[int, ...] = (8000, 4000, 2000)
    samples: int = 2000
    held_out: int = 200
    components: int = 100
    seed: int = 20240
    wide_above: float = 2.5  # mm: components with a larger peak are stored in 16 bit


def train_head_model(
    shapes: Registered,
    embedding: dict[str, NDArray[Any]],
    recipe: Recipe,
    out: Path,
    people: Sequence[Floats] = (),
) -> dict[str, Any]:
    """Train and write a head model; returns what was measured.

    people: landmarks (468, 2) of frontal neutral photos, to learn the embedding on; without, the first one
    stays.
    embedding: first embedding of the 468 points on the registered mesh (``tri``, ``bary``, ``resid`` in mm).
    """
    topology = build_topology(shapes, recipe.sizes)
    mean, modes, eyes = _own_mesh(shapes, topology)
    identity = learn_identity(sample_heads(modes, mean, recipe.samples, recipe.seed), recipe.components)
    expression = _expressions(shapes, topology)
    arrays: dict[str, NDArray[Any]] = {"format": np.array(FORMAT), "mean": identity.mean.astype(np.float32)}
    arrays |= pack_identity(identity, recipe.wide_above) | pack_expressions(expression)
    arrays |= _pack_topology(topology) | _pack_eyes(identity, eyes, modes, mean)
    arrays |= embed_landmarks(shapes, topology, identity.mean, embedding)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, **arrays)  # type: ignore[arg-type]  # the stub takes the names for allow_pickle
    if people:
        learned = learn_embedding(read_head_model(out), people, PORTRAIT_CAMERA).embedding
        arrays["mesh468_corners"] = learned.corners.astype(np.uint16)
        arrays["mesh468_weights"], arrays["mesh468_scatter"] = learned.weights, learned.scatter
        np.savez(out, **arrays)  # type: ignore[arg-type]  # the stub takes the names for allow_pickle
    held_out = _stored_error(out, sample_heads(modes, mean, recipe.held_out, recipe.seed + 1))
    measured = {
        "vertices": len(mean),
        "levels": [len(level.triangles) for level in topology.levels],
        "held_out_rms_mm": {"median": float(np.median(held_out)), "max": float(held_out.max())},
        "bytes": out.stat().st_size,
    }
    out.with_suffix(".json").write_text(json.dumps(measured, indent=2) + "\n")
    return measured


def _stored_error(path: Path, heads: Singles) -> Floats:
    """Root mean square error in mm of heads it was not trained on, rebuilt from the file as it is stored."""
    model = read_head_model(path)
    basis = (model.identity / model.sigma[:, None, None]).astype(np.float32)
    return reconstruction_error(Identity(model.mean.astype(np.float64), basis, model.sigma), heads)


def _own_mesh(shapes: Registered, topology: Topology) -> tuple[Floats, Singles, dict[str, Any]]:
    """Mean (V, 3) and modes (K, V, 3) on our vertices: picked rows, then both eyeballs."""
    mean = shapes.mean[topology.rows].copy()
    paired = topology.mirror >= 0
    mean[paired] = (mean[paired] + mean[topology.mirror[paired]] * (-1, 1, 1)) / 2
    parts, mode_parts = [mean], [shapes.modes[:, topology.rows]]
    centres: list[Floats] = []
    shifts: list[Floats] = []
    for side in ("left", "right"):
        sclera = shapes.mean[SCLERA[side]]
        centre, _ = fit_sphere(sclera[sclera[:, 2] < np.median(sclera[:, 2])])
        centre = centre if side == "left" else centres[0] * (-1, 1, 1)
        profile = radial_profile(sclera, centre, topology.eyes)
        offsets = topology.eyes.directions * profile[:, None]
        shift, growth = similarity_displacement(sclera, centre, shapes.modes[:, SCLERA[side]])
        parts.append(centre + offsets)
        mode_parts.append((shift[:, None] + growth[:, None, None] * offsets).astype(np.float32))
        centres.append(centre)
        shifts.append(shift)
    eyes = {"centres": np.array(centres), "shifts": np.array(shifts)}
    return np.concatenate(parts), np.concatenate(mode_parts, axis=1), eyes


def _expressions(shapes: Registered, topology: Topology) -> Singles:
    """All 52 movements (52, V, 3) on our vertices; the eyeballs are turned, not moved."""
    count = len(topology.rows) + 2 * len(topology.eyes.directions)
    result = np.zeros((len(ARKIT), count, 3), np.float32)
    result[:, : len(topology.rows)] = shapes.expression[:, topology.rows]
    tongue = np.flatnonzero(topology.region[: len(topology.rows)] == REGIONS.index("tongue"))
    jaw, out = result[ARKIT.index("jawOpen")], result[ARKIT.index("tongueOut")]
    out[:] = 0.35 * jaw
    positions = shapes.mean[topology.rows]
    out[tongue] += tongue_out(positions[tongue], jaw[tongue].astype(np.float64)).astype(np.float32)
    return _mirrored_evenly(result, topology)


def _mirrored_evenly(expression: Singles, topology: Topology) -> Singles:
    """Make each left movement the mirror image of the right one, and the others symmetric."""
    rows = np.flatnonzero(topology.mirror >= 0)
    partner = topology.mirror[rows]
    flip = np.array([-1, 1, 1], np.float32)
    result = expression.copy()
    for number, name in enumerate(ARKIT):
        other = expression[ARKIT.index(mirrored(name))]
        result[number, rows] = (expression[number, rows] + other[partner] * flip) / 2
    return result


def pack_identity(identity: Identity, wide_above: float) -> dict[str, NDArray[Any]]:
    displacement = identity.basis * identity.sigma[:, None, None].astype(np.float32)
    peak = np.abs(displacement).max(axis=(1, 2))
    wide = int(np.flatnonzero(peak > wide_above)[-1]) + 1 if (peak > wide_above).any() else 0
    fine, coarse = (peak[:wide] / 32767).astype(np.float32), (peak[wide:] / 127).astype(np.float32)
    return {
        "identity_wide": np.round(displacement[:wide] / fine[:, None, None]).astype(np.int16),
        "identity_wide_step": fine,
        "identity_narrow": np.round(displacement[wide:] / coarse[:, None, None]).astype(np.int8),
        "identity_narrow_step": coarse,
        "sigma": identity.sigma,
    }


def pack_expressions(expression: Singles) -> dict[str, NDArray[Any]]:
    owner, rows = np.nonzero(np.abs(expression).max(axis=2) > _SILENT)
    return {
        "expression_names": np.array(ARKIT),
        "expression_rows": rows.astype(np.uint16),
        "expression_counts": np.bincount(owner, minlength=len(ARKIT)).astype(np.uint16),
        "expression_moves": expression[owner, rows].astype(np.float16),
    }


def _pack_topology(topology: Topology) -> dict[str, NDArray[Any]]:
    return {
        "uv": topology.uv.astype(np.float32),
        "region": topology.region,
        "region_names": np.array(REGIONS),
        "mirror": np.concatenate([topology.mirror, _eye_mirror(topology)]).astype(np.int16),
        "level_sizes": np.array(topology.sizes, np.uint16),
        "level_counts": np.array([len(level.triangles) for level in topology.levels], np.uint16),
        "level_triangles": np.concatenate([level.triangles for level in topology.levels]).astype(np.uint16),
        "level_uv_triangles": np.concatenate([level.uv_triangles for level in topology.levels]).astype(
            np.uint16
        ),
    }


def _eye_mirror(topology: Topology) -> NDArray[np.int64]:
    """Left eyeball vertex ↔ right eyeball vertex with the opposite x."""
    directions = topology.eyes.directions
    partner = np.argmax((directions * (-1, 1, 1)) @ directions.T, axis=1)
    first, count = len(topology.rows), len(directions)
    return np.concatenate([first + count + partner, first + partner])


def _pack_eyes(
    identity: Identity, eyes: dict[str, Any], modes: Singles, mean: Floats
) -> dict[str, NDArray[Any]]:
    """Eye centres follow the new components by the same combination of old modes as every vertex does."""
    old = modes.reshape(len(modes), -1).astype(np.float64)
    new = (identity.basis * identity.sigma[:, None, None]).reshape(len(identity.sigma), -1).astype(np.float64)
    mix = np.linalg.lstsq(old.T, new.T, rcond=None)[0].T  # new component = mix @ old modes
    return {
        "eye_centres": eyes["centres"],
        "eye_modes": np.tensordot(mix, eyes["shifts"].transpose(1, 0, 2), axes=1),
    }


def embed_landmarks(
    shapes: Registered, topology: Topology, mean: Floats, embedding: dict[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Carry the landmark embeddings over from the registered mesh to ours."""
    points = np.einsum("nkc,nk->nc", shapes.mean[embedding["tri"]], embedding["bary"])
    triangles = topology.levels[0].triangles
    outside = triangles[np.isin(topology.region[triangles], (0, 1)).all(axis=1)]
    _, chosen, weights = nearest_on_mesh(points, mean, outside, candidates=6)
    new = {int(row): number for number, row in enumerate(topology.rows)}
    return {
        "mesh468_corners": outside[chosen].astype(np.uint16),
        "mesh468_weights": weights,
        "mesh468_scatter": np.full(len(points), 2.0),
        "points68": np.array([new[int(row)] for row in shapes.landmarks68], np.uint16),
    }

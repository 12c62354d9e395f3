"""eos (Huber et al. 2016) on our head model: what its fitting makes of the landmarks that ours gets.

eos's code is Apache-2.0; its published model (SFM 3448) is for non-commercial research and is not fetched.
So eos gets mean, components and movements of `HeadModel`, and the 468 landmarks as vertices of their own.  It
fits a scaled orthographic camera, identity by regularised least squares and expressions by non-negative ones,
in turn.  `pip install mien[peers]`
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.face3d.fit.evidence import mesh468_points
from mien.face3d.model.basis import HeadModel

Array = NDArray[np.float64]

ITERATIONS = {"eos, our head model": 5, "eos, our head model, 50 rounds": 50}
"""eos's default, and until nothing changes any more."""


def eos_version() -> str | None:
    """Which eos is installed, None where none is."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("eos-py")
    except PackageNotFoundError:
        return None


def eos_heads(model: HeadModel, points: NDArray[np.floating], width: int, height: int) -> dict[str, Array]:
    """Vertices (V, 3) mm by name of the way, of 468 landmarks in pixels; empty without eos."""
    if eos_version() is None:
        return {}
    import eos

    handle, count = _eos_model(model), len(model.mean)
    pixels = np.asarray(points[:, :2], np.float32)
    marks = [eos.core.Landmark(str(count + number), place) for number, place in enumerate(pixels)]
    found = {}
    for name, rounds in ITERATIONS.items():
        mesh, *_ = eos.fitting.fit_shape_and_pose(
            handle, marks, eos.core.LandmarkMapper(), width, height, num_iterations=rounds
        )
        found[name] = np.array(mesh.vertices, np.float64)[:count]
    return found


@functools.lru_cache(maxsize=1)
def _eos_model(model: HeadModel) -> Any:
    import eos

    marks, count = mesh468_points(model, len(model.identity)), len(model.identity)
    mean = np.concatenate([model.mean.ravel(), marks.mean.ravel()])
    moves = marks.moves.reshape(-1, marks.moves.shape[2]).T  # (K + E, 468 * 3)
    identity = np.concatenate([model.identity.reshape(count, -1), moves[:count]], axis=1)
    shape = eos.morphablemodel.PcaModel(
        _column(mean),
        np.asarray((identity / model.sigma[:, None]).T, np.float32),
        _column(model.sigma**2),
        model.levels[0][0].tolist(),
    )
    movements = [
        eos.morphablemodel.Blendshape(name, _column(np.concatenate([whole.ravel(), at_marks])))
        for name, whole, at_marks in zip(model.names, model.expression, moves[count:], strict=True)
        if np.any(at_marks) and name != "tongueOut" and not name.startswith("eyeLook")
    ]
    return eos.morphablemodel.MorphableModel(shape, movements, eos.morphablemodel.PcaModel())


def _column(values: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32).reshape(-1, 1)

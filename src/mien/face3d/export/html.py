"""One page with the head in it: turns, zooms, moves its 52 expressions, needs no network and no library."""

from __future__ import annotations

import base64
import html
import io
import json
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.face3d.rig.head import RiggedHead

_STEP = 0.002  # mm: movements are stored as whole steps of this in 16 bit, of larger ones beyond 65 mm
_MOST = 65536  # vertices that 16-bit numbers tell apart


def write_html(path: Path, head: RiggedHead, title: str, subtitle: str = "") -> tuple[Path, ...]:
    """Write the viewer page of a head."""
    path.write_text(viewer_page(head, title, subtitle), encoding="utf-8")
    return (path,)


def viewer_page(head: RiggedHead, title: str, subtitle: str = "") -> str:
    """The page as text."""
    template = resources.files("mien.face3d.export").joinpath("viewer.html").read_text("utf-8")
    data = json.dumps(_data(head), separators=(",", ":")).replace("<", "\\u003c")  # names end no script
    # "$" is JavaScript's too: only the three names are replaced
    page = _Names(template).safe_substitute(title=html.escape(title), subtitle=html.escape(subtitle))
    return page.replace("$data", data)


class _Names(Template):
    """Replaces ``$title`` and ``$subtitle`` only."""

    idpattern = "title|subtitle"
    braceidpattern = "(?!)"  # `${...}` belongs to JavaScript


def _data(head: RiggedHead) -> dict[str, Any]:
    vertices, uv, triangles = [head.body.vertices], [np.asarray(head.body.uv)], [head.body.triangles]
    count, eyes = len(head.body.vertices), []
    for eye in head.eyes:
        eyes.append({"first": count, "count": len(eye.vertices), "centre": eye.centre.tolist()})
        vertices.append(eye.vertices + eye.centre)
        uv.append(eye.uv)
        triangles.append(eye.triangles + count)
        count += len(eye.vertices)
    points = np.concatenate(vertices)
    if len(points) > _MOST:
        raise InputError(f"{len(points):,} vertices are too many for a page ({_MOST:,}); save a .glb instead")
    step = max(_STEP, float(np.abs(head.moves).max(initial=0.0)) / 32767)
    _, first, same = np.unique(np.round(points, 4), axis=0, return_index=True, return_inverse=True)
    owner, rows = np.nonzero(np.abs(head.moves).max(axis=2) > 0.01)
    low, high = head.body.vertices.min(axis=0), head.body.vertices.max(axis=0)
    return {
        "vertices": _base64(points, "<f4"),
        "uv": _base64(np.concatenate(uv), "<f4"),
        "triangles": _base64(np.concatenate(triangles), "<u2"),
        "same": _base64(first[same.reshape(-1)], "<u2"),
        "names": list(head.names),
        "weights": [round(float(w), 4) for w in head.weights],
        "counts": np.bincount(owner, minlength=len(head.names)).tolist(),
        "moveRows": _base64(rows, "<u2"),
        "moves": _base64(np.round(head.moves[owner, rows] / step), "<i2"),
        "step": step,
        "eyes": eyes,
        "gaze": [_look(eye.rotation) for eye in head.eyes],
        "centre": [0.0, float(low[1] * 0.45 + high[1] * 0.55), float((low[2] + high[2]) / 2)],
        "size": float(high[1] - low[1]) / 1.4,
        "texture": _jpeg(head),
    }


def _base64(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, np.dtype(kind)).tobytes()).decode("ascii")


def _look(rotation: NDArray[np.float64]) -> list[float]:
    """Yaw and pitch of an eyeball's axis."""
    x, y, z = (float(v) for v in rotation @ [0.0, 0.0, 1.0])
    return [float(np.arctan2(x, z)), float(np.arcsin(np.clip(y, -1, 1)))]


def _jpeg(head: RiggedHead) -> str | None:
    if head.texture is None:
        return None
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(head.texture.pixels).save(stream, "JPEG", quality=92, subsampling=0)
    return base64.b64encode(stream.getvalue()).decode("ascii")

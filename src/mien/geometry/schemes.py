"""Named point sets: which index of a landmark scheme is what. "Left" is the picture's left, upright face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Scheme:
    """closed, open: name -> indices of a drawn line.    rigid: points that no expression moves."""

    name: str
    points: int
    closed: Mapping[str, tuple[int, ...]]
    open: Mapping[str, tuple[int, ...]]
    rigid: tuple[int, ...]


@cache
def scheme(name: str) -> Scheme:
    """Read a point set by its name, e.g. "mesh468".

    >>> scheme("mesh468").points
    468
    """
    data = json.loads(resources.files("mien.geometry").joinpath("schemes", f"{name}.json").read_text("utf-8"))
    lines = {
        kind: {part: tuple(indices) for part, indices in data[kind].items()} for kind in ("closed", "open")
    }
    return Scheme(data["name"], data["points"], lines["closed"], lines["open"], tuple(data["rigid"]))

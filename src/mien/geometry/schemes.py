"""Named point sets: which index of a landmark scheme is what. "Left" is the picture's left, upright face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from mien.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Scheme:
    """closed, open: name -> indices of a drawn line.    rigid: points that no expression moves.

    eye_corners: the outer ones, left and right: their distance is what errors are measured by.
    inner: points that are not on the outline of the face.
    mesh468: point -> the same place in mesh468; points without a counterpart are absent.
    mirror: point -> its twin on the other side of the face; empty where a scheme does not say.
    """

    name: str
    points: int
    closed: Mapping[str, tuple[int, ...]]
    open: Mapping[str, tuple[int, ...]]
    rigid: tuple[int, ...]
    eye_corners: tuple[int, int]
    inner: frozenset[int]
    mesh468: Mapping[int, int]
    mirror: tuple[int, ...] = ()


@cache
def scheme(name: str) -> Scheme:
    """Read a point set by its name, e.g. "mesh468".

    raises: InputError for a name that no point set has.

    >>> scheme("mesh468").points
    468
    """
    if name not in scheme_names():
        raise InputError(f"no point set is called {name!r}: choose {', '.join(scheme_names())}")
    data = json.loads(resources.files("mien.geometry").joinpath("schemes", f"{name}.json").read_text("utf-8"))
    lines = {
        kind: {part: tuple(indices) for part, indices in data[kind].items()} for kind in ("closed", "open")
    }
    left, right = data["eye_corners"]
    counterparts = data.get("mesh468", {str(i): i for i in range(data["points"])})
    return Scheme(
        data["name"],
        data["points"],
        lines["closed"],
        lines["open"],
        tuple(data["rigid"]),
        (left, right),
        frozenset(data["inner"]),
        {int(point): vertex for point, vertex in counterparts.items()},
        tuple(data.get("mirror", ())),
    )


def scheme_names() -> list[str]:
    """The point sets that `scheme` knows."""
    folder = resources.files("mien.geometry").joinpath("schemes")
    return sorted(file.name.removesuffix(".json") for file in folder.iterdir() if file.name.endswith(".json"))

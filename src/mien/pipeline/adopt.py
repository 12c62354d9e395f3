"""Who is on which picture, out of other programs' files; the pictures are then enrolled afresh.

Embeddings of another network cannot be compared with ours, so only names and picture paths are taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from mien.core.errors import InputError
from mien.pipeline.plainpickle import read_plain_pickle

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
LARGEST = 2**30


@dataclass(frozen=True, slots=True)
class Adopted:
    """people: name -> pictures that are here.    missing: pictures that are named and not in the folder."""

    people: Mapping[str, Sequence[Path]]
    missing: Sequence[str] = ()


def photos_of_deepface(file: Path, images: Path) -> Adopted:
    """People and pictures out of the file that ``DeepFace.find`` leaves in its folder.

    The file is read as data: nothing in it is ever called (`mien.pipeline.plainpickle`). Rows are pictures,
    whose folder names the person; ``images`` is where the folder of people is now.
    """
    rows = read_plain_pickle(_bytes(file))
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "identity" in row for row in rows):
        raise InputError(f"{file} is no gallery of DeepFace: give the .pkl that DeepFace.find wrote")
    return _found(((_parts(str(row["identity"]))) for row in rows), images)


def photos_of_compreface(file: Path, images: Path) -> Adopted:
    """People and pictures out of CompreFace's list of faces (``GET /api/v1/recognition/faces``).

    images: a folder with the downloaded pictures, each named after its image_id.
    """
    try:
        data = json.loads(_bytes(file))
        faces = [(str(face["subject"]), str(face["image_id"])) for face in data["faces"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is no list of CompreFace's faces ({error}): give its JSON") from error
    total = data.get("total_elements", len(faces))
    if isinstance(total, int) and total > len(faces):
        raise InputError(
            f"{file} is one page of CompreFace's list, {len(faces)} of {total} faces: "
            f"ask for all with size={total}"
        )
    return _found(faces, images)


def _found(rows: Iterable[tuple[str, str]], images: Path) -> Adopted:
    """Look the named pictures up among those that lie under ``images``; a name never becomes a path."""
    here = [path for path in sorted(images.rglob("*")) if path.suffix.lower() in PICTURES and path.is_file()]
    by_folder = {(path.parent.name, path.name): path for path in here}
    by_stem = {path.stem: path for path in here}
    people: dict[str, list[Path]] = {}
    missing: list[str] = []
    for name, picture in rows:
        path = by_folder.get((name, picture)) or by_stem.get(picture)
        if path is None:
            missing.append(f"{name}/{picture}")
        elif path not in people.setdefault(name, []):
            people[name].append(path)
    if not people:
        raise InputError(
            f"none of the {len(missing)} pictures lies under {images}: name the folder they are in"
        )
    return Adopted(people, missing)


def _parts(identity: str) -> tuple[str, str]:
    """Folder and file of a path of any system."""
    kind: Any = PureWindowsPath if "\\" in identity else PurePosixPath
    path = kind(identity)
    return path.parent.name, path.name


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST:
            raise InputError(f"{file} is larger than a gallery's file can be: give the right one")
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): give another file") from error

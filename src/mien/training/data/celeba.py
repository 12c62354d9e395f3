"""CelebA (Liu et al., ICCV 2015): ``identity_CelebA.txt`` and, where they are, attributes and landmarks."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.types import Points
from mien.training.data.listing import Listing, Sample
from mien.training.data.tables import read_lines
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    identities: str = option("identity_CelebA.txt", "list of `picture identity`, below the root")
    pictures: str = option("", "folder of the pictures, below the root; empty: the root")
    attributes: str = option("", "list of the 40 attributes (list_attr_celeba.txt), or nothing")
    landmarks: str = option("", "list of the five points (list_landmarks_align_celeba.txt), or nothing")
    label: str = option("identity", "what is to be learned: identity, or an attribute's name")
    present: bool = option(True, "list only pictures that are there: a part of CelebA has the list of all")
    min_pictures: int = option(1, "leave out people with fewer pictures", low=1)


def read(root: Path, config: Config) -> Listing:
    people = _identities(root / config.identities)
    facts = _columns(root / config.attributes) if config.attributes else {}
    points = _points(root / config.landmarks) if config.landmarks else {}
    samples: list[Sample] = []
    there: Collection[str] = _files(root / config.pictures) if config.present else people.keys()
    for name, person in people.items():
        if name not in there:
            continue
        known = facts.get(name, {})
        label = person if config.label == "identity" else known.get(config.label)
        if label is None:
            raise InputError(f"{name} has no attribute {config.label!r}: name one of the attribute list")
        samples.append(Sample(root / config.pictures / name, label, person, known, points=points.get(name)))
    listing = Listing(tuple(samples))
    if config.min_pictures == 1:
        return listing
    counts = dict(zip(*np.unique([s.group for s in samples], return_counts=True), strict=True))
    return listing.where(lambda sample: counts[sample.group] >= config.min_pictures)


def _files(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError as error:
        raise InputError(
            f"{folder} cannot be listed ({error.strerror}): name the pictures' folder"
        ) from error


def _identities(path: Path) -> dict[str, str]:
    people: dict[str, str] = {}
    for place, line in enumerate(read_lines(path), 1):
        match line.split():
            case [name, person] if person.isdecimal():
                people[name] = person
            case []:
                continue
            case [_, _] if place == 1:  # some copies have a line of column names
                continue
            case _:
                raise InputError(f"line {place} of {path} is not a picture and a number: correct it")
    return people


def _columns(path: Path) -> dict[str, dict[str, str]]:
    """A count, a line of names, then ``picture value value …``; "1" is yes, "-1" no."""
    lines = [line.split() for line in read_lines(path)]
    if len(lines) < 2:
        raise InputError(f"{path} has no line of names: check that it is one of CelebA's lists")
    header, found = lines[1], {}
    for place, line in enumerate(lines[2:], 3):
        if line and len(line) != len(header) + 1:
            raise InputError(
                f"line {place} of {path} has {len(line) - 1} values, not {len(header)}: correct it"
            )
        if line:
            found[line[0]] = dict(zip(header, line[1:], strict=True))
    return found


def _points(path: Path) -> dict[str, Points]:
    found: dict[str, Points] = {}
    for name, values in _columns(path).items():
        if len(values) != 10 or not all(value.lstrip("-").isdecimal() for value in values.values()):
            raise InputError(f"{name} has no ten whole numbers in {path}: check that it is the landmark list")
        found[name] = np.array([float(value) for value in values.values()]).reshape(5, 2)
    return found

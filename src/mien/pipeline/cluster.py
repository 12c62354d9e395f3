"""A pile of photos in, people out; what was corrected before stays corrected."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mien.core.answers import Grouped
from mien.core.errors import InputError
from mien.core.people import Enrolment, Sample
from mien.core.report import PhotoReport
from mien.embedding.calibration import Calibration
from mien.gallery.cluster import Strangers, cluster
from mien.gallery.corrections import apart
from mien.gallery.people import People
from mien.pipeline.analyze import Analyzer
from mien.pipeline.enrol import certainty, to_sample
from mien.pipeline.index.seen import looks
from mien.pipeline.look import Look

# A face this unsure and this small may be none; it is left out, not guessed.
LEAST_CERTAINTY = 0.15
GROUPS = "groups.jsonl"
LONGEST_STEM = 50  # of a photo's name; systems take 255 bytes
# The share of a normal distribution that lies more than one standard deviation above its mean.
ABOVE_ONE_DEVIATION = 0.158655


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One face of the pile."""

    sample: Sample
    report: PhotoReport
    number: int


def gather(
    analyzer: Analyzer, sources: object, seen: Callable[[PhotoReport], None] = lambda report: None
) -> list[Found]:
    """Look at every picture, or read an index; ``seen`` learns of each, also of those that cannot be read."""
    return faces_of(looks(analyzer, sources), seen)


def faces_of(shots: Iterable[Look], seen: Callable[[PhotoReport], None] = lambda report: None) -> list[Found]:
    """The faces of pictures that were looked at, less those that may be none."""
    found: list[Found] = []
    for look in shots:
        seen(look.report)
        found += [
            Found(to_sample(look, number), look.report, number) for number in range(len(look.report.faces))
        ]
    return [face for face in found if certainty(face.report.faces[face.number]) >= LEAST_CERTAINTY]


def group(found: Sequence[Found], calibration: Calibration) -> list[Grouped]:
    """Group faces without a gallery."""
    return _with_copies(found, lambda distinct: _group(distinct, calibration))


def _with_copies(
    found: Sequence[Found], grouped: Callable[[Sequence[Found]], list[Grouped]]
) -> list[Grouped]:
    """Group each photo once, however many copies of it there are; copies say nothing new of anybody."""
    place: dict[tuple[object, int], int] = {}
    distinct: list[Found] = []
    rows: list[int] = []
    for face in found:
        key = (face.sample.photo or id(face.report), face.number)
        rows.append(place.setdefault(key, len(distinct)))
        if rows[-1] == len(distinct):
            distinct.append(face)
    groups = grouped(distinct)
    return [replace(groups[row], source=face.report.source) for row, face in zip(rows, found, strict=True)]


def _group(found: Sequence[Found], calibration: Calibration) -> list[Grouped]:
    vectors = np.array([face.sample.embedding.vector for face in found], dtype=np.float32)
    qualities = np.array([face.sample.quality for face in found])
    photos = [face.sample.photo for face in found]
    labels = cluster(vectors, strangers(calibration), qualities, photos) if found else np.zeros(0, np.int64)
    return [
        Grouped(face.report.source, face.report.faces[face.number].detection.box, int(label))
        for face, label in zip(found, labels, strict=True)
    ]


def strangers(calibration: Calibration) -> Strangers:
    """How alike different people are: the median and one standard deviation above it, read off the curve."""
    middle = calibration.threshold(0.5)
    return Strangers(middle, calibration.threshold(ABOVE_ONE_DEVIATION) - middle)


def group_into(people: People, found: Sequence[Found], calibration: Calibration) -> list[Grouped]:
    """Group faces and remember the groups: everybody is a person of the gallery, named or not.

    Known people keep their faces and take in new ones. Pairs that were said to be different, and faces of one
    photo, are never joined. Photos that were grouped before are not added twice.
    """
    if not found:
        return []
    return _with_copies(found, lambda distinct: _group_into(people, distinct, calibration))


def _group_into(people: People, found: Sequence[Found], calibration: Calibration) -> list[Grouped]:
    model = found[0].sample.embedding.model
    stored, names = _stored(people, model)
    fresh = people.protect(model, np.stack([face.sample.embedding.vector for face in found]))
    before = [people.owner_of(face.sample) for face in found]
    owners = [*(face.owner for face in stored), *(-1 if o not in names else o for o in before)]
    row_of = {face.owner: row for row, face in enumerate(stored)}
    labels = _cluster_protected(
        people.share(model),
        np.stack([*(face.template for face in stored), *fresh]),
        strangers(calibration),
        np.array([*(face.quality for face in stored), *(face.sample.quality for face in found)]),
        [*range(len(stored)), *(face.sample.photo for face in found)],
        np.array(owners, dtype=np.int64),
        [(row_of[a], row_of[b]) for a, b in apart(people) if a in row_of and b in row_of],
    )
    owner_of = {int(labels[row]): owner for owner, row in row_of.items()}
    return _remember(people, found, labels[len(stored) :], owner_of, names)


def _cluster_protected(
    share: float, templates: np.ndarray, who: Strangers, qualities: np.ndarray, *rest: Any
) -> np.ndarray:
    """Cluster templates as the gallery stores them.

    The cosine of sign bits is 2 / pi arcsin of the embeddings' (Charikar 2002), and its own sampling error
    adds to their scatter.
    share: what all faces have in common, which bits leave out.
    """
    if templates.dtype != np.uint8:
        return cluster(templates, who, qualities, *rest)
    bits = 8 * templates.shape[1]
    signs = (np.unpackbits(templates, axis=1).astype(np.float32) * 2 - 1) / np.sqrt(np.float32(bits))
    slope = 2 / np.pi
    mean, spread = (who.mean - share) / (1 - share), who.spread / (1 - share)
    seen = Strangers(slope * float(np.arcsin(mean)), float(np.hypot(slope * spread, bits**-0.5)))
    return cluster(signs, seen, qualities * np.sqrt(slope), *rest)


def _remember(
    people: People,
    found: Sequence[Found],
    labels: np.ndarray,
    owner_of: dict[int, int],
    names: dict[int, str | None],
) -> list[Grouped]:
    members: dict[int, list[Sample]] = {}
    for face, label in zip(found, labels.tolist(), strict=True):
        members.setdefault(label, []).append(face.sample)
    fresh = [label for label in members if label not in owner_of]
    for label, samples in members.items():
        if label in owner_of:
            people.add_faces(owner_of[label], samples)
    made = people.enrol_many(Enrolment(None, members[label]) for label in fresh)
    owner_of |= {label: person.id for label, person in zip(fresh, made, strict=True)}
    return [
        Grouped(
            face.report.source,
            face.report.faces[face.number].detection.box,
            int(label),
            owner_of[label],
            names.get(owner_of[label]),
        )
        for face, label in zip(found, labels.tolist(), strict=True)
    ]


class _Stored(NamedTuple):
    owner: int
    template: np.ndarray
    quality: float


def _stored(people: People, model: str) -> tuple[list[_Stored], dict[int, str | None]]:
    """Every face of everybody in the gallery who may be matched, and their names."""
    faces: list[_Stored] = []
    names: dict[int, str | None] = {}
    for person in people.all():
        if person.withdrawn is not None:
            continue
        for opened in people.open_faces(people.row(person.id)):
            if opened.face.model == model:
                faces.append(_Stored(person.id, opened.template, opened.face.quality))
                names[person.id] = person.name
    return faces, names


def make_out(folder: Path, *, resume: bool = False) -> None:
    """Make the folder that groups go to.  raises: InputError where that cannot be.

    resume: the groups that lie there are of the same run, broken off.
    """
    if (folder / GROUPS).exists() and not resume:  # two groupings in one folder would tell lies
        raise InputError(f"{folder / GROUPS} is there already: choose another --out, or remove that folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be used ({error.strerror}): choose another --out") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder} cannot be written: choose another --out")


def write_groups(folder: Path, groups: Sequence[Grouped]) -> Iterator[Path]:
    """One sub-folder a person with links to (or copies of) their photos, and groups.jsonl."""
    import shutil

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / GROUPS).open("w", encoding="utf-8", errors="backslashreplace") as lines:
        for face in groups:
            lines.write(json.dumps(face.to_dict(), ensure_ascii=False) + "\n")
    for number, face in enumerate(groups):
        source = Path(face.source)
        if not source.is_file():
            continue
        home = folder / f"person-{face.group:04d}"
        home.mkdir(exist_ok=True)
        target = home / f"{number:06d}-{source.stem[:LONGEST_STEM]}{source.suffix}"
        if not target.exists():
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
        yield target

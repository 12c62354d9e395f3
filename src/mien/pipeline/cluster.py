"""A pile of photos in, people out; what was corrected before stays corrected."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.answers import Grouped
from mien.core.people import Enrolment, Sample
from mien.core.report import PhotoReport
from mien.embedding.calibration import Calibration
from mien.gallery.cluster import cluster
from mien.gallery.corrections import apart
from mien.gallery.people import People
from mien.pipeline.analyze import Analyzer
from mien.pipeline.enrol import to_sample
from mien.pipeline.index.seen import looks

# A face this unsure or this small says little about who it is; it is left out, not guessed.
LEAST_QUALITY = 0.15


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
    found: list[Found] = []
    for look in looks(analyzer, sources):
        seen(look.report)
        found += [
            Found(to_sample(look, number), look.report, number) for number in range(len(look.report.faces))
        ]
    return [face for face in found if face.sample.quality >= LEAST_QUALITY]


def group(found: Sequence[Found], calibration: Calibration) -> list[Grouped]:
    """Group faces without a gallery."""
    labels = _labels(found, calibration, None, [])
    return [
        Grouped(face.report.source, face.report.faces[face.number].detection.box, int(label))
        for face, label in zip(found, labels, strict=True)
    ]


def group_into(people: People, found: Sequence[Found], calibration: Calibration) -> list[Grouped]:
    """Group faces and remember the groups: everybody is a person of the gallery, named or not.

    Known people keep their faces and take in new ones. Pairs that were said to be different, and faces of one
    photo, are never joined. Photos that were grouped before are not added twice.
    """
    if not found:
        return []
    model = found[0].sample.embedding.model
    rows, owners, names = _known(people, model)
    vectors = np.stack([*rows, *(people.protect(model, f.sample.embedding.vector[None])[0] for f in found)])
    if vectors.dtype == np.uint8:
        vectors = (np.unpackbits(vectors, axis=1).astype(np.float32) * 2 - 1) / np.sqrt(8 * vectors.shape[1])
    photos = [None] * len(rows) + [face.sample.photo for face in found]
    place = {owner: row for row, owner in enumerate(owners)}
    before = [people.owner_of(face.sample) for face in found]
    known = np.array([*owners, *(-1 if o is None or o not in place else o for o in before)], dtype=np.int64)
    never = [(place[a], place[b]) for a, b in apart(people) if a in place and b in place]
    labels = cluster(
        vectors,
        lambda fmr: calibration.threshold(fmr, extrapolate=True),
        [photo if photo is not None else row for row, photo in enumerate(photos)],
        known,
        never,
    )
    owner_of = {int(labels[row]): owner for owner, row in place.items()}
    return _remember(people, found, labels[len(rows) :], owner_of, names)


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


def _known(people: People, model: str) -> tuple[list[np.ndarray], list[int], dict[int, str | None]]:
    """Template, id and name of everybody in the gallery, one row a person."""
    rows: list[np.ndarray] = []
    owners: list[int] = []
    names: dict[int, str | None] = {}
    for person in people.all():
        template = people.template(person.id, model)
        if template is not None and person.withdrawn is None:
            rows.append(template)
            owners.append(person.id)
            names[person.id] = person.name
    return rows, owners, names


def _labels(
    found: Sequence[Found], calibration: Calibration, known: np.ndarray | None, never: list[tuple[int, int]]
) -> np.ndarray:
    if not found:
        return np.zeros(0, dtype=np.int64)
    vectors = np.stack([face.sample.embedding.vector for face in found])
    photos = [face.sample.photo for face in found]
    return cluster(vectors, lambda fmr: calibration.threshold(fmr, extrapolate=True), photos, known, never)


def write_groups(folder: Path, groups: Sequence[Grouped]) -> Iterator[Path]:
    """One sub-folder a person with links to (or copies of) their photos, and groups.jsonl."""
    import shutil

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "groups.jsonl").open("w", encoding="utf-8") as lines:
        for face in groups:
            lines.write(json.dumps(face.to_dict(), ensure_ascii=False) + "\n")
    for number, face in enumerate(groups):
        source = Path(face.source)
        if not source.is_file():
            continue
        home = folder / f"person-{face.group:04d}"
        home.mkdir(exist_ok=True)
        target = home / f"{number:06d}-{source.name}"
        if not target.exists():
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
        yield target

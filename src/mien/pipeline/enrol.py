"""Photos in, a person out: find the face that is meant, weigh it, store it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from mien.core.answers import EnrolReport
from mien.core.errors import AmbiguousFace, InputError, MienError, NoFaceFound
from mien.core.people import Consent, Sample
from mien.core.report import FaceReport
from mien.detection.select import select
from mien.embedding.calibration import Calibration
from mien.embedding.mean_face import common_direction
from mien.embedding.quality import quality_of
from mien.gallery.people import People
from mien.gallery.templates import pool
from mien.gallery.vault import normal_name
from mien.pipeline.analyze import Analyzer
from mien.pipeline.index.folder import is_index
from mien.pipeline.index.seen import looks
from mien.pipeline.look import Look

# Of several faces, the meant one is this much like the person's other photos, or this much larger.
SAME_FACE_FMR = 1e-3
CLEARLY_LARGER = 2.25
# A face this small (pixels across) counts half as much as one that fills the network's input.
FULL_SIZE = 112
TYPICAL = 0.7  # quality of an ordinary large face
LOOKS_LIKE_FPIR = 1e-3


def enrol(
    people: People,
    analyzer: Analyzer,
    name: str | None,
    sources: object,
    calibration: Calibration,
    *,
    consent: Consent | None = None,
    which: str | None = None,
) -> EnrolReport:
    """Enrol one person from pictures; a bad picture is a row of the report, not the end.

    which: of several faces in a picture: "largest", "center" or a number. Without it the face that agrees
        with the person's single-face pictures is taken, or one that is clearly the largest.
    """
    return enrol_looks(people, name, looks(analyzer, sources), calibration, consent=consent, which=which)


def enrol_looks(
    people: People,
    name: str | None,
    shots: Iterable[Look],
    calibration: Calibration,
    *,
    consent: Consent | None = None,
    which: str | None = None,
) -> EnrolReport:
    """Enrol one person from pictures that were looked at already.

    raises: `StoreError` where the gallery refuses; what is wrong with pictures or name stands in the report.
    """
    shots = [*shots]
    rejected = {shot.report.source: shot.report.error for shot in shots if shot.report.error is not None}
    samples = choose_faces(shots, which, calibration.threshold(SAME_FACE_FMR, extrapolate=True), rejected)
    if not samples:
        error = next(iter(rejected.values()), None) or NoFaceFound("no picture was given: name at least one")
        return EnrolReport(name, None, rejected=rejected, error=error)
    try:
        twin = _looks_like(people, name, samples.values(), calibration)
        person = people.enrol(name, list(samples.values()), consent)
    except InputError as error:
        return EnrolReport(name, None, rejected=rejected, error=error)
    advice = {face.source: face.advice for face in people.faces(person.id) if face.advice}
    return EnrolReport(name, person, tuple(samples), rejected, advice, twin)


def enrol_folders(
    people: People,
    analyzer: Analyzer,
    root: Path,
    calibration: Calibration,
    *,
    consent: Consent | None = None,
    which: str | None = None,
) -> Iterator[EnrolReport]:
    """Enrol one person a sub-folder, named after it; each is stored before the next is begun.

    root: such a folder, or an index that `mien index` made of one.
    """
    if is_index(root):
        for name, found in sorted(_by_folder(looks(analyzer, root)).items()):
            yield enrol_looks(people, name, found, calibration, consent=consent, which=which)
        return
    here = root.iterdir() if root.is_dir() else ()
    folders = sorted(path for path in here if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise InputError(f"{root} has no sub-folders: put each person's photos into a folder with their name")
    for folder in folders:
        yield enrol(people, analyzer, folder.name, folder, calibration, consent=consent, which=which)


def _by_folder(shots: Iterable[Look]) -> dict[str, list[Look]]:
    found: dict[str, list[Look]] = {}
    for shot in shots:
        found.setdefault(Path(shot.report.source).parent.name, []).append(shot)
    return found


def choose_faces(
    shots: Iterable[Look], which: str | None, same: float, rejected: dict[str, MienError]
) -> Mapping[str, Sample]:
    """Pick the person's face in each picture; pictures where it is not clear go to ``rejected``."""
    chosen: dict[str, Sample] = {}
    crowded: list[Look] = []
    for shot in shots:
        source, faces = shot.report.source, shot.report.faces
        if source in rejected:
            continue
        if not faces:
            rejected[source] = NoFaceFound(f"no face found in {source}: use a clearer picture")
        elif len(faces) == 1 or which is not None:
            _take(shot, which, chosen, rejected)
        else:
            crowded.append(shot)
    template = _template(chosen.values())
    for shot in crowded:
        number = _meant(shot, template, same)
        source = shot.report.source
        if number is None:
            rejected[source] = AmbiguousFace(
                f"{source} shows {len(shot.report.faces)} people: crop it, or say --which largest"
            )
        else:
            chosen[source] = to_sample(shot, number)
    return chosen


def to_sample(shot: Look, number: int) -> Sample:
    """The numbered face of a picture as it is enrolled."""
    face = shot.report.faces[number]
    if face.embedding is None:
        raise AssertionError("faces were analysed without their embeddings")
    box = face.detection.box
    place = (box.x1, box.y1, box.x2, box.y2)
    return Sample(face.embedding, weigh(face), shot.digest, shot.report.source, place)


def weigh(face: FaceReport) -> float:
    """How well a face shows who it is, 0..1; a guess by size and score where the network does not tell."""
    known = None if face.embedding is None else quality_of(face.embedding)
    return TYPICAL * certainty(face) if known is None else known


def certainty(face: FaceReport) -> float:
    """0..1: large for sure, large detections."""
    side = min(face.detection.box.width, face.detection.box.height)
    return float(np.clip(face.detection.score, 0, 1) * np.clip(side / FULL_SIZE, 0.2, 1.0))


def _take(shot: Look, which: str | None, chosen: dict[str, Sample], rejected: dict[str, MienError]) -> None:
    report = shot.report
    detections = [face.detection for face in report.faces]
    try:
        number = select(detections, which, report.width, report.height, report.source)
    except InputError as error:
        rejected[report.source] = error
    else:
        chosen[report.source] = to_sample(shot, number)


def _meant(shot: Look, template: np.ndarray | None, same: float) -> int | None:
    if template is not None:
        scores = [float(f.embedding.vector @ template) if f.embedding else -1.0 for f in shot.report.faces]
        best = int(np.argmax(scores))
        return best if scores[best] >= same else None
    areas = np.array([face.detection.box.area for face in shot.report.faces])
    largest = int(areas.argmax())
    return largest if areas[largest] >= CLEARLY_LARGER * np.delete(areas, largest).max() else None


def _template(samples: Iterable[Sample]) -> np.ndarray | None:
    known = list(samples)
    if not known:
        return None
    vectors = np.stack([sample.embedding.vector for sample in known])
    qualities = np.array([sample.quality for sample in known], dtype=np.float32)
    return pool(vectors, qualities, common_direction(known[0].embedding.model))


def _looks_like(
    people: People, name: str | None, samples: Iterable[Sample], calibration: Calibration
) -> str | None:
    """Somebody else in the gallery whom these photos resemble more than strangers do."""
    from mien.pipeline.identify import as_compared, operating_point

    calibration = as_compared(people, calibration)
    own = None if name is None else normal_name(name)
    for sample in samples:
        size = people.searchable(sample.embedding.model)
        if not size:
            continue
        threshold = operating_point(calibration, size, LOOKS_LIKE_FPIR).threshold
        for match in people.identify(sample.embedding, 2):
            if match.similarity >= threshold and match.name and normal_name(match.name) != own:
                return match.name
    return None

"""Pictures in, names out: search, calibrated decision, one person once a photo."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import expm1, log1p

from mien.core.answers import Candidate, Identification, Operating, PhotoIdentification
from mien.core.errors import InputError
from mien.core.people import Match, person_code
from mien.core.report import FaceReport, PhotoReport
from mien.embedding.calibration import Calibration
from mien.embedding.coarse import of_signs
from mien.gallery.people import People
from mien.pipeline.analyze import Analyzer
from mien.pipeline.index.seen import looks
from mien.privacy.protect import BIOHASH_BITS, BioHash

DEFAULT_FPIR = 0.01


def operating_point(calibration: Calibration, people: int, fpir: float) -> Operating:
    """The threshold at which a share ``fpir`` of strangers is given any of the gallery's names.

    A stranger meets every one of N people, so FPIR = 1 - (1 - FMR)^N (TRUST 1.1; independence makes it an
    upper estimate), and the FMR of one comparison must be 1 - (1 - FPIR)^(1/N).
    raises: InputError for a rate outside 0..1.
    """
    if not 0 < fpir < 1:
        raise InputError(f"a false positive identification rate lies between 0 and 1, not {fpir}: try 0.01")
    fmr = -expm1(log1p(-fpir) / max(people, 1))
    threshold = calibration.threshold(fmr, extrapolate=True)
    return Operating(people, fpir, fmr, threshold, fmr >= calibration.smallest_fmr * (1 - 1e-9))


def as_compared(people: People, calibration: Calibration) -> Calibration:
    """The calibration of similarities as this gallery has them: of embeddings, or estimated from bits."""
    if people.protection != BioHash.kind:
        return calibration
    return of_signs(calibration, BIOHASH_BITS, people.share(calibration.embedder))


def identify_many(
    people: People,
    analyzer: Analyzer,
    sources: object,
    calibration: Calibration,
    *,
    top: int = 5,
    fpir: float = DEFAULT_FPIR,
    among: Collection[int] | None = None,
) -> Iterator[PhotoIdentification]:
    """Say who is in each picture, in order; a bad picture is an answer with its error.

    among: only these people (1:N over a part of the gallery), or None for all.
    """
    for look in looks(analyzer, sources, digests=False):
        report = look.report
        if report.error is not None:
            yield PhotoIdentification(report.source, (), report.error)
            continue
        yield identify_faces(people, report, calibration, top=top, fpir=fpir, among=among)


def identify_faces(
    people: People,
    report: PhotoReport,
    calibration: Calibration,
    *,
    top: int = 5,
    fpir: float = DEFAULT_FPIR,
    among: Collection[int] | None = None,
) -> PhotoIdentification:
    """Name the faces of one analysed picture."""
    found = [_matches(people, face, max(top, 5), among) for face in report.faces]
    models = {face.embedding.model for face in report.faces if face.embedding is not None}
    calibration = as_compared(people, calibration)
    size = max((people.searchable(model) for model in models), default=0) if among is None else len(among)
    point = operating_point(calibration, size, fpir)
    chosen = assign(found, point.threshold)
    people.touch(match.person for match in chosen if match is not None)
    return PhotoIdentification(
        report.source,
        tuple(
            Identification(
                face.detection.box,
                face.detection.score,
                tuple(_candidate(match, calibration, size) for match in matches[:top]),
                None if match is None else match.name or person_code(match.person),
                None if match is None else match.person,
            )
            for face, matches, match in zip(report.faces, found, chosen, strict=True)
        ),
    )


def assign(found: Sequence[Sequence[Match]], threshold: float) -> list[Match | None]:
    """Choose a person for each face, nobody twice: the most similar pairs first.

    >>> a, b = Match(1, "Ada", 0.9), Match(1, "Ada", 0.8)
    >>> [match and match.similarity for match in assign([[b], [a]], 0.5)]
    [None, 0.9]
    """
    pairs = [(match, face) for face, matches in enumerate(found) for match in matches]
    chosen: list[Match | None] = [None] * len(found)
    taken: set[int] = set()
    for match, face in sorted(pairs, key=lambda pair: -pair[0].similarity):
        if match.similarity >= threshold and chosen[face] is None and match.person not in taken:
            chosen[face] = match
            taken.add(match.person)
    return chosen


def _matches(people: People, face: FaceReport, top: int, among: Collection[int] | None) -> list[Match]:
    if face.embedding is None:
        raise AssertionError("faces were analysed without their embeddings")
    if among is None:
        return people.identify(face.embedding, top)
    return people.compare_with(face.embedding, list(among))[:top]


def _candidate(match: Match, calibration: Calibration, size: int) -> Candidate:
    strangers = calibration.fmr(match.similarity, extrapolate=True)
    fmr = strangers.rate
    prior = 0.5 / max(size, 1)
    probability = calibration.probability(match.similarity, prior)
    return Candidate(
        match.person, match.name, match.similarity, fmr, fmr * size, probability, strangers.supported
    )

"""`mien.Gallery`: people, photos and answers in one object."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from mien.core.answers import EnrolReport, Grouped, Identification, PhotoIdentification
from mien.core.people import Consent, Person, StoredFace
from mien.core.report import PhotoReport
from mien.embedding.calibration import Calibration, parse_calibration, shipped_calibration
from mien.gallery import corrections, leave
from mien.gallery.people import People
from mien.pipeline.analyze import Analyzer
from mien.pipeline.api import shared_analyzer
from mien.pipeline.config import DEFAULT_PROFILE
from mien.pipeline.identify import DEFAULT_FPIR
from mien.pipeline.stores import gallery_uri, open_people


class Gallery:
    """People you enrolled, kept in a folder, in PostgreSQL or in Milvus.

    uri: a folder, ``postgresql://…`` or ``milvus://…``; None is ``MIEN_GALLERY`` or a folder of this user.
    protection: how templates of a new gallery are kept: "rotation", "biohash" or "plain" (docs/gallery.md).
    create: make a gallery where there is none; else that is a `StoreError`.
    Use it in a ``with`` block, or call `close`, so that the search index is saved.
    """

    def __init__(
        self,
        uri: str | None = None,
        *,
        protection: str = "rotation",
        profile: str = DEFAULT_PROFILE,
        models: str | None = None,
        allow_noncommercial: bool = False,
        analyzer: Analyzer | None = None,
        create: bool = True,
    ) -> None:
        self._analyzer = analyzer
        self._settings = (profile, models, allow_noncommercial)
        self.people: People = open_people(gallery_uri(uri), create=create, protection=protection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.people)

    def close(self) -> None:
        """Save the search index and let go of the store."""
        self.people.close()

    @property
    def analyzer(self) -> Analyzer:
        return self._analyzer or shared_analyzer(*self._settings)

    @cached_property
    def calibration(self) -> Calibration:
        """This gallery's own, if `mien calibrate` stored one, else the one that ships with the embedder."""
        embedder = self.analyzer.config.profile.embedder
        stored = self.people.calibration(embedder)
        if stored is None:
            return shipped_calibration(self.analyzer.config.profile.calibrated)
        return parse_calibration(stored)

    def enrol(
        self,
        name: str | None,
        sources: object,
        *,
        consent: Consent | None = None,
        which: str | None = None,
    ) -> EnrolReport:
        """Add a person, or photos to them; on disk when this returns.

        sources: a folder, a pattern, a picture or several.
        which: of several faces in a picture: "largest", "center" or its number.
        """
        from mien.pipeline.enrol import enrol

        report = enrol(
            self.people, self.analyzer, name, sources, self.calibration, consent=consent, which=which
        )
        if report.error is not None:
            raise report.error
        return report

    def enrol_folders(
        self, root: str | Path, *, consent: Consent | None = None, which: str | None = None
    ) -> Iterator[EnrolReport]:
        """Enrol one person a sub-folder; what could not be enrolled is a report with its error."""
        from mien.pipeline.enrol import enrol_folders

        yield from enrol_folders(
            self.people, self.analyzer, Path(root), self.calibration, consent=consent, which=which
        )

    def identify(
        self, source: object, *, top: int = 5, fpir: float = DEFAULT_FPIR
    ) -> tuple[Identification, ...]:
        """Say who is in a picture; ``decision`` is None for a face that is nobody's.

        fpir: the share of strangers that may be given any name.
        raises: `ImageError`, InputError for a picture that cannot be read.
        """
        from mien.pipeline.identify import identify_faces
        from mien.pipeline.look import ASKED

        report = PhotoReport("", 0, 0, self.analyzer.analyze(source, ASKED))
        return identify_faces(self.people, report, self.calibration, top=top, fpir=fpir).faces

    def identify_many(
        self,
        sources: object,
        *,
        top: int = 5,
        fpir: float = DEFAULT_FPIR,
        among: Collection[str | int] | None = None,
    ) -> Iterator[PhotoIdentification]:
        """Say who is in each of many pictures, in order."""
        from mien.pipeline.identify import identify_many

        ids = None if among is None else [self.people.row(who).id for who in among]
        yield from identify_many(
            self.people, self.analyzer, sources, self.calibration, top=top, fpir=fpir, among=ids
        )

    def cluster(self, sources: object) -> list[Grouped]:
        """Group the faces of many pictures by person, and remember the groups."""
        from mien.pipeline.cluster import gather, group_into

        return group_into(self.people, gather(self.analyzer, sources), self.calibration)

    def list(self) -> list[Person]:
        """Everybody."""
        return [*self.people.all()]

    def find(self, who: str | int) -> Person:
        return self.people.find(who)

    def faces(self, who: str | int) -> tuple[StoredFace, ...]:
        """Somebody's photos, with advice on which to replace."""
        return tuple(self.people.faces(who))

    def rename(self, who: str | int, name: str) -> Person:
        return corrections.rename(self.people, who, name)

    def merge(self, keep: str | int, other: str | int) -> Person:
        return corrections.merge(self.people, keep, other)

    def split(self, who: str | int, faces: Collection[int], name: str | None = None) -> Person:
        return corrections.split(self.people, who, list(faces), name)

    def not_the_same(self, a: str | int, b: str | int) -> None:
        corrections.not_the_same(self.people, a, b)

    def undo(self) -> str:
        """Take back the newest correction; returns its kind."""
        return corrections.undo(self.people)

    def withdraw(self, who: str | int) -> Person:
        return leave.withdraw(self.people, who)

    def erase(self, who: str | int) -> leave.Erasure:
        return leave.erase(self.people, who)

    def export(self, who: str | int) -> Mapping[str, Any]:
        return leave.export(self.people, who)

    def purge(self) -> tuple[leave.Erasure, ...]:
        """Erase everybody whose time is over by this gallery's retention policy."""
        from mien.privacy.retention import RetentionPolicy, due

        policy = RetentionPolicy(**self.people.policy())
        now = self.people.clock()
        return tuple(leave.purge(self.people, lambda *times: due(policy, now, *times)))

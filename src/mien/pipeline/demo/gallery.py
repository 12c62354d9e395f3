"""Chapter: two people are enrolled, and every other picture is asked who it shows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

from mien.core.answers import Identification, PhotoIdentification
from mien.core.people import Consent
from mien.core.types import Image
from mien.embedding.calibration import shipped_calibration
from mien.embedding.mean_face import mean_embedding
from mien.gallery.founding import found
from mien.gallery.people import People
from mien.overlay.annotate import COLOURS, Marked, annotate
from mien.page.blocks import Mark, Picture, Pictures, Section, Table, Text
from mien.page.picture import embed
from mien.pipeline.demo.album import Photo
from mien.pipeline.demo.stage import Chapter, Stage, Told, answer_at
from mien.pipeline.demo.views import cut
from mien.pipeline.enrol import enrol_looks
from mien.pipeline.identify import DEFAULT_FPIR, identify_faces
from mien.pipeline.look import Look, photo_digest
from mien.pipeline.stores import open_records
from mien.privacy.protect import load_protector
from mien.privacy.seal import Keyring

# Two of the three sitters are enrolled, from these pictures each; the third stays a stranger.
ENROLLED, VARIATIONS = 2, ("", "cut close to the face")
INTRODUCTION = (
    "{names} are enrolled, with two pictures each and a record of their consent; {stranger} is not. "
    "Every other picture is asked who it shows. “Unknown” is an answer: at most {rate} of strangers may be "
    "given any name. What is stored are encrypted templates; this gallery is gone with its key."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A face of known truth, and the answer; ``answer`` is None where the face was not found."""

    photo: Photo
    truth: str | None
    answer: Identification | None

    @property
    def right(self) -> bool:
        return self.answer is not None and self.answer.decision == self.truth


def tell(stage: Stage) -> Told:
    stage.tell("enrolling two people and asking who is who")
    portraits = stage.album.portraits
    names = [portrait.who for portrait in portraits[:ENROLLED]]
    teaching = [photo for photo in stage.album if photo.title in VARIATIONS and photo.who in names]
    others = [photo for photo in stage.album if photo not in teaching]
    with _gallery() as people:
        _enrol(stage, people, teaching)
        calibration = shipped_calibration(stage.analyzer.config.profile.calibrated)
        answers = {
            photo.name: identify_faces(people, stage.reports[photo.name], calibration) for photo in others
        }
    asked = list(_all_asked(others, answers, names))
    right = sum(one.right for one in asked)
    introduction = INTRODUCTION.format(
        names=" and ".join(names), stranger=portraits[-1].who, rate=f"{100 * DEFAULT_FPIR:g} %"
    )
    blocks = (
        Text(introduction),
        Pictures([_close(stage, photo) for photo in teaching], "strip"),
        Pictures([_named(stage, stage.album.group, answers[stage.album.group.name])], "full"),
        Table(
            ("picture", "answer", "shows", "what was done", ">similarity", ">strangers this alike"),
            [_row(one, calibration.smallest_fmr) for one in asked],
            "Similarity to the enrolled person who is most alike.",
        ),
    )
    summary = {"enrolled": names, "faces": len(asked), "right": right, "wrong": [*map(_said, _wrong(asked))]}
    return Told(Section(CHAPTER.title, blocks), summary, [("identified right", f"{right} of {len(asked)}")])


@contextmanager
def _gallery() -> Iterator[People]:
    """A gallery in a temporary folder, under a key that nobody keeps."""
    with TemporaryDirectory(prefix="mien-demo-") as folder:
        records, place = open_records(folder, create=True)
        try:
            key = os.urandom(32)
            sealer = found(records, lambda gallery, new: Keyring(key))
            people = People(records, sealer, load_protector, place, "demo", common=mean_embedding)
        except BaseException:
            records.close()
            raise
        with people:
            yield people


def _enrol(stage: Stage, people: People, teaching: Sequence[Photo]) -> None:
    calibration = shipped_calibration(stage.analyzer.config.profile.calibrated)
    for who in dict.fromkeys(photo.who for photo in teaching):
        looks = [look_of(stage, photo) for photo in teaching if photo.who == who]
        consent = Consent(who, "this demonstration", "public-domain portraits", time.time())
        report = enrol_looks(people, who, looks, calibration, consent=consent, which="largest")
        if report.error is not None:
            raise report.error


def look_of(stage: Stage, photo: Photo) -> Look:
    """What was seen in the picture, which was analysed for the page already."""
    return Look(stage.reports[photo.name], photo_digest(photo.path))


def _all_asked(
    photos: Sequence[Photo], answers: Mapping[str, PhotoIdentification], enrolled: Sequence[str]
) -> Iterator[Asked]:
    for photo in photos:
        for who, box in photo.faces:
            answer = answer_at(answers[photo.name].faces, box)
            yield Asked(photo, who if who in enrolled else None, answer)


def _wrong(asked: Sequence[Asked]) -> list[Asked]:
    return [one for one in asked if not one.right]


def _said(one: Asked) -> str:
    answer = "not found" if one.answer is None else one.answer.decision or "unknown"
    return f"{one.photo.name}: {one.truth or 'unknown'} was {answer}"


def _row(one: Asked, smallest: float) -> tuple[str | Mark, ...]:
    shows = one.truth or "a stranger"
    title = one.photo.title or "as it came"
    if one.answer is None:
        return (one.photo.name, Mark("not found", "bad"), shows, title, "", "")
    verdict = Mark(one.answer.decision or "unknown", "good" if one.right else "bad")
    best = next(iter(one.answer.candidates), None)
    if best is None:
        return (one.photo.name, verdict, shows, title, "", "")
    # Beyond its data a calibration extrapolates; a page states what was measured.
    bound = "at most " if best.fmr < smallest else ""
    strangers = f"{bound}1 in {round(1 / max(best.fmr, smallest)):,}"
    return (one.photo.name, verdict, shows, title, f"{best.similarity:.2f}", strangers)


def _named(stage: Stage, photo: Photo, answer: PhotoIdentification) -> Picture:
    """The whole picture with a name at every face."""
    faces = stage.reports[photo.name].faces
    bare = [replace(face, landmarks=None, pose=None) for face in faces]
    names = [said.decision or "unknown" for said in answer.faces]
    marked = [
        Marked(face, name, COLOURS[i % len(COLOURS)])
        for i, (face, name) in enumerate(zip(bare, names, strict=True))
    ]
    drawn = annotate(Image(stage.pixels(photo)), marked)
    said = ", ".join(names)
    return embed(drawn, f"Three faces with their names: {said}.", f"Answered: {said}", long_side=1400)


def _close(stage: Stage, photo: Photo) -> Picture:
    pixels, _ = cut(stage.pixels(photo), photo.faces[0][1], 1.5, 240)
    caption = f"{photo.who}, {photo.title or 'as it came'}"
    return embed(pixels, f"Enrolled: {caption}", caption)


CHAPTER = Chapter("identify", "Who is it", tell)

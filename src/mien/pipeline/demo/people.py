"""Chapter: who is the same person, with the error rate of each answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mien.core.report import FaceReport, Verification
from mien.embedding.calibration import Calibration, shipped_calibration
from mien.embedding.compare import Judgement, cosine, judge
from mien.page.blocks import Comparison, Comparisons, Mark, Picture, Section, Table, Text
from mien.page.picture import embed
from mien.pipeline.config import DEFAULT_FMR
from mien.pipeline.demo.album import Photo
from mien.pipeline.demo.stage import Chapter, Stage, Told
from mien.pipeline.demo.views import cut
from mien.pipeline.verify import verify

INTRODUCTION = (
    f"Each pair is decided so that one pair of strangers in {round(1 / DEFAULT_FMR):,} is taken for the same "
    "person. The bar shows how alike two faces are, the line where the decision falls."
)
CAUTION = (
    "The pictures of a person here are variations of one photo: this shows what mien withstands, not how "
    "well it knows people across years; docs/calibration.md and benchmarks/ have those measurements."
)


@dataclass(frozen=True, slots=True)
class Compared:
    """A face of the album beside a portrait; ``answer`` is None where the face was not found."""

    photo: Photo
    who: str
    portrait: str
    answer: Judgement | None

    @property
    def right(self) -> bool:
        return self.answer is not None and self.answer.same == (self.who == self.portrait)


def tell(stage: Stage) -> Told:
    stage.tell("comparing every face with every portrait")
    calibration = shipped_calibration(stage.analyzer.config.profile.calibrated)
    compared = list(compare_all(stage, calibration))
    # Two portraits stand in the table twice and count once.
    counted = [one for one in compared if one.photo.title or one.who < one.portrait]
    right = f"{sum(one.right for one in counted)} of {len(counted)}"
    names = [portrait.who for portrait in stage.album.portraits]
    blocks = (
        Text(INTRODUCTION),
        Comparisons([_shown(stage, a, b, calibration) for a, b in _pairs(stage)]),
        Table(
            ("picture", "shows", "what was done", *(f">{name}" for name in names)),
            list(rows(compared, names)),
            "Similarity of every face to the three portraits; ✓ was taken for the same person.",
        ),
        Text(CAUTION),
    )
    return Told(Section(CHAPTER.title, blocks), _summary(counted), [("comparisons right", right)])


def _summary(counted: Sequence[Compared]) -> dict[str, object]:
    wrong = [one for one in counted if not one.right]
    missed = [one for one in wrong if one.who == one.portrait]
    mistaken = [one for one in wrong if one.who != one.portrait and one.answer is not None]
    return {
        "comparisons": len(counted),
        "right": len(counted) - len(wrong),
        "missed": [f"{one.photo.name}: {one.who}" for one in missed],
        "mistaken": [f"{one.photo.name}: {one.who} for {one.portrait}" for one in mistaken],
    }


def compare_all(stage: Stage, calibration: Calibration) -> Iterator[Compared]:
    """Every face of the album with every portrait but itself."""
    for photo in stage.album:
        for who, _ in photo.faces:
            found = stage.face_of(photo, who)
            for portrait in stage.album.portraits:
                if portrait is not photo:
                    answer = _judged(found, stage.face_of(portrait), calibration)
                    yield Compared(photo, who, portrait.who, answer)


def _judged(a: FaceReport | None, b: FaceReport | None, calibration: Calibration) -> Judgement | None:
    if a is None or b is None or a.embedding is None or b.embedding is None:
        return None
    return judge(cosine(a.embedding, b.embedding), calibration, DEFAULT_FMR)


def rows(compared: Sequence[Compared], portraits: Sequence[str]) -> Iterator[tuple[str | Mark, ...]]:
    """A row a face, with a cell for each of the portraits."""
    faces = dict.fromkeys((one.photo.name, one.who) for one in compared)
    for name, who in faces:
        row = {one.portrait: one for one in compared if (one.photo.name, one.who) == (name, who)}
        title = next(iter(row.values())).photo.title or "as it came"
        yield (name, who, title, *(_cell(row.get(portrait)) for portrait in portraits))


def _cell(one: Compared | None) -> str | Mark:
    if one is None:
        return "itself"
    if one.answer is None:
        return Mark("not found", "bad")
    said = f"{one.answer.similarity:.2f}"
    if not one.right:
        return Mark(f"{said} missed" if one.who == one.portrait else f"{said} mistaken", "bad")
    return Mark(said, "good" if one.answer.same else "plain")


def _pairs(stage: Stage) -> Iterator[tuple[Photo, Photo]]:
    """A hard variation of each sitter beside the portrait, then the sitters beside each other."""
    first, second, third = stage.album.portraits
    varied = {photo.name: photo for photo in stage.album.variations}
    yield first, varied["astronaut-dark.jpg"]
    yield second, varied["hopper-turned90.jpg"]
    yield third, varied["cameraman-small.jpg"]
    yield first, second
    yield second, third
    yield third, first


def _shown(stage: Stage, a: Photo, b: Photo, calibration: Calibration) -> Comparison:
    answer = verify(stage.analyzer, a.path, b.path, calibration=calibration)
    limit, likeness = answer.threshold or 0.0, answer.similarity
    verdict, facts = Mark(f"Not decided: {answer.error}", "bad"), []
    if likeness is not None:
        verdict, facts = _verdict(answer, a.who == b.who), _facts(answer, calibration.smallest_fmr)
    return Comparison(_close(stage, a), _close(stage, b), verdict, likeness or 0.0, limit, facts)


def _verdict(answer: Verification, truth: bool) -> Mark:
    said = "Same person" if answer.same else "Not the same person"
    return Mark(said, "good") if answer.same == truth else Mark(f"{said}, which is wrong", "bad")


def _facts(answer: Verification, smallest: float) -> list[tuple[str, str]]:
    if answer.fmr is None or answer.probability is None:
        return []
    at_most = "at most " if answer.fmr <= smallest else ""
    return [
        ("similarity", f"{answer.similarity:.3f} (needed: {answer.threshold:.3f})"),
        ("strangers this alike", f"{at_most}1 in {round(1 / answer.fmr):,}"),
        ("same, at even odds before", _chance(answer.probability)),
    ]


def _chance(probability: float) -> str:
    """
    >>> _chance(0.9999), _chance(0.0203)
    ('over 99.9 %', '2.0 %')
    """
    return "over 99.9 %" if probability > 0.999 else f"{100 * probability:.1f} %"


def _close(stage: Stage, photo: Photo) -> Picture:
    """The face as it stands in the picture, nothing drawn on it."""
    pixels, _ = cut(stage.pixels(photo), photo.faces[0][1], 1.5, 320)
    caption = f"{photo.who}, {photo.title}" if photo.title else photo.who
    return embed(pixels, caption, caption[:1].upper() + caption[1:])


CHAPTER = Chapter("verify", "Who is the same person", tell)

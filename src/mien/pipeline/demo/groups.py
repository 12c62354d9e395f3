"""Chapter: the same pictures without any name, sorted by person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mien.core.answers import Grouped
from mien.core.types import Box
from mien.embedding.calibration import shipped_calibration
from mien.page.blocks import Block, Mark, Picture, Pictures, Section, Table, Text
from mien.page.picture import embed
from mien.pipeline.cluster import Found, group
from mien.pipeline.demo.album import Photo
from mien.pipeline.demo.gallery import look_of
from mien.pipeline.demo.stage import Chapter, Stage, Told, nearest_box
from mien.pipeline.demo.views import cut
from mien.pipeline.enrol import to_sample

INTRODUCTION = (
    "Nobody told anything about these pictures: every face of all of them, sorted by person. How many people "
    "there are was not told either. Two faces of one picture are never one person; clear faces count more."
)


@dataclass(frozen=True, slots=True)
class Member:
    """One face of the pile.    truth: whose face stands there, or "" where none should be."""

    photo: Photo
    box: Box
    truth: str
    group: int


def tell(stage: Stage) -> Told:
    stage.tell("sorting all faces by person")
    calibration = shipped_calibration(stage.analyzer.config.profile.calibrated)
    looks = [look_of(stage, photo) for photo in stage.album]
    pile = [
        Found(to_sample(look, number), look.report, number)
        for look in looks
        for number in range(len(look.report.faces))
    ]
    photos = {str(look.report.source): photo for look, photo in zip(looks, stage.album, strict=True)}
    members = [_member(photos[face.source], face) for face in group(pile, calibration)]
    by_group: dict[int, list[Member]] = {}
    for member in members:
        by_group.setdefault(member.group, []).append(member)
    right = right_faces(members)
    shown = [
        Pictures([_close(stage, member, number) for member in by_group[number]], "strip")
        for number in sorted(by_group, key=lambda number: -len(by_group[number]))
    ]
    rows = [_row(number, by_group[number]) for number in sorted(by_group)]
    blocks: tuple[Block, ...] = (Text(INTRODUCTION), *shown, Table((">group", ">faces", "shows"), rows))
    summary = {"faces": len(members), "groups": len(by_group), "right": right}
    return Told(Section(CHAPTER.title, blocks), summary, [("sorted right", f"{right} of {len(members)}")])


def right_faces(members: Sequence[Member]) -> int:
    """Faces in the largest group that is mostly of their person; further groups of that person are wrong."""
    sizes = Counter((member.group, member.truth) for member in members)
    owners = {g: max((t for h, t in sizes if h == g), key=lambda t: sizes[g, t]) for g, _ in sizes}
    homes: dict[str, int] = {}
    for number, truth in owners.items():
        homes[truth] = max(homes.get(truth, number), number, key=lambda g: sizes[g, truth])
    return sum(homes.get(member.truth) == member.group for member in members)


def _member(photo: Photo, face: Grouped) -> Member:
    number = nearest_box([box for _, box in photo.faces], face.box)
    return Member(photo, face.box, "" if number is None else photo.faces[number][0], face.group)


def _row(number: int, members: Sequence[Member]) -> tuple[str | Mark, ...]:
    shown = Counter(member.truth or "no face" for member in members)
    said = ", ".join(f"{who} ({count})" if len(shown) > 1 else who for who, count in shown.most_common())
    return (str(number + 1), str(len(members)), Mark(said, "good" if len(shown) == 1 else "bad"))


def _close(stage: Stage, member: Member, number: int) -> Picture:
    pixels, _ = cut(stage.pixels(member.photo), member.box, 1.4, 160)
    caption = member.photo.title or "as it came"
    return embed(pixels, f"Group {number + 1}: {member.truth or 'no face'}, {caption}", caption)


CHAPTER = Chapter("cluster", "Sorted by person", tell)

"""Chapter: every face of every picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mien.core.report import FaceReport
from mien.core.types import Image
from mien.overlay.annotate import COLOURS, Marked, annotate
from mien.page.blocks import Mark, Picture, Pictures, Section, Table, Text
from mien.page.picture import embed
from mien.pipeline.demo.album import Photo
from mien.pipeline.demo.stage import Chapter, Stage, Told
from mien.pipeline.demo.views import cut, moved_face
from mien.pipeline.photos import save_annotated

INTRODUCTION = (
    "Three public-domain portraits, and the same three as life changes them. Each face gets a frame, "
    "468 landmarks, both irises and the direction of the head: red sideways, green up, blue out of the face. "
    "The pictures below are cut around the faces; the whole ones lie in the folder annotated."
)
PORTRAIT, VARIED = 720, 420  # pixels of a cut
AROUND = 1.5  # side of a portrait's cut in faces; the variations show twice as much


def tell(stage: Stage) -> Told:
    album = stage.album
    stage.tell("drawing what was found")
    for photo in album:
        _save_annotated(stage, photo)
    found = sum(stage.face_of(photo, who) is not None for photo in album for who, _ in photo.faces)
    expected = sum(len(photo.faces) for photo in album)
    others = sum(len(stage.reports[photo.name].faces) for photo in album) - found
    blocks = (
        Text(INTRODUCTION),
        Pictures([_cut(stage, photo, AROUND, PORTRAIT) for photo in album.portraits], "large"),
        Pictures([_whole(stage, album.group)], "full"),
        Pictures([_cut(stage, photo, 2 * AROUND, VARIED) for photo in album.variations]),
        Table(
            ("picture", "what was done", ">faces", ">score", ">yaw", ">pitch", ">roll"),
            [_row(stage, photo) for photo in album],
            "Head directions in degrees. Yaw: to the picture's right; pitch: down; roll: clockwise.",
        ),
    )
    return Told(
        Section(CHAPTER.title, blocks),
        {"faces": expected, "found": found, "others": others},
        [("pictures", str(len(list(album)))), ("faces found", f"{found} of {expected}")],
    )


def _marked(faces: Sequence[FaceReport]) -> list[Marked]:
    return [
        Marked(face, f"{i}" if len(faces) > 1 else "", COLOURS[(i - 1) % len(COLOURS)])
        for i, face in enumerate(faces, 1)
    ]


def _save_annotated(stage: Stage, photo: Photo) -> None:
    report = stage.reports[photo.name]
    save_annotated(stage.out / "annotated" / f"{photo.path.stem}.jpg", Image(stage.pixels(photo)), report)


def _whole(stage: Stage, photo: Photo) -> Picture:
    faces = stage.reports[photo.name].faces
    drawn = annotate(Image(stage.pixels(photo)), _marked(faces))
    return embed(drawn, _alt(photo, len(faces)), _caption(photo), long_side=1400)


def _cut(stage: Stage, photo: Photo, around: float, side: int) -> Picture:
    """The part around the face at a size where thin lines show, drawn after it was resized."""
    pixels, matrix = cut(stage.pixels(photo), photo.faces[0][1], around, side)
    faces = [moved_face(face, matrix) for face in stage.reports[photo.name].faces]
    drawn = annotate(Image(pixels), _marked(faces))
    return embed(drawn, _alt(photo, len(faces)), _caption(photo), long_side=side)


def _caption(photo: Photo) -> str:
    return photo.who[:1].upper() + photo.who[1:] + (f": {photo.title}" if photo.title else "")


def _alt(photo: Photo, count: int) -> str:
    many = f"{count} face{'s' if count != 1 else ''}"
    return f"{_caption(photo)}. {many} marked with frame, landmarks and head direction."


def _row(stage: Stage, photo: Photo) -> tuple[str | Mark, ...]:
    faces = [stage.face_of(photo, who) for who, _ in photo.faces]
    found = [face for face in faces if face is not None]
    good = len(found) == len(faces) == len(stage.reports[photo.name].faces)
    count = Mark(str(len(stage.reports[photo.name].faces)), "good" if good else "bad")
    title = photo.title or "as it came"
    if len(found) != 1:
        return (photo.name, title, count, "", "", "", "")
    return (photo.name, title, count, f"{found[0].detection.score:.2f}", *_pose(found[0]))


def _pose(face: FaceReport) -> tuple[str, str, str]:
    if face.pose is None:
        return "", "", ""
    return _degrees(face.pose.yaw), _degrees(face.pose.pitch), _degrees(face.pose.roll)


def _degrees(angle: float) -> str:
    return f"{round(math.degrees(angle)):+d}°".replace("-", "−")


CHAPTER = Chapter("analyze", "Every face, and what it shows", tell)

"""Chapter: an animatable head from one photo, seen from five sides."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mien.page.blocks import Files, Picture, Pictures, Section, Table, Text
from mien.page.picture import embed
from mien.pipeline.demo.album import Photo
from mien.pipeline.demo.stage import Chapter, Stage, Told
from mien.pipeline.demo.views import cut
from mien.pipeline.reconstruct import Reconstruction, reconstruct

INTRODUCTION = (
    "Each portrait becomes a head in millimetres with its skin, 52 movable expressions and eyes that turn. "
    "What the photo does not show is completed from the mirror side and the mean head."
)
SIDES = (("turned left", -70), ("half left", -35), ("front", 0), ("half right", 35), ("turned right", 70))
SIDE = 420  # pixels
FEW = 2  # portraits that become heads: the third is bent over his camera, half his face unseen


def tell(stage: Stage) -> Told:
    (stage.out / "heads").mkdir(exist_ok=True)
    strips: list[Pictures] = []
    files: list[tuple[str, str]] = []
    rows: list[tuple[str, ...]] = []
    for photo in stage.album.portraits[:FEW]:
        stage.tell(f"making a head of {photo.who}")
        head = reconstruct(stage.analyzer, photo.path)
        strips.append(Pictures([_portrait(stage, photo), *_views(head, photo.who)], "strip"))
        files.extend(_saved(stage, photo, head))
        rows.append(_row(photo.who, head))
    table = Table(
        ("head", ">vertices", "size from", ">residual", "strongest expressions"),
        rows,
        "Residual: how far the head's points lie from the photo's landmarks, in pixels of the photo.",
    )
    return Told(
        Section(CHAPTER.title, (Text(INTRODUCTION), *strips, table, Files(files))),
        {"heads": len(rows), "files": [path for path, _ in files]},
        [("heads", str(len(rows)))],
    )


def _portrait(stage: Stage, photo: Photo) -> Picture:
    pixels, _ = cut(stage.pixels(photo), photo.faces[0][1], 1.7, SIDE)
    return embed(pixels, f"The photo of {photo.who}", photo.who)


def _views(head: Reconstruction, who: str) -> Iterator[Picture]:
    for said, degrees in SIDES:
        seen = head.view(yaw=math.radians(degrees), size=SIDE)
        yield embed(seen.pixels, f"The head of {who}, {said}", said.capitalize())


def _saved(stage: Stage, photo: Photo, head: Reconstruction) -> Iterator[tuple[str, str]]:
    for kind, said in (
        ("html", "turn it and move its face, in the browser, offline"),
        ("glb", "for Blender, Unity, three.js"),
    ):
        for path in head.save(stage.out / "heads" / f"{photo.path.stem}.{kind}"):
            yield path.relative_to(stage.out).as_posix(), f"{photo.who}: {said}"


def _row(who: str, head: Reconstruction) -> tuple[str, ...]:
    strongest = sorted(head.expression.items(), key=lambda item: -item[1])[:3]
    said = ", ".join(f"{name} {100 * weight:.0f} %" for name, weight in strongest if weight >= 0.1)
    return who, f"{len(head.model.mean):,}", head.size.source, f"{head.fit.residual:.1f}", said


CHAPTER = Chapter("reconstruct", "A head from one photo", tell)

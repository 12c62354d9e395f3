"""Why are these two the same? Hide parts of each face and watch the similarity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.alignment.templates import find_template, places
from mien.core.errors import InputError, ModelError
from mien.core.report import FaceReport
from mien.core.types import AlignedFace, Embedding, LocatedFace, Pixels
from mien.detection.select import select
from mien.embedding.calibration import shipped_calibration
from mien.embedding.compare import Judgement, cosine, judge
from mien.embedding.pool import pool
from mien.embedding.saliency import (
    Heat,
    Masks,
    Method,
    hide,
    occlusion_heat,
    random_masks,
    region_masks,
    rise_heat,
    sliding_masks,
)
from mien.pipeline.analyze import Analyzer, source_name
from mien.pipeline.config import DEFAULT_FMR
from mien.pipeline.embed import FaceEmbedder

METHODS: tuple[Method, ...] = ("rise", "occlusion", "gradient")
BATCH = 32
Done = Callable[[int], object]


class HiddenFace:
    """One face that can be embedded with parts of it hidden, as the profile embeds it whole.

    crops: for each network of the embedder, the views that it is fed.    shown: the first of them.
    """

    def __init__(self, embedder: FaceEmbedder, face: LocatedFace) -> None:
        self.embedder = embedder
        self.crops = [
            embedder.crops([face], _template(part.network.card.template))[0] for part in embedder.parts
        ]
        self.shown = self.crops[0][0]
        self.whole = self._join(
            [part.embed(crops) for part, crops in zip(embedder.parts, self.crops, strict=True)]
        )

    @property
    def side(self) -> int:
        return int(self.shown.pixels.shape[0])

    def embed(self, masks: Masks, done: Done = lambda count: None) -> list[Embedding]:
        """Embed the face under each mask; masks are in pixels of ``shown``.    done: called a batch."""
        found = []
        for start in range(0, len(masks), BATCH):
            batch = masks[start : start + BATCH]
            parts = [[self._hidden(crop, batch) for crop in crops] for crops in self.crops]
            answers = [
                [part.embed(view) for view in views]
                for part, views in zip(self.embedder.parts, parts, strict=True)
            ]
            found += [
                self._join([[view[k] for view in views] for views in answers]) for k in range(len(batch))
            ]
            done(len(batch))
        return found

    def _hidden(self, crop: AlignedFace, masks: Masks) -> list[AlignedFace]:
        moved = move_masks(masks, self.shown, crop)
        return [AlignedFace(pixels, crop.matrix, crop.template) for pixels in hide(crop.pixels, moved)]

    def _join(self, answers: Sequence[Sequence[Embedding]]) -> Embedding:
        """Views pooled, networks fused: (parts, views) -> one."""
        pooled = [pool(views) for views in answers]
        fusion = self.embedder.fusion
        return pooled[0] if fusion is None else fusion.fuse(pooled)


# What a gradient says of a face and the embedding that it is compared with: (S, S) of `HiddenFace.shown`.
GradientHeat = Callable[[HiddenFace, Embedding, Done], Heat]


def move_masks(masks: Masks, shown: AlignedFace, crop: AlignedFace) -> Masks:
    """Move masks of one crop onto another crop of the same face (a mirror image, another template).

    What lies outside the first crop takes its nearest edge.    returns: (K, S, S) of ``crop``.
    """
    if crop is shown:
        return masks
    onto = np.vstack([shown.matrix, [0, 0, 1]]) @ np.linalg.inv(np.vstack([crop.matrix, [0, 0, 1]]))
    rows, columns = np.mgrid[: crop.pixels.shape[0], : crop.pixels.shape[1]]
    x, y = np.einsum("ij,jhw->ihw", onto[:2], np.stack([columns, rows, np.ones_like(rows)]))
    last = shown.pixels.shape[0] - 1
    nearest = tuple(np.clip(np.rint(axis), 0, last).astype(int) for axis in (y, x))
    moved: Masks = masks[:, nearest[0], nearest[1]]
    return moved


@dataclass(frozen=True, slots=True, eq=False)
class ExplainedFace:
    """One of two faces.

    crop: (S, S, 3) as the network saw it.
    heat: (S, S); positive where the face speaks for the two being the same, negative where it speaks against.
    regions: eyes, nose … -> how much similarity is lost when only that is hidden.
    """

    report: FaceReport
    crop: Pixels
    heat: Heat
    regions: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why two faces are alike or not.    embeddings: how many were made to find out."""

    answer: Judgement
    method: Method
    a: ExplainedFace
    b: ExplainedFace
    embeddings: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; its keys are promised in docs/evaluation.md."""
        return {
            "same": self.answer.same,
            "similarity": round(self.answer.similarity, 6),
            "threshold": round(self.answer.threshold, 6),
            "fmr": float(f"{self.answer.fmr:.3g}"),
            "method": self.method,
            "embeddings": self.embeddings,
            "faces": {"a": _face(self.a), "b": _face(self.b)},
        }


def explain(
    analyzer: Analyzer,
    a: object,
    b: object,
    *,
    method: str = "rise",
    fmr: float = DEFAULT_FMR,
    which: str | None = None,
    masks: int = 400,
    done: Done = lambda count: None,
    gradient: GradientHeat | None = None,
) -> Explanation:
    """Find what makes the faces of two pictures alike.

    method: "rise" (random smooth masks), "occlusion" (a sliding square) or "gradient", which needs PyTorch:
        `mien.training.saliency` brings it in as ``gradient``.    masks: of "rise", a face.
    which: the face that is meant where a picture shows several.
    done: called with the number of embeddings made since the last call.
    raises: `NoFaceFound`, `AmbiguousFace`, InputError for a method that is none, `ModelError`.
    """
    if method not in METHODS:
        raise InputError(f"no method is called {method!r}: choose {', '.join(METHODS)}")
    if method == "gradient" and gradient is None:
        raise InputError("nothing here gives gradients: call mien.explain, or choose rise or occlusion")
    chosen: Method = method
    calibration = shipped_calibration(analyzer.config.profile.calibrated)
    found = [_the_face(analyzer, source, which) for source in (a, b)]
    faces = [HiddenFace(analyzer.embedder, located) for _, located in found]
    wholes = [face.whole for face in faces]
    count = Counted(done)
    if gradient is not None and chosen == "gradient":
        heats = [gradient(face, other, count) for face, other in zip(faces, reversed(wholes), strict=True)]
    else:
        tried = hiding_masks(chosen, faces[0].side, masks)
        heats = [
            heat_of(face, other, chosen, tried, count)
            for face, other in zip(faces, reversed(wholes), strict=True)
        ]
    explained = [
        _explained(report, face, other, heat, count)
        for (report, _), face, other, heat in zip(found, faces, reversed(wholes), heats, strict=True)
    ]
    answer = judge(cosine(*wholes), calibration, fmr)
    return Explanation(answer, chosen, explained[0], explained[1], count.total + 2)


class Counted:
    """Passes counts on, and adds them up."""

    def __init__(self, done: Done) -> None:
        self._done, self.total = done, 0

    def __call__(self, count: int) -> None:
        self.total += count
        self._done(count)


def hiding_masks(method: Method, side: int, count: int = 400) -> Masks:
    """The masks of a method for a crop of ``side`` pixels."""
    return random_masks(side, count) if method == "rise" else sliding_masks(side)


def heat_of(
    face: HiddenFace,
    other: Embedding,
    method: Method,
    masks: Masks,
    done: Done = lambda count: None,
) -> Heat:
    """(S, S) what each pixel of ``face`` adds to its similarity with ``other``."""
    scores = similarities(face, other, masks, done)
    if method == "rise":
        return rise_heat(masks, scores)
    return occlusion_heat(masks, scores, cosine(face.whole, other))


def similarities(
    face: HiddenFace, other: Embedding, masks: Masks, done: Done = lambda count: None
) -> NDArray[np.float64]:
    """(K,) similarities of a face under each mask with another."""
    return np.array([cosine(one, other) for one in face.embed(masks, done)])


def _explained(
    report: FaceReport,
    face: HiddenFace,
    other: Embedding,
    heat: Heat,
    done: Done,
) -> ExplainedFace:
    template = find_template(face.shown.template)
    regions = region_masks(face.side, places(template.keypoints))
    whole = cosine(face.whole, other)
    left = similarities(face, other, np.stack(list(regions.values())), done)
    lost = {name: whole - float(score) for name, score in zip(regions, left, strict=True)}
    return ExplainedFace(report, face.shown.pixels, heat, lost)


def _the_face(analyzer: Analyzer, source: object, which: str | None) -> tuple[FaceReport, LocatedFace]:
    picture = analyzer.open(source)
    found = analyzer.find(picture)
    chosen = select(found, which, picture.image.width, picture.image.height, source_name(source))
    (report,) = analyzer.describe(picture, [found[chosen]], frozenset({"box", "keypoints"}))
    return report, LocatedFace(picture.image, found[chosen])


def _template(name: str | None) -> str:
    if name is None:
        raise ModelError("the embedder's card names no alignment template: add one to it")
    return name


def _face(face: ExplainedFace) -> dict[str, Any]:
    return {**face.report.to_dict(), "regions": {name: round(lost, 4) for name, lost in face.regions.items()}}

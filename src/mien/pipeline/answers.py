"""What models of the user's own say about faces, beside the findings of the pipeline's networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mien.alignment.crop import align
from mien.alignment.templates import find_template, scaled
from mien.attributes.network import Asked
from mien.attributes.questions import findings_of
from mien.core.errors import ModelError
from mien.core.modelcard import ModelCard
from mien.core.types import AlignedFace, Landmarks, LocatedFace
from mien.landmarks.points import PointNetwork
from mien.pipeline.embed import MIN_PRESENCE


@dataclass(frozen=True, slots=True)
class Answer:
    """About one face.

    findings: field of a `FaceReport` -> its value.    landmarks: instead of the mesh's, where there are any.
    notes: as on the report.
    """

    findings: Mapping[str, Any] = field(default_factory=dict)
    landmarks: Landmarks | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answers:
    """asked: networks with questions.    points: a landmark network of another scheme than the mesh's."""

    asked: tuple[Asked, ...] = ()
    points: PointNetwork | None = None

    def say(
        self, faces: Sequence[LocatedFace], meshes: Sequence[Landmarks], asked: Collection[str]
    ) -> list[Answer]:
        """Ask every network that has something to say on what was asked.

        meshes: of the faces; may be empty where no network here is wanted.
        raises: `ModelError` for a card that does not say how faces are to be cut, `ModelCorrupt`.
        """
        findings: list[dict[str, Any]] = [{} for _ in faces]
        for network in self.asked:
            card = network.network.card
            if set(findings_of(card).values()).isdisjoint(asked):
                continue
            said = network.say([crop_for(*pair, card) for pair in zip(faces, meshes, strict=True)])
            for known, more in zip(findings, said, strict=True):
                _add(known, more, asked)
        points = self.points if "landmarks" in asked else None
        if points is None:
            return [Answer(one) for one in findings]
        card = points.network.card
        note = {"landmarks": f"{card.name} tells x and y: z is 0"}
        return [
            Answer(one, points.locate(crop_for(face, mesh, card), mesh.presence), note)
            for one, face, mesh in zip(findings, faces, meshes, strict=True)
        ]


def _add(known: dict[str, Any], more: Mapping[str, Any], asked: Collection[str]) -> None:
    for finding, value in more.items():
        if finding == "attributes":
            value = {**known.get(finding, {}), **value}
        if finding in asked:
            known[finding] = value


def crop_for(face: LocatedFace, mesh: Landmarks, card: ModelCard) -> AlignedFace:
    """Cut a face as `mien train` cuts it (`mien.training.data.align`).

    mesh: of the face.    raises: `ModelError` for a card that does not say how.
    """
    side = card.preprocess.width
    if card.template is None or side is None or side != card.preprocess.height:
        raise ModelError(
            f"the card of {card.name} does not say how faces are cut for it: give it a template, and "
            "one square size under [preprocess]"
        )
    template = scaled(find_template(card.template), side)
    seen = mesh if mesh.presence >= MIN_PRESENCE else None
    return align(face, template, seen, keypoints_too=True)

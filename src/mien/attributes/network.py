"""Any network that answers questions about a face with probabilities; its card lists the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mien.attributes.age import age_of
from mien.attributes.questions import findings_of, sexes
from mien.core.errors import ModelCorrupt
from mien.core.protocols import Network
from mien.core.types import AlignedFace, Liveness

Said = dict[str, Any]  # finding -> its value on a `FaceReport`
TOTAL = 0.02  # by which probabilities may miss a sum of 1


class Asked(Protocol):
    """What answers findings about aligned faces."""

    @property
    def network(self) -> Network: ...

    def say(self, faces: Sequence[AlignedFace]) -> list[Said]:
        """The findings of each face, in order."""


@dataclass(frozen=True, slots=True)
class AttributeNetwork:
    """Age, sex, expression and whatever else an output of the network stands for."""

    network: Network

    def say(self, faces: Sequence[AlignedFace]) -> list[Said]:
        """raises: `ModelCorrupt` for answers that are not the probabilities that the card promises."""
        if not faces:
            return []
        card = self.network.card
        outputs = self.network.run(np.stack([face.pixels for face in faces]))
        said: list[Said] = [{} for _ in faces]
        for output, finding in findings_of(card).items():
            labels = card.answers[output]
            rows = self._rows(outputs, output, (len(faces), len(labels)))
            for one, row in zip(said, rows.tolist(), strict=True):
                chances = dict(zip(labels, row, strict=True))
                if finding == "attributes":
                    one.setdefault(finding, {})[output] = chances
                else:
                    one[finding] = _value(finding, chances)
        return said

    def _rows(
        self, outputs: Mapping[str, NDArray[np.float32]], output: str, shape: tuple[int, int]
    ) -> NDArray[np.float64]:
        card = self.network.card
        found = outputs.get(output)
        if found is None and len(outputs) == len(card.answers) == 1:
            found = next(iter(outputs.values()))  # engines name a single output freely
        if found is None or found.shape != shape:
            got = ", ".join(f"{name} {value.shape}" for name, value in outputs.items())
            raise ModelCorrupt(
                f"{card.name} answers {got}, not {output} {shape}: correct [answers] on its card"
            )
        rows = found.astype(np.float64)
        if not (rows >= -TOTAL).all() or not (np.abs(rows.sum(axis=1) - 1) < TOTAL).all():
            raise ModelCorrupt(
                f"{output} of {card.name} is no probability of {shape[1]} labels: let the network end in a "
                "softmax"
            )
        return rows


@dataclass(frozen=True, slots=True)
class LivenessNetwork:
    """One number a face, 0..1, higher is more alive; the card has the threshold."""

    network: Network

    def say(self, faces: Sequence[AlignedFace]) -> list[Said]:
        """raises: `ModelCorrupt` for answers that are not one number from 0 to 1 a face."""
        if not faces:
            return []
        card = self.network.card
        outputs = self.network.run(np.stack([face.pixels for face in faces]))
        scores = next(iter(outputs.values())).reshape(-1)
        if len(outputs) != 1 or len(scores) != len(faces) or not ((scores >= 0) & (scores <= 1)).all():
            raise ModelCorrupt(
                f"{card.name} does not answer one number from 0 to 1 a face: give another liveness model"
            )
        return [{"liveness": _liveness(float(score), card.name, card.threshold)} for score in scores]


def _value(finding: str, chances: Mapping[str, float]) -> object:
    if finding == "age":
        return age_of(chances)
    if finding == "sex":
        return sexes(chances)
    return {label.lower(): chance for label, chance in chances.items()}


def _liveness(score: float, name: str, threshold: float | None) -> Liveness:
    if threshold is None:
        return Liveness(None, score, (f"{name}: {score:.3f}; its card has no threshold",))
    said = f"{name}: {score:.3f}, living from {threshold:.3f} on"
    return Liveness(score >= threshold, score, (said,))

"""Several networks' embeddings of one face as one embedding.

Score-level fusion adds z-scores: ``sum_i w_i (c_i - m_i) / s_i``, with ``c_i`` the cosine of network i and
``m_i, s_i`` mean and standard deviation of its cosine between strangers (Jain, Nandakumar, Ross, "Score
normalization in multimodal biometric systems", Pattern Recognition 38, 2005). With ``a_i = w_i / s_i`` this
is ``sum_i a_i c_i`` plus a constant; and the unit vectors ``u_i``, each scaled by ``sqrt(a_i / sum a)`` and
written one after the other, have unit length and the inner product ``sum_i a_i c_i / sum a``. So the fused
embedding is an ordinary one: its cosine orders pairs exactly as the fused score does, in a gallery, an index
or a threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.types import Embedding

JOINT = "+"


@dataclass(frozen=True, slots=True)
class Share:
    """What one network contributes.

    weight: of its z-score.    spread: standard deviation of its cosine between strangers.
    """

    weight: float
    spread: float


# Spreads: 247,456 pairs of strangers of FairFace (benchmarks/studies/fusion_spread.json).
SHARES: Mapping[str, Share] = {
    "sface": Share(weight=0.7, spread=0.1035),
    "dlib_resnet": Share(weight=0.3, spread=0.0373),
}


@dataclass(frozen=True, slots=True)
class Fusion:
    """A fixed list of networks, each with its share."""

    parts: tuple[str, ...]
    shares: Mapping[str, Share]

    def __post_init__(self) -> None:
        for name in self.parts:
            share = self.shares.get(name)
            if share is None or not (share.weight > 0 and share.spread > 0):
                known = ", ".join(sorted(self.shares))
                raise InputError(f"{name} has no share in a fusion: fuse networks out of {known}")
        if len(set(self.parts)) < 2 or len(set(self.parts)) != len(self.parts):
            raise InputError(f"{JOINT.join(self.parts)} is no fusion: name two or more different networks")

    @property
    def name(self) -> str:
        return JOINT.join(self.parts)

    @property
    def scales(self) -> NDArray[np.float64]:
        """What each part's unit vector is multiplied by: (len(parts),), squares add up to 1."""
        slopes = np.array([self.shares[name].weight / self.shares[name].spread for name in self.parts])
        scales: NDArray[np.float64] = np.sqrt(slopes / slopes.sum())
        return scales

    def fuse(self, embeddings: Sequence[Embedding]) -> Embedding:
        """Join the parts' embeddings of one face, given in the order of ``parts``; the first's norm stays."""
        if tuple(item.model for item in embeddings) != self.parts:
            got = ", ".join(item.model for item in embeddings) or "nothing"
            raise InputError(f"the fusion {self.name} needs one embedding a part in this order, not {got}")
        scaled = [s * item.vector.astype(np.float64) for s, item in zip(self.scales, embeddings, strict=True)]
        return Embedding(np.concatenate(scaled).astype(np.float32), self.name, embeddings[0].norm)


def fusion_of(name: str) -> Fusion:
    """The fusion that a name like "sface+dlib_resnet" stands for."""
    return Fusion(tuple(name.split(JOINT)), SHARES)

"""How clearly a face shows who it is, told by the length of the embedding network's answer.

A network trained with a margin answers blurred, turned or covered faces with a short vector (Meng et al.,
"MagFace", CVPR 2021, made a training loss of it). For SFace the length alone predicts how well a face agrees
with the person's other photos: Spearman 0.63 on wild40, 0.56 on celeba10k, more than detection score (0.54,
0.34), size (0.38, 0.19) or head turn (`python -m benchmarks.recognition` measures it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mien.core.types import Embedding
from mien.embedding.fuse import JOINT


class Clarity(NamedTuple):
    """share: of a squared length that is the person, at ``norm``; slope: what each unit of norm adds."""

    norm: float
    share: float
    slope: float


# Fitted to the agreement of photos of one person, once the similarity that all faces have is taken off.
CLARITIES: Mapping[str, Clarity] = {"sface": Clarity(norm=12.0, share=0.38, slope=0.08)}
LEAST_SHARE, MOST_SHARE = 0.03, 0.85


def quality_of(embedding: Embedding) -> float | None:
    """The cosine that a face may be expected to have with its person's own direction, 0..1.

    None where the network's lengths are not known to tell, or were not kept.

    >>> quality_of(Embedding(np.ones(1, np.float32), "sface", norm=12.0))
    0.616
    """
    clarity = CLARITIES.get(embedding.model.split(JOINT)[0])
    if clarity is None or embedding.norm is None:
        return None
    share = clarity.share + clarity.slope * (embedding.norm - clarity.norm)
    return round(float(np.sqrt(np.clip(share, LEAST_SHARE, MOST_SHARE))), 3)

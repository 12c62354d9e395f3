"""How alike two faces are, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.types import Embedding
from mien.embedding.calibration import Calibration


def cosine(a: Embedding, b: Embedding) -> float:
    """Compute the cosine of the angle between two embeddings of the same model: -1..1, 1 is identical.

    >>> right = Embedding(np.array([1, 0], np.float32), "m")
    >>> cosine(right, Embedding(np.array([0.6, 0.8], np.float32), "m"))
    0.6000000238418579
    """
    _same_model([a, b])
    return float(np.clip(np.dot(a.vector.astype(np.float64), b.vector.astype(np.float64)), -1.0, 1.0))


def similarity_matrix(rows: Sequence[Embedding], columns: Sequence[Embedding]) -> NDArray[np.float32]:
    """Compare every row with every column.

    returns: (len(rows), len(columns)) cosines.
    """
    if not rows or not columns:
        return np.zeros((len(rows), len(columns)), np.float32)
    _same_model([*rows, *columns])
    left, right = (np.stack([item.vector for item in items]) for items in (rows, columns))
    return np.asarray(np.clip(left @ right.T, -1.0, 1.0), np.float32)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether two faces are the same person, and how far to trust it.

    same: similarity >= threshold.
    fmr: share of stranger pairs at least this similar; fmr_low, fmr_high: its 95 % interval.
    fmr_supported: False where ``fmr`` is only an upper bound because the calibration saw no such strangers.
    threshold: the similarity that the asked false match rate stands for.
    probability: that they are the same person, if before looking the chance was ``prior``.
    """

    same: bool
    similarity: float
    fmr: float
    fmr_low: float
    fmr_high: float
    fmr_supported: bool
    threshold: float
    probability: float
    prior: float


def judge(similarity: float, calibration: Calibration, fmr: float = 1e-4, prior: float = 0.5) -> Judgement:
    """Decide at a false match rate.

    raises: ThinData where the calibration does not support ``fmr``.
    """
    threshold = calibration.threshold(fmr)
    estimate = calibration.fmr(similarity)
    return Judgement(
        same=similarity >= threshold,
        similarity=similarity,
        fmr=estimate.rate,
        fmr_low=estimate.low,
        fmr_high=estimate.high,
        fmr_supported=estimate.supported,
        threshold=threshold,
        probability=calibration.probability(similarity, prior),
        prior=prior,
    )


def _same_model(embeddings: Sequence[Embedding]) -> None:
    models = sorted({item.model for item in embeddings})
    if len(models) > 1:
        raise InputError(f"embeddings of {' and '.join(models)} cannot be compared: make both with one model")
    lengths = sorted({item.vector.shape for item in embeddings})
    if len(lengths) > 1 or len(lengths[0]) != 1:
        raise InputError(f"embeddings have shapes {lengths}: give vectors of one length")

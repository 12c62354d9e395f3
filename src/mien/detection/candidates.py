"""Raw candidates of a detector network, before and after overlapping ones are removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.types import Box, Detection, Points
from mien.geometry.boxes import nms


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Faces that a network proposes.

    boxes: (N, 4) pixels.    scores: (N,) 0..1.    keypoints: (N, 5, 2) pixels.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    keypoints: NDArray[np.float64]

    @staticmethod
    def join(parts: Sequence[Candidates]) -> Candidates:
        return Candidates(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.keypoints for part in parts]),
        )

    def moved(self, move: Callable[[Points], Points]) -> Candidates:
        """Express boxes (as corner pairs) and keypoints in another frame; ``move`` maps (..., 2) points."""
        corners = move(self.boxes.reshape(-1, 2, 2)).reshape(-1, 4)
        return Candidates(np.asarray(corners), self.scores, np.asarray(move(self.keypoints)))

    def distinct(self, max_iou: float) -> list[Detection]:
        """Drop candidates that overlap a better one; best score first."""
        return [
            Detection(Box(*map(float, self.boxes[i])), float(self.scores[i]), self.keypoints[i])
            for i in nms(self.boxes, self.scores, max_iou)
        ]

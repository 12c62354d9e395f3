"""CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.protocols import Network
from mien.core.types import Detection, Image
from mien.detection.candidates import Candidates, look

STRIDE = 4


def decode(
    heatmap: NDArray[np.float32],
    log_sizes: NDArray[np.float32],
    offsets: NDArray[np.float32],
    points: NDArray[np.float32],
    min_score: float,
) -> Candidates:
    """Turn the network's four maps into candidates.

    heatmap: (1, 1, h, w) 0..1.    log_sizes: (1, 2, h, w) height, width.    offsets: (1, 2, h, w) y, x.
    points: (1, 10, h, w) five (y, x) as shares of the box, from its corner.
    """
    rows, columns = np.nonzero(heatmap[0, 0] >= min_score)
    height, width = np.exp(log_sizes[0, :, rows, columns].astype(np.float64)).T * STRIDE
    dy, dx = offsets[0, :, rows, columns].astype(np.float64).T
    x1 = (columns + dx + 0.5) * STRIDE - width / 2
    y1 = (rows + dy + 0.5) * STRIDE - height / 2
    shares = points[0, :, rows, columns].astype(np.float64).reshape(-1, 5, 2)[..., ::-1]
    corner, size = np.stack([x1, y1], axis=1), np.stack([width, height], axis=1)
    return Candidates(
        np.concatenate([corner, corner + size], axis=1),
        heatmap[0, 0, rows, columns].astype(np.float64),
        corner[:, None] + shares * size[:, None],
    )


@dataclass(frozen=True, slots=True)
class CenterFace:
    """long_sides: least and most pixels of the longer side as the network sees the picture."""

    network: Network
    long_sides: tuple[int, int]
    min_score: float
    max_iou: float = 0.3

    def detect(self, image: Image) -> list[Detection]:
        fitted, maps = look(self.network, image, self.long_sides)
        # The file numbers its outputs: 537 heatmap, 538 sizes, 539 offsets, 540 points.
        found = decode(maps["537"], maps["538"], maps["539"], maps["540"], self.min_score)
        return found.moved(fitted.to_picture).distinct(self.max_iou)

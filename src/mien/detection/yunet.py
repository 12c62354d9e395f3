"""YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023): one anchor a cell, 3 strides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.protocols import Network
from mien.core.types import Detection, Image
from mien.detection.candidates import Candidates, look

STRIDES = (8, 16, 32)


def decode(outputs: Mapping[str, NDArray[np.float32]], columns_of_input: int, min_score: float) -> Candidates:
    """Turn the network's twelve outputs into candidates.

    outputs: ``cls_S``, ``obj_S`` (1, cells, 1) 0..1, ``bbox_S`` (1, cells, 4), ``kps_S`` (1, cells, 10) for
        each stride S; cells run row by row.
    The arithmetic is that of OpenCV's FaceDetectorYN (modules/objdetect/src/face_detect.cpp).
    """
    parts = [Candidates.none()]
    for stride in STRIDES:
        found, wanted = outputs[f"cls_{stride}"][0, :, 0], outputs[f"obj_{stride}"][0, :, 0]
        cells = np.flatnonzero(found * wanted >= min_score**2)  # nearly all are none: look closer at the rest
        scores = np.sqrt(np.clip(found[cells], 0, 1) * np.clip(wanted[cells], 0, 1))
        cells, scores = cells[scores >= min_score], scores[scores >= min_score]
        if not len(cells):
            continue
        rows, columns = np.divmod(cells, columns_of_input // stride)
        corner = np.stack([columns, rows], axis=1)
        offsets = outputs[f"bbox_{stride}"][0, cells].astype(np.float64)
        center = (corner + offsets[:, :2]) * stride
        half = np.exp(offsets[:, 2:]) * stride / 2
        points = outputs[f"kps_{stride}"][0, cells].astype(np.float64).reshape(-1, 5, 2)
        parts.append(
            Candidates(
                np.concatenate([center - half, center + half], axis=1),
                scores.astype(np.float64),
                (points + corner[:, None]) * stride,
            )
        )
    return Candidates.join(parts)


@dataclass(frozen=True, slots=True)
class YuNet:
    """long_sides: least and most pixels of the longer side as the network sees the picture."""

    network: Network
    long_sides: tuple[int, int]
    min_score: float
    max_iou: float = 0.3

    def detect(self, image: Image) -> list[Detection]:
        fitted, outputs = look(self.network, image, self.long_sides)
        found = decode(outputs, fitted.pixels.shape[1], self.min_score)
        return found.moved(fitted.to_picture).distinct(self.max_iou)

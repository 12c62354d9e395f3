"""Raw candidates of a detector network, before and after overlapping ones are removed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.protocols import Network
from mien.core.types import Box, Detection, Image, Points
from mien.geometry.boxes import nms
from mien.imaging.letterbox import Letterboxed, frame_size, letterbox

SLACK = 1.25
FRAME_STEP = 64  # pixels; engines prepare themselves anew for each shape they have not seen lately


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Faces that a network proposes.

    boxes: (N, 4) pixels.    scores: (N,) 0..1.    keypoints: (N, 5, 2) pixels.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    keypoints: NDArray[np.float64]

    @staticmethod
    def none() -> Candidates:
        return Candidates(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))

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


def look(
    network: Network, image: Image, long_sides: tuple[int, int]
) -> tuple[Letterboxed, Mapping[str, NDArray[np.float32]]]:
    """Show a network the whole picture.

    network: fed with the picture in a frame of the picture's shape; or of its own, where it has a fixed size.
    long_sides: least and most pixels of the longer side as the network sees it; a picture that is hardly
        larger is shown as it is, since shrinking it costs as much as it saves.
    returns: the picture as it was shown, and the network's outputs.
    """
    how = network.card.preprocess
    if how.width is not None and how.height is not None:
        fitted = letterbox(image.pixels, how.width, how.height)
        return fitted, network.run(fitted.pixels[None])
    longer = max(image.width, image.height)
    long_side = longer if longer <= SLACK * long_sides[1] else long_sides[1]
    long_side = max(long_side, long_sides[0])
    stride = math.lcm(how.stride, FRAME_STEP)
    frame = frame_size(image.width, image.height, long_side, stride)
    # A picture of the right size is padded to whole strides, not stretched: no pixel is made up.
    fitted = letterbox(image.pixels, *frame, enlarge=long_side > longer)
    return fitted, network.run(fitted.pixels[None])

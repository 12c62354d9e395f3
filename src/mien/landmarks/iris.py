"""MediaPipe Iris (Ablavatski et al., "Real-time Pupil Tracking from Monocular Video", 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ModelCorrupt
from mien.core.protocols import Network
from mien.core.types import Pixels, Points
from mien.geometry.squares import square_to_crop
from mien.imaging.warp import invert_affine, move_points, warp_affine

EYE_CORNERS = ((33, 133), (362, 263))  # mesh468: the eye on the picture's left, the other
MARGIN = 2.3  # the crop's side over the distance of the corners, as the network was trained
VALUES = 15


@dataclass(frozen=True, slots=True)
class IrisFinder:
    network: Network

    def find(self, pixels: Pixels, mesh: NDArray[np.float64]) -> Points:
        """Locate both irises.

        mesh: (468, 3) pixels.    returns: (2, 5, 2) pixels: centre and four rim points, picture left first.
        """
        size = self.network.card.preprocess.side
        found = []
        for flip, corners in zip((False, True), EYE_CORNERS, strict=True):
            start, end = mesh[list(corners), :2]
            angle = math.atan2(end[1] - start[1], end[0] - start[0])
            side = MARGIN * max(float(np.hypot(*(end - start))), 1.0)
            middle = (start + end) / 2
            matrix = square_to_crop((float(middle[0]), float(middle[1])), side, angle, size)
            crop = warp_affine(pixels, matrix, (size, size))
            # The network knows one eye only: the other is shown to it in a mirror.
            raw = self._points(crop[:, ::-1] if flip else crop)
            if flip:
                raw[:, 0] = size - raw[:, 0]
            found.append(move_points(invert_affine(matrix), raw - 0.5))
        return np.stack(found)

    def _points(self, crop: Pixels) -> NDArray[np.float64]:
        outputs = self.network.run(np.ascontiguousarray(crop)[None])
        raw = next((value for value in outputs.values() if value.size == VALUES), None)
        if raw is None:
            raise ModelCorrupt(
                "the iris network has unknown outputs: `mien models verify iris` checks the file"
            )
        return raw.reshape(5, 3)[:, :2].astype(np.float64)

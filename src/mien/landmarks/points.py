"""Any network that says where points are in an aligned crop, such as those of `mien train`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.core.errors import ModelCorrupt
from mien.core.protocols import Network
from mien.core.types import AlignedFace, Landmarks
from mien.imaging.warp import invert_affine, move_points


@dataclass(frozen=True, slots=True)
class PointNetwork:
    """Its output is (N, K, 2): x and y in shares of the crop's side, from the crop's top-left corner."""

    network: Network

    def locate(self, face: AlignedFace, presence: float) -> Landmarks:
        """Find the points of the card's scheme; z, which the network does not tell, is 0.

        presence: of the face, as the mesh saw it.
        raises: `ModelCorrupt` for answers that are no points.
        """
        card = self.network.card
        outputs = list(self.network.run(face.pixels[None]).values())
        if len(outputs) != 1 or outputs[0].ndim != 3 or outputs[0].shape[2] != 2:
            got = ", ".join(str(one.shape) for one in outputs)
            raise ModelCorrupt(
                f"{card.name} answers {got}, not points (1, K, 2): give another landmark model"
            )
        shares = outputs[0][0].astype(np.float64)
        if not np.isfinite(shares).all():
            raise ModelCorrupt(f"{card.name} answers points that are no numbers: train or export it again")
        flat = move_points(invert_affine(face.matrix), shares * face.pixels.shape[0] - 0.5)
        return Landmarks(card.scheme, np.column_stack([flat, np.zeros(len(flat))]), presence)

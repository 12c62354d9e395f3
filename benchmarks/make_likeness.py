"""Learn `face3d/data/likeness.npz` from the London set: 102 people, neutral and smiling.

python -m benchmarks.make_likeness     (MIEN_SHARED, model files as `mien models pull` leaves them)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import mien
from benchmarks.geometry_photos import london_offsets
from mien.face3d.model.basis import load_head_model
from mien.pipeline.analyze import Analyzer
from mien.training.headmodel.likeness import learn_likeness


def main() -> None:
    model = load_head_model()
    offsets = london_offsets(model, Analyzer())
    learned = learn_likeness(offsets["neutral"], offsets["smiling"])
    out = Path(mien.__file__).parent / "face3d" / "data" / "likeness.npz"
    kept = learned.told > 0.02
    np.savez(
        out,
        mean=learned.mean.astype(np.float32),
        read=learned.read[:, kept].astype(np.float16),
        told=learned.told[kept].astype(np.float32),
    )


if __name__ == "__main__":
    main()

"""How far the cosines of strangers scatter, network by network: the denominators of `mien.embedding.fuse`.

    python -m benchmarks.studies.fusion_spread [--json benchmarks/studies/fusion_spread.json]

Reads every 22nd photo of $MIEN_SHARED/data/fairface (CC BY 4.0; identities are not labelled, nearly every
photo is of another person), embedded with the views of the accurate profile; all pairs of photos.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from benchmarks.calibration_data import fairface

from mien.core.errors import NoFaceFound
from mien.embedding.fuse import SHARES
from mien.evaluation.acquire import embed_the_face
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import configure

EVERY = 22


def vectors_of(network: str, folder: Path) -> np.ndarray:
    rows = []
    with Analyzer(configure("accurate", models=f"yunet,{network}")) as analyzer:
        for picture, _ in fairface(folder, EVERY):
            try:
                rows.append(embed_the_face(analyzer, picture()).vector)
            except NoFaceFound:
                continue
    return np.stack(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Spread of the cosines of strangers.")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/studies/fusion_spread.json"))
    out = parser.parse_args().json
    folder = Path(os.environ.get("MIEN_SHARED", "../shared")) / "data" / "fairface"
    found = {}
    for network in SHARES:
        vectors = vectors_of(network, folder)
        cosines = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
        found[network] = {
            "photos": len(vectors),
            "pairs": len(cosines),
            "mean": round(float(cosines.mean()), 4),
            "spread": round(float(cosines.std()), 4),
        }
        print(network, found[network])
    out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

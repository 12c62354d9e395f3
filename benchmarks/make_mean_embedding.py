"""Measure what all faces have in common, for the pooling of templates (`mien.embedding.mean_face`).

    python -m benchmarks.make_mean_embedding --embedder sface --every 2
    python -m benchmarks.make_mean_embedding --embedder dlib_resnet --every 2

The mean embedding of FairFace's adults (CC BY 4.0, Kärkkäinen & Joo), each race counting the same.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks import calibration_data as data
from benchmarks.make_calibration import embedded, options

SHIPPED = Path("src/mien/zoo/cards/mean")


def main() -> None:
    given = options(SHIPPED)
    faces = embedded(given, given.embedder, "fairface")
    adult = ~np.isin(faces.labels["age"], data.CHILDREN)
    races = faces.labels["race"][adult]
    rows = faces.vectors[adult].astype(np.float64)
    mean = np.mean([rows[races == race].mean(axis=0) for race in np.unique(races)], axis=0)
    facts = {
        "network": given.embedder,
        "made_on": f"{len(rows):,} adults of FairFace (CC BY 4.0, Kärkkäinen & Joo), each race once",
        "command": "python -m benchmarks.make_mean_embedding "
        f"--embedder {given.embedder} --every {given.every}",
        "mean": [round(value, 5) for value in mean.tolist()],
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / f"{given.embedder}.json").write_text(json.dumps(facts, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

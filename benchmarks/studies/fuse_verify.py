"""Fusion of SFace and dlib on the vectors that align_embed.py kept: weights and views.

python benchmarks/studies/fuse_verify.py VECTORS.npz OUT.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from align_verify import Trial

SPREADS = (0.1027, 0.0374)  # strangers of FairFace


def main(file: str, out: str) -> None:
    t = Trial(file)

    def show(sim):
        return {s: [round(100 * x, 2) for x in v] for s, v in t.figures(sim).items()}

    looks = {
        "keypoints": (("base",), ("dlib look",)),
        "mesh 2": (("mesh 2",), ("dlib mesh 2",)),
        "mesh 2, mirrored too": (("mesh 2", "mesh 2 mirrored"), ("dlib mesh 2", "dlib mesh 2 mirrored")),
        "mesh 2 + look, mirrored too": (
            ("mesh 2 + look", "mesh 2 + look mirrored"),
            ("dlib mesh 2", "dlib mesh 2 mirrored"),
        ),
    }
    report = {}
    for name, (a, b) in looks.items():
        first, second = t.mean_vec(a), t.mean_vec(b)
        for w in (1.0, 0.8, 0.7, 0.6, 0.5, 0.3):
            sim = w * first / SPREADS[0] + (1 - w) * second / SPREADS[1]
            report[f"{name}, sface weight {w}"] = show(sim)
            print(name, w, show(sim), flush=True)
    base = t.cos("base")
    sim = 0.7 * t.mean_vec(looks["mesh 2, mirrored too"][0]) / SPREADS[0]
    sim = sim + 0.3 * t.mean_vec(looks["mesh 2, mirrored too"][1]) / SPREADS[1]
    report["bootstrap accurate - base"] = t.bootstrap(sim, base, 60)
    report["bootstrap mesh 2 - base"] = t.bootstrap(t.cos("mesh 2"), base, 60)
    print(report["bootstrap accurate - base"]["all"], report["bootstrap mesh 2 - base"]["all"])
    Path(out).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

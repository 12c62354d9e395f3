"""Scores of true and invented faces in turned looks: which threshold and which angles?

Pictures of wild40 turned by a random angle; every look turns the picture back by a multiple of 45 degrees.
python benchmarks/studies/detection_turned.py OUT.json      (MIEN_MODELS, MIEN_SHARED)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from detection_ladder import fit, found, inventions, rotated, sample, turned
from study_models import centerface, yunet


def best(rows):
    return rows[np.argsort(-rows[:, 4])][:1]


def look(bgr, angle, side, find):
    return (
        turned(bgr, angle, lambda b: fit(b, side, find, threshold=0.3))
        if angle
        else fit(bgr, side, find, threshold=0.3)
    )


def main(out: str) -> None:
    rng = np.random.default_rng(5)
    cases = [
        (*rotated(b, r, float(a)), float(a))
        for (b, r), a in zip(sample(2), rng.uniform(-180, 180, 999), strict=False)
    ]
    report = {}
    for name, find, side in (
        ("yunet 320", yunet, 320),
        ("yunet 640", yunet, 640),
        ("centerface 320", centerface, 320),
    ):
        true, false = {}, {}
        for turn in range(-135, 181, 45):
            for i, (bgr, truth, _) in enumerate(cases):
                for row in look(bgr, turn, side, find):
                    hit = found(row[None], truth)
                    if hit:
                        true[i, turn] = max(true.get((i, turn), 0), row[4])
                    elif inventions(row[None], truth):
                        false.setdefault((i, turn), []).append(row[4])
        entry = {}
        for label, turns in (
            ("0", [0]),
            ("0 90 180 270", [0, 90, 180, -90]),
            ("multiples of 45", range(-135, 181, 45)),
        ):
            for t in (0.5, 0.6, 0.7, 0.8):
                hits = sum(any(true.get((i, a), 0) > t for a in turns) for i in range(len(cases)))
                bad = sum(s > t for (i, a), ss in false.items() if a in turns for s in ss)
                winner = sum(
                    max([true.get((i, a), 0) for a in turns] + [0])
                    > max([s for a in turns for s in false.get((i, a), [])] + [t])
                    for i in range(len(cases))
                )
                entry[f"{label} >{t}"] = {
                    "found": int(hits),
                    "invented": int(bad),
                    "best is the face": int(winner),
                }
        report[name] = entry
        print(name, len(cases), entry, flush=True)
    Path(out).write_text(json.dumps({"pictures": len(cases), "looks": report}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])

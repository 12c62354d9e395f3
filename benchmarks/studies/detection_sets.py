"""How many pictures of each set stay without a face, look by look (every picture shows one face).

python benchmarks/studies/detection_sets.py OUT.json      (MIEN_MODELS, MIEN_SHARED)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from detection_ladder import LOOKS
from study_models import DATA


def sets():
    yield "cctwelve side", [p for p in DATA.glob("cctwelve/**/texture/*.jpg") if p.stem != "front"]
    yield "cctwelve front", list(DATA.glob("cctwelve/**/texture/front.jpg"))
    yield "orl", sorted(DATA.glob("orl/*/*.pgm"))
    yield "ytf68", sorted(DATA.glob("ytf68/*.jpeg"))[::3]
    yield "celeba10k", sorted(DATA.glob("celeba10k/*.jpg"))[::20]
    yield "fer2013", sorted(DATA.glob("fer2013_test/*/*.jpg"))[::10]
    yield "wild40", sorted(DATA.glob("wild40/*/*.jpg"))[::3]
    yield "fairface", sorted(DATA.glob("fairface/val/*.jpg"))[::10]


def main(out: str) -> None:
    report = {}
    for name, paths in sets():
        pictures = [cv2.imread(str(p)) for p in paths]
        report[name] = {"pictures": len(pictures)}
        missed_by_all = np.ones(len(pictures), bool)
        for look_name, look in LOOKS.items():
            if look_name.startswith("turn") or look_name == "fit1280":
                continue
            counts = np.array([len(look(b)) for b in pictures])
            missed_by_all &= counts == 0
            report[name][look_name] = {"missed": int((counts == 0).sum()), "several": int((counts > 1).sum())}
        report[name]["missed by all"] = [
            str(paths[i].relative_to(DATA)) for i in np.flatnonzero(missed_by_all)
        ][:5]
        flat = "  ".join(
            f"{k}:{v['missed']}/{v['several']}" for k, v in report[name].items() if isinstance(v, dict)
        )
        print(name, len(pictures), flat, report[name]["missed by all"], flush=True)
        Path(out).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])

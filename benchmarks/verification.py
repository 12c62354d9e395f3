"""How well each profile tells people apart on wild40: every pair, through `mien evaluate verification`.

python -m benchmarks.verification [--profiles fast,balanced] [--json OUT]

Reads $MIEN_SHARED/data/wild40 (40 people × 12 uncropped photos; research only): 2,640 pairs of one person,
112,320 of two. Nothing in mien is fitted to these people; alignment and thresholds of the detector's looks
were chosen on them, so figures on people never seen may be lower. Folds are split by pairs, not by people.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from itertools import combinations
from pathlib import Path

from benchmarks.measuring import ROOT, Json, arguments, report
from mien.evaluation.acquire import embed_pictures
from mien.evaluation.protocols import read_pairs
from mien.evaluation.verification import cosine_scores, evaluate_verification
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import PROFILES, configure

KEPT = ("pairs", "accuracy", "auc", "eer", "tmr_at_fmr", "threshold_at_fmr", "failures_to_acquire")


def write_pairs(images: Path, file: Path) -> None:
    pictures = sorted(path.relative_to(images) for path in images.glob("*/*.jpg"))
    lines = ["path_a,path_b,same"]
    lines += [f"{a},{b},{int(a.parent == b.parent)}" for a, b in combinations(pictures, 2)]
    file.write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = arguments("verification", __doc__)
    parser.add_argument("--profiles", default=",".join(PROFILES), help="separated by commas")
    given = parser.parse_args()
    images = Path(os.environ.get("MIEN_SHARED", ROOT.parent / "shared")) / "data" / "wild40"
    found: Json = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pairs.csv")
        write_pairs(images, file)
        pairs = read_pairs(file, images)
        for name in given.profiles.split(","):
            with Analyzer(configure(name)) as analyzer:
                told = evaluate_verification(pairs, embed_pictures(analyzer, "center"), cosine_scores)
            found[name] = {key: told.to_dict()[key] for key in KEPT}
            print(name, json.dumps(found[name]), file=sys.stderr)
    report("verification", {"data": "wild40", "profiles": found}, given.json)


if __name__ == "__main__":
    main()

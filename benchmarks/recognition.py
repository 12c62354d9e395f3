"""Identification and clustering on wild40 and celeba10k, with the embeddings of one profile.

    python -m benchmarks.recognition --profile balanced --out benchmarks/results/recognition.json

Gallery: three photos of each of wild40's 40 people; mated probes: the rest; strangers: 1,000 people of
celeba10k, one photo each. FNIR is measured at the thresholds that give FPIR 0.01 and 0.003 on these
strangers, and at the thresholds that the shipped calibration promises for these rates. Clustering: pairwise F
and BCubed F of one face a photo, against DBSCAN at its best eps (an oracle that our clustering does not get).
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import MienError
from mien.embedding.calibration import shipped_calibration
from mien.evaluation.acquire import embed_pictures
from mien.gallery.cluster import cluster
from mien.gallery.templates import pool
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import configure
from mien.pipeline.identify import operating_point

STRANGERS = 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--profile", default="balanced")
    options.add_argument("--shared", type=Path, default=Path(os.environ.get("MIEN_SHARED", "../shared")))
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    data = given.shared / "data"
    with Analyzer(configure(given.profile)) as analyzer:
        calibration = shipped_calibration(analyzer.config.profile.embedder)
        known = embed(analyzer, sorted((data / "wild40").glob("*/*.jpg")))
        strangers = embed(analyzer, stranger_photos(data / "celeba10k", {path.parent.name for path in known}))
    people = np.unique([path.parent.name for path in known], return_inverse=True)[1]
    vectors = np.stack(list(known.values()))
    answer = {
        "profile": given.profile,
        "faces": len(vectors),
        "identification": identification(vectors, people, np.stack(list(strangers.values())), calibration),
        "clustering": clustering(vectors, people, calibration),
    }
    print(json.dumps(answer, indent=1))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(answer, indent=1) + "\n")


def embed(analyzer: Analyzer, pictures: list[Path]) -> dict[Path, NDArray[np.float32]]:
    answers = embed_pictures(analyzer)(pictures)
    pairs = zip(pictures, answers, strict=True)
    return {path: answer.vector for path, answer in pairs if not isinstance(answer, MienError)}


def stranger_photos(folder: Path, enrolled: set[str]) -> list[Path]:
    """One photo a person, of the first 1,000 people; both sets number people alike, so none is enrolled."""
    photos = {path.name: path for path in sorted(folder.rglob("*.jpg"))}
    seen: dict[str, Path] = {}
    for line in next(folder.rglob("identity_CelebA.txt")).read_text().splitlines():
        name, person = line.split()
        if name in photos and person not in enrolled:
            seen.setdefault(person, photos[name])
    return list(seen.values())[:STRANGERS]


def identification(
    vectors: NDArray[np.float32], people: NDArray[np.int64], strangers: NDArray[np.float32], calibration: Any
) -> dict[str, Any]:
    place = np.array([np.count_nonzero(people[:i] == people[i]) for i in range(len(people))])
    templates = np.stack(
        [
            pool(own := vectors[(people == p) & (place < 3)], np.ones(len(own), np.float32))
            for p in np.unique(people)
        ]
    )
    probes, owners = vectors[place >= 3], people[place >= 3]
    scores = probes @ templates.T
    mate = scores[np.arange(len(owners)), owners]
    first = scores.argmax(axis=1) == owners
    false = np.sort((strangers @ templates.T).max(axis=1))
    out: dict[str, Any] = {"gallery": len(templates), "probes": len(probes), "strangers": len(strangers)}
    out["rank1"] = float(first.mean())
    for fpir in (0.01, 0.003):
        threshold = float(false[len(false) - 1 - int(fpir * len(false))]) + 1e-6
        promised = operating_point(calibration, len(templates), fpir).threshold
        out[f"fnir at fpir {fpir}"] = float(1 - (first & (mate >= threshold)).mean())
        out[f"promised {fpir}"] = {
            "fpir": float((false >= promised).mean()),
            "fnir": float(1 - (first & (mate >= promised)).mean()),
        }
    return out


def clustering(vectors: NDArray[np.float32], people: NDArray[np.int64], calibration: Any) -> dict[str, Any]:
    from sklearn.cluster import DBSCAN

    ours = cluster(vectors, lambda fmr: float(calibration.threshold(fmr, extrapolate=True)))
    best: dict[str, float] = {"bcubed_f": 0.0}
    for eps in np.arange(0.2, 0.9, 0.02):
        labels = DBSCAN(eps=eps, min_samples=1, metric="cosine").fit_predict(vectors)
        best = max(best, {**f_measures(labels, people), "eps": float(eps)}, key=lambda row: row["bcubed_f"])
    return {
        "mien": {**f_measures(ours, people), "groups": int(ours.max()) + 1},
        "dbscan at its best eps": best,
    }


def f_measures(labels: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[str, float]:
    """BCubed (Amigó et al. 2009) and pairwise precision, recall and F."""
    together, same = labels[:, None] == labels, truth[:, None] == truth
    both = together & same
    precision = float((both.sum(axis=1) / together.sum(axis=1)).mean())
    recall = float((both.sum(axis=1) / same.sum(axis=1)).mean())
    upper = np.triu_indices(len(truth), 1)
    hits = float(both[upper].sum())
    p, r = hits / max(together[upper].sum(), 1), hits / max(same[upper].sum(), 1)
    return {
        "bcubed_precision": precision,
        "bcubed_recall": recall,
        "bcubed_f": 2 * precision * recall / (precision + recall),
        "pairwise_f": 2 * p * r / max(p + r, 1e-12),
    }


if __name__ == "__main__":
    main()

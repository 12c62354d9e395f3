"""Identification, quality and clustering on wild40 and celeba10k, with the pipeline that users get.

    python -m benchmarks.recognition --json benchmarks/results/recognition.json

Gallery: three photos of each of wild40's 40 people, the first three by name and 20 random draws of three;
mated probes: the rest; strangers: 1,000 people of celeba10k, one photo each. FNIR is measured at the
thresholds that give FPIR 0.01 and 0.003 on these strangers, and at those that the shipped calibration
promises for these rates. Clustering: of wild40; of wild40 among 600 people of one photo each; of all 10,000
faces of celeba10k (`balanced` only). Quality: how well it predicts agreement with the person's other photos.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.grouping import clustering, some_people
from benchmarks.measuring import ROOT, arguments, report
from mien.core.errors import MienError
from mien.embedding.calibration import Calibration, shipped_calibration
from mien.embedding.quality import quality_of
from mien.evaluation.acquire import embed_pictures
from mien.gallery.templates import LOW, advise, pool
from mien.pipeline.analyze import Analyzer
from mien.pipeline.cluster import strangers as strangers_of
from mien.pipeline.config import configure
from mien.pipeline.identify import operating_point

STRANGERS, ALONE, DRAWS = 1000, 600, 20
RATES = (0.01, 0.003)
# What a photo may weigh in its person's template, by its quality.
WEIGHTS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "0.5 + quality (ours)": lambda quality: quality,
    "equal": np.ones_like,
    "quality / (1 - quality^2)": lambda quality: quality / (1 - quality**2) - 0.5,
}


@dataclass(frozen=True)
class Faces:
    """vectors: (N, D).    qualities: (N,).    people: (N,) numbers 0, 1, ...    names: (N,) of the people."""

    vectors: NDArray[np.float32]
    qualities: NDArray[np.float64]
    people: NDArray[np.int64]
    names: list[str]

    def part(self, chosen: NDArray[Any]) -> Faces:
        names = [self.names[i] for i in np.arange(len(self.names))[chosen]]
        people = np.unique(self.people[chosen], return_inverse=True)[1]
        return Faces(self.vectors[chosen], self.qualities[chosen], people, names)


def main() -> None:
    parser = arguments("recognition", __doc__)
    parser.add_argument("--profiles", default="balanced,accurate")
    parser.add_argument("--cache", type=Path, help="keep the embeddings in this folder between runs")
    given = parser.parse_args()
    profiles = {name: measure(name, given.cache) for name in given.profiles.split(",")}
    report("recognition", {"profiles": profiles}, given.json)


def measure(profile: str, cache: Path | None) -> dict[str, Any]:
    data = Path(os.environ.get("MIEN_SHARED", ROOT.parent / "shared")) / "data"
    with Analyzer(configure(profile)) as analyzer:
        calibration = shipped_calibration(analyzer.config.profile.embedder)

        def faces(name: str, pictures: dict[Path, str]) -> Faces:
            return load(analyzer, pictures, None if cache is None else cache / f"{profile}-{name}.npz")

        known = faces(
            "wild40", {path: path.parent.name for path in sorted((data / "wild40").glob("*/*.jpg"))}
        )
        celeba = celeba_people(data / "celeba10k")
        if profile != "balanced":
            celeba = one_each({p: who for p, who in celeba.items() if who not in set(known.names)}, STRANGERS)
        others = faces("celeba10k", celeba)
    alone = np.unique(others.people, return_index=True)[1]
    alone = np.array([i for i in np.sort(alone) if others.names[i] not in set(known.names)])[:STRANGERS]
    who, each = strangers_of(calibration), others.part(alone)
    mixed = joined(known, each.part(np.arange(ALONE)))
    groups = {
        "wild40": clustering(known.vectors, known.qualities, known.people, who),
        "20 people of wild40": some_people(known.vectors, known.qualities, known.people, who, 20),
        f"wild40 among {ALONE} strangers": clustering(mixed.vectors, mixed.qualities, mixed.people, who),
    }
    if profile == "balanced":
        groups["celeba10k"] = clustering(others.vectors, others.qualities, others.people, who)
    return {
        "identification": identification(known, each, calibration),
        "quality": quality(known) | ({"celeba10k": predicts(others)} if profile == "balanced" else {}),
        "clustering": groups,
    }


def load(analyzer: Analyzer, pictures: dict[Path, str], kept: Path | None) -> Faces:
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            vectors, qualities, names = file["vectors"], file["qualities"], file["names"].tolist()
    else:
        answers = embed_pictures(analyzer)([*pictures])
        pairs = zip(pictures.values(), answers, strict=True)
        found = [(name, answer) for name, answer in pairs if not isinstance(answer, MienError)]
        names = [name for name, _ in found]
        vectors = np.stack([embedding.vector for _, embedding in found])
        qualities = np.array([quality_of(embedding) for _, embedding in found], dtype=np.float64)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, vectors=vectors, qualities=qualities, names=names)
    return Faces(vectors, qualities, np.unique(names, return_inverse=True)[1], names)


def joined(a: Faces, b: Faces) -> Faces:
    names = [*a.names, *(f"stranger {name}" for name in b.names)]
    people = np.unique(names, return_inverse=True)[1]
    return Faces(
        np.concatenate([a.vectors, b.vectors]), np.concatenate([a.qualities, b.qualities]), people, names
    )


def celeba_people(folder: Path) -> dict[Path, str]:
    photos = {path.name: path for path in sorted(folder.rglob("*.jpg"))}
    rows = (line.split() for line in next(folder.rglob("identity_CelebA.txt")).read_text().splitlines())
    return {photos[name]: person for name, person in rows if name in photos}


def one_each(pictures: dict[Path, str], most: int) -> dict[Path, str]:
    first: dict[str, Path] = {}
    for path, person in pictures.items():
        first.setdefault(person, path)
    return {path: person for person, path in list(first.items())[:most]}


def identification(known: Faces, others: Faces, calibration: Calibration) -> dict[str, Any]:
    people = known.people
    first = np.array([np.count_nonzero(people[:i] == people[i]) for i in range(len(people))])
    rng = np.random.default_rng(0)
    draws = [_places(people, rng) for _ in range(DRAWS)]
    answer: dict[str, Any] = {"gallery": int(people.max()) + 1, "strangers": len(others.vectors)}
    answer["first three photos"] = _searched(
        known, others, first, WEIGHTS["0.5 + quality (ours)"], calibration
    )
    for name, weights in WEIGHTS.items():
        rows = [_searched(known, others, places, weights, calibration) for places in draws]
        answer[f"mean of {DRAWS} draws, weights {name}"] = {
            key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]
        }
    return answer


def _places(people: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A random order of each person's photos."""
    places = np.empty(len(people), dtype=np.int64)
    for person in np.unique(people):
        rows = np.flatnonzero(people == person)
        places[rng.permutation(rows)] = np.arange(len(rows))
    return places


def _searched(
    known: Faces,
    others: Faces,
    places: NDArray[np.int64],
    weights: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    calibration: Calibration,
) -> dict[str, float]:
    enrolled = places < 3
    templates = np.stack([
        pool(known.vectors[mine], weights(known.qualities[mine]).astype(np.float32))
        for mine in (enrolled & (known.people == person) for person in range(int(known.people.max()) + 1))
    ])  # fmt: skip
    scores, owners = known.vectors[~enrolled] @ templates.T, known.people[~enrolled]
    mate = scores[np.arange(len(owners)), owners]
    right = scores.argmax(axis=1) == owners
    false = np.sort((others.vectors @ templates.T).max(axis=1))
    row = {"rank1": round(float(right.mean()), 4)}
    for fpir in RATES:
        threshold = float(false[len(false) - 1 - int(fpir * len(false))]) + 1e-6
        promised = operating_point(calibration, len(templates), fpir).threshold
        row[f"fnir at fpir {fpir}"] = round(float(1 - (right & (mate >= threshold)).mean()), 4)
        row[f"fpir where {fpir} is promised"] = round(float((false >= promised).mean()), 4)
        row[f"fnir where {fpir} is promised"] = round(float(1 - (right & (mate >= promised)).mean()), 4)
    return row


def quality(known: Faces) -> dict[str, Any]:
    """What quality predicts, and what is wrong with the photos that people are told to replace."""
    agreement = _agreement(known)
    poor = known.qualities < LOW
    told = np.zeros(len(poor), dtype=bool)
    for person in np.unique(known.people):
        mine = np.flatnonzero(known.people == person)
        words = advise(known.vectors[mine], known.qualities[mine].astype(np.float32))
        told[mine] = [bool(word) for word in words]
    return {
        "wild40": predicts(known),
        "share of photos below LOW": round(float(poor.mean()), 4),
        "agreement below and above LOW": [round(float(agreement[part].mean()), 3) for part in (poor, ~poor)],
        "share of photos with advice": round(float(told.mean()), 4),
        "agreement with and without advice": [round(float(agreement[p].mean()), 3) for p in (told, ~told)],
    }


def predicts(faces: Faces) -> dict[str, float]:
    """Spearman's correlation of quality and agreement, of people with five photos or more."""
    from scipy.stats import spearmanr

    many = np.bincount(faces.people)[faces.people] >= 5
    chosen = faces.part(many)
    return {
        "spearman": round(float(spearmanr(chosen.qualities, _agreement(chosen))[0]), 3),
        "faces": int(many.sum()),
    }


def _agreement(faces: Faces) -> NDArray[np.float64]:
    """Mean similarity of each face with its person's other faces."""
    scores = faces.vectors @ faces.vectors.T
    same = faces.people[:, None] == faces.people
    np.fill_diagonal(same, False)
    return np.asarray((scores * same).sum(axis=1) / np.maximum(same.sum(axis=1), 1))


if __name__ == "__main__":
    main()

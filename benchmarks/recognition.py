"""Identification, quality and clustering on wild40 and celeba10k, with the pipeline that users get.

    python -m benchmarks.recognition --json benchmarks/results/recognition.json

Gallery: some photos of each of wild40's 40 people, the first three by name and random draws of 1, 2, 3, 5 and
8; mated probes: the rest; strangers: 1,000 people of celeba10k, one photo each, whose number three does not
divide (on the others the pooling of templates was chosen). FNIR is measured at the thresholds that give FPIR
0.01 and 0.003 on these strangers; and with the threshold that users get for the FPIR that they ask for, FNIR
and the FPIR that comes true. Clustering: of wild40; of wild40 among 600 people of one photo each; of all
10,000 faces of celeba10k (`balanced` only); and with constants chosen on half of the people, of the other
half. Quality: how well it predicts agreement with the person's other photos.

Each picture is embedded once and kept in the user's cache: a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import Faces, celeba10k, joined, load, one_each, wild40
from benchmarks.grouping import clustering, some_people, unseen
from benchmarks.measuring import arguments, report
from mien.embedding.calibration import Calibration, shipped_calibration
from mien.embedding.mean_face import common_direction
from mien.gallery.templates import LOW, advise, pool
from mien.pipeline.analyze import Analyzer
from mien.pipeline.cluster import strangers as strangers_of
from mien.pipeline.config import configure
from mien.pipeline.identify import operating_point

STRANGERS, ALONE, DRAWS, PHOTOS = 1000, 600, 20, (1, 2, 3, 5, 8)
ASKED, REACHED = (0.03, 0.01, 0.003), (0.01, 0.003)
Vectors = NDArray[np.float32]
MakeTemplate = Callable[[Vectors, NDArray[np.float64]], Vectors]


def main() -> None:
    parser = arguments("recognition", __doc__)
    parser.add_argument("--profiles", default="balanced,accurate")
    given = parser.parse_args()
    profiles = {name: measure(name) for name in given.profiles.split(",")}
    report("recognition", {"profiles": profiles}, given.json)


def measure(profile: str) -> dict[str, Any]:
    celeba = celeba10k()
    with Analyzer(configure(profile)) as analyzer:
        embedder = analyzer.config.profile.embedder
        known = load(analyzer, wild40())
        new = {path: who for path, who in celeba.items() if int(who) % 3 and who not in set(known.names)}
        each = load(analyzer, one_each(new, STRANGERS))
        crowd = load(analyzer, celeba) if profile == "balanced" else None
    calibration, common = shipped_calibration(embedder), common_direction(embedder)
    who = strangers_of(calibration)
    mixed = joined(known, each.part(np.arange(ALONE)))
    groups = {
        "wild40": clustering(known.vectors, known.qualities, known.people, who),
        "20 people of wild40": some_people(known.vectors, known.qualities, known.people, who, 20),
        "halves of the people": unseen(known, each if crowd is None else crowd, who),
        f"wild40 among {ALONE} strangers": clustering(mixed.vectors, mixed.qualities, mixed.people, who),
    }
    if crowd is not None:
        groups["celeba10k"] = clustering(crowd.vectors, crowd.qualities, crowd.people, who)
    return {
        "identification": identification(known, each, calibration, common),
        "quality": quality(known, common) | ({} if crowd is None else {"celeba10k": predicts(crowd)}),
        "clustering": groups,
    }


def identification(
    known: Faces, others: Faces, calibration: Calibration, common: Vectors | None
) -> dict[str, Any]:
    def ours(vectors: Vectors, qualities: NDArray[np.float64]) -> Vectors:
        return pool(vectors, qualities.astype(np.float32), common)

    def evenly(vectors: Vectors, qualities: NDArray[np.float64]) -> Vectors:
        return pool(vectors, np.ones(len(vectors), np.float32), common)

    def unit_mean(vectors: Vectors, qualities: NDArray[np.float64]) -> Vectors:
        mean = (0.5 + qualities) @ vectors
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    first = np.array([np.count_nonzero(known.people[:i] == known.people[i]) for i in range(len(known))])
    rng = np.random.default_rng(0)
    draws = [_places(known.people, rng) for _ in range(DRAWS)]

    def mean_of(photos: int, make: MakeTemplate) -> dict[str, float]:
        rows = [_searched(known, others, places < photos, make, calibration) for places in draws]
        return {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}

    return {
        "gallery": int(known.people.max()) + 1,
        "strangers": len(others),
        "draws": DRAWS,
        "first three photos": _searched(known, others, first < 3, ours, calibration),
        "photos a person": {str(photos): mean_of(photos, ours) for photos in PHOTOS},
        "three photos, all of equal weight": mean_of(3, evenly),
        "photos a person, the mean scaled to unit length": {str(k): mean_of(k, unit_mean) for k in PHOTOS},
    }


def _places(people: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A random order of each person's photos."""
    places = np.empty(len(people), dtype=np.int64)
    for person in np.unique(people):
        rows = np.flatnonzero(people == person)
        places[rng.permutation(rows)] = np.arange(len(rows))
    return places


def _searched(
    known: Faces, others: Faces, enrolled: NDArray[np.bool_], make: MakeTemplate, calibration: Calibration
) -> dict[str, float]:
    people = range(int(known.people.max()) + 1)
    rows = [enrolled & (known.people == person) for person in people]
    templates = np.stack([make(known.vectors[mine], known.qualities[mine]) for mine in rows])
    scores, owners = known.vectors[~enrolled] @ templates.T, known.people[~enrolled]
    mate = scores[np.arange(len(owners)), owners]
    right = scores.argmax(axis=1) == owners
    false = np.sort((others.vectors @ templates.T).max(axis=1))
    row = {"rank1": round(float(right.mean()), 4)}
    for fpir in REACHED:
        threshold = float(false[len(false) - 1 - int(fpir * len(false))]) + 1e-6
        row[f"fnir at fpir {fpir}"] = round(float(1 - (right & (mate >= threshold)).mean()), 4)
    for fpir in ASKED:
        asked = operating_point(calibration, len(templates), fpir).threshold
        row[f"fpir where {fpir} is asked"] = round(float((false >= asked).mean()), 4)
        row[f"fnir where {fpir} is asked"] = round(float(1 - (right & (mate >= asked)).mean()), 4)
    return row


def quality(known: Faces, common: Vectors | None) -> dict[str, Any]:
    """What quality predicts, and what is wrong with the photos that people are told to replace."""
    agreement = _agreement(known)
    poor = known.qualities < LOW
    told = np.zeros(len(poor), dtype=bool)
    for person in np.unique(known.people):
        mine = np.flatnonzero(known.people == person)
        words = advise(known.vectors[mine], known.qualities[mine].astype(np.float32), common)
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

"""Clustering beside what users would take instead, on the same embeddings (`benchmarks.recognition`)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import Faces, joined
from mien.gallery.cluster import DEMAND, Demand, Strangers, cluster

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]
LARGEST_LINKAGE = 3000  # faces; beyond, rivals that keep every pair are left out or tried at fewer settings
DRAWS = 10
# What the shipped demands were chosen among, and how often choosing is done again on half of the people.
TRIED = [Demand(a, m, c) for a in (4.5, 6.0, 7.5) for m in (0.4, 0.6, 0.8) for c in (2.0, 2.5, 3.0)]
SPLITS, BESIDE = 8, 300


def clustering(
    vectors: Vectors, qualities: NDArray[np.float64], people: Labels, who: Strangers
) -> dict[str, Any]:
    """Ours as users get it; the others at the setting that serves this set best, which users cannot know."""
    tracemalloc.start()
    ours = cluster(vectors, who, qualities)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    answer: dict[str, Any] = {
        "faces": len(vectors),
        "people": int(people.max()) + 1,
        "mien": {**f_measures(ours, people), "groups": int(ours.max()) + 1, "peak_mb": round(peak / 1e6)},
        "mien without qualities": f_measures(cluster(vectors, who), people),
        "dbscan at its best eps": _best(_dbscan(vectors), people),
        "hdbscan as it comes": f_measures(_hdbscan(vectors, 2), people),
    }
    if len(vectors) <= LARGEST_LINKAGE:
        sizes = (2, 3, 4, 5, 8)
        answer["hdbscan at its best size"] = _best(((n, _hdbscan(vectors, n)) for n in sizes), people)
        answer["average linkage at its best threshold"] = _best(_linkage(vectors), people)
    return answer


def some_people(
    vectors: Vectors, qualities: NDArray[np.float64], people: Labels, who: Strangers, count: int
) -> dict[str, Any]:
    """BCubed F over random draws of so many people: how much of a figure is chance."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(DRAWS):
        drawn = np.isin(people, rng.permutation(int(people.max()) + 1)[:count])
        values.append(f_measures(cluster(vectors[drawn], who, qualities[drawn]), people[drawn])["bcubed_f"])
    return {"people": count, "draws": DRAWS, "mean": round(float(np.mean(values)), 4), "least": min(values)}


def unseen(known: Faces, others: Faces, who: Strangers) -> dict[str, Any]:
    """BCubed F of half of the people, with the demands that serve the other half best, over random halves.

    Three collections a half: 20 people of wild40; these among 300 strangers; and people of ``others``, where
    that has several photos of some.
    """
    rng = np.random.default_rng(0)
    rows: list[list[list[float]]] = []
    for _ in range(SPLITS):
        halves = zip(_halves(known, rng), _halves(others, rng), strict=True)
        chosen_on, asked = ([*_collections(*half)] for half in halves)
        best = max(TRIED, key=lambda demand: float(np.mean(_bcubed(chosen_on, who, demand))))
        rows.append([_bcubed(asked, who, demand) for demand in (best, DEMAND)])
    names = ("20 people of wild40", f"these among {BESIDE} strangers", "people of celeba10k")
    table = np.array(rows)  # (splits, chosen on the other half or shipped, collections)
    return {
        name: {
            kind: {"mean": round(float(values.mean()), 4), "least": values.min(), "most": values.max()}
            for kind, values in zip(
                ("chosen on the other half", "shipped"), table[:, :, place].T, strict=True
            )
        }
        for place, name in enumerate(names[: table.shape[2]])
    }


def _halves(faces: Faces, rng: np.random.Generator) -> list[Faces]:
    order = rng.permutation(int(faces.people.max()) + 1)
    middle = len(order) // 2
    return [faces.part(np.isin(faces.people, part)) for part in (order[:middle], order[middle:])]


def _collections(known: Faces, others: Faces) -> Iterator[Faces]:
    yield known
    alone = np.sort(np.unique(others.people, return_index=True)[1])[:BESIDE]
    yield joined(known, others.part(alone))
    if len(others) > int(others.people.max()) + 1:
        yield others.part(others.people < 700)


def _bcubed(collections: list[Faces], who: Strangers, demand: Demand) -> list[float]:
    grouped = ((cluster(f.vectors, who, f.qualities, demand=demand), f.people) for f in collections)
    return [f_measures(labels, people)["bcubed_f"] for labels, people in grouped]


def f_measures(labels: Labels, truth: Labels) -> dict[str, float]:
    """BCubed (Amigó et al. 2009) and pairwise F, from the table of groups and people."""
    cells, counts = np.unique(np.stack([labels, truth]), axis=1, return_counts=True)
    of_group, of_person = np.bincount(labels), np.bincount(truth)
    share = counts / len(labels)
    precision = float((share * counts / of_group[cells[0]]).sum())
    recall = float((share * counts / of_person[cells[1]]).sum())
    both, joined, same = (float((n * (n - 1) / 2).sum()) for n in (counts, of_group, of_person))
    p, r = both / max(joined, 1), both / max(same, 1)
    measured = {
        "bcubed_precision": precision,
        "bcubed_recall": recall,
        "bcubed_f": 2 * precision * recall / (precision + recall),
        "pairwise_f": 2 * p * r / max(p + r, 1e-12),
    }
    return {name: round(value, 4) for name, value in measured.items()}


def _best(runs: Iterator[tuple[float, Labels]], people: Labels) -> dict[str, float]:
    rows = [{**f_measures(labels, people), "setting": round(setting, 3)} for setting, labels in runs]
    return max(rows, key=lambda row: row["bcubed_f"])


def _dbscan(vectors: Vectors) -> Iterator[tuple[float, Labels]]:
    from sklearn.cluster import DBSCAN

    step = 0.02 if len(vectors) <= LARGEST_LINKAGE else 0.06
    for eps in np.arange(0.24, 0.8, step):
        yield float(eps), DBSCAN(eps=eps, min_samples=1, metric="cosine").fit_predict(vectors)


def _hdbscan(vectors: Vectors, size: int) -> Labels:
    """Faces that it calls noise are people of their own."""
    from sklearn.cluster import HDBSCAN

    labels = HDBSCAN(min_cluster_size=size, copy=True).fit_predict(vectors)
    noise = labels < 0
    labels[noise] = labels.max() + 1 + np.arange(np.count_nonzero(noise))
    return np.asarray(labels, dtype=np.int64)


def _linkage(vectors: Vectors) -> Iterator[tuple[float, Labels]]:
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(vectors, "average", metric="cosine")
    for threshold in np.arange(0.2, 1.0, 0.01):
        yield float(threshold), fcluster(tree, threshold, "distance") - 1

"""Clustering beside what users would take instead, on the same embeddings (`benchmarks.recognition`)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.gallery.cluster import Strangers, cluster

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]
LARGEST_LINKAGE = 3000  # faces; beyond, rivals that keep every pair are left out or tried at fewer settings
DRAWS = 10


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

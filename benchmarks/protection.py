"""Protected templates on real embeddings: what they cost, and what a thief of templates and keys gets.

    python -m benchmarks.protection --json benchmarks/results/protection.json

ISO/IEC 30136's questions, on wild40 (40 people, 12 photos each):
accuracy: true matches of every pair, all under one key, as within one gallery (the key is assumed stolen);
irreversibility: the embedding that a thief computes from a template, with the key ("full disclosure") and
without it ("template only"): its cosine with the true one, and how often it passes for the person before
*another* photo in an unprotected system at FMR 1e-3, beside how often a real photo does;
unlinkability: D_sys of templates under two keys, mated pairs against pairs of strangers, over 50 pairs of
keys; and the same for two halves of the strangers, which is what chance alone gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import Faces, load, wild40
from benchmarks.measuring import arguments, report
from mien.embedding.mean_face import mean_embedding
from mien.evaluation.metrics.unlinkability import d_sys
from mien.evaluation.metrics.verification import eer, threshold_at_fmr
from mien.gallery.templates import own_parts, similarities
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import configure
from mien.privacy.protect import BIOHASH_BITS, BioHash, load_protector

KINDS = ("plain", "rotation", "biohash")
KEYS = 50
RATE = 1e-3
Floats = NDArray[np.float64]


def main() -> None:
    parser = arguments("protection", __doc__)
    parser.add_argument("--profiles", default="balanced,accurate")
    given = parser.parse_args()
    figures = {}
    for profile in given.profiles.split(","):
        with Analyzer(configure(profile)) as analyzer:
            figures[profile] = measure(load(analyzer, wild40()), analyzer.config.profile.embedder)
    report("protection", {"profiles": figures}, given.json)


@dataclass(frozen=True)
class Mode:
    """One protection as galleries use it: bits are of what a face does not share with all others.

    mean: (D,) of faces' embeddings, which anybody can measure.
    """

    kind: str
    mean: Floats

    def protect(self, key: bytes, vectors: NDArray[np.float32]) -> Any:
        if self.kind == BioHash.kind:
            vectors = own_parts(vectors, np.asarray(_unit(self.mean[None])[0], np.float32))
        return load_protector(self.kind, key, vectors.shape[1]).protect(vectors)

    def invert(self, key: bytes, templates: Any) -> NDArray[np.float32]:
        """A thief's best guess at the embeddings.  key: the true one, or one that the thief made up."""
        if self.kind != BioHash.kind:
            recovered = load_protector(self.kind, key, len(self.mean)).recover(templates)
            if recovered is None:
                raise AssertionError("plain and rotated templates can be recovered")
            return recovered
        matrix = BioHash(key, len(self.mean)).matrix
        own = from_signs(matrix, np.unpackbits(templates, axis=1) * 2.0 - 1.0)
        share = float(self.mean @ self.mean)
        return np.asarray(self.mean + np.sqrt(1 - share) * own, dtype=np.float32)


def measure(faces: Faces, embedder: str) -> dict[str, Any]:
    mean = mean_embedding(embedder)
    if mean is None:
        raise SystemExit(
            f"nothing is known of what faces share for {embedder}: run benchmarks.make_mean_embedding"
        )
    rows, columns = np.triu_indices(len(faces.people), 1)
    same = faces.people[rows] == faces.people[columns]
    plain = (faces.vectors @ faces.vectors.T)[rows, columns]
    threshold = float(threshold_at_fmr(plain[~same], RATE))
    answer: dict[str, Any] = {
        "faces": len(faces.people),
        "mated pairs": int(same.sum()),
        "a real photo passes": round(float((plain[same] >= threshold).mean()), 4),
    }
    for mode in (Mode(kind, mean) for kind in KINDS):
        answer[mode.kind] = {
            "accuracy": accuracy(mode, faces, rows, columns, same),
            "linkability": linkability(mode, faces, rows[same], columns[same]),
            "irreversibility": irreversibility(mode, faces, rows[same], columns[same], threshold),
        }
    return answer


def accuracy(
    mode: Mode, faces: Faces, rows: NDArray[np.int64], columns: NDArray[np.int64], same: NDArray[np.bool_]
) -> dict[str, Any]:
    found: dict[str, list[float]] = {"eer": [], "tmr at fmr 1e-2": [], "tmr at fmr 1e-3": []}
    for key in range(5):
        templates = mode.protect(f"key {key}".encode(), faces.vectors)
        every = np.stack([similarities(template, templates) for template in templates])
        scores = every[rows, columns].astype(np.float64)
        found["eer"].append(eer(scores[same], scores[~same]))
        for name, rate in (("1e-2", 1e-2), ("1e-3", 1e-3)):
            limit = threshold_at_fmr(scores[~same], rate)
            found[f"tmr at fmr {name}"].append(float((scores[same] >= limit).mean()))
    return {name: round(float(np.mean(values)), 4) for name, values in found.items()} | {
        "bytes": int(templates[0].nbytes)
    }


def linkability(
    mode: Mode, faces: Faces, first: NDArray[np.int64], second: NDArray[np.int64]
) -> dict[str, float]:
    rng = np.random.default_rng(0)
    mated, other = [], []
    strangers = rng.permutation(len(faces.people))
    for pair in range(KEYS):
        one, two = (mode.protect(f"{side} {pair}".encode(), faces.vectors) for side in ("one", "two"))
        mated.append(_each(one[first], two[second]))
        apart = faces.people != faces.people[strangers]
        other.append(_each(one[apart], two[strangers[apart]]))
        strangers = rng.permutation(strangers)
    a, b = np.concatenate(mated), np.concatenate(other)
    half = len(b) // 2
    return {"d_sys": round(d_sys(a, b), 4), "by chance": round(d_sys(b[:half], b[half:]), 4)}


def irreversibility(
    mode: Mode, faces: Faces, first: NDArray[np.int64], second: NDArray[np.int64], threshold: float
) -> dict[str, Any]:
    templates = mode.protect(b"true", faces.vectors)
    answer: dict[str, Any] = {}
    for name, key in (("full disclosure", b"true"), ("template only", b"guessed")):
        recovered = mode.invert(key, templates)
        cosine = (recovered * faces.vectors).sum(axis=1)
        passes = (recovered[first] * faces.vectors[second]).sum(axis=1) >= threshold
        answer[name] = {"cosine": round(float(cosine.mean()), 3), "passes": round(float(passes.mean()), 4)}
    return answer


def from_signs(matrix: NDArray[np.floating], signs: Floats, rounds: int = 200) -> NDArray[np.float32]:
    """Directions whose projections have these signs: 1-bit compressed sensing.

    Starts at the linear estimate and descends the one-sided loss of the violated signs (Jacques et al.,
    "Robust 1-bit compressive sensing via binary stable embeddings", IEEE Trans. Inf. Theory 59, 2013).
    matrix: (D, B).    signs: (N, B) of +-1.    returns: (N, D) unit length.
    """
    guess = _unit(signs @ matrix.T)
    for _ in range(rounds):
        wrong = np.minimum(signs * (guess @ matrix), 0.0)
        guess = _unit(guess - (signs * wrong) @ matrix.T * (matrix.shape[0] / BIOHASH_BITS))
    return guess.astype(np.float32)


def _unit(rows: NDArray[np.floating]) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float64)


def _each(a: Any, b: Any) -> Floats:
    """Similarity of each row of ``a`` with the same row of ``b``."""
    return np.array([similarities(x, y[None])[0] for x, y in zip(a, b, strict=True)], dtype=np.float64)


if __name__ == "__main__":
    main()

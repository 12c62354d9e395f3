"""Verification figures of the vectors that align_embed.py kept, with a paired bootstrap over people.

python benchmarks/studies/align_verify.py VECTORS.npz OUT.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

RATES = (1e-2, 1e-3, 1e-4)


def unit(v):
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def tmr(sim, same, weight=None):
    """TMR at each of RATES, and the EER; pairs may carry weights (bootstrap)."""
    w = np.ones(len(sim)) if weight is None else weight
    order = np.argsort(-sim)
    s, ww = same[order], w[order]
    true = np.cumsum(ww * s) / (ww * s).sum()
    false = np.cumsum(ww * ~s) / (ww * ~s).sum()
    at = [float(true[max(np.searchsorted(false, r, "right") - 1, 0)]) for r in RATES]
    eer = float((false + 1 - true)[np.argmin(np.abs(false - (1 - true)))] / 2)
    return [*at, eer]


class Trial:
    def __init__(self, file: str) -> None:
        data = np.load(file)
        self.labels, self.yaws, self.widths = data["labels"], data["yaws"], data["widths"]
        self.v = {
            k: data[k].astype(np.float64)
            for k in data.files
            if k not in ("labels", "yaws", "widths", "presences")
        }
        n = len(self.labels)
        self.i, self.j = np.triu_indices(n, 1)
        self.people, self.who = np.unique(self.labels, return_inverse=True)
        self.same = self.who[self.i] == self.who[self.j]
        self.gap = np.abs(np.abs(self.yaws[self.i]) - np.abs(self.yaws[self.j]))
        far = np.abs(self.yaws)
        lo, hi = np.minimum(far[self.i], far[self.j]), np.maximum(far[self.i], far[self.j])
        self.subsets = {
            "all": np.ones(len(self.i), bool),
            "both<20": hi < 20,
            "gap>30": self.gap > 30,
            "front-profile 45": (lo < 15) & (hi > 45),
        }

    def cos(self, key, euclid=False):
        v = self.v[key] if euclid else unit(self.v[key])
        if euclid:
            return -np.linalg.norm(v[self.i] - v[self.j], axis=1)
        return (v @ v.T)[self.i, self.j]

    def cross(self, a, b):
        """Mean of the four similarities between two looks of both faces."""
        return self.cos_sum((a, b))

    def cos_sum(self, keys):
        v = sum(unit(self.v[k]) for k in keys)
        return (v @ v.T)[self.i, self.j]

    def mean_vec(self, keys):
        v = unit(sum(unit(self.v[k]) for k in keys))
        return (v @ v.T)[self.i, self.j]

    def figures(self, sim):
        return {s: tmr(sim[m], self.same[m]) for s, m in self.subsets.items() if self.same[m].sum() > 30}

    def bootstrap(self, sim, ref, rounds=200, seed=0):
        """95 % interval of TMR(sim) - TMR(ref) per subset, people drawn with replacement."""
        rng = np.random.default_rng(seed)
        out = {}
        for s, m in self.subsets.items():
            if self.same[m].sum() <= 30:
                continue
            diffs = []
            for _ in range(rounds):
                c = np.bincount(
                    rng.integers(0, len(self.people), len(self.people)), minlength=len(self.people)
                )
                w = (c[self.who[self.i[m]]] * c[self.who[self.j[m]]]).astype(float)
                keep = w > 0
                diffs.append(
                    np.subtract(
                        tmr(sim[m][keep], self.same[m][keep], w[keep]),
                        tmr(ref[m][keep], self.same[m][keep], w[keep]),
                    )
                )
            out[s] = np.percentile(diffs, [2.5, 97.5], axis=0).T.tolist()
        return out


def main(file: str, out: str) -> None:
    t = Trial(file)
    print({s: (int(m.sum()), int((t.same & m).sum())) for s, m in t.subsets.items()})
    sims = {k: t.cos(k) for k in t.v}
    for k in t.v:
        if k.endswith(" mirrored"):
            b = k.removesuffix(" mirrored")
            sims[f"{b} & mirror (unit mean)"] = t.mean_vec([b, k])
    report = {}
    for k, sim in sims.items():
        report[k] = t.figures(sim)
        print(
            f"{k:36s}",
            "  ".join(f"{s}: " + " ".join(f"{100 * x:.2f}" for x in v) for s, v in report[k].items()),
        )
    Path(out).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])

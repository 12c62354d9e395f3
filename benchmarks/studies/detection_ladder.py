"""Which second look finds the faces that the first look misses, and what does it invent?

python benchmarks/studies/detection_ladder.py OUT.json    (MIEN_MODELS, MIEN_SHARED; 10 minutes on one core)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from study_models import DATA, at_scale, centerface, shrink, yunet

Rows = np.ndarray
Look = Callable[[np.ndarray], Rows]


def fit(bgr, side, find=yunet, grow=True, **kw) -> Rows:
    scale = side / max(bgr.shape[:2])
    return at_scale(bgr, scale if grow else min(1.0, scale), find, **kw)


def padded(bgr, share, side, find=yunet, border=cv2.BORDER_CONSTANT, **kw) -> Rows:
    p = round(max(bgr.shape[:2]) * share)
    big = cv2.copyMakeBorder(bgr, p, p, p, p, border)
    rows = fit(big, side, find, **kw)
    rows[:, [0, 1, 2, 3, *range(5, 15)]] -= p
    return rows


def turned(bgr, degrees, look: Look) -> Rows:
    h, w = bgr.shape[:2]
    m = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), degrees, 1)
    c, s = abs(m[0, 0]), abs(m[0, 1])
    ww, hh = round(w * c + h * s), round(w * s + h * c)
    m[:, 2] += [(ww - w) / 2, (hh - h) / 2]
    rows = look(cv2.warpAffine(bgr, m, (ww, hh))).copy()
    inv = cv2.invertAffineTransform(m)
    for row in rows:
        pts = row[5:].reshape(5, 2) @ inv[:, :2].T + inv[:, 2]
        center = inv[:, :2] @ ((row[:2] + row[2:4]) / 2) + inv[:, 2]
        half = (row[2:4] - row[:2]) / 2
        row[:4] = [*(center - half), *(center + half)]
        row[5:] = pts.ravel()
    return rows


LOOKS: dict[str, Look] = {
    "native 0.6": lambda b: fit(b, 640, grow=False),
    "native 0.3": lambda b: fit(b, 640, grow=False, threshold=0.3),
    "fit640": lambda b: fit(b, 640),
    "fit320": lambda b: fit(b, 320),
    "fit320 0.3": lambda b: fit(b, 320, threshold=0.3),
    "fit160": lambda b: fit(b, 160),
    "fit96": lambda b: fit(b, 96),
    "pad.5 fit320": lambda b: padded(b, 0.5, 320),
    "pad.5 fit320 0.3": lambda b: padded(b, 0.5, 320, threshold=0.3),
    "pad.5 fit160": lambda b: padded(b, 0.5, 160),
    "pad.5rep fit320": lambda b: padded(b, 0.5, 320, border=cv2.BORDER_REPLICATE),
    "pad.25 fit320": lambda b: padded(b, 0.25, 320),
    "pad1 fit320": lambda b: padded(b, 1, 320),
    "fit1280": lambda b: fit(b, 1280),
    "turn90": lambda b: turned(b, 90, lambda x: fit(x, 640, grow=False)),
    "turn180": lambda b: turned(b, 180, lambda x: fit(x, 640, grow=False)),
    "turn270": lambda b: turned(b, 270, lambda x: fit(x, 640, grow=False)),
    "turn45": lambda b: turned(b, 45, lambda x: fit(x, 640, grow=False)),
    "turn-45": lambda b: turned(b, -45, lambda x: fit(x, 640, grow=False)),
    "center native": lambda b: fit(b, 640, centerface, grow=False),
    "center fit320": lambda b: fit(b, 320, centerface),
    "center pad.5 fit320": lambda b: padded(b, 0.5, 320, centerface),
}


def box_crop(bgr, row, grow, side, shift=(0.0, 0.0)):
    """Cut ``grow`` times the box (square sides kept), moved by ``shift`` box sizes, resized to ``side``."""
    center = (row[:2] + row[2:4]) / 2 + np.array(shift) * (row[2:4] - row[:2])
    half = (row[2:4] - row[:2]) / 2 * grow
    lo = np.maximum(np.floor(center - half), 0).astype(int)
    hi = np.minimum(np.ceil(center + half), bgr.shape[1::-1]).astype(int)
    crop = bgr[lo[1] : hi[1], lo[0] : hi[0]]
    k = side / max(crop.shape[:2])
    truth = row[5:].reshape(5, 2) - lo
    return shrink(crop, k), truth * k


def rotated(bgr, row, degrees):
    h, w = bgr.shape[:2]
    m = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), degrees, 1)
    c, s = abs(m[0, 0]), abs(m[0, 1])
    ww, hh = round(w * c + h * s), round(w * s + h * c)
    m[:, 2] += [(ww - w) / 2, (hh - h) / 2]
    return cv2.warpAffine(bgr, m, (ww, hh)), row[5:].reshape(5, 2) @ m[:, :2].T + m[:, 2]


def scaled(bgr, row, face):
    k = face / (row[2] - row[0])
    return shrink(bgr, k), row[5:].reshape(5, 2) * k


CASES = {
    "as is": lambda b, r: (b, r[5:].reshape(5, 2)),
    **{
        f"tight {g} @{s}": (lambda b, r, g=g, s=s: box_crop(b, r, g, s))
        for g in (1.0, 1.3)
        for s in (64, 128, 256, 512)
    },
    "tight 0.85 @256": lambda b, r: box_crop(b, r, 0.85, 256),
    "cut right": lambda b, r: box_crop(b, r, 1.0, 256, (-0.3, 0)),
    "cut bottom": lambda b, r: box_crop(b, r, 1.0, 256, (0, -0.3)),
    "cut top": lambda b, r: box_crop(b, r, 1.0, 256, (0, 0.3)),
    **{f"turn {d}": (lambda b, r, d=d: rotated(b, r, d)) for d in (30, 45, 60, 90, 135, 180)},
    **{f"face {s} px": (lambda b, r, s=s: scaled(b, r, s)) for s in (8, 12, 16, 24, 600, 1200)},
}


def found(rows: Rows, truth) -> bool:
    """A detection whose five points lie on the face: within 0.5 eye-to-mouth spans on average, upright."""
    span = np.linalg.norm(truth[:2].mean(0) - truth[3:].mean(0)) + np.linalg.norm(truth[0] - truth[1])
    return any(np.linalg.norm(r[5:].reshape(5, 2) - truth, axis=1).mean() < 0.2 * span for r in rows)


def inventions(rows: Rows, truth) -> int:
    """Detections whose centre is more than one face away from the face."""
    span = np.linalg.norm(truth[:2].mean(0) - truth[3:].mean(0)) + np.linalg.norm(truth[0] - truth[1])
    c = truth.mean(0)
    return sum(bool(np.linalg.norm((r[:2] + r[2:4]) / 2 - c) > 1.5 * span) for r in rows)


def sample(per_person: int = 2):
    for folder in sorted((DATA / "wild40").iterdir()):
        if not folder.is_dir():
            continue
        kept = 0
        for path in sorted(folder.glob("*.jpg")):
            bgr = cv2.imread(str(path))
            rows = yunet(bgr, 0.7)
            if len(rows) != 1:
                continue
            yield bgr, rows[0]
            kept += 1
            if kept == per_person:
                break


def main(out: str) -> None:
    faces = list(sample())
    table: dict[str, dict[str, list[int]]] = {}
    for case, make in CASES.items():
        made = [make(b, r) for b, r in faces]
        per = {}
        for name, look in LOOKS.items():
            hits, extra = [], 0
            for bgr, truth in made:
                rows = look(bgr)
                hits.append(found(rows, truth))
                extra += inventions(rows, truth)
            per[name] = [int(sum(hits)), extra]
        table[case] = per
        print(
            f"{case:16s} n={len(made)} " + "  ".join(f"{k}:{v[0]}/{v[1]}" for k, v in per.items()), flush=True
        )
        Path(out).write_text(json.dumps({"n": len(made), "found_and_invented": table}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])

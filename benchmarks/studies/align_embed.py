"""Embed a folder of people once for every way to align, and keep the vectors.

python benchmarks/studies/align_embed.py SET OUT.npz [GROUP...]     SET: wild40, celeba10k, ytf68, orl
(MIEN_MODELS, MIEN_SHARED; MIEN_DLIB_ONNX: dlib's network converted by mien.runtime.dlibnet)
"""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from functools import cache

import cv2
import numpy as np
from align_templates import CORNERS, NOSE_BASE, square, turn_of
from study_models import (
    ARC5,
    DATA,
    MODELS,
    _core,
    at_scale,
    mesh,
    mesh_at,
    mesh_five,
    sface,
    similarity,
    warp,
    yunet,
)

CHIP_YUNET = np.array([[44.1, 47.8], [104.9, 47.8], [74.5, 78.3], [48.05, 102], [100.95, 102]])
CHIP_MESH = np.array([[34.3, 45.9], [59.1, 47.1], [89.9, 47.1], [114.7, 45.9], [74.5, 83.4]])
ARC_MESH = np.array([[37.7, 53.0], [74.3, 53.0], [55.9, 73.4], [40.0, 87.4], [71.9, 87.4]])
CHIP_MESH5 = np.array([[46.5, 46.5], [102.5, 46.5], [74.5, 78.4], [50.2, 99.8], [98.8, 99.8]])
INNER = np.array(
    [33, 133, 159, 145, 362, 263, 386, 374, 1, 2, 4, 5, 6, 168, 98, 327, 61, 291, 13, 14, 70, 300, 105, 334]
)
PRESENCE: list[float] = []
OLD = np.array(
    [
        [[51.642, 50.115], [57.617, 49.990], [35.740, 69.007], [51.157, 89.050], [57.025, 89.702]],
        [[45.031, 50.118], [65.568, 50.872], [39.677, 68.111], [45.177, 86.190], [64.246, 86.758]],
        [[39.730, 51.138], [72.270, 51.138], [56.000, 68.493], [42.463, 87.010], [69.537, 87.010]],
        [[46.845, 50.872], [67.382, 50.118], [72.737, 68.111], [48.167, 86.758], [67.236, 86.190]],
        [[54.796, 49.990], [60.771, 50.115], [76.673, 69.007], [55.388, 89.702], [61.257, 89.050]],
    ]
)  # InsightFace's earlier templates by yaw


def people(name: str):
    if name == "celeba10k":
        with open(DATA / "celeba10k/identity_CelebA.txt") as lines:
            rows = list(csv.DictReader(lines, delimiter=" "))
        here = {p.name for p in (DATA / "celeba10k").glob("*.jpg")}
        rows = [r for r in rows if r["path"] in here]
        counts = Counter(r["label"] for r in rows)
        rows = sorted(
            (r for r in rows if counts[r["label"]] >= 3), key=lambda r: (-counts[r["label"]], r["label"])
        )
        return [(DATA / "celeba10k" / r["path"], r["label"]) for r in rows][
            : int(os.environ.get("MIEN_MAX", "2500"))
        ]
    if name == "fairface":
        return [
            (p, p.stem)
            for p in sorted(DATA.glob("fairface/train/*.jpg"))[: int(os.environ.get("MIEN_MAX", "1000"))]
        ]
    if name == "london":
        return [(p, p.stem.split("_")[0]) for p in sorted(DATA.glob("london/*/*.jpg"))]
    if name == "ytf68":
        return [(p, p.stem.rsplit("_", 1)[0]) for p in sorted(DATA.glob("ytf68/*.jpeg"))]
    ext = "pgm" if name == "orl" else "jpg"
    return [(p, p.parent.name) for p in sorted((DATA / name).glob(f"*/*.{ext}"))]


@cache
def dlib_net():
    return _core().compile_model(
        _core().read_model(os.environ["MIEN_DLIB_ONNX"]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )


@cache
def predictor():
    import dlib

    return dlib.shape_predictor(str(MODELS / "models/shape_predictor_5_face_landmarks.dat"))


def dlibnet(crops):
    x = (np.asarray(crops)[..., ::-1] - np.array([122.782, 117.001, 104.298])) / 256
    out = np.stack([dlib_net()(one[None].transpose(0, 3, 1, 2).astype(np.float32))[0][0] for one in x])
    return out


def first_look(bgr):
    side = max(bgr.shape[:2])
    rows = at_scale(bgr, min(1.0, 640 / side) if side >= 320 else 320 / side)
    if not len(rows):
        rows = at_scale(bgr, 320 / side, threshold=0.3)
    return rows


def second_look(bgr, row, side):
    """Detect again in an upright square crop of twice the face, with the face ``side`` pixels wide."""
    five = row[5:].reshape(5, 2)
    mid, mouth = five[:2].mean(0), five[3:].mean(0)
    down = mouth - mid
    angle = np.arctan2(-down[0], down[1])
    center = (row[:2] + row[2:4]) / 2
    k = side / max(row[2] - row[0], row[3] - row[1])
    size = int(side * 2)
    c, s = np.cos(angle) * k, np.sin(angle) * k
    r = np.array([[c, s], [-s, c]])
    m = np.hstack([r, (np.full(2, size / 2) - r @ center)[:, None]])
    rows = yunet(warp(bgr, m, size), 0.3)
    if not len(rows):
        return five
    best = rows[np.argmin(np.abs((rows[:, :2] + rows[:, 2:4]) / 2 - size / 2).sum(1))]
    return (best[5:].reshape(5, 2) - m[:, 2]) @ np.linalg.inv(r).T


def mesh_passes(bgr, five, row, count):
    """(five points of the first pass, all points of the last)."""
    p, presence = mesh(bgr, five, row)
    first = mesh_five(p)
    for _ in range(count - 1):
        eyes = p[263, :2] - p[33, :2]
        angle = float(np.arctan2(eyes[1], eyes[0]))
        c, s = np.cos(angle), np.sin(angle)
        r = np.array([[c, s], [-s, c]])
        turned = p[:, :2] @ r.T
        lo, hi = turned.min(0), turned.max(0)
        p, presence = mesh_at(bgr, (lo + hi) / 2 @ r, 1.5 * max(hi - lo), angle)
    PRESENCE.append(presence)
    return first, p


@cache
def inner_template():
    """Mean place of the inner mesh points in SFace's crop, over frontal FairFace faces."""
    seen = []
    for path in sorted(DATA.glob("fairface/val/*.jpg"))[:250]:
        bgr = cv2.imread(str(path))
        rows = yunet(bgr, 0.8)
        if len(rows) != 1:
            continue
        five = rows[0, 5:].reshape(5, 2)
        if abs(turn_of(five)) > 12:
            continue
        _, p = mesh_passes(bgr, five, rows[0], 2)
        m = similarity(mesh_five(p), ARC_MESH)
        seen.append(p[INNER, :2] @ m[:, :2].T + m[:, 2])
    return np.median(seen, 0)


def vertical(five):
    """Similarity by two points only: mid of the eyes and of the mouth; sideways by the mean of all five."""
    dst = ARC5
    v = similarity(
        np.stack([five[:2].mean(0), five[3:].mean(0)]), np.stack([dst[:2].mean(0), dst[3:].mean(0)])
    )
    moved = five @ v[:, :2].T + v[:, 2]
    v[0, 2] += dst[:, 0].mean() - moved[:, 0].mean()
    return v


def old_templates(five, scale=1.0):
    best = None
    for t in OLD:
        dst = (t - 56) * scale + 56
        m = similarity(five, dst)
        err = np.abs(five @ m[:, :2].T + m[:, 2] - dst).sum()
        if best is None or err < best[0]:
            best = (err, m)
    return best[1]


def zoomed(m, k, dx=0.0, dy=0.0):
    return np.hstack([m[:, :2] * k, ((m[:, 2] - 56) * k + 56 + [dx, dy])[:, None]])


def ways(bgr, row, groups):
    """name -> (matrix, size, network)"""
    five = row[5:].reshape(5, 2)
    base = similarity(five, ARC5)
    out = {"base": (base, 112)}
    if "mesh" in groups:
        p, _ = mesh(bgr, five, row)
        q = mesh_five(p)
        eyes = q[1] - q[0]
        lo, hi = p[:, :2].min(0), p[:, :2].max(0)
        p2, _ = mesh_at(bgr, (lo + hi) / 2, 1.5 * max(hi - lo), float(np.arctan2(eyes[1], eyes[0])))
        q2 = mesh_five(p2)
        out["mesh"] = (similarity(q, ARC_MESH), 112)
        out["mesh twice"] = (similarity(q2, ARC_MESH), 112)
        out["mesh+yunet"] = ((similarity(q, ARC_MESH) + base) / 2, 112)
        out["dlib mesh"] = (similarity(p[[*CORNERS, NOSE_BASE], :2], CHIP_MESH), 150)
    if "lean" in groups:
        _, p = mesh_passes(bgr, five, row, 2)
        out["mesh 2"] = (similarity(mesh_five(p), ARC_MESH), 112)
        out["dlib mesh 2"] = (similarity(p[[*CORNERS, NOSE_BASE], :2], CHIP_MESH), 150)
    if "refine" in groups:
        _, p = mesh_passes(bgr, five, row, 2)
        q2 = mesh_five(p)
        _, p3 = mesh_passes(bgr, five, row, 3)
        look = second_look(bgr, row, 192)
        l_m = similarity(look, ARC5)
        m2 = similarity(q2, ARC_MESH)
        out["look 192"] = (l_m, 112)
        out["mesh 2"] = (m2, 112)
        out["mesh 3"] = (similarity(mesh_five(p3), ARC_MESH), 112)
        out["mesh 2 + look"] = ((m2 + l_m) / 2, 112)
        out["mesh 2 + base"] = ((m2 + base) / 2, 112)
        dense = p[INNER, :2]
        out["mesh 2 dense"] = (similarity(dense, inner_template()), 112)
        out["dlib mesh 2"] = (similarity(p[[*CORNERS, NOSE_BASE], :2], CHIP_MESH), 150)
        out["dlib mesh5 2"] = (similarity(q2, CHIP_MESH5), 150)
        out["dlib look"] = (similarity(look, CHIP_YUNET), 150)
        if max(np.hypot(*base[:, 0]), 0) < 0.7:
            out["base plain"] = (cv2.warpAffine(bgr, base, (112, 112)), 112)
        else:
            out["base plain"] = (base, 112)
    if "look" in groups:
        for side in (80, 128, 192):
            out[f"second look {side}"] = (similarity(second_look(bgr, row, side), ARC5), 112)
    if "shape" in groups:
        out["vertical"] = (vertical(five), 112)
        out["old templates"] = (old_templates(five), 112)
        out["old templates 1.12"] = (old_templates(five, 1.12), 112)
        for k in (0.9, 1.1):
            out[f"zoom {k}"] = (zoomed(base, k), 112)
    if "dlib" in groups:
        import dlib

        rgb = np.ascontiguousarray(bgr[:, :, ::-1])
        b = square(row, 0.05)
        shape = predictor()(rgb, dlib.rectangle(*(round(v) for v in b)))
        out["dlib own"] = (dlib.get_face_chip(rgb, shape, 150, 0.25)[:, :, ::-1], 150)
        out["dlib yunet"] = (similarity(five, CHIP_YUNET), 150)
    if "scale" in groups:
        for px in (20, 30, 45, 70, 110, 160, 240):
            k = px / (row[2] - row[0])
            rows = at_scale(bgr, min(k, 2.0), threshold=0.3)
            if len(rows):
                near = np.argmin(np.abs(rows[:, :4] - row[:4]).sum(1))
                out[f"face {px}"] = (similarity(rows[near, 5:].reshape(5, 2), ARC5), 112)
            else:
                out[f"face {px}"] = (base, 112)
    return out


def main(name: str, out: str, groups: list[str]) -> None:
    vectors: dict[str, list] = {}
    labels, yaws, widths = [], [], []
    if "refine" in groups:
        inner_template()
        PRESENCE.clear()
    for path, label in people(name):
        bgr = cv2.imread(str(path))
        rows = first_look(bgr)
        if not len(rows):
            print("no face", path.name, flush=True)
            continue
        row = rows[np.argmax((rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1]))]
        labels.append(label)
        yaws.append(turn_of(row[5:].reshape(5, 2)))
        widths.append(row[2] - row[0])
        for key, (m, size) in ways(bgr, row, groups).items():
            crop = m if m.ndim == 3 else warp(bgr, m, size)
            pair = (
                np.stack([crop, crop[:, ::-1]])
                if "mirror" in groups
                and (key in ("base", "mesh 2", "mesh 2 + look", "vertical", "second look 128") or size == 150)
                else crop[None]
            )
            v = sface(pair) if size == 112 else dlibnet(pair)
            vectors.setdefault(key, []).append(v[0])
            if len(v) == 2:
                vectors.setdefault(f"{key} mirrored", []).append(v[1])
    np.savez(
        out,
        labels=np.array(labels),
        presences=np.array(PRESENCE if len(PRESENCE) == len(labels) else [0.0] * len(labels)),
        yaws=np.array(yaws),
        widths=np.array(widths),
        **{k: np.stack(v).astype(np.float32) for k, v in vectors.items()},
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

"""Where the points of each finder lie in the crops that the networks were trained on (mean over FairFace).

Crops: SFace's (YuNet's five points onto the ArcFace template) and dlib's chip (dlib's own five-point
predictor, 150 px, padding 0.25).  python benchmarks/studies/align_templates.py OUT.json
(MIEN_MODELS, MIEN_SHARED; the `peers` extra for dlib.)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import dlib
import numpy as np
from study_models import ARC5, DATA, MODELS, mesh, mesh_five, similarity, yunet

CORNERS = (33, 133, 362, 263)
NOSE_BASE = 2


def turn_of(p):
    """Yaw in degrees, roughly: nose offset against eye span, both per eye-to-mouth distance."""
    mid, mouth = p[:2].mean(0), p[3:].mean(0)
    down = mouth - mid
    d = np.linalg.norm(down) + 1e-9
    right = np.array([down[1], -down[0]]) / d
    offset = float((p[2] - (mid + mouth) / 2) @ right) / d
    span = float((p[1] - p[0]) @ right) / d
    return float(np.degrees(np.arctan2(offset / 0.5, max(span, 0) / 0.867)))


def dlib_shape(predictor, rgb, box):
    r = dlib.rectangle(*(round(v) for v in box[:4]))
    return predictor(rgb, r)


def square(box, shift=0.0):
    """dlib's detectors give square boxes from the brows to the chin: YuNet's box without its forehead."""
    w, h = box[2] - box[0], box[3] - box[1]
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2 + shift * h
    s = (w + h) / 4
    return np.array([cx - s, cy - s, cx + s, cy + s])


def main(out: str) -> None:
    predictor = dlib.shape_predictor(str(MODELS / "models/shape_predictor_5_face_landmarks.dat"))
    bins: dict[str, dict[str, list]] = {}
    for path in sorted(DATA.glob("fairface/train/*.jpg"))[:1500]:
        bgr = cv2.imread(str(path))
        rows = yunet(bgr, 0.8)
        if len(rows) != 1:
            continue
        five = rows[0, 5:].reshape(5, 2)
        points, presence = mesh(bgr, five, rows[0])
        rgb = np.ascontiguousarray(bgr[:, :, ::-1])
        shape = dlib_shape(predictor, rgb, square(rows[0], 0.05))
        details = dlib.get_face_chip_details(shape, 150, 0.25)
        # chip details are a rotated rectangle; four chip corners give the map
        r, angle = details.rect, details.angle
        c = np.array([r.center().x, r.center().y], float) if hasattr(r, "center") else None
        c = np.array([r.left() + r.right(), r.top() + r.bottom()], float) / 2 if c is None else c
        w = r.right() - r.left()
        k = 149 / w
        rot = np.array([[np.cos(-angle), -np.sin(-angle)], [np.sin(-angle), np.cos(-angle)]]) * k
        chip = lambda p, rot=rot, c=c: (p - c) @ rot.T + 74.5  # noqa: E731
        arc = similarity(five, ARC5)
        yaw = turn_of(five)
        b = "front" if abs(yaw) < 12 else ("left" if yaw < -35 else "right" if yaw > 35 else "half")
        parts = np.array([[shape.part(i).x, shape.part(i).y] for i in range(5)], float)
        s = bins.setdefault(b, {})
        to_arc = lambda p, arc=arc: p @ arc[:, :2].T + arc[:, 2]  # noqa: E731
        s.setdefault("mesh5 in arc", []).append(to_arc(mesh_five(points)))
        s.setdefault("yunet5 in arc", []).append(to_arc(five))
        s.setdefault("yunet5 in chip", []).append(chip(five))
        s.setdefault("dlib5 in chip", []).append(chip(parts))
        s.setdefault("mesh corners+nose in chip", []).append(chip(points[[*CORNERS, NOSE_BASE], :2]))
        s.setdefault("mesh5 in chip", []).append(chip(mesh_five(points)))
        s.setdefault("yaw", []).append([yaw])
        s.setdefault("presence", []).append([presence])
    report = {
        b: {
            k: {
                "n": len(v),
                "median": np.median(v, 0).round(3).tolist(),
                "spread": np.std(v, 0).mean().round(3),
            }
            for k, v in s.items()
        }
        for b, s in bins.items()
    }
    Path(out).write_text(json.dumps(report, indent=1))
    for b, s in report.items():
        for k, v in s.items():
            print(b, k, v)


if __name__ == "__main__":
    main(sys.argv[1])

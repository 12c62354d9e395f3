"""The networks for the studies: OpenVINO straight on the publishers' files, OpenCV for resizing.

MIEN_MODELS names the folder with the raw weight files.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray

MODELS = Path(os.environ.get("MIEN_MODELS", "models"))
DATA = Path(os.environ.get("MIEN_SHARED", "../shared")) / "data"
ARC5 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


@cache
def _core() -> ov.Core:
    core = ov.Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": int(os.environ.get("MIEN_THREADS", "1"))})
    return core


@cache
def compiled(file: str, shape: tuple[int, ...]) -> ov.CompiledModel:
    model = _core().read_model(MODELS / file)
    model.reshape({model.inputs[0]: list(shape)})
    return _core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def nms(rows: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    rows = rows[np.argsort(-rows[:, 4])]
    kept: list[NDArray[np.float64]] = []
    while len(rows):
        top, rest = rows[0], rows[1:]
        kept.append(top)
        w = np.minimum(top[2], rest[:, 2]) - np.maximum(top[0], rest[:, 0])
        h = np.minimum(top[3], rest[:, 3]) - np.maximum(top[1], rest[:, 1])
        inter = np.maximum(w, 0) * np.maximum(h, 0)
        area = (rest[:, 2] - rest[:, 0]) * (rest[:, 3] - rest[:, 1])
        union = (top[2] - top[0]) * (top[3] - top[1]) + area - inter
        rows = rest[inter / np.maximum(union, 1e-9) < limit]
    return np.stack(kept) if kept else np.zeros((0, 15))


def yunet(bgr: NDArray[np.uint8], threshold: float = 0.6, limit: float = 0.3) -> NDArray[np.float64]:
    """(N, 15): x1 y1 x2 y2 score, five points; pixels of ``bgr``."""
    h, w = bgr.shape[:2]
    hh, ww = -(-h // 32) * 32, -(-w // 32) * 32
    x = np.zeros((1, 3, hh, ww), np.float32)
    x[0, :, :h, :w] = bgr.transpose(2, 0, 1)
    request = compiled("face_detection_yunet_2023mar.onnx", (1, 3, -1, -1))
    out = request(x)
    rows = []
    for i, stride in enumerate((8, 16, 32)):
        cls, obj, box, kps = (out[j * 3 + i][0] for j in range(4))
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        pick = np.flatnonzero(score > threshold)
        cols = ww // stride
        anchor = np.stack([pick % cols, pick // cols], 1).astype(np.float64)
        center = (anchor + box[pick, :2]) * stride
        size = np.exp(box[pick, 2:]) * stride
        points = (anchor[:, None] + kps[pick].reshape(-1, 5, 2)) * stride
        rows.append(
            np.concatenate(
                [center - size / 2, center + size / 2, score[pick, None], points.reshape(-1, 10)], axis=1
            )
        )
    return nms(np.concatenate(rows), limit)


def centerface(bgr: NDArray[np.uint8], threshold: float = 0.5) -> NDArray[np.float64]:
    h, w = bgr.shape[:2]
    hh, ww = -(-h // 32) * 32, -(-w // 32) * 32
    x = np.zeros((1, 3, hh, ww), np.float32)
    x[0, :, :h, :w] = bgr[:, :, ::-1].transpose(2, 0, 1)
    heat, scale, offset, marks = compiled("centerface.onnx", (1, 3, -1, -1))(x).values()
    ys, xs = np.nonzero(heat[0, 0] > threshold)
    size = np.exp(scale[0][:, ys, xs]) * 4
    o = offset[0][:, ys, xs]
    x1 = (xs + o[1] + 0.5) * 4 - size[1] / 2
    y1 = (ys + o[0] + 0.5) * 4 - size[0] / 2
    m = marks[0][:, ys, xs]
    points = np.empty((len(ys), 10))
    points[:, 0::2] = (m[1::2] * size[1] + x1).T
    points[:, 1::2] = (m[0::2] * size[0] + y1).T
    rows = np.stack([x1, y1, x1 + size[1], y1 + size[0], heat[0, 0][ys, xs]], 1)
    return nms(np.concatenate([rows, points], 1), 0.3)


def shrink(bgr: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return bgr
    size = (max(1, round(bgr.shape[1] * scale)), max(1, round(bgr.shape[0] * scale)))
    return cv2.resize(bgr, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def at_scale(bgr: NDArray[np.uint8], scale: float, find=yunet, **kw) -> NDArray[np.float64]:
    """Run a detector on a resized picture; rows in pixels of the original."""
    rows = find(shrink(bgr, scale), **kw)
    rows = rows.copy()
    rows[:, :4] /= scale
    rows[:, 5:] /= scale
    return rows


def similarity(src: NDArray[np.floating], dst: NDArray[np.floating]) -> NDArray[np.float64]:
    """Least-squares 2x3 similarity (Umeyama 1991)."""
    ms, md = src.mean(0), dst.mean(0)
    a, b = src - ms, dst - md
    c, s = (a * b).sum(), (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()
    n = (a**2).sum()
    r = np.array([[c, -s], [s, c]]) / n
    return np.hstack([r, (md - r @ ms)[:, None]])


def warp(bgr: NDArray[np.uint8], matrix: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
    """Affine crop; averages when it shrinks a lot (one INTER_AREA step first)."""
    scale = float(np.hypot(*matrix[:2, 0]))
    if scale < 0.5:
        small = shrink(bgr, scale)
        fx, fy = small.shape[1] / bgr.shape[1], small.shape[0] / bgr.shape[0]
        matrix = matrix @ np.array([[1 / fx, 0, 0], [0, 1 / fy, 0], [0, 0, 1]])
        bgr = small
    return cv2.warpAffine(bgr, matrix, (size, size), flags=cv2.INTER_LINEAR)


def sface(crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, 112, 112, 3) BGR -> (N, 128) unit rows."""
    net = compiled("face_recognition_sface_2021dec.onnx", (1, 3, 112, 112))
    out = []
    for crop in crops:
        x = crop[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32)
        out.append(net(np.ascontiguousarray(x))[0][0])
    v = np.asarray(out, np.float64)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def mesh(bgr: NDArray[np.uint8], points: NDArray[np.floating], box: NDArray[np.floating]):
    """One pass of the 468-point mesh: ((468, 3) pixels, presence logit)."""
    eyes = points[1] - points[0]
    angle = float(np.arctan2(eyes[1], eyes[0]))
    side = 1.5 * max(box[2] - box[0], box[3] - box[1])
    center = (box[:2] + box[2:4]) / 2
    return mesh_at(bgr, center, side, angle)


def mesh_at(bgr, center, side, angle):
    k = 192 / side
    c, s = np.cos(angle) * k, np.sin(angle) * k
    r = np.array([[c, s], [-s, c]])
    m = np.hstack([r, (np.array([96, 96]) - r @ center)[:, None]])
    crop = warp(bgr, m, 192)[:, :, ::-1].astype(np.float32) / 255
    out = compiled("face_landmark.tflite", (1, 192, 192, 3))(crop[None])
    pts = out[0].reshape(468, 3).astype(np.float64)
    inv = np.linalg.inv(r)
    xy = (pts[:, :2] - m[:, 2]) @ inv.T
    return np.hstack([xy, pts[:, 2:] / k]), float(out[1].ravel()[0])


MESH5 = ((33, 133), (362, 263), (1,), (61,), (291,))


def mesh_five(points: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.stack([points[list(i), :2].mean(0) for i in MESH5])

"""Convolution, pooling, normalisation and full layers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from mien.training.operators.operator import Attributes, Inputs, Operator, refused

MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}  # of padding: ONNX's -> torch's


def _pads(a: Attributes) -> tuple[int, int, int, int]:
    """(top, left, bottom, right)."""
    if a.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise refused("leaves its padding to the engine (auto_pad)")
    pads = a.get("pads", [0, 0, 0, 0])
    if len(pads) != 4:
        raise refused("is not one of flat pictures")
    return pads[0], pads[1], pads[2], pads[3]


def _padded(x: Tensor, a: Attributes, value: float = 0.0) -> Tensor:
    top, left, bottom, right = pads = _pads(a)
    return functional.pad(x, (left, right, top, bottom), value=value) if any(pads) else x


def _conv(inputs: Inputs, a: Attributes) -> Tensor:
    x, weight, bias = (*inputs, None)[:3]
    if weight.ndim != 4:
        raise refused("is not one of flat pictures")
    pads = _pads(a)
    even = pads[:2] == pads[2:]
    return functional.conv2d(
        x if even else _padded(x, a),
        weight,
        bias,
        stride=tuple(a.get("strides", (1, 1))),
        padding=pads[:2] if even else 0,
        dilation=tuple(a.get("dilations", (1, 1))),
        groups=a.get("group", 1),
    )


def _batch_norm(inputs: Inputs, a: Attributes) -> Tensor:
    x, gain, shift, mean, variance = inputs
    return functional.batch_norm(x, mean, variance, gain, shift, eps=a.get("epsilon", 1e-5))


def _layer_norm(inputs: Inputs, a: Attributes) -> Tensor:
    x, gain, shift = (*inputs, None)[:3]
    shape = x.shape[a.get("axis", -1) :]
    return functional.layer_norm(x, tuple(shape), gain, shift, a.get("epsilon", 1e-5))


def _gemm(inputs: Inputs, a: Attributes) -> Tensor:
    x, weight, bias = (*inputs, None)[:3]
    x = x.T if a.get("transA", 0) else x
    weight = weight.T if a.get("transB", 0) else weight
    product: Tensor = a.get("alpha", 1.0) * (x @ weight)
    return product if bias is None else product + a.get("beta", 1.0) * bias


def _max_pool(inputs: Inputs, a: Attributes) -> Tensor:
    if a.get("ceil_mode", 0) and any(_pads(a)):
        raise refused("pools beyond its padding (ceil_mode)")
    return functional.max_pool2d(
        _padded(inputs[0], a, -torch.inf),
        tuple(a["kernel_shape"]),
        tuple(a.get("strides", (1, 1))),
        dilation=tuple(a.get("dilations", (1, 1))),
        ceil_mode=bool(a.get("ceil_mode", 0)),
    )


def _average_pool(inputs: Inputs, a: Attributes) -> Tensor:
    if a.get("ceil_mode", 0) or set(a.get("dilations", (1, 1))) != {1}:
        raise refused("averages beyond the edge or with gaps (ceil_mode, dilations)")
    kernel, strides, pads = tuple(a["kernel_shape"]), tuple(a.get("strides", (1, 1))), _pads(a)
    if any(pads) and not a.get("count_include_pad", 0):
        if pads[:2] != pads[2:]:
            raise refused("averages over uneven edges")
        return functional.avg_pool2d(inputs[0], kernel, strides, pads[:2], count_include_pad=False)
    return functional.avg_pool2d(_padded(inputs[0], a), kernel, strides)


def _pad(inputs: Inputs, a: Attributes) -> Tensor:
    x, pads, value, axes = (*inputs, None, None, None)[:4]
    if axes is not None:
        raise refused("pads single axes")
    mode = a.get("mode", "constant")
    if mode not in MODES:
        raise refused(f"pads by {mode}")
    each = a["pads"] if pads is None else pads.tolist()
    half = len(each) // 2
    order = [side for axis in reversed(range(half)) for side in (each[axis], each[half + axis])]
    while order and not any(order[-2:]):  # torch mirrors the last axes only
        order = order[:-2]
    filled = a.get("value", 0.0) if value is None else float(value)
    return functional.pad(x, order, MODES[mode], filled if mode == "constant" else None)


def _resize(inputs: Inputs, a: Attributes) -> Tensor:
    x, _, scales, sizes = (*inputs, None, None, None)[:4]
    places = a.get("coordinate_transformation_mode", "half_pixel")
    if a.get("mode") != "linear" or places not in ("half_pixel", "pytorch_half_pixel") or a.get("antialias"):
        raise refused("resizes in its own way")
    wanted = (
        sizes.tolist()[2:]
        if sizes is not None
        else [int(side * scale) for side, scale in zip(x.shape[2:], scales.tolist()[2:], strict=True)]
    )
    return functional.interpolate(x, tuple(wanted), mode="bilinear", align_corners=False)


LAYERS: Mapping[str, Operator] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda x, a: x[0].mean(dim=(2, 3), keepdim=True),
    "GlobalMaxPool": lambda x, a: x[0].amax(dim=(2, 3), keepdim=True),
    "LayerNormalization": _layer_norm,
    "MatMul": lambda x, a: x[0] @ x[1],
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Resize": _resize,
}

"""Write a file in dlib's format with random weights, so that the reader is tested without dlib's file.

Written from dlib's C++ `serialize` functions, independently of the reader; `evaluate` computes the network's
answer with plain loops.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def text(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def real(value: float) -> bytes:
    """Mantissa of 24 bits, like dlib's float_details for a float."""
    if value == 0:
        return integer(0) + integer(0)
    fraction, exponent = np.frexp(np.float32(value))
    return integer(int(fraction * 2**24)) + integer(int(exponent) - 24)


def tensor(values: Array) -> bytes:
    flat = values.reshape(-1)
    sizes = (len(flat), 1, 1, 1) if len(flat) else (0, 0, 0, 0)
    return b"".join(map(integer, (2, *sizes))) + flat.astype("<f4").tobytes()


def alias(*sizes: int) -> bytes:
    return b"".join(map(integer, (1, *sizes)))


EMPTY = tensor(np.zeros(0, np.float32))
STATE = b"110" + EMPTY * 3
MULTIPLIERS = real(1) * 3 + real(0)


@dataclass
class Writer:
    seed: int = 0
    body: list[bytes] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    weights: list[tuple[Array, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def layer(self, data: bytes, extra: bytes = b"") -> None:
        self.kinds.append(2)
        self.body.append(data + STATE + extra)

    def mark(self) -> None:
        self.kinds.append(1)

    def conv(self, ins: int, outs: int, side: int, stride: int) -> None:
        shape = (outs, ins, side, side)
        weight = (self.rng.normal(size=shape) / np.sqrt(ins * side * side)).astype(np.float32)
        bias = self.rng.normal(size=outs).astype(np.float32) * np.float32(0.1)
        gamma = self.rng.uniform(0.5, 1.5, outs).astype(np.float32)
        beta = self.rng.normal(size=outs).astype(np.float32) * np.float32(0.1)
        self.weights.append((weight, bias, gamma, beta))
        pad = side // 2 if stride == 1 else 0
        sizes = b"".join(map(integer, (outs, side, side, stride, stride, pad, pad)))
        params = tensor(np.concatenate([weight.ravel(), bias]))
        views = alias(*shape) + alias(1, outs, 1, 1)
        self.layer(
            text("con_4") + params + sizes + views + MULTIPLIERS, b"" if len(self.kinds) else integer(1)
        )
        views = alias(1, outs, 1, 1) * 2
        self.layer(text("affine_") + tensor(np.concatenate([gamma, beta])) + views + integer(0))

    def pool(self, name: str, *sizes: int) -> None:
        self.layer(text(name) + b"".join(map(integer, sizes)))

    def residual(self, ins: int, outs: int, *, halve: bool) -> None:
        self.mark()
        self.conv(ins, outs, 3, 2 if halve else 1)
        self.layer(text("relu_"))
        self.conv(outs, outs, 3, 1)
        if halve:
            self.mark()
            self.mark()
            self.pool("avg_pool_2", 2, 2, 2, 2, 0, 0)
        self.layer(text("add_prev_"))
        self.layer(text("relu_"))

    def file(self) -> bytes:
        self.conv(3, 32, 7, 2)
        self.layer(text("relu_"))
        self.pool("max_pool_2", 3, 3, 2, 2, 0, 0)
        width = 32
        for outs, count in ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1)):
            for i in range(count):
                self.residual(width, outs, halve=i == 0 and outs != 32)
                width = outs
        top = (self.rng.normal(size=(256, 128)) / 16).astype(np.float32)
        self.weights.append((top,))
        self.pool("avg_pool_2", 0, 0, 1, 1, 0, 0)
        views = alias(256, 128, 1, 1) + alias(0, 0, 0, 0)
        sizes = integer(128) + integer(256)
        self.layer(text("fc_2") + sizes + tensor(top) + views + integer(1) + MULTIPLIERS)
        versions = [3, *self.kinds[1:]][::-1]
        head = integer(1) + text("loss_metric_2") + real(0.04) + real(0.6)
        means = b"".join(map(real, (122.782, 117.001, 104.298)))
        start = text("input_rgb_image_sized") + means + integer(150) * 2
        return head + b"".join(map(integer, versions)) + start + b"".join(self.body)


def convolve(x: Array, weight: Array, bias: Array, stride: int, pad: int) -> Array:
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    side = weight.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    out: Array = np.einsum("ihwkl,oikl->ohw", windows, weight, optimize=True) + bias[:, None, None]
    return out


def pooled(x: Array, side: int, how: str) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::2, ::2]
    out: Array = windows.max(axis=(3, 4)) if how == "max" else windows.mean(axis=(3, 4))
    return out


def evaluate(weights: list[tuple[Array, ...]], x: Array) -> Array:
    """The network's answer for one (3, 150, 150) input: what dlib's layers say, one after the other."""
    queue = iter(weights)

    def block(x: Array, stride: int, pad: int) -> Array:
        weight, bias, gamma, beta = next(queue)
        out: Array = convolve(x, weight, bias, stride, pad) * gamma[:, None, None] + beta[:, None, None]
        return out

    x = pooled(np.maximum(block(x, 2, 0), 0), 3, "max")
    for outs, count in ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1)):
        for i in range(count):
            halve = i == 0 and outs != 32
            inner = block(np.maximum(block(x, 2 if halve else 1, 0 if halve else 1), 0), 1, 1)
            around = pooled(x, 2, "mean") if halve else x
            shape = np.maximum(inner.shape, around.shape)
            total = np.zeros(shape, np.float32)
            for part in (inner, around):
                total[: part.shape[0], : part.shape[1], : part.shape[2]] += part
            x = np.maximum(total, 0)
    (top,) = next(queue)
    answer: Array = x.mean(axis=(1, 2)) @ top
    return answer

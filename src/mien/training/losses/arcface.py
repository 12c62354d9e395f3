"""ArcFace (Deng et al., CVPR 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from mien.training.losses.margin import MarginSoftmax, sine
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    margin: float = option(0.5, "radians added to the angle between a face and its class", low=0, high=1.5)
    scale: float = option(64.0, "radius of the sphere that the features lie on", low=1)
    smoothing: float = option(0.0, "share of the target given to all classes alike", low=0, high=0.99)


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    def harder(target: Tensor, features: Tensor) -> Tensor:
        return add_to_angle(target, config.margin)

    return MarginSoftmax(harder, dim, classes, config.scale, config.smoothing)


def add_to_angle(cosine: Tensor, margin: float) -> Tensor:
    """cos(angle + margin), and past 180 degrees a line that keeps falling (ArcFace's own continuation)."""
    turned = cosine * math.cos(margin) - sine(cosine) * math.sin(margin)
    beyond = cosine - margin * math.sin(margin)
    return turned.where(cosine > math.cos(math.pi - margin), beyond)

"""CosFace (Wang et al., CVPR 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mien.training.losses.margin import MarginSoftmax
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    margin: float = option(0.35, "taken off the cosine between a face and its class", low=0, high=1)
    scale: float = option(64.0, "radius of the sphere that the features lie on", low=1)
    smoothing: float = option(0.0, "share of the target given to all classes alike", low=0, high=0.99)


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    def harder(target: Tensor, features: Tensor) -> Tensor:
        return target - config.margin

    return MarginSoftmax(harder, dim, classes, config.scale, config.smoothing)

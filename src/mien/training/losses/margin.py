"""What the margin losses share: softmax over cosines, with the label's own cosine made harder to raise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.training.losses.parts import check_batch, cosines

Harder = Callable[[Tensor, Tensor], Tensor]


class MarginSoftmax(nn.Module):
    """``cross_entropy(scale * cosines)`` where the label's cosine is replaced by ``harder`` of it.

    harder: ((N,) cosines of the labels, (N, D) features) -> (N,) cosines with the margin.
    centres: (classes, dim), a direction a class.
    """

    def __init__(self, harder: Harder, dim: int, classes: int, scale: float, smoothing: float = 0.0) -> None:
        super().__init__()
        self.harder, self.scale, self.smoothing, self.dim = harder, scale, smoothing, dim
        self.centres = nn.Parameter(torch.empty(classes, dim))
        nn.init.normal_(self.centres, std=0.01)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        check_batch(features, labels, self.dim)
        cosine = cosines(features, self.centres)
        return margin_cross_entropy(cosine, features, labels, self.harder, self.scale, self.smoothing)

    def logits(self, features: Tensor) -> Tensor:
        """(N, dim) features -> (N, classes) scores without a margin."""
        return self.scale * cosines(features, self.centres)


def margin_cross_entropy(
    cosine: Tensor, features: Tensor, labels: Tensor, harder: Harder, scale: float, smoothing: float = 0.0
) -> Tensor:
    """(N, K) cosines and (N,) labels -> scalar."""
    rows = labels[:, None]
    target = harder(cosine.gather(1, rows).squeeze(1), features)
    logits = scale * cosine.scatter(1, rows, target[:, None].to(cosine.dtype))
    return functional.cross_entropy(logits, labels, label_smoothing=smoothing)


def sine(cosine: Tensor) -> Tensor:
    """The sine of an angle of 0 .. pi by its cosine; its slope is kept finite at both ends."""
    return (1 - cosine.square()).clamp_min(1e-9).sqrt()

"""What a student is asked for: to point where its teacher points, or to see faces as far apart as it does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import InputError
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    """Weights of the parts; a part of weight 0 is not computed."""

    cosine: float = option(1.0, "weight of 1 - cosine to the teacher's embedding", low=0)
    relational: float = option(0.0, "weight of the difference of distances between faces of a batch", low=0)
    feature: float = option(
        0.0, "weight of the squared error of a linear layer that turns the features into the teacher's", low=0
    )


class Distillation(nn.Module):
    """(N, d) features and (N, D) unit rows of the teacher -> a scalar.

    cosine: needs d = D.
    relational: Park et al., Relational Knowledge Distillation, CVPR 2019, eq. 5 and 6: Huber loss between
        pairwise distances, each divided by the mean distance of its batch; d may differ from D.
    feature: Romero et al., FitNets, ICLR 2015, eq. 3: a linear layer of its own translates, so d may differ.
    """

    def __init__(self, config: Config, student: int, teacher: int) -> None:
        super().__init__()
        if config.cosine + config.relational + config.feature <= 0:
            raise InputError("a student needs something to learn: set cosine, relational or feature above 0")
        if config.cosine and student != teacher:
            raise InputError(
                f"a student of {student} features has no cosine to a teacher of {teacher}: give it as many, "
                "or set cosine to 0 and relational or feature above 0"
            )
        self.config = config
        self.translate = nn.Linear(student, teacher) if config.feature else None

    def forward(self, features: Tensor, targets: Tensor) -> Tensor:
        features = features.float()
        loss = features.new_zeros(())
        if self.config.cosine:
            loss = loss + self.config.cosine * (1 - functional.cosine_similarity(features, targets)).mean()
        if self.config.relational:
            loss = loss + self.config.relational * relational(functional.normalize(features), targets)
        if self.translate is not None:
            loss = loss + self.config.feature * functional.mse_loss(self.translate(features), targets)
        return loss


def relational(features: Tensor, targets: Tensor) -> Tensor:
    """Huber loss between the distances of all pairs of a batch, in units of their mean."""
    return functional.smooth_l1_loss(_distances(features), _distances(targets))


def _distances(rows: Tensor) -> Tensor:
    """(N, D) -> (N (N - 1) / 2,) distances with mean 1."""
    first, second = torch.triu_indices(len(rows), len(rows), 1, device=rows.device)
    # The root of at least 1e-12: at zero its gradient is infinite.
    apart = (rows[first] - rows[second]).square().sum(1).clamp_min(1e-12).sqrt()
    return apart / apart.mean().clamp_min(1e-12)

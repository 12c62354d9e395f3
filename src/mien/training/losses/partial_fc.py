"""Partial FC (An et al., CVPR 2022): margin softmax over a sample of very many classes.

The centres of the batch's own labels are always in; of the others a random share, drawn anew each step. Each
process of a distributed run holds its own part of the centres, and softmax is taken over all parts together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from mien.core.errors import InputError
from mien.training.losses.arcface import add_to_angle
from mien.training.losses.parts import check_batch, cosines
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    rate: float = option(0.1, "share of the classes that a step compares with; 1: all, exactly ArcFace",
                         low=1e-6, high=1)  # fmt: skip
    margin: str = option("arcface", "which margin", choices=("arcface", "cosface"))
    amount: float = option(0.5, "the margin: radians for arcface, cosine for cosface", low=0, high=1.5)
    scale: float = option(64.0, "radius of the sphere that the features lie on", low=1)
    sharded: bool = option(False, "each process of a distributed run keeps only its part of the centres")


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return PartialFC(config, dim, classes)


class PartialFC(nn.Module):
    """Cross-entropy over the sampled centres.

    centres: (its classes, dim); a shard holds classes first .. first + count - 1. A shard's centres differ
    from process to process: leave the loss out of DistributedDataParallel when ``sharded``.
    """

    def __init__(self, config: Config, dim: int, classes: int) -> None:
        super().__init__()
        self.config, self.dim, self.classes = config, dim, classes
        self.rank, self.world = _place() if config.sharded else (0, 1)
        if classes < self.world:
            raise InputError(f"{classes} classes cannot be shared by {self.world} processes: use fewer")
        bounds = [round(classes * rank / self.world) for rank in range(self.world + 1)]
        self.first, self.count = bounds[self.rank], bounds[self.rank + 1] - bounds[self.rank]
        self.centres = nn.Parameter(torch.empty(self.count, dim))
        nn.init.normal_(self.centres, std=0.01)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        check_batch(features, labels, self.dim)
        if self.world > 1:
            features, labels = _gather(features), _gather_labels(labels)
        chosen, place = self.sample(labels)
        cosine = cosines(features, _slowed(self.centres, self.world)[chosen])
        return self._cross_entropy(cosine, place)

    def logits(self, features: Tensor) -> Tensor:
        """(N, dim) -> (N, this process's classes) scores without a margin."""
        return self.config.scale * cosines(features, self.centres)

    def sample(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Which of our centres take part, and where each label is among them; -1 where it is not ours."""
        mine = labels - self.first
        ours = (mine >= 0) & (mine < self.count)
        positive = torch.unique(mine[ours])
        wanted = max(round(self.config.rate * self.count), len(positive))
        if wanted >= self.count or not self.training:
            chosen = torch.arange(self.count, device=labels.device)
        else:
            rank = torch.rand(self.count, device=labels.device)
            rank[positive] = 2.0  # drawn before all others
            chosen = rank.topk(wanted).indices.sort().values
        place = torch.full_like(labels, -1)
        place[ours] = torch.searchsorted(chosen, mine[ours])
        return chosen, place

    def _cross_entropy(self, cosine: Tensor, place: Tensor) -> Tensor:
        rows = torch.nonzero(place >= 0).squeeze(1)
        columns = place[rows]
        target = cosine[rows, columns]
        amount = self.config.amount
        harder = add_to_angle(target, amount) if self.config.margin == "arcface" else target - amount
        logits = self.config.scale * cosine.index_put((rows, columns), harder)
        if self.world == 1:
            return functional.cross_entropy(logits, place)
        return _sharded_cross_entropy(logits, rows, columns)


def _sharded_cross_entropy(logits: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Cross-entropy of rows that are spread over processes: sums of exponentials meet by all-reduce."""
    from torch.distributed.nn.functional import all_reduce

    top = logits.detach().amax(1)
    distributed.all_reduce(top, distributed.ReduceOp.MAX)
    shifted = logits - top[:, None]
    reduce: Callable[[Tensor], Tensor] = all_reduce
    total = reduce(shifted.exp().sum(1))
    own = torch.zeros_like(top).index_put((rows,), shifted[rows, columns])
    label = reduce(own)
    loss: Tensor = (total.log() - label).mean()
    return loss


def _slowed(centres: Tensor, world: int) -> Tensor:
    """The same values with the gradient over ``world``.

    Every process goes back through the loss of the whole batch, so gradients arrive ``world`` times over; the
    net's are averaged by DistributedDataParallel, the centres' by nobody else.
    """
    return centres if world == 1 else centres / world + (centres - centres / world).detach()


def _place() -> tuple[int, int]:
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def _gather(features: Tensor) -> Tensor:
    """Every process's features, in rank order, with the gradient back to where they came from."""
    from torch.distributed.nn.functional import all_gather

    gather: Callable[[Tensor], Sequence[Tensor]] = all_gather
    return torch.cat(tuple(gather(features.contiguous())))


def _gather_labels(labels: Tensor) -> Tensor:
    parts = [torch.empty_like(labels) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, labels.contiguous())
    return torch.cat(parts)

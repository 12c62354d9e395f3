"""A GRU (Cho et al. 2014) or an LSTM (Hochreiter and Schmidhuber 1997) over the frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.training.aggregators.mean import check_frames, masked_mean
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    cell: str = option("gru", "which recurrence", choices=("gru", "lstm"))
    hidden: int = option(128, "numbers that are carried from frame to frame", low=1)
    layers: int = option(1, "recurrent layers, one upon the other", low=1, high=8)
    dropout: float = option(0.0, "share forgotten between layers", low=0, high=0.95)
    residual: bool = option(True, "add to the frames' mean, so that what is not yet trained is the mean")


def build(config: Config, *, dim: int) -> nn.Module:
    return Recurrent(config, dim)


class Recurrent(nn.Module):
    """The state after the last frame that is there, as features, on top of the mean.

    Frames that are missing are moved behind the others, which keep their order.
    """

    def __init__(self, config: Config, dim: int) -> None:
        super().__init__()
        self.dim, self.residual = dim, config.residual
        cell = nn.GRU if config.cell == "gru" else nn.LSTM
        dropout = config.dropout if config.layers > 1 else 0.0  # torch warns of one that has no place to be
        self.cell = cell(dim, config.hidden, config.layers, batch_first=True, dropout=dropout)
        self.out = nn.Linear(config.hidden, dim)
        if config.residual:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        check_frames(features, mask, self.dim)
        order = torch.argsort((~mask).to(torch.int8), dim=1, stable=True)
        states, _ = self.cell(features.gather(1, order[:, :, None].expand_as(features)))
        last = (mask.sum(1) - 1).clamp_min(0)[:, None, None].expand(-1, 1, states.shape[2])
        answer: Tensor = self.out(states.gather(1, last).squeeze(1))
        answer = answer * mask.any(1, keepdim=True).to(answer.dtype)
        return answer + masked_mean(features, mask) if self.residual else answer

"""Mixup (Zhang et al., ICLR 2018): pictures laid over each other, learned as both."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mien.training.trainee import Mix


def mixup(pictures: Tensor, labels: Tensor, alpha: float, rng: np.random.Generator) -> tuple[Tensor, Mix]:
    """(N, C, H, W) and (N,) -> every picture mixed with another one of the batch, all by one share.

    alpha: of the Beta distribution that the share is drawn from.
    """
    share = float(rng.beta(alpha, alpha))
    share = max(share, 1 - share)  # the first label stays the main one
    order = torch.from_numpy(rng.permutation(len(labels))).to(labels.device)
    return share * pictures + (1 - share) * pictures[order], Mix(labels[order], share)

"""How the learning rate changes over a run, as pure functions of the step: nothing to save or to resume."""

from __future__ import annotations

import math

from mien.training.recipe import SchedulePart


def rate_at(schedule: SchedulePart, step: int, total: int) -> float:
    """The factor of the learning rate at one step, 0-based, of ``total``.

    Warm-up: straight from 1 / n to 1 in the first n steps (Goyal et al. 2017, section 2.2). Cosine: half a
    wave down to ``floor`` (Loshchilov & Hutter 2017, eq. 5). Step: times ``factor`` at each milestone.

    >>> [round(rate_at(SchedulePart("cosine", warmup=0.0), s, 4), 3) for s in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    warm = round(schedule.warmup * total)
    if step < warm:
        return (step + 1) / warm
    share = min((step - warm) / max(total - warm, 1), 1.0)
    if schedule.name == "cosine":
        return schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * share)) / 2
    if schedule.name == "step":
        done = step / max(total, 1)
        return schedule.factor ** sum(done >= milestone for milestone in schedule.milestones)
    return 1.0

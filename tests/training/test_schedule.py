"""The learning rate over a run."""

from __future__ import annotations

import pytest

from mien.training.recipe import SchedulePart
from mien.training.schedule import rate_at


def test_warm_up_rises_in_equal_steps_to_the_whole_rate() -> None:
    part = SchedulePart("constant", warmup=0.4)
    assert [rate_at(part, step, 10) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_cosine_is_half_way_in_the_middle_and_ends_at_the_floor() -> None:
    part = SchedulePart("cosine", warmup=0.0, floor=0.2)
    assert rate_at(part, 50, 100) == pytest.approx(0.6)
    assert rate_at(part, 100, 100) == pytest.approx(0.2)


def test_step_falls_by_the_factor_at_each_milestone() -> None:
    part = SchedulePart("step", warmup=0.0, milestones=(0.5, 0.75), factor=0.1)
    assert [round(rate_at(part, step, 4), 6) for step in range(4)] == [1.0, 1.0, 0.1, 0.01]


def test_agrees_with_the_schedule_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=20)
    for step in range(20):
        assert rate_at(SchedulePart("cosine", warmup=0.0), step, 20) == pytest.approx(theirs.get_last_lr()[0])
        optimiser.step()
        theirs.step()

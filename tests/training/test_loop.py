"""The loop: it learns, it goes on with the same bits, it stops when asked, and processes add up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from tests.training.lab import same_bits, tiny_job, tiny_recipe
from torch import Tensor

from mien.core.errors import InputError
from mien.training.checkpoint import load_checkpoint, numbered_checkpoints
from mien.training.journal import Unwatched, read_journal
from mien.training.loop import Outcome, Training
from mien.training.processes import Processes
from mien.training.recipe import Recipe
from mien.training.stop import StopWish

ALONE = Processes(0, 1, torch.device("cpu"))


class AskToStop(Unwatched):
    """Wishes the run to stop at a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step, self.wish = step, StopWish()

    def stepped(self, step: int, total: int, loss: float) -> None:
        self.wish.asked = step >= self.step


def run(recipe: Recipe, out: Path, resume: Path | None = None, stop_at: int | None = None) -> Outcome:
    watcher = AskToStop(stop_at) if stop_at is not None else None
    checkpoint = load_checkpoint(resume) if resume is not None else None
    training = Training(recipe, tiny_job(recipe), out, ALONE, checkpoint=checkpoint, watcher=watcher)
    return training.run(watcher.wish if watcher else None)


def last_tensors(out: Path) -> Mapping[str, Tensor]:
    return load_checkpoint(numbered_checkpoints(out)[-1]).tensors


def test_learns_to_tell_four_colours_apart(tmp_path: Path) -> None:
    outcome = run(tiny_recipe("run.epochs=12"), tmp_path)
    assert outcome.ending == "finished"
    assert outcome.progress.step == 12 * 4
    assert outcome.progress.best is not None
    assert outcome.progress.best > 0.9
    losses = [entry["metrics"]["loss"] for entry in outcome.progress.history]
    assert losses[-1] < losses[0] / 2


# One setting each that keeps state of its own: momentum and moments, running mean, dropout, accumulation,
# mixing, the order of picks, reading processes.
STATEFUL = [
    (),
    ("optimiser.name=momentum",),
    ("run.ema=0.9",),
    ("net.dropout=0.5", "net.norm=true"),
    ("run.accumulate=3", "run.clip=0.5"),
    ("regularise.mixup=0.4", "regularise.l1=0.001"),
    ("sampler.name=balanced", "sampler.pictures=4"),
    ("sampler.name=weighted", "schedule.name=step"),
    ("run.precision=bf16",),
]


@pytest.mark.parametrize(
    ("stop_at", "sets"),
    [(1, ()), (4, ()), *((6, sets) for sets in STATEFUL)],  # within an epoch, at its end, in a later one
    ids=lambda value: " ".join(value) or "plain" if isinstance(value, tuple) else str(value),
)
def test_a_run_that_was_stopped_goes_on_with_the_same_bits(
    sets: tuple[str, ...], stop_at: int, tmp_path: Path
) -> None:
    recipe = tiny_recipe("run.epochs=3", *sets)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(recipe, whole)
    stopped = run(recipe, broken, stop_at=stop_at)
    if stopped.ending == "stopped":
        assert stopped.progress.step >= stop_at
        run(recipe, broken, resume=numbered_checkpoints(broken)[-1])
    assert same_bits(last_tensors(whole), last_tensors(broken))
    assert read_journal(whole) == read_journal(broken)


def test_reading_processes_change_no_bit(tmp_path: Path) -> None:
    run(tiny_recipe(), tmp_path / "none")
    run(tiny_recipe("run.workers=2"), tmp_path / "two")
    assert same_bits(last_tensors(tmp_path / "none"), last_tensors(tmp_path / "two"))


def test_any_checkpoint_is_one_to_go_on_from(tmp_path: Path) -> None:
    recipe = tiny_recipe("run.epochs=4", "run.keep=9")
    run(recipe, tmp_path / "whole")
    *early, last = numbered_checkpoints(tmp_path / "whole")
    assert len(early) == 3
    for number, checkpoint in enumerate(early):
        run(recipe, tmp_path / str(number), resume=checkpoint)
        assert same_bits(last_tensors(tmp_path / str(number)), load_checkpoint(last).tensors)


def test_small_batches_that_accumulate_are_one_large_batch(tmp_path: Path) -> None:
    sets = ("optimiser.name=sgd", "optimiser.lr=0.1")
    run(tiny_recipe("run.batch=16", *sets), tmp_path / "large")
    run(tiny_recipe("run.batch=8", "run.accumulate=2", *sets), tmp_path / "small")
    one, other = last_tensors(tmp_path / "large"), last_tensors(tmp_path / "small")
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=1e-5, atol=1e-6)


def test_stops_when_validation_has_not_been_better_for_long_enough(tmp_path: Path) -> None:
    outcome = run(tiny_recipe("run.epochs=50", "run.patience=2", "optimiser.lr=0.0"), tmp_path)
    assert (outcome.ending, outcome.progress.epoch) == ("no longer better", 3)
    again = run(
        tiny_recipe("run.epochs=50", "run.patience=2", "optimiser.lr=0.0"),
        tmp_path,
        resume=numbered_checkpoints(tmp_path)[-1],
    )
    assert (again.ending, again.progress.epoch) == ("no longer better", 3)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])  # of the true gradient, not of the scaled one
def test_a_gradient_is_cut_to_its_longest_length(precision: str, tmp_path: Path) -> None:
    recipe = tiny_recipe("run.clip=0.001", "run.steps=1", "optimiser.name=sgd", "optimiser.lr=1.0",
                         "optimiser.decay=0.0", "schedule.name=constant", "schedule.warmup=0.0",
                         f"run.precision={precision}")  # fmt: skip
    before = {f"net.{k}": v.clone() for k, v in tiny_job(recipe).net.state_dict().items()}
    run(recipe, tmp_path)
    after = last_tensors(tmp_path)
    moved = sum(float((after[name] - value).square().sum()) for name, value in before.items())
    assert 0.0008 < moved**0.5 <= 0.001001  # the classifier has the rest


def test_the_running_mean_is_what_counts(tmp_path: Path) -> None:
    run(tiny_recipe("run.ema=0.99"), tmp_path)
    checkpoint = load_checkpoint(numbered_checkpoints(tmp_path)[-1])
    weight = "features.weight"
    assert torch.equal(checkpoint.net()[weight], checkpoint.part("average")[weight])
    assert not torch.equal(checkpoint.net()[weight], checkpoint.part("net")[weight])


def test_a_loss_that_is_no_number_ends_the_run_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lower the learning rate"):
        run(tiny_recipe("optimiser.name=sgd", "optimiser.lr=1e30"), tmp_path)


def test_half_precision_that_only_overflows_is_no_training(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lower the learning rate"):
        run(tiny_recipe("run.precision=fp16", "run.epochs=30", "run.validate_every=30", "optimiser.name=sgd",
                        "optimiser.lr=1e30"), tmp_path)  # fmt: skip


def test_half_precision_and_deterministic_mode_learn_too(tmp_path: Path) -> None:
    outcome = run(tiny_recipe("run.epochs=12", "run.precision=fp16", "run.deterministic=true"), tmp_path)
    assert outcome.progress.best is not None
    assert outcome.progress.best > 0.9


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # torch.compile warns of its own doings
def test_a_compiled_net_learns_the_same(tmp_path: Path) -> None:
    run(tiny_recipe("run.compile=true"), tmp_path / "compiled")
    run(tiny_recipe(), tmp_path / "eager")
    one, other = last_tensors(tmp_path / "compiled"), last_tensors(tmp_path / "eager")
    assert one.keys() == other.keys()
    for name, tensor in other.items():
        torch.testing.assert_close(one[name], tensor, rtol=1e-2, atol=1e-3)


def test_writes_the_same_figures_for_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(tiny_recipe("run.tensorboard=true"), tmp_path)
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    shown = [event.value for event in board.Scalars("step/loss")]
    assert shown == pytest.approx([row["loss"] for row in read_journal(tmp_path) if row["kind"] == "step"])

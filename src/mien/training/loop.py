"""The training loop: steps, validations, checkpoints; the same for every task."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from mien.core.errors import InputError, ThinData
from mien.training.augment.mix import mixup
from mien.training.average import Average
from mien.training.checkpoint import (
    BEST,
    FOLDER,
    Checkpoint,
    Progress,
    checkpoint_path,
    forget_old,
    load_checkpoint,
    save_checkpoint,
)
from mien.training.job import Findings, Job
from mien.training.journal import Journal, Unwatched, Watcher
from mien.training.optimisers import build_optimiser
from mien.training.processes import Processes, readers
from mien.training.recipe import Recipe
from mien.training.recipefile import format_recipe
from mien.training.samplers import Sampler, build_sampler
from mien.training.schedule import rate_at
from mien.training.stop import StopWish
from mien.training.trainee import Mix, Trainee, moved
from mien.training.wrap import Wrapped, spread, whole

Ending = Literal["finished", "no longer better", "stopped"]
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a run ended.    findings: of its last validation, None where it was stopped before the first."""

    ending: Ending
    progress: Progress
    findings: Findings | None


class Training:
    """One run, from fresh weights or from a checkpoint.

    out: folder of the run; checkpoints go below it.    watcher: told of every step and validation.
    """

    def __init__(
        self,
        recipe: Recipe,
        job: Job,
        out: Path,
        processes: Processes,
        *,
        checkpoint: Checkpoint | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self.recipe, self.job, self.out, self.processes = recipe, job, out, processes
        self.watcher = watcher or Unwatched()
        run, device = recipe.run, processes.device
        trainee = Trainee(job.net, job.criterion, recipe.regularise.l1).to(device)
        if device.type == "cuda":
            trainee.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
        self.wrapped = Wrapped(trainee, run, processes)
        self.optimiser = build_optimiser(recipe.optimiser.name, trainee, **recipe.optimiser.options)
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.scaler = torch.amp.GradScaler(device.type, enabled=run.precision == "fp16")
        self.average = Average(trainee.net, run.ema) if run.ema else None
        self.mixer = _mixer(recipe, job)
        self.progress = Progress()
        self.findings: Findings | None = None
        self.batches = self._batches()
        self.total = self._total()
        if checkpoint is not None:
            self._restore(checkpoint)

    def run(self, wish: StopWish | None = None) -> Outcome:
        """Train to the end, or until somebody wishes to stop; ends with a checkpoint either way."""
        wish = wish or StopWish()
        progress, run = self.progress, self.recipe.run
        first = self.processes.first
        with (
            Journal(self.out, progress.step, run.tensorboard, write=first) as journal,
            _exact(run.deterministic),
        ):
            while progress.step < self.total:
                if self._out_of_patience():
                    return Outcome("no longer better", progress, self.findings)
                if not self._epoch(journal, wish):
                    self.save()
                    return Outcome("stopped", progress, self.findings)
                last = progress.step >= self.total
                if last or progress.epoch % run.validate_every == 0:
                    self._validate(journal)
                if last or self._out_of_patience() or progress.epoch % run.save_every == 0:
                    self.save()
        return Outcome("finished", progress, self.findings)

    def _out_of_patience(self) -> bool:
        return 0 < self.recipe.run.patience <= self.progress.stale

    def save(self) -> Path:
        """Write a checkpoint of this very step; every process must call it."""
        path = checkpoint_path(self.out, self.progress.step)
        self._write(path)
        if self.processes.first:
            forget_old(self.out, self.recipe.run.keep)
        return path

    def _epoch(self, journal: Journal, wish: StopWish) -> bool:
        """Train to the end of the running epoch; False where somebody wished to stop before."""
        progress = self.progress
        self.wrapped.trainee.train()
        loader = self._loader()
        for batches in _chunks(loader, self.recipe.run.accumulate):
            rate = self._set_rate()
            loss = self._step(batches)
            progress.step += 1
            progress.batch += len(batches)
            progress.loss += loss
            progress.counted += 1
            journal.note("step", progress.step, progress.epoch, {"loss": loss, "rate": rate})
            self.watcher.stepped(progress.step, self.total, loss)
            done = progress.batch >= self.batches or progress.step >= self.total
            if self.processes.any(wish.asked) and not done:
                return False
            if done:
                break
        progress.epoch, progress.batch = progress.epoch + 1, 0
        return True

    def _step(self, batches: list[tuple[Tensor, Any]]) -> float:
        """One step of the optimiser; returns the mean loss of its batches.

        All that is random in it (dropout, mixing) is seeded by the step's number.
        """
        run, device = self.recipe.run, self.processes.device
        seed = np.random.SeedSequence((run.seed, self.progress.step, self.processes.rank)).generate_state(2)
        torch.manual_seed(int(seed[0]))
        rng = np.random.default_rng(seed)
        lost = torch.zeros((), device=device)
        for number, (pictures, targets) in enumerate(batches):
            inputs, wanted = moved(pictures, device), moved(targets, device)
            if device.type == "cuda":
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            inputs, mix = self.mixer(inputs, wanted, rng)
            half = torch.autocast(device.type, HALF.get(run.precision), enabled=run.precision in HALF)
            with self.wrapped.last_pass(number + 1 == len(batches)):
                with half:
                    loss = self.wrapped.call(inputs, wanted, mix) / len(batches)
                self.scaler.scale(loss).backward()
            lost += loss.detach()
        self._move_weights()
        return self._finite(float(lost))

    def _move_weights(self) -> None:
        trainee, clip = self.wrapped.trainee, self.recipe.run.clip
        if clip:
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_norm_(trainee.parameters(), clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(trainee.net, self.progress.step)

    def _finite(self, loss: float) -> float:
        # With fp16 a step whose numbers are too large is left out and the scale halved; once is nothing.
        lost = not self.scaler.is_enabled() or self.scaler.get_scale() < 1
        if lost and not math.isfinite(loss):
            raise InputError(
                f"the loss became {loss} at step {self.progress.step + 1}: lower the learning rate "
                "(--set optimiser.lr=…), set run.clip, or use fp32; the last checkpoint is kept"
            )
        return loss

    def _set_rate(self) -> float:
        factor = rate_at(self.recipe.schedule, self.progress.step, self.total)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        return float(self.rates[0]) * factor

    def _validate(self, journal: Journal) -> None:
        progress, job, net = self.progress, self.job, self.wrapped.trainee.net
        value = 0.0
        if self.processes.first or self.wrapped.sharded:
            self.findings = self.measured(net)
            value = self.findings.metrics[job.monitor]
        value = self.processes.mean(value if self.processes.first else 0.0, int(self.processes.first))
        better = progress.best is None or (value > progress.best if job.higher else value < progress.best)
        progress.stale = 0 if better else progress.stale + 1
        loss = self.processes.mean(progress.loss, progress.counted)
        progress.loss, progress.counted = 0.0, 0
        if self.findings is not None:
            metrics = {"loss": loss, **self.findings.metrics}
            progress.history.append({"epoch": progress.epoch, "step": progress.step, "metrics": metrics})
            journal.note("validation", progress.step, progress.epoch, metrics)
            if self.processes.first:
                self.watcher.validated(progress.epoch, metrics, better)
        if better:
            progress.best = value
            self._write(self.out / FOLDER / BEST)

    def measured(self, net: torch.nn.Module) -> Findings:
        """Measure the weights that count on the validation part; the net goes on training afterwards."""
        net.eval()
        if self.average is None:
            findings = self.job.validate(net, self.processes.device)
        else:
            with self.average.applied(net):
                findings = self.job.validate(net, self.processes.device)
        net.train()
        return findings

    def judge(self) -> tuple[Findings, Findings | None]:
        """Measure the best weights: on the validation part, then, with its thresholds, on the test part.

        Where the net is sharded every process must ask; all of them are given the same figures.
        """
        best = self.out / FOLDER / BEST
        net = self.wrapped.trainee.net
        if best.is_file():
            saved = load_checkpoint(best)
            counting = {f"net.{name}": value for name, value in saved.net().items()}
            learned = {f"criterion.{name}": value for name, value in saved.part("criterion").items()}
            self.wrapped.load_weights({**counting, **learned})
        net.eval()
        findings = self.job.validate(net, self.processes.device)
        tested = self.job.test(net, self.processes.device, findings) if self.job.test else None
        return findings, tested

    def _write(self, path: Path) -> None:
        tensors = self.wrapped.weights()
        more, groups = self.wrapped.optimiser_state(self.optimiser)
        if self.average is not None:
            tensors |= {f"average.{name}": whole(value) for name, value in self.average.values.items()}
        self.progress.scale = self.scaler.state_dict()
        if self.processes.first:
            recipe = format_recipe(self.recipe)
            save_checkpoint(path, Checkpoint(recipe, self.job.facts, self.progress, tensors | more, groups))
        self.processes.wait()

    def _restore(self, checkpoint: Checkpoint) -> None:
        names = ("net.", "criterion.")
        try:
            self.wrapped.load_weights({k: v for k, v in checkpoint.tensors.items() if k.startswith(names)})
        except RuntimeError as error:
            raise InputError(
                f"the checkpoint is of another net or other classes ({str(error).splitlines()[0]}): go on "
                "with the recipe and the data that it was made with, or start in another --out"
            ) from error
        self.wrapped.load_optimiser(self.optimiser, checkpoint)
        if self.average is not None:
            saved = checkpoint.part("average")
            self.average.load({name: spread(saved[name], like) for name, like in self.average.values.items()})
        self.progress = checkpoint.progress
        if self.scaler.is_enabled() and self.progress.scale:
            self.scaler.load_state_dict(self.progress.scale)

    def _sampler(self) -> Sampler:
        part, run, here = self.recipe.sampler, self.recipe.run, self.processes
        # A set smaller than a batch is one batch.
        batch = (
            min(run.batch, max(len(self.job.labels) // here.count, 1))
            if part.name != "balanced"
            else run.batch
        )
        return build_sampler(
            part.name,
            self.job.labels,
            batch=batch,
            seed=run.seed,
            rank=here.rank,
            world=here.count,
            files=self.job.files,
            **part.options,
        )

    def _batches(self) -> int:
        """Batches of an epoch."""
        sampler = self._sampler()
        # A last batch that is not full is dropped: batch norm fails on a single picture.
        count = len(sampler) // sampler.batch
        if count == 0:
            raise ThinData(
                "the training part does not fill one batch: use more pictures or a smaller run.batch"
            )
        return count

    def _total(self) -> int:
        run = self.recipe.run
        whole_run = run.epochs * math.ceil(self.batches / run.accumulate)
        return min(run.steps, whole_run) if run.steps else whole_run

    def _loader(self) -> DataLoader[Any]:
        run, progress = self.recipe.run, self.progress
        sampler = self._sampler()
        sampler.load_state_dict({"epoch": progress.epoch, "batches_done": progress.batch})
        return DataLoader(
            self.job.train,  # type: ignore[arg-type]  # a Dataset by its methods
            batch_size=sampler.batch,
            sampler=sampler,
            drop_last=True,
            num_workers=readers(run.workers, self.processes.device, self.processes.count),
            pin_memory=self.processes.device.type == "cuda",
            # Its own generator: the loader would otherwise draw from the one that seeds the steps.
            generator=torch.Generator(),
        )


def _chunks(loader: DataLoader[Any], size: int) -> Iterator[list[tuple[Tensor, Any]]]:
    """Batches by ``size``; the last chunk may have fewer."""
    chunk = []
    for batch in loader:
        chunk.append((batch[0], batch[1]))
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


Mixer = Callable[[Tensor, Any, np.random.Generator], tuple[Tensor, Mix | None]]


def _mixer(recipe: Recipe, job: Job) -> Mixer:
    """(pictures, targets, rng) -> mixed pictures and what to tell the criterion of it."""
    alpha = recipe.regularise.mixup
    if alpha and not job.mixable:
        raise InputError(
            f"regularise.mixup cannot be used for the task {recipe.task.name}, whose targets do not mix: "
            "set it to 0"
        )
    if not alpha:
        return lambda pictures, targets, rng: (pictures, None)
    return lambda pictures, targets, rng: mixup(pictures, targets, alpha, rng)


class _exact:
    """Deterministic algorithms for the length of a block, where that is asked for."""

    def __init__(self, on: bool) -> None:
        self.on, self.before = on, False

    def __enter__(self) -> None:
        if self.on:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            self.before = torch.are_deterministic_algorithms_enabled()
            torch.use_deterministic_algorithms(True)

    def __exit__(self, *error: object) -> None:
        if self.on:
            torch.use_deterministic_algorithms(self.before)

"""``torchrun --nproc-per-node 2 -m tests.training.pair OUT``: the tiny job in two processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from tests.training.lab import tiny_job, tiny_recipe

from mien.training.checkpoint import load_checkpoint, numbered_checkpoints
from mien.training.loop import Training
from mien.training.processes import joined_processes

CENTER = ("run.epochs=2", "loss.name=center", "loss.weight=0.1")
PLAIN = ("run.epochs=2", "run.ema=0.9", "run.clip=1.0")


def main(out: Path) -> None:
    """DDP, FSDP, a loss that moves centres of its own, and FSDP again from a checkpoint."""
    torch.set_num_threads(1)
    with joined_processes("cpu") as processes:
        for kind in ("ddp", "fsdp"):
            recipe = tiny_recipe(*PLAIN, "run.batch=4", f"run.parallel={kind}")
            training = Training(recipe, tiny_job(recipe), out / kind, processes)
            training.run()
            if processes.first or kind == "fsdp":
                findings, _ = training.judge()
                text = json.dumps(dict(findings.metrics))
                (out / f"{kind}-{processes.rank}.json").write_text(text, encoding="utf-8")
        recipe = tiny_recipe(*CENTER, "run.batch=4")
        Training(recipe, tiny_job(recipe), out / "center", processes).run()
        # Once more, from the checkpoint after the first epoch.
        recipe = tiny_recipe(*PLAIN, "run.batch=4", "run.parallel=fsdp", "run.keep=9")
        Training(recipe, tiny_job(recipe), out / "first", processes).run()
        checkpoint = load_checkpoint(numbered_checkpoints(out / "first")[0])
        Training(recipe, tiny_job(recipe), out / "again", processes, checkpoint=checkpoint).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

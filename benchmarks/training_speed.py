"""Does `mien train` wait for its pictures, and how much of the machine's arithmetic does it use?

    python -m benchmarks.training_speed [--recipes orl-cnn,celeba10k-mobilefacenet] [--seconds 6] [--json OUT]

For each recipe, with its own net, loss, augmentation and batch, three things are timed for some seconds each:

* loader: batches are made and thrown away;
* steps: the same batch is learned from again and again;
* both: steps as a run takes them; ``waited`` is the share of that time in which the next batch was not there.

``loader_over_steps`` above 1: loading is not the bottleneck. ``share_of_rate`` is the arithmetic of the steps
(a forward pass as PyTorch's FLOP counter counts it, three times) over what a large matrix product reaches
here in the recipe's precision: on a GPU the share of its measured bf16 rate.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT, Json, arguments, report

RECIPES = ("orl-cnn", "celeba10k-mobilefacenet", "celeba10k-resnet")
PICTURES = 1500  # of each recipe's data: enough for many batches, little enough to list and read in seconds
SIDE = 2048  # of the matrices whose product is the machine's rate


def sets_of(device: str, workers: int) -> list[str]:
    on_gpu = device != "cpu"
    return [
        f"data.limit={PICTURES}",
        f"run.device={device}",
        f"run.precision={'bf16' if on_gpu else 'fp32'}",
        f"run.workers={workers}",
        "run.compile=false",
        "run.tensorboard=false",
        *([] if on_gpu else ["run.batch=32"]),
    ]


def measure(name: str, seconds: float, device: str, workers: int) -> Json:
    """One recipe."""
    import torch

    from mien.training.loop import Training
    from mien.training.processes import Processes
    from mien.training.recipefile import read_recipe
    from mien.training.tasks import prepare

    recipe = read_recipe(name, sets_of(device, workers))
    job = prepare(recipe)
    with tempfile.TemporaryDirectory() as folder:
        training = Training(recipe, job, Path(folder), Processes(0, 1, torch.device(device)))
        training.wrapped.trainee.train()
        batches = endless(training)
        for _ in range(3):  # caches, kernels
            training._step([next(batches)])
        one = next(batches)
        batch = len(one[0])
        loader = batch / each(lambda: next(batches), seconds, device)
        steps = batch / each(lambda: training._step([one]), seconds, device)
        both, waited = together(training, batches, seconds, device)
        done = 3 * forward_flops(training, one) / batch * steps
    rate = product_rate(device, torch.bfloat16 if device != "cpu" else torch.float32)
    return {
        "pictures": len(job.train),
        "size": recipe.data.size,
        "batch": batch,
        "workers": workers,
        "precision": recipe.run.precision,
        "loader_per_second": round(loader, 1),
        "steps_per_second": round(steps, 1),
        "both_per_second": round(batch * both, 1),
        "waited": round(waited, 4),
        "loader_over_steps": round(loader / steps, 2),
        "gflops": round(done / 1e9, 1),
        "product_gflops": round(rate / 1e9, 1),
        "share_of_rate": round(done / rate, 4),
    }


def endless(training: Any) -> Iterator[tuple[Any, Any]]:
    """Batches of one epoch after another."""
    while True:
        for batch in training._loader():
            yield batch[0], batch[1]
        training.progress.epoch += 1


def each(call: Callable[[], object], seconds: float, device: str) -> float:
    """Seconds that a call takes, in the mean."""
    calls, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or calls < 3:
        call()
        calls += 1
        if calls % 10 == 0:
            synchronise(device)
    synchronise(device)
    return max(spent, time.perf_counter() - start) / calls


def together(
    training: Any, batches: Iterator[tuple[Any, Any]], seconds: float, device: str
) -> tuple[float, float]:
    """Steps a second, and the share of the time in which they waited for pictures."""
    steps, waited, start = 0, 0.0, time.perf_counter()
    while time.perf_counter() - start < seconds or steps < 3:
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        training._step([batch])
        steps += 1
    synchronise(device)
    spent = time.perf_counter() - start
    return steps / spent, waited / spent


def forward_flops(training: Any, batch: tuple[Any, Any]) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    net = training.wrapped.trainee.net
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(batch[0].to(training.processes.device))
    return float(counter.get_total_flops())


def product_rate(device: str, kind: Any) -> float:
    """Operations a second of a product of two large matrices."""
    import torch

    a, b = (torch.randn(SIDE, SIDE, device=device, dtype=kind) for _ in range(2))
    a @ b
    return 2 * SIDE**3 / each(lambda: a @ b, 1.0, device)


def synchronise(device: str) -> None:
    if device != "cpu":
        import torch

        torch.cuda.synchronize()


def main() -> None:
    import torch

    os.environ.setdefault("MIEN_SHARED", str(ROOT.parent / "shared"))
    here = "cuda" if torch.cuda.is_available() else "cpu"
    parser = arguments("training_speed", __doc__)
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--device", default=here)
    parser.add_argument("--workers", type=int, default=0 if here == "cpu" else min(os.cpu_count() or 1, 12))
    options = parser.parse_args()
    found = {
        name: measure(name, options.seconds, options.device, options.workers)
        for name in options.recipes.split(",")
    }
    gpu = torch.cuda.get_device_name() if options.device != "cpu" else None
    report("training_speed", {"gpu": gpu, "torch": torch.__version__, "recipes": found}, options.json)


if __name__ == "__main__":
    main()

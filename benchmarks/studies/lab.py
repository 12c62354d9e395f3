"""What the ablations of the training lab share: a short training, paired seeds, and the table they leave."""

from __future__ import annotations

import argparse
import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.measuring import PACKAGES, RESULTS, ROOT, arguments, report, versions
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mien.evaluation.metrics.verification import eer, tmr_at_fmr
from mien.training.data.dataset import PictureDataset
from mien.training.optimisers import build_optimiser
from mien.training.samplers import Sampler

Arms = Mapping[str, Sequence[Mapping[str, float]]]


def data_folder(name: str) -> Path:
    return Path(os.environ.get("MIEN_SHARED", ROOT.parent / "shared")) / "data" / name


def options(name: str, what: str | None, seeds: int) -> argparse.Namespace:
    """--seeds, --threads and --json, as all ablations take them."""
    parser = arguments(f"studies.{name}", what)
    parser.set_defaults(json=RESULTS / f"{name}.json")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    return chosen


def learn(net: nn.Module, loss: nn.Module, dataset: PictureDataset, sampler: Sampler, epochs: int) -> None:
    """Train in place with AdamW and a cosine; what does not fill a batch is dropped."""
    steps = build_optimiser("adamw", [net, loss], lr=2e-3, decay=0.02)
    total = epochs * (len(sampler) // sampler.batch)
    curve = torch.optim.lr_scheduler.LambdaLR(
        steps, lambda done: 0.5 * (1 + math.cos(math.pi * done / total))
    )
    net.train()
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for pictures, labels in DataLoader(dataset, sampler.batch, sampler=sampler, drop_last=True):
            steps.zero_grad()
            torch.autograd.backward(loss(net(pictures), labels))
            steps.step()
            curve.step()


@torch.no_grad()
def features_of(net: nn.Module, pictures: Tensor) -> NDArray[np.float64]:
    """(N, C, S, S) -> (N, D) of unit length."""
    found = torch.cat([net.eval()(pictures[start : start + 256]) for start in range(0, len(pictures), 256)])
    return np.asarray(nn.functional.normalize(found.double()).numpy())


def verify(features: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, float]:
    """Every pair of pictures: equal error rate, and matches at 1 % false matches."""
    first, second = np.triu_indices(len(labels), 1)
    return rates((features @ features.T)[first, second], labels[first] == labels[second])


def rates(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> dict[str, float]:
    return {
        "eer": eer(scores[same], scores[~same]),
        "tmr_at_1e-2": tmr_at_fmr(scores[same], scores[~same], 1e-2).tmr,
    }


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and its 95 % interval (Student's t) over seeds; one seed has no interval but itself."""
    from scipy.stats import t

    mean = statistics.fmean(values)
    reach = 0.0
    if len(values) > 1:
        reach = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": round(mean, 5), "low": round(mean - reach, 5), "high": round(mean + reach, 5)}


def summarise(arms: Arms, base: str) -> dict[str, Any]:
    """Each arm's figures, and its differences from the base, seed by seed: seeds vary more than arms do."""
    found: dict[str, Any] = {}
    for arm, runs in arms.items():
        found[arm] = {
            figure: {
                **interval([run[figure] for run in runs]),
                "difference": None
                if arm == base
                else interval(
                    [run[figure] - other[figure] for run, other in zip(runs, arms[base], strict=True)]
                ),
            }
            for figure in runs[0]
        }
    return found


def run_seeds(
    name: str,
    chosen: argparse.Namespace,
    base: str,
    facts: Mapping[str, Any],
    once: Callable[[int], Mapping[str, Mapping[str, float]]],
) -> None:
    """Every arm at every seed; the JSON is written anew after each, so that a broken run is not lost.

    once: seed -> arm -> figure -> value.    base: the arm that the others are compared with.
    """
    arms: dict[str, list[dict[str, float]]] = {}
    for seed in range(chosen.seeds):
        for arm, figures in once(seed).items():
            arms.setdefault(arm, []).append(dict(figures))
            print(seed, arm, {figure: round(value, 4) for figure, value in figures.items()}, flush=True)
        leave(name, chosen.json, base, arms, facts)
    print(table(summarise(arms, base)))


def leave(name: str, out: Path, base: str, arms: Arms, facts: Mapping[str, Any]) -> None:
    """Write the JSON."""
    figures = {
        "versions": versions((*PACKAGES, "torch")),
        "facts": dict(facts),
        "base": base,
        "summary": summarise(arms, base),
        "seeds": {arm: list(runs) for arm, runs in arms.items()},
    }
    report(f"studies.{name}", figures, out)


def table(summary: Mapping[str, Any]) -> str:
    """Markdown: a row an arm, mean [interval] of each figure, and the difference from the base."""
    figures = list(next(iter(summary.values())))
    head = [f"| arm | {' | '.join(f'{figure} | difference' for figure in figures)} |"]
    head.append("| --- |" + " --- | --- |" * len(figures))
    for arm, values in summary.items():
        cells = [f"{_cell(values[figure])} | {_cell(values[figure]['difference'])}" for figure in figures]
        head.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(head)


def _cell(value: Mapping[str, float] | None) -> str:
    if value is None:
        return "–"
    return f"{value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"

"""`mien compress prune`: a net of one's own with fewer channels, trained on until it has recovered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli import options
from mien.cli.compress import measure
from mien.cli.compress.watch import Watch
from mien.cli.output import progress, warn
from mien.core.errors import InputError


def prune(
    run: Annotated[Path, typer.Argument(help="A run of `mien train` (task recognition): its folder.")],
    out: measure.Out,
    people: measure.People = None,
    pairs: measure.Pairs = None,
    images: measure.Images = None,
    share: Annotated[
        float, typer.Option("--share", help="Share of the channels, or of the weights, to remove.")
    ] = 0.3,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="What goes first: channels with small filters (l1) or small batch norm scales (gamma), or "
            "single small weights wherever they are (weights).",
        ),
    ] = "l1",
    epochs: Annotated[
        int, typer.Option("--epochs", min=0, help="Train on so long after pruning, on the run's own data.")
    ] = 5,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that --out holds.")] = False,
    name: measure.Name = None,
    budget: measure.Budget = 1.0,
    fmr: measure.Fmr = 1e-3,
    which: measure.Which = "center",
    profile: options.Profile = "balanced",
    as_json: options.Json = False,
) -> int:
    """Remove channels of a net you trained, train it on, and measure what that costs and brings.

    Ctrl-C keeps the checkpoint; --resume goes on. Exit code 1 if the new model is no improvement: it is
    kept, but apart. Single weights (--by weights) make neither the file smaller nor the net faster.
    """
    from dataclasses import replace
    from tempfile import TemporaryDirectory

    from mien.cli.session import open_analyzer
    from mien.compression.accuracy import check_support
    from mien.compression.guard import check_budget
    from mien.pipeline.config import configure
    from mien.training.torchless import require_torch

    require_torch()
    from mien.compression.learn import learn
    from mien.compression.thin import load_run, sparsify, thin, thin_recipe, to_model
    from mien.training.export_onnx import write_model

    if by not in ("l1", "gamma", "weights"):
        raise InputError(f"nothing is pruned by {by!r}: choose --by l1, gamma or weights")
    check_budget(budget / 100)
    trial, _ = measure.choose_trial(people, pairs, images, calibrate=False)
    check_support(int(trial.same.sum()), int((~trial.same).sum()), fmr)
    whole = load_run(run)
    before = to_model(whole.recipe, whole.facts, whole.job.net)
    job, facts = (
        sparsify(whole, share) if by == "weights" else thin(whole, share, "l1" if by == "l1" else "gamma")
    )
    plan = thin_recipe(whole.recipe, name or f"{whole.recipe.name}_pruned", epochs)
    with TemporaryDirectory() as folder:
        # The pipeline cuts crops for a card, which the run's model gets for as long as it takes.
        own = write_model(Path(folder), *before).card
        config = configure(profile, models=str(own), allow_noncommercial=True)
        with open_analyzer(config) as analyzer, progress(as_json) as bar:
            task = bar.add_task("cutting crops", total=len(trial.pictures))
            bench = measure.bench_of(analyzer, before[0], trial, fmr, which, lambda: bar.advance(task))
            task = bar.add_task("training", total=None)
            net = job.net.eval()
            if epochs:
                learned = learn(plan, job, out / "run", resume=resume, watcher=Watch(bar, task, as_json))
                if learned is None:
                    warn("mien: stopped; --resume goes on where it was")
                    return 130
                net = learned
    card, data = to_model(plan, whole.facts, net)
    card = replace(card, notes=f"{whole.recipe.name}, pruned by `mien compress prune`.\n{card.notes}")
    return measure.finish(bench, before, (card, data), out, budget, facts, as_json)

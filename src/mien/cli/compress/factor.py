"""`mien compress factor`: large layers become pairs of thin ones, and what is left learns from the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli import options
from mien.cli.compress import measure
from mien.cli.compress.watch import Watch
from mien.cli.output import progress, warn

SAMPLE = 2400  # crops that the layers are fitted on and checked with


def factor(
    model: Annotated[str, typer.Argument(help="An embedding model: its name or its card file (.toml).")],
    out: measure.Out,
    pictures: Annotated[
        list[str], typer.Option("--pictures", help="Faces to fit to, without labels; may be given again.")
    ],
    people: measure.People = None,
    pairs: measure.Pairs = None,
    images: measure.Images = None,
    times: Annotated[
        float, typer.Option("--times", min=1.01, help="How many times smaller the file shall be.")
    ] = 4.0,
    recipe: Annotated[
        str,
        typer.Option("--recipe", help="How to train on: a recipe file (.toml), or a shipped one: polish."),
    ] = "polish",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a key of the recipe: run.epochs=5; may be given again."),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Train on after the fit, or leave it at that.")
    ] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that --out holds.")] = False,
    name: measure.Name = None,
    budget: measure.Budget = 1.0,
    fmr: measure.Fmr = 1e-3,
    which: measure.Which = "center",
    profile: options.Profile = "balanced",
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Make a model several times smaller by thin layers, and measure what it costs and brings.

    Each layer keeps what matters of it on real faces; then the changed part learns to answer like the whole
    model. Ctrl-C keeps everything; --resume goes on. Exit code 1 if the new model is no improvement: it is
    kept, but apart.
    """
    from mien.cli.session import open_analyzer
    from mien.compression.accuracy import check_support
    from mien.compression.crops import template_of
    from mien.compression.guard import check_budget
    from mien.imaging.sources import iter_pictures
    from mien.pipeline.config import configure
    from mien.runtime.session import readable
    from mien.training.torchless import require_torch
    from mien.zoo.registry import card
    from mien.zoo.store import fetch

    require_torch()
    from mien.compression.distill import lessons_folder
    from mien.compression.factor import factorise
    from mien.compression.factored import load_factored, save_factored
    from mien.compression.polish import polish
    from mien.compression.recipes import read_compress_recipe
    from mien.compression.result import new_card
    from mien.compression.teacher import ask_teacher

    source = card(model)
    template_of(source)
    plan = read_compress_recipe(recipe, change or ())
    check_budget(budget / 100)
    trial, _ = measure.choose_trial(people, pairs, images, calibrate=False)
    check_support(int(trial.same.sum()), int((~trial.same).sum()), fmr)
    listed = [Path(path) for path in iter_pictures(pictures)]
    data = fetch(source, allow_noncommercial=allow_noncommercial)
    whole = readable(source, data)
    config = configure(profile, models=model, allow_noncommercial=allow_noncommercial)
    with open_analyzer(config) as analyzer, progress(as_json) as bar:
        task = bar.add_task("asking the model", total=len(listed) + len(trial.pictures))
        network = analyzer.networks.get(model)
        lessons = ask_teacher(analyzer, network, listed, lessons_folder(out), lambda: bar.advance(task))
        bench = measure.bench_of(analyzer, source, trial, fmr, which, lambda: bar.advance(task))
        task = bar.add_task("fitting thin layers", total=None)
        made = load_factored(out, whole, times)
        if made is None:
            crops = lessons.some(SAMPLE)
            made = factorise(whole, source, crops, times=times, done=lambda: bar.advance(task))
            save_factored(out, whole, times, made)
        after: bytes | None = made.data
        if train:
            task = bar.add_task("training", total=None)
            watcher = Watch(bar, task, as_json)
            after = polish(plan, whole, made, source, lessons, out, resume=resume, watcher=watcher)
    if after is None:
        warn("mien: stopped; --resume goes on where it was")
        return 130
    how = f"{source.name} with thin layers, made by `mien compress factor`."
    target = new_card(source, name or f"{source.name}_factored", after, how, source.precisions)
    facts = {"times": times, "faces": len(lessons), "epochs": plan.run.epochs if train else 0}
    facts |= made.to_dict()
    return measure.finish(bench, (source, data), (target, after), out, budget, facts, as_json)

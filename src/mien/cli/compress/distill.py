"""`mien compress distill`: a small net that learns to answer like a large one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli import options
from mien.cli.compress import measure
from mien.cli.compress.watch import Watch
from mien.cli.output import progress, warn

DEFAULT_RECIPE = "distill_sface"


def distill(
    teacher: Annotated[
        str, typer.Argument(help="The embedding model to learn from: its name or its card file (.toml).")
    ],
    out: measure.Out,
    pictures: Annotated[
        list[str], typer.Option("--pictures", help="Faces to learn from, without labels; may be given again.")
    ],
    people: measure.People = None,
    pairs: measure.Pairs = None,
    images: measure.Images = None,
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe", help="Net, loss and run: a recipe file (.toml), or a shipped one: distill_sface."
        ),
    ] = DEFAULT_RECIPE,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a key of the recipe: run.epochs=5; may be given again."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that --out holds.")] = False,
    name: measure.Name = None,
    budget: measure.Budget = 1.0,
    fmr: measure.Fmr = 1e-3,
    which: measure.Which = "center",
    profile: options.Profile = "balanced",
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Train a small net to answer like a large one, and measure what it costs and brings.

    The teacher is asked once about every face, and its answers are kept in --out. Ctrl-C keeps everything;
    --resume goes on. Exit code 1 if the student is no improvement: it is kept, but apart.
    """
    from dataclasses import replace

    from mien.cli.session import open_analyzer
    from mien.compression.accuracy import check_support
    from mien.compression.crops import template_of
    from mien.compression.guard import check_budget
    from mien.imaging.sources import iter_pictures
    from mien.pipeline.config import configure
    from mien.training.torchless import require_torch
    from mien.zoo.registry import card
    from mien.zoo.store import fetch

    require_torch()
    from mien.compression.distill import distillation_job, lessons_folder, student_model
    from mien.compression.learn import learn
    from mien.compression.recipes import read_compress_recipe
    from mien.compression.teacher import ask_teacher

    source = card(teacher)
    template_of(source)
    plan = read_compress_recipe(recipe, change or ())
    plan = replace(plan, name=name or plan.name)
    check_budget(budget / 100)
    trial, _ = measure.choose_trial(people, pairs, images, calibrate=False)
    check_support(int(trial.same.sum()), int((~trial.same).sum()), fmr)
    listed = [Path(path) for path in iter_pictures(pictures)]
    data = fetch(source, allow_noncommercial=allow_noncommercial)
    config = configure(profile, models=teacher, allow_noncommercial=allow_noncommercial)
    with open_analyzer(config) as analyzer, progress(as_json) as bar:
        task = bar.add_task("asking the teacher", total=len(listed) + len(trial.pictures))
        network = analyzer.networks.get(teacher)
        lessons = ask_teacher(analyzer, network, listed, lessons_folder(out), lambda: bar.advance(task))
        bench = measure.bench_of(analyzer, source, trial, fmr, which, lambda: bar.advance(task))
        task = bar.add_task("training", total=None)
        job = distillation_job(plan, lessons, {"teacher": source.name})
        net = learn(plan, job, out / "run", resume=resume, watcher=Watch(bar, task, as_json))
    if net is None:
        warn("mien: stopped; --resume goes on where it was")
        return 130
    after = student_model(plan, net, source, lessons.size)
    facts = {"faces": len(lessons), "recipe": recipe, "epochs": plan.run.epochs}
    return measure.finish(bench, (source, data), after, out, budget, facts, as_json)

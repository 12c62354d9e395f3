"""`mien train RECIPE`: learn a model from data, by a recipe."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from mien.cli import options, train_headmodel
from mien.cli.output import console, emit, progress, say, table, warn

if TYPE_CHECKING:
    from rich.progress import Progress

    from mien.training.finish import Finished
    from mien.training.run import Run

DEFAULT = "recipe"
STOPPED = 130


class DefaultGroup(TyperGroup):
    """`mien train RECIPE …` is `mien train recipe RECIPE …`; other first words are commands of their own."""

    default = DEFAULT

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(name="train", cls=DefaultGroup, help="Learn a model from data, by a recipe.")


@app.callback()
def train() -> None:
    """Learn a model from data, by a recipe."""


@app.command(DEFAULT)
def recipe(
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe file (.toml), or the name of a recipe that mien ships.")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, e.g. --set run.epochs=3; repeat it."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run; default: runs/NAME of the recipe.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in --out was left.")] = False,
    checkpoint: Annotated[
        Path | None, typer.Option("--from", help="Go on from this checkpoint, whatever came after it.")
    ] = None,
    show_list: Annotated[
        bool, typer.Option("--list", help="Show the recipes, tasks, nets, losses and data sources there are.")
    ] = False,
    describe: Annotated[
        str | None,
        typer.Option("--describe", metavar="NAME", help="Show every key of a section, net, loss …; or all."),
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Train a model by a recipe: data, net, loss and everything else in one file.

    Ends with the model as ONNX, its card for `--models`, and a report. Ctrl-C finishes the step, writes a
    checkpoint and says how to go on. `mien train head-model` learns a 3D head model instead.
    """
    if show_list:
        return _list(as_json)
    if describe is not None:
        return _describe(describe, as_json)
    if recipe is None:
        raise typer.BadParameter("give a recipe, or --list to see what there is")
    return _train(recipe, sets or [], out, resume, checkpoint, as_json)


@app.command("export")
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or a checkpoint file.")],
    out: Annotated[Path | None, typer.Option("--out", help="Where to; default: beside the run.")] = None,
    as_json: options.Json = False,
) -> int:
    """Write the model of a run or a checkpoint as ONNX with its card, also of a run that was stopped."""
    from mien.training.torchless import require_torch

    require_torch()
    from mien.training.export_onnx import export_trained
    from mien.training.trained import load_trained

    trained = load_trained(run)
    made = export_trained(trained, out or (run if run.is_dir() else run.parent))
    document = {"model": str(made.model), "card": str(made.card), "step": trained.step, "parity": made.parity}
    if as_json:
        emit(document)
    else:
        say(f"{made.card}: the weights of step {trained.step:,}, for --models")
    return 0


@app.command("pack")
def pack(
    recipe: Annotated[str, typer.Argument(help="A recipe whose pictures are to be packed.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the shards.")],
    per_shard: Annotated[int, typer.Option("--per-shard", min=1, help="Pictures in one shard.")] = 1000,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe.")
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Pack the pictures of a recipe into WebDataset tar shards, shuffled, for `data.source = "shards"`."""
    from mien.training.data import read_listing
    from mien.training.data.pack import write_shards
    from mien.training.recipefile import read_recipe

    listing = read_listing(read_recipe(recipe, sets or []).data)
    with progress(quiet=as_json) as bar:
        task = bar.add_task("pictures", total=len(listing))
        shards = write_shards(listing, out, per_shard, done=lambda: bar.advance(task))
    if as_json:
        emit({"shards": [str(path) for path in shards], "pictures": len(listing)})
    else:
        say(f"{out}: {len(listing):,} pictures in {len(shards):,} shards")
    return 0


app.command("head-model")(train_headmodel.head_model)


def _train(
    source: str, sets: Sequence[str], out: Path | None, resume: bool, checkpoint: Path | None, as_json: bool
) -> int:
    from mien.training.torchless import require_torch

    require_torch()
    from mien.training.checkpoint import last_checkpoint
    from mien.training.finish import finish
    from mien.training.recipefile import read_recipe
    from mien.training.run import is_first, train

    given = read_recipe(source, sets)
    folder = out or Path("runs") / given.name
    start = checkpoint or (last_checkpoint(folder) if resume else None)
    with progress(quiet=as_json or not is_first()) as bar:
        run = train(given, folder, resume=start, watcher=_Bar(bar, quiet=as_json))
    if not is_first():
        return 0
    if run.outcome.ending == "stopped":
        more = [word for text in sets for word in ("--set", text)]
        words = shlex.join(["mien", "train", source, *more, "--out", str(folder), "--resume"])
        warn(f"mien: stopped after step {run.outcome.progress.step}; go on with: {words}")
        return STOPPED
    finished = finish(run)
    if as_json:
        emit(_document(run, finished))
    else:
        _show(run, finished)
    return 0


class _Bar:
    """A progress bar with the loss and the time left; a line for each validation."""

    def __init__(self, bar: Progress, quiet: bool) -> None:
        self._bar, self._quiet = bar, quiet
        self._task = bar.add_task("steps", total=None)

    def acquired(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total, description="finding faces")

    def stepped(self, step: int, total: int, loss: float) -> None:
        self._bar.update(self._task, completed=step, total=total, description=f"loss {loss:.3f}")

    def validated(self, epoch: int, metrics: Mapping[str, float], better: bool) -> None:
        if self._quiet:
            return
        said = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        console(stderr=True).print(f"epoch {epoch}: {said}{'  (best)' if better else ''}")


def _document(run: Run, finished: Finished) -> dict[str, Any]:
    outcome = run.outcome
    return {
        "name": run.recipe.name,
        "ending": outcome.ending,
        "steps": outcome.progress.step,
        "epochs": outcome.progress.epoch,
        "validation": dict(run.findings.metrics) if run.findings else None,
        "test": dict(run.tested.metrics) if run.tested else None,
        "model": str(finished.exported.model),
        "card": str(finished.exported.card),
        "calibration": str(finished.calibration) if finished.calibration else None,
        "parity": finished.exported.parity,
        "failures_to_acquire": run.facts.get("failures_to_acquire"),
        "report": str(finished.report),
    }


def _show(run: Run, finished: Finished) -> None:
    names = list(
        dict.fromkeys(
            [*(run.findings.metrics if run.findings else ()), *(run.tested.metrics if run.tested else ())]
        )
    )
    rows = [
        (
            name,
            *(
                "" if part is None or name not in part.metrics else f"{part.metrics[name]:.4g}"
                for part in (run.findings, run.tested)
            ),
        )
        for name in names
    ]
    table("", ("figure", ">validation", ">test"), rows)
    say(f"{run.outcome.progress.step:,} steps, {run.outcome.ending}")
    say(
        f"model   {finished.exported.card}, for --models"
        f" (ONNX equals PyTorch to {finished.exported.parity:.0e})"
    )
    if finished.uncalibrated:
        say(f"        no calibration: {finished.uncalibrated}")
    say(f"report  {finished.report}")


def _list(as_json: bool) -> int:
    from mien.training.guide import listed
    from mien.training.torchless import installed

    found = listed()
    if as_json:
        emit(
            {kind: [{"name": one.name, "does": one.doc} for one in things] for kind, things in found.items()}
        )
        return 0
    for kind, things in found.items():
        table(kind, ("name", "is"), things)
    if not installed("torch"):
        warn("mien: training needs PyTorch: pip install 'mien[train]'")
    return 0


def _describe(name: str, as_json: bool) -> int:
    from mien.training.guide import described, range_text

    found = described(name)
    if as_json:
        emit(
            {
                title: [
                    {
                        "key": d.name,
                        "type": d.type,
                        "default": d.default,
                        "values": range_text(d),
                        "means": d.doc,
                    }
                    for d in docs
                ]
                for title, docs in found
            }
        )
        return 0
    for title, docs in found:
        rows = [(d.name, d.type, d.default, range_text(d), d.doc) for d in docs]
        table(title, ("key", "type", "default", "values", "means"), rows)
    return 0

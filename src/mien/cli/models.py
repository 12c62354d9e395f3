"""`mien models …`: what networks there are, whose they are, and getting them here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli import options
from mien.cli.downloads import downloads
from mien.cli.output import console, emit, say, table, warn
from mien.core.errors import InputError, MienError

if TYPE_CHECKING:
    from mien.core.modelcard import ModelCard
    from mien.zoo.bundle import Entry

app = typer.Typer(help="Models: licence, hash and origin; fetch, check, carry.", no_args_is_help=True)

WIDE = 110
Names = Annotated[list[str] | None, typer.Argument(help="Model names or card files (.toml).")]


@app.command("list")
def list_models(
    task: Annotated[str | None, typer.Option("--task", help="Only models for this task.")] = None,
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Only models that may be used commercially.")
    ] = False,
    as_json: options.Json = False,
) -> int:
    """List every model: those that mien knows, and your own in the models folder."""
    from mien.zoo.folder import models_folder
    from mien.zoo.registry import cards

    found = [c for c in cards(commercial_only=commercial) if task is None or c.task == task]
    if task is not None and not found:
        raise InputError(f"no model does the task {task!r}: `mien models list` shows the tasks")
    if as_json:
        emit({"models": [_summary(card) for card in found], "folder": str(models_folder())})
        return 0
    _table_of(found)
    say(f"models folder: {models_folder()}")
    return 0


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A name or a card file.")], as_json: options.Json = False
) -> int:
    """Show everything on a model's card."""
    from mien.zoo.describe import input_line
    from mien.zoo.registry import card

    found = card(name)
    if as_json:
        emit(_everything(found))
        return 0
    facts = {key: _word(value) for key, value in _everything(found).items() if value not in (None, "")}
    facts["preprocess"] = input_line(found.preprocess)
    facts["precisions"] = ", ".join(found.precisions)
    facts["sources"] = "; ".join(" ".join(filter(None, (s.kind, s.location, s.path))) for s in found.sources)
    facts["measured"] = "; ".join(f"{key}: {value}" for key, value in found.measured.items())
    for key, value in facts.items():
        say(f"{key:11} {' '.join(value.split())}")
    return 0


@app.command("pull")
def pull(
    names: Names = None,
    profile: options.Profile = "balanced",
    everything: Annotated[
        bool, typer.Option("--all", help="Every model that may be used commercially, and the samples.")
    ] = False,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Fetch models now: the named ones, or all that a profile uses."""
    from mien.zoo.registry import cards
    from mien.zoo.store import fetch

    wanted = [c for c in cards(commercial_only=True) if c.pinned] if everything else _chosen(names, profile)
    rows: list[dict[str, Any]] = []
    worst = 0
    with downloads() as progress:
        for card in wanted:
            try:
                fetch(card, allow_noncommercial=allow_noncommercial, progress=progress(card.name))
                rows.append({**_summary(card), "error": None})
            except MienError as error:
                worst = worst or error.exit_code
                rows.append({**_summary(card), "error": error.to_dict()})
                warn(f"mien: {error}")
    if as_json:
        emit({"models": rows})
    else:
        lines = [(c.name, _size(c), _pulled(r)) for r, c in zip(rows, wanted, strict=True)]
        table("", ("model", ">size", ""), lines)
    return worst


@app.command("verify")
def verify(names: Names = None, as_json: options.Json = False) -> int:
    """Hash again the files that are here. Exit code 3 if any of them is corrupt."""
    from mien.zoo.registry import card, cards
    from mien.zoo.transfer import check

    asked = [card(name) for name in names] if names else cards()
    found = [c for c in check(asked) if names or c.state in ("ok", "corrupt")]
    corrupt = [c.name for c in found if c.state == "corrupt"]
    if as_json:
        emit({"models": [asdict(c) for c in found]})
    elif found:
        for one in found:
            say(f"{one.state:8}  {one.name}  {one.file}".rstrip())
    else:
        say("no model is here yet: `mien models pull` fetches those of a profile")
    if corrupt:
        warn(f"mien: {', '.join(corrupt)} corrupt: `mien models pull {' '.join(corrupt)}` fetches again")
    return 3 if corrupt else 0


@app.command("import")
def import_models(
    file: Annotated[Path, typer.Argument(help="A bundle, or the file of one model.")],
    name: Annotated[str | None, typer.Option("--as", help="The model that the file is.")] = None,
    like: Annotated[
        str | None,
        typer.Option("--like", help="A network of your own: the model whose input and task it shares."),
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="Licence of your own network.")] = "not stated",
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Your own network may be used commercially.")
    ] = False,
    as_json: options.Json = False,
) -> int:
    """Take an offline bundle, or one file under a model's name, into the store."""
    from mien.zoo import transfer
    from mien.zoo.registry import card

    if name is None and not transfer.is_bundle(file):
        raise InputError(f"{file} is not a bundle: say which model it is with --as NAME")
    if name is None:
        found = transfer.import_bundle(file)
    elif like is None:
        found = [transfer.import_file(file, name)]
    else:
        found = [transfer.import_own(file, name, card(like), licence, commercial)]
    if as_json:
        emit({"models": [asdict(one) for one in found]})
        return 0
    for one in found:
        say(f"{one.name}  {one.size:,} bytes  sha256 {one.sha256}")
    for pinned in (m.name for m in found if m.pinned):
        say(f"{pinned} is pinned to these bytes: from now on no other file is taken for it")
    return 0


@app.command("export")
def export(
    bundle: Annotated[Path, typer.Argument(help="The zip to write.")],
    names: Names = None,
    profile: options.Profile = "balanced",
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Write models into one zip for machines without a network; fetches what is not here yet."""
    return _export(bundle, _chosen(names, profile), allow_noncommercial, as_json)


@app.command("bundle")
def bundle(
    file: Annotated[Path | None, typer.Argument(help="The zip to write (mien-models-PROFILE.zip).")] = None,
    profile: options.Profile = "balanced",
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Write all that a profile and the demo use into one zip, with licences and NOTICE."""
    from mien.zoo.registry import cards

    wanted = [*_chosen(None, profile), *cards("sample")]
    return _export(file or Path(f"mien-models-{profile}.zip"), wanted, allow_noncommercial, as_json)


def _export(path: Path, wanted: Sequence[ModelCard], allow_noncommercial: bool, as_json: bool) -> int:
    from mien.zoo.transfer import export_bundle

    with downloads() as progress:
        entries = export_bundle(path, wanted, allow_noncommercial=allow_noncommercial, progress=progress)
    size = path.stat().st_size
    if as_json:
        emit({"bundle": str(path), "size": size, "models": [_entry(e) for e in entries]})
        return 0
    for one in entries:
        say(f"{one.name}  {one.size:,} bytes  sha256 {one.sha256}")
    say(f"{path}: {size:,} bytes; on the other machine run `mien models import {path.name}`")
    return 0


def _entry(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "file": entry.file, "sha256": entry.sha256, "size": entry.size}


def _chosen(names: list[str] | None, profile: str) -> list[ModelCard]:
    from mien.pipeline.build import every_model
    from mien.pipeline.config import configure
    from mien.zoo.registry import card

    return [card(name) for name in dict.fromkeys(names or every_model(configure(profile)))]


def _summary(card: ModelCard) -> dict[str, Any]:
    from mien.zoo.store import is_cached

    return {
        "name": card.name,
        "task": card.task,
        "licence": card.licence,
        "commercial": card.commercial,
        "size": card.size if card.pinned else None,
        "sha256": card.sha256 or None,
        "cached": is_cached(card),
        "origin": card.origin,
    }


def _everything(card: ModelCard) -> dict[str, Any]:
    from mien.zoo.store import cached_path

    path = str(cached_path(card)) if card.pinned else None
    return {**asdict(card), **_summary(card), "path": path}


def _size(card: ModelCard) -> str:
    from mien.zoo.describe import megabytes

    return megabytes(card.size) if card.pinned else "not pinned"


def _table_of(found: Sequence[ModelCard]) -> None:
    """The list for people: names stay whole, and where they came from is shown where there is room."""
    from rich import box
    from rich.table import Table

    from mien.zoo.store import is_cached

    screen = console()
    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for title in ("model", "task", "licence", "commercial", "size", "here", "origin"):
        if title != "origin" or screen.width >= WIDE:
            drawn.add_column(
                title, no_wrap=title != "licence", justify="right" if title == "size" else "left"
            )
    for c in found:
        cells = (c.name, c.task, c.licence, _word(c.commercial), _size(c), _word(is_cached(c)), _host(c))
        drawn.add_row(*cells[: len(drawn.columns)])
    screen.print(drawn)


def _host(card: ModelCard) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(card.origin)
    return "/".join([parts.hostname, *parts.path.split("/")[1:3]]) if parts.hostname else card.origin


def _pulled(row: dict[str, Any]) -> str:
    return "here" if row["error"] is None else str(row["error"]["code"])


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)

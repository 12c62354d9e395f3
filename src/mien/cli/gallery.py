"""`mien gallery …`: move a whole gallery."""

from __future__ import annotations

from typing import Annotated

import typer

from mien.cli import options
from mien.cli.output import emit, say

app = typer.Typer(name="gallery", help="Move a whole gallery between stores.", no_args_is_help=True)


@app.callback()
def gallery() -> None:
    """Move a whole gallery between stores."""


@app.command()
def copy(
    source: Annotated[str, typer.Argument(help="A folder, postgresql://… or milvus://…")],
    target: Annotated[str, typer.Argument(help="An empty one.")],
    as_json: options.Json = False,
) -> None:
    """Copy everything, sealed as it is; the same key opens the copy."""
    from mien.gallery.copy import copy as copy_rows
    from mien.pipeline.stores import open_records

    origin, _ = open_records(source, create=False)
    try:
        goal, _ = open_records(target, create=True)
        try:
            people, faces = copy_rows(origin, goal)
        finally:
            goal.close()
    finally:
        origin.close()
    if as_json:
        emit({"people": people, "faces": faces})
    else:
        say(f"{people:,} people with {faces:,} photos copied")

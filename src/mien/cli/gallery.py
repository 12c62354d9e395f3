"""`mien gallery …`: move a whole gallery, or give it another key."""

from __future__ import annotations

from typing import Annotated

import typer

from mien.cli import gallery_options, options
from mien.cli.output import emit, say

app = typer.Typer(name="gallery", help="Move a whole gallery, or give it another key.", no_args_is_help=True)


@app.callback()
def gallery() -> None:
    """Move a whole gallery, or give it another key."""


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


@app.command()
def rekey(
    where: gallery_options.Where = None,
    destroy: Annotated[
        bool,
        typer.Option("--destroy-old-key", help="Copies and backups made before cannot be opened any more."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Seal everything again under a new key.

    The new key is MIEN_GALLERY_NEW_KEY, or made of MIEN_GALLERY_NEW_PASSPHRASE, or a random one in the key
    file. Killed at any point, the gallery still opens.
    """
    from mien.pipeline.stores import gallery_uri, rekey_gallery

    done = rekey_gallery(gallery_uri(where), destroy)
    if as_json:
        emit({"people": done.people, "faces": done.faces, "old_key_destroyed": destroy})
    else:
        say(f"{done.people:,} people with {done.faces:,} photos are sealed with the new key")

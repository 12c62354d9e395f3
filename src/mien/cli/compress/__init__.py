"""`mien compress …`: smaller and faster models, one file a way."""

from __future__ import annotations

import typer

from mien.cli.compress import distill, factor, prune, quantize

app = typer.Typer(
    name="compress", help="Make a model smaller or faster, and see what it costs.", no_args_is_help=True
)
app.command("quantize")(quantize.quantize)
app.command("prune")(prune.prune)
app.command("factor")(factor.factor)
app.command("distill")(distill.distill)


@app.callback()
def compress() -> None:
    """Make a model smaller or faster, and see what it costs; refuses to call a worse one an improvement."""

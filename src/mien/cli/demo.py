"""`mien demo`: the whole product on sample pictures, as a page to open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli import options
from mien.cli.output import emit, say, warn


def demo(
    out: Annotated[
        Path, typer.Option("--out", help="The folder to fill; it is made, or was made by a demo.")
    ] = Path("mien-demo"),
    profile: options.Profile = "balanced",
    as_json: options.Json = False,
) -> int:
    """Show everything mien can do on public-domain pictures; ends with an HTML page that opens offline."""
    from mien.cli.downloads import downloads
    from mien.pipeline.analyze import Analyzer
    from mien.pipeline.config import configure
    from mien.pipeline.demo.run import run_demo

    with downloads() as progress:
        analyzer = Analyzer(configure(profile), progress)
        done = run_demo(analyzer, out, lambda said: warn(f"· {said}"), progress=progress)
    if as_json:
        emit(done.summary)
    else:
        say("")
        for label, value in done.facts:
            say(f"  {label:<20} {value}")
        say(f"\nOpen {done.report} in a browser; it works offline. All files are in {out}.")
    for error in done.errors.values():
        warn(f"mien: {error}")
    return max((error.exit_code for error in done.errors.values()), default=0)

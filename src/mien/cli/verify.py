"""`mien verify A B`: same person?"""

from __future__ import annotations

from typing import Annotated

import typer

from mien.cli import options
from mien.cli.output import chance, emit, rate, say, warn


def verify(
    a: Annotated[str, typer.Argument(help="A picture, or - for standard input.")],
    b: Annotated[str, typer.Argument(help="Another picture.")],
    fmr: options.Fmr = 1e-4,
    which: Annotated[
        str | None, typer.Option("--which", help="The face that is meant: largest, center, or its number.")
    ] = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    where: Annotated[
        str | None,
        typer.Option("--gallery", help="Decide with the error rates that `mien calibrate` stored there."),
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Say whether two pictures show the same person. Exit code 0: yes; 1: no; 2: it cannot be said."""
    from mien.cli.session import open_analyzer
    from mien.pipeline.config import configure
    from mien.pipeline.stores import stored_calibration
    from mien.pipeline.verify import verify as verify_with

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial)
    calibration = None if where is None else stored_calibration(where, config.profile.embedder)
    analyzer = open_analyzer(config, streams=1)
    answer = verify_with(analyzer, a, b, fmr=fmr, which=which, calibration=calibration)
    if as_json:
        emit(answer.to_dict())
    if answer.error is not None:
        warn(f"mien: {answer.error}")
        return answer.error.exit_code
    if not as_json and answer.similarity is not None and answer.fmr is not None:
        say("same person" if answer.same else "not the same person")
        say(f"  similarity   {answer.similarity:.3f}; from {answer.threshold:.3f} on it counts as the same")
        bound = "" if answer.fmr_supported else "at most "
        say(f"  strangers    {bound}{rate(answer.fmr)} pairs of different people are at least this alike")
        say(f"  probability  {chance(answer.probability or 0.0)} if it was even odds before looking")
    return 0 if answer.same else 1

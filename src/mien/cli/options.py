"""Options that several commands share, worded once."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")]
Profile = Annotated[
    str, typer.Option("--profile", help="Which weights and how much care: fast, balanced or accurate.")
]
Models = Annotated[
    str | None,
    typer.Option("--models", help="Use these models, separated by commas: names or card files (.toml)."),
]
NonCommercial = Annotated[
    bool,
    typer.Option("--allow-noncommercial", help="My use is not commercial: allow weights that demand that."),
]
Formats = Annotated[
    str | None,
    typer.Option("--formats", help="Also read these, in a limited worker: tiff,bmp,gif,avif,heic or all."),
]
Fmr = Annotated[
    float,
    typer.Option("--fmr", help="Decide at this false match rate: the share of strangers called the same."),
]

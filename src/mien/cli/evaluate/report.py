"""What the protocols' commands share: options, the command as typed, the writing of a page."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.output import warn
from mien.core.errors import InputError

if TYPE_CHECKING:
    from mien.evaluation.pages.frame import Run
    from mien.page.blocks import Page

Html = Annotated[
    Path | None, typer.Option("--html", help="Write the report as one HTML page that opens offline.")
]
Which = Annotated[
    str, typer.Option("--which", help="Of several faces in a picture: center, largest, or its number.")
]


def this_run(models: Mapping[str, str]) -> Run:
    from mien import __version__
    from mien.evaluation.pages.frame import Run

    return Run(shlex.join(["mien", *sys.argv[1:]]), models, __version__)


def same_pictures(asked: Iterable[str], answered: Iterable[str], file: Path) -> None:
    """Refuse answers of another program that are about none of the pictures."""
    if set(asked).isdisjoint(answered):
        raise InputError(f"{file} names none of the pictures that have labels: spell both lists alike")


def write(path: Path, page: Page) -> None:
    """Save the page; says so on stderr."""
    from mien.page.html import save_page

    save_page(path, page)
    warn(f"mien: the report is {path}")

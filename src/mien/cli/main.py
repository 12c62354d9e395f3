"""The list of commands, and what becomes of their errors."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated

import typer

from mien.cli.output import debugging, emit, fail, named, say, warn

COMMANDS = (
    "demo",
    "analyze",
    "verify",
    "explain",
    "reconstruct",
    "enrol",
    "identify",
    "cluster",
    "index",
    "people",
    "gallery",
    "calibrate",
    "models",
    "doctor",
    "bench",
    "evaluate",
    "compress",
    "train",
)
"""Each is a module beside this one: a function of its name, or commands of its own as ``app``."""


def application(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """The command line, or the part of it that was asked for: describing all of it takes a while."""
    app = typer.Typer(
        name="mien",
        help="Face recognition and 3D face reconstruction on your own machine, with weights you may use.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(main)
    for name in names:
        module = import_module(f"mien.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def _print_version(asked: bool) -> None:
    if asked:
        from mien import __version__

        say(__version__)
        raise typer.Exit


def main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command; `run` takes --debug out wherever it stands."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with the code that docs/errors.md lists, and shows no traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug, as_json = debugging(given), "--json" in given
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names are not always text, and what a terminal cannot show must not end a run. In JSON these
        # escapes are those of JSON.
        sys.stdout.reconfigure(errors="backslashreplace", encoding="utf-8" if as_json else None)
    sys.exit(_guarded(lambda: _invoke([word for word in given if word != "--debug"]), as_json, debug))


def _invoke(arguments: list[str]) -> int:
    asked = arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS
    code = application(asked)(arguments, standalone_mode=False, prog_name="mien")
    return code if isinstance(code, int) else 0


def _guarded(work: Callable[[], int], as_json: bool, debug: bool) -> int:
    try:
        return work()
    except (KeyboardInterrupt, typer.Abort):
        warn("mien: stopped; what was finished is kept")
        return 130
    except BrokenPipeError:
        # The reader of our output left (`mien … | head`): nothing more to say, also not at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        usage = getattr(error, "format_message", None)  # the option parser's errors know their sentence
        if usage is None:
            return fail(named(error), as_json)
        if as_json:
            emit({"error": {"code": "usage", "message": usage()}})
        error.show()  # type: ignore[attr-defined]  # click's ClickException, which typer may vendor
        return 2

"""Write docs/cli.md from the commands: ``python -m docs.make_cli``; a test fails when it is stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mien.cli.main import application

PAGE = Path(__file__).with_name("cli.md")
HEAD = """# The command line

Generated from the commands themselves by `python -m docs.make_cli`; do not edit.

Every command takes `--help` (`-h`). `mien --debug …` shows the traceback of an error. With `--json` stdout
has one JSON document and nothing else; [conventions.md](conventions.md) says its units,
[errors.md](errors.md) the exit codes, [settings.md](settings.md) the environment variables.
"""

# typer brings its own copy of click in some versions, so its classes have no one name to annotate with.
Command = Any
Parameter = Any


def cli_page() -> str:
    commands = list(_commands(typer.main.get_command(application()), "mien"))
    rows = [
        f"| [`{path}`](#{path.replace(' ', '-')}) | {_first_sentence(one.help)} |" for path, one in commands
    ]
    table = "\n".join(["| command | does |", "| --- | --- |", *rows])
    return "\n".join([HEAD, table, "", *(_section(path, one) for path, one in commands)])


def _commands(group: Command, path: str) -> Iterator[tuple[str, Command]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        elif name == getattr(group, "default", None):  # what the group does without a further word
            yield path, command
        else:
            yield f"{path} {name}", command


def _section(path: str, command: Command) -> str:
    shown = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    arguments = [p for p in shown if not p.opts[0].startswith("-")]
    options = [p for p in shown if p.opts[0].startswith("-")]
    usage = " ".join([path, *(_usage(p) for p in arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"## {path}", "", f"```\n{usage}\n```", "", " ".join((command.help or "").split()), ""]
    if arguments or options:
        rows = [_row(_usage(p), p) for p in arguments] + [_row(", ".join(_spelled(p)), p) for p in options]
        lines += ["| argument or option | means | default |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def _usage(argument: Parameter) -> str:
    name = (argument.metavar or argument.name).upper().rstrip("…")
    name += "…" if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _spelled(option: Parameter) -> list[str]:
    value = "" if option.is_flag else f" {(option.metavar or option.name).upper()}"
    return [f"{name}{value}" for name in [*option.opts, *option.secondary_opts]]


def _row(spelled: str, parameter: Parameter) -> str:
    default = parameter.default
    plain = default is None or default is False or parameter.required or callable(default) or default == []
    shown = "required" if parameter.required else "" if plain else f"`{default}`"
    return f"| `{spelled}` | {_cell(parameter.help)} | {shown} |"


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _first_sentence(text: str | None) -> str:
    return _cell((text or "").split(". ")[0].rstrip(".:"))


if __name__ == "__main__":
    PAGE.write_text(cli_page(), encoding="utf-8")

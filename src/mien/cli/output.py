"""One JSON document on stdout, or a table for people; everything else goes to stderr."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mien.core.errors import InputError, MienError, StoreError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


NO_PICTURES = "no pictures were found there: pass files, a folder with JPEG, PNG or WebP, or a pattern"


class Unforeseen(MienError):
    """Something failed that no room names: a bug of mien, or of what it stands on."""

    code: ClassVar[str] = "unforeseen"
    exit_code: ClassVar[int] = 70  # EX_SOFTWARE of sysexits.h; 1 would be an answer


def named(error: Exception) -> MienError:
    """The error as people are told it: one sentence with a cure, whatever it was."""
    if isinstance(error, MienError):
        return error
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return StoreError(f"the system refused ({error.strerror or error}{where}): make room, or allow it")
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Unforeseen(f"mien did not foresee this ({said}): report it with what --debug shows")


def debugging(words: Sequence[str]) -> bool:
    """Whether the user wants to see tracebacks."""
    return "--debug" in words or bool(os.environ.get("MIEN_DEBUG"))


def emit(document: object) -> None:
    """Print the one JSON document of a command."""
    json.dump(document, sys.stdout, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads.  raises: InputError where it cannot be written."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            os.chmod(path, 0o600)  # it may have been there, open to others
            file.write(text)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): choose another place") from error


class JsonRows:
    """Print one JSON document whose list of rows is longer than memory should hold.

    The document is whole whenever the block ends: also when the user stops the run, and with the error among
    its keys when one ends it. An error before the first row is left to the caller.
    """

    def __init__(self, key: str, tail: dict[str, Any]) -> None:
        self._key, self._tail, self._open = key, tail, False

    def __enter__(self) -> JsonRows:
        return self

    def row(self, value: object) -> None:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        sys.stdout.write((",\n" if self._open else f'{{"{self._key}": [\n') + text)
        self._open = True

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import typer

        # How a command leaves, and a reader who left, are no errors of ours.
        failed = isinstance(error, Exception) and not isinstance(error, typer.Exit | BrokenPipeError)
        told = named(error) if failed and isinstance(error, Exception) else None
        if isinstance(error, BrokenPipeError) or (told and not self._open):
            return
        if told is not None:
            self._tail = {**self._tail, "error": told.to_dict()}
        tail = json.dumps(self._tail, ensure_ascii=False, allow_nan=False)
        sys.stdout.write(("\n" if self._open else f'{{"{self._key}": [') + f"], {tail[1:]}\n")
        sys.stdout.flush()
        if told is not None and not debugging(sys.argv):
            warn(f"mien: {told}")
            raise typer.Exit(told.exit_code) from error


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=stderr)


def short(source: str) -> str:
    """The end of a path, enough to know the picture by.

    >>> short("/home/ada/photos/2024/beach.jpg")
    '2024/beach.jpg'
    """
    return "/".join(Path(source).parts[-2:])


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; a column whose title starts with ">" is set flush right."""
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(title=title or None, title_justify="left", header_style="bold")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name.startswith(">") else "left"
        drawn.add_column(name.removeprefix(">"), justify=justify, overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(str(cell)) for cell in row))
    console().print(drawn)


def say(text: str) -> None:
    """A line for people, on stdout."""
    sys.stdout.write(text + "\n")


def warn(text: str) -> None:
    """A line for people, on stderr."""
    sys.stderr.write(text + "\n")


def fail(error: MienError, as_json: bool) -> int:
    """Print an error in the one shape all commands share; returns the exit code."""
    if as_json:
        emit({"error": error.to_dict()})
    warn(f"mien: {error}")
    return error.exit_code


def degrees(radians: float) -> str:
    """
    >>> degrees(math.pi / 6)
    '+30°'
    """
    return f"{math.degrees(radians):+.0f}°"


def percent(share: float, digits: int = 1) -> str:
    """
    >>> percent(0.4567)
    '45.7 %'
    """
    return f"{100 * share:.{digits}f} %"


def chance(probability: float) -> str:
    """A probability as it may be said: nothing measured here makes anything certain.

    >>> chance(0.9999), chance(0.0203)
    ('over 99.9 %', '2.0 %')
    """
    return "over 99.9 %" if probability > 0.999 else percent(probability)


def rate(value: float) -> str:
    """An error rate as people say it.

    >>> rate(0.0001), rate(0.03)
    ('1 in 10,000', '1 in 33')
    """
    return f"1 in {round(1 / value):,}" if value > 0 else "0"


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """A progress bar with rate and time left, on stderr; silent where nobody looks."""
    from rich import progress as bars
    from rich.text import Text

    class Rate(bars.ProgressColumn):
        def render(self, task: bars.Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    screen = console(stderr=True)
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        Rate(),
        bars.TimeRemainingColumn(),
    )
    off = quiet or not screen.is_terminal
    with bars.Progress(*columns, console=screen, disable=off, transient=True) as bar:
        yield bar


def pictures_task(bar: Progress, paths: Sequence[str], formats: Collection[str]) -> TaskID:
    """The bar's task for these pictures; they are counted beside the work, which need not wait for that."""
    from threading import Thread

    from mien.imaging.sources import STANDARD_INPUT, iter_pictures

    task = bar.add_task("pictures", total=None)

    def count() -> None:
        bar.update(task, total=sum(1 for _ in iter_pictures(paths, formats)) or None)  # 0: an index

    if not bar.disable and STANDARD_INPUT not in paths:
        Thread(target=count, name="mien-count", daemon=True).start()
    return task

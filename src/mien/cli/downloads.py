"""A progress bar a download, on stderr, that appears only when something is really fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mien.cli.output import console, warn

Report = Callable[[int, int], None]


@contextmanager
def downloads() -> Iterator[Callable[[str], Report]]:
    """Gives a function: model name -> what to call with (bytes so far, bytes in all).

    Where stderr is no terminal, one line says what is being fetched.
    """
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield announced
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=screen, transient=True) as shown:

        def start(name: str) -> Report:
            rows: list[bars.TaskID] = []

            def report(done: int, total: int) -> None:
                if not rows:
                    rows.append(shown.add_task(name))
                shown.update(rows[0], completed=done, total=total or None)

            return report

        yield start


def announced(name: str) -> Report:
    """One line, when the download begins."""
    said: list[str] = []

    def report(done: int, total: int) -> None:
        if not said:
            said.append(name)
            warn(f"mien: fetching the model {name}, {total / 1e6:.1f} MB, once")

    return report

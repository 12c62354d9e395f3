"""What every report's page has: what ran, what failed, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.evaluation.failures import FailedPicture
from mien.page.blocks import Block, Commands, Facts, Page, Picture, Section, Table, Text

MOST_FAILURES = 50
Show = Callable[[Path], Picture]
"""A picture of the face that was meant, for a page."""


@dataclass(frozen=True, slots=True)
class Run:
    """What ran.    command: as it was typed.    models: task -> name.    version: of mien."""

    command: str
    models: Mapping[str, str]
    version: str


def report_page(
    title: str, lead: str, facts: Sequence[tuple[str, str]], sections: Sequence[Section], run: Run
) -> Page:
    """Put a report together; the last section says how it was made."""
    made: list[Block] = [Commands([run.command])]
    if run.models:
        made.append(Table(["task", "model"], [[task, name] for task, name in run.models.items()]))
    made.append(Text("Every figure's definition and source: docs/evaluation.md."))
    foot = f"mien {run.version}, measured on the pictures that the command names."
    return Page(title, lead, Facts(facts), [*sections, Section("How this was made", made)], foot)


def failures_section(failures: Sequence[FailedPicture], images: int, counted: str) -> Section:
    """Name the pictures without an answer.    counted: how the protocol counts them, a sentence."""
    if not failures:
        return Section("Pictures without an answer", [Text(f"None: all {images:,} pictures showed a face.")])
    rows = [[str(failed.picture), failed.code, failed.message] for failed in failures[:MOST_FAILURES]]
    said = f"{len(failures):,} of {images:,}. {counted}"
    if len(failures) > MOST_FAILURES:
        said += f" The first {MOST_FAILURES} are listed."
    return Section("Pictures without an answer", [Text(said), Table(["picture", "code", "why"], rows)])

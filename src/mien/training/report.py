"""The report of a run: one HTML page with curves, errors, confusions and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.evaluation.metrics.classification import Confusion, label_scores
from mien.evaluation.metrics.landmarks import cumulative_errors
from mien.evaluation.metrics.verification import det_curve
from mien.evaluation.pages.curves import det_chart, histogram, trade_off
from mien.page.blocks import (
    Axis,
    Block,
    Chart,
    Charts,
    Commands,
    Facts,
    Files,
    Mark,
    Page,
    Pictures,
    Section,
    Series,
    Table,
    Text,
)
from mien.page.html import save_page
from mien.page.picture import embed
from mien.training.job import Findings, Scores
from mien.training.journal import read_journal
from mien.training.recipe import Recipe
from mien.training.recipefile import format_recipe

PAGE = "report.html"
SMOOTHED = 60  # points of the loss curve


def write_report(
    out: Path,
    recipe: Recipe,
    findings: Findings | None,
    tested: Findings | None,
    files: Sequence[tuple[str, str]] = (),
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write report.html into a run's folder.

    findings: of the validation part.    tested: of the test part.    files: (name, what it is) beside it.
    facts: of the data (`Job.facts`).
    """
    lines = read_journal(out)
    sections = [Section("Course", [Charts(course_charts(lines)), _validations(lines)])]
    for title, found in (("Validation", findings), ("Test: people nothing was chosen on", tested)):
        if found is not None:
            sections.append(Section(title, list(found_blocks(found))))
    sections.append(Section("Recipe", [Commands(format_recipe(recipe).splitlines())]))
    if files:
        sections.append(Section("Files", [Files(files)]))
    known = Facts([*_facts(lines, findings, tested), *_lost(facts or {})])
    save_page(out / PAGE, Page(f"Training: {recipe.name}", _lead(recipe), known, sections))
    return out / PAGE


def course_charts(lines: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Loss and learning rate by step, and each figure of validation."""
    steps = [line for line in lines if line["kind"] == "step" and line["loss"] is not None]
    charts = []
    if steps:
        charts.append(_curve("loss", "step", *_smoothed(steps, "loss")))
        charts.append(_curve("learning rate", "step", *_smoothed(steps, "rate")))
    checks = [line for line in lines if line["kind"] == "validation"]
    names = [name for name in (checks[-1] if checks else {}) if name not in ("kind", "step", "epoch", "loss")]
    for name in names:
        known = [line for line in checks if line.get(name) is not None]
        if known:
            charts.append(
                _curve(name, "epoch", [line["epoch"] for line in known], [line[name] for line in known])
            )
    return charts


def found_blocks(found: Findings) -> list[Block]:
    """Tables, charts and pictures of one validation."""
    rows = [(name, f"{value:.4g}") for name, value in found.metrics.items()]
    blocks: list[Block] = [Table(("figure", ">value"), rows)]
    for scores in found.scores.values():
        blocks.append(Charts(score_charts(scores)))
    for name, table in found.tables.items():
        blocks += [_confusion(name, table), _label_table(table)]
    if found.errors is not None:
        blocks.append(Charts([_error_chart(found)]))
    if found.examples:
        blocks.append(Text("Pictures that the net found hardest, and what it made of them:"))
        blocks.append(
            Pictures([_picture(example.pixels, example.said) for example in found.examples], "strip")
        )
    return blocks


def score_charts(scores: Scores) -> list[Chart]:
    """The DET curve and how the scores of both kinds lie."""
    least = max(1 / len(scores.impostor), 1e-6)
    thresholds = det_curve(scores.genuine, scores.impostor).thresholds
    det, _ = trade_off("this net", thresholds, scores.genuine, scores.impostor, least)
    return [
        det_chart(
            [det], least, f"{scores.no} accepted", f"{scores.yes} refused", "Detection error trade-off"
        ),
        histogram({scores.yes: scores.genuine, scores.no: scores.impostor}, "score", "Scores of both kinds"),
    ]


def _lead(recipe: Recipe) -> str:
    about = f"{recipe.about.rstrip('.')}. " if recipe.about else ""
    return f"{about}Task: {recipe.task.name}; net: {recipe.net.name}; made by mien train."


def _facts(
    lines: Sequence[Mapping[str, Any]], findings: Findings | None, tested: Findings | None
) -> list[tuple[str, str]]:
    steps = max((line["step"] for line in lines), default=0)
    items = [("steps", f"{steps:,}"), ("epochs", str(max((line["epoch"] for line in lines), default=0)))]
    for name, found in (("validation", findings), ("test", tested)):
        if found is not None and found.metrics:
            first, value = next(iter(found.metrics.items()))
            items.append((f"{first}, {name}", f"{value:.4g}"))
    return items


def _lost(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How many pictures gave no crop, and why."""
    lost = facts.get("failures_to_acquire")
    if lost is None:
        return []
    why = ", ".join(f"{code}: {count}" for code, count in lost["codes"].items())
    said = f"{lost['failed']:,} of {lost['pictures']:,}"
    return [("pictures without a crop", f"{said} ({why})" if why else said)]


def _validations(lines: Sequence[Mapping[str, Any]]) -> Table:
    checks = [line for line in lines if line["kind"] == "validation"]
    names = [name for name in (checks[-1] if checks else {}) if name not in ("kind", "step", "epoch")]
    rows = [
        (str(line["epoch"]), *("" if line.get(n) is None else f"{line[n]:.4g}" for n in names))
        for line in checks
    ]
    return Table((">epoch", *(f">{name}" for name in names)), rows, "Every validation")


def _smoothed(lines: Sequence[Mapping[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """Means over equal runs of steps, so that a long run still draws a readable line."""
    parts = np.array_split(np.arange(len(lines)), min(SMOOTHED, len(lines)))
    x = [float(np.mean([lines[i]["step"] for i in part])) for part in parts]
    return x, [float(np.mean([lines[i][key] for i in part])) for part in parts]


def _curve(name: str, across: str, x: Sequence[float], y: Sequence[float]) -> Chart:
    low, high = min(y), max(y)
    room = (high - low or abs(high) or 1.0) * 0.05
    first, last = min(x), max(x)
    return Chart(
        f"{name} by {across}",
        Axis(across, first, last if last > first else first + 1),
        Axis(name, low - room, high + room),
        [Series(name, list(x), list(y))],
    )


def _confusion(name: str, table: Confusion) -> Table:
    columns = [*table.labels, "other"] if table.counts[:, -1].any() else list(table.labels)
    rows: list[tuple[str | Mark, ...]] = []
    for number, label in enumerate(table.labels):
        counts = table.counts[number]
        cells = [
            Mark(str(n), "good" if number == k else "plain") for k, n in enumerate(counts[: len(columns)])
        ]
        rows.append((label, *cells))
    return Table((name, *(f">{column}" for column in columns)), rows, "Rows are true, columns what was said")


def _label_table(table: Confusion) -> Table:
    rows = [
        (
            score.label,
            str(score.faces),
            f"{score.recall:.3f}",
            "–" if score.precision is None else f"{score.precision:.3f}",
            f"{score.f1:.3f}",
        )
        for score in label_scores(table)
    ]
    return Table(("label", ">faces", ">recall", ">precision", ">F1"), rows)


def _error_chart(found: Findings) -> Chart:
    assert found.errors is not None
    curve = cumulative_errors(found.errors)
    high = float(curve.errors[-1]) or 1.0
    return Chart(
        "share of faces at or below an error",
        Axis("error", 0.0, high),
        Axis("share of faces", 0.0, 1.0, percent=True),
        [Series("this net", curve.errors.tolist(), curve.share.tolist(), kind="step")],
        "Cumulative error distribution",
    )


def _picture(pixels: np.ndarray[Any, np.dtype[np.uint8]], said: str) -> Any:
    """An example, enlarged in whole pixels where it is small."""
    factor = max(1, 128 // max(pixels.shape[0], 1))
    return embed(np.repeat(np.repeat(pixels, factor, 0), factor, 1), said, said, long_side=320)

"""The page of `mien evaluate fairness`."""

from __future__ import annotations

from collections.abc import Sequence

from mien.evaluation.fairness import Division, FairnessReport
from mien.evaluation.metrics.fairness import Spread, Verdict
from mien.evaluation.pages.curves import decade_below
from mien.evaluation.pages.frame import Run, failures_section, report_page
from mien.evaluation.wording import between, percent
from mien.page.blocks import Axis, Block, Chart, Charts, Mark, Note, Page, Section, Series, Table, Text

KINDS = (("fmr", "false match rate"), ("fnmr", "false non-match rate"), ("fte", "no face found"))


def fairness_page(report: FairnessReport, run: Run) -> Page:
    """One section a division: every group's rates with intervals, their spread, and a verdict."""
    flagged = [division.name for division in report.divisions if division.flagged]
    facts = [
        ("Verdict", "worse for: " + ", ".join(flagged) if flagged else "no difference shown"),
        ("Threshold", f"{report.deployed.threshold:.3f}"),
        ("FMR it stands for", percent(report.deployed.fmr)),
        ("People", f"{report.people:,}"),
    ]
    lead = (
        f"Error rates by group at one threshold for all, from {report.deployed.source}: none of these "
        "pictures set it."
    )
    sections = [Section(division.name, _division(division)) for division in report.divisions]
    sections.append(
        failures_section(report.failures, report.pictures, "They are the column “no face found”.")
    )
    return report_page("Whether groups of people fare alike", lead, facts, sections, run)


def _division(division: Division) -> list[Block]:
    if division.flagged:
        note = Note("At least one group is significantly worse than the others together.", "bad")
    else:
        note = Note("No group is shown to be worse; a small sample can hide a difference.", "note")
    blocks: list[Block] = [note]
    spreads = division.spreads()
    for key, name in KINDS:
        verdicts: Sequence[Verdict] = getattr(division, key)
        if not _drawable(verdicts):
            blocks.append(Text(f"No {name}: nobody has two pictures."))
            continue
        blocks.append(_table(name, division, verdicts))
        blocks.append(Text(_spread(spreads[key])))
    charts = [
        _chart(name, getattr(division, key)) for key, name in KINDS[:2] if _drawable(getattr(division, key))
    ]
    if charts:
        blocks.append(Charts(charts))
    return blocks


def _table(name: str, division: Division, verdicts: Sequence[Verdict]) -> Table:
    rows = [
        _row(group, people, one)
        for (group, people), one in zip(division.people.items(), verdicts, strict=True)
    ]
    columns = [
        "group",
        ">people",
        ">trials",
        ">errors",
        f">{name}",
        ">95 % interval",
        ">to the rest",
        ">p",
        "verdict",
    ]
    return Table(columns, rows, name[0].upper() + name[1:])


def _row(group: str, people: int, one: Verdict) -> list[str | Mark]:
    cell = one.cell
    said: str | Mark = (
        "too few" if not one.enough else Mark("worse", "bad") if one.flagged else "not shown worse"
    )
    return [
        group,
        f"{people:,}",
        f"{cell.trials:,}",
        f"{cell.errors:,}",
        "–" if cell.rate is None else percent(cell.rate, 3),
        between(cell.interval, 3),
        "–" if one.ratio is None else f"× {one.ratio:.2f}",
        _p(one.p_value) if one.enough else "–",
        said,
    ]


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _spread(value: Spread | None) -> str:
    if value is None:
        return "Too few trials in all groups but one: their spread is not measured."
    return (
        f"Over {value.groups} groups: largest over smallest {value.ratio:.2f}, largest over geometric mean "
        f"{value.over_mean:.2f}, Gini {value.gini:.2f}."
    )


def _drawable(verdicts: Sequence[Verdict]) -> bool:
    return any(one.cell.rate is not None for one in verdicts)


def _chart(name: str, verdicts: Sequence[Verdict]) -> Chart:
    known = [one.cell for one in verdicts if one.cell.rate is not None and one.cell.interval is not None]
    rates = [cell.rate or 0.0 for cell in known]
    ends = [cell.interval or (0.0, 0.0) for cell in known]
    width = max(5, 70 // len(known))
    places = [float(i) for i in range(1, len(known) + 1)]
    return Chart(
        f"{name} of every group",
        Axis("", 0.5, len(known) + 0.5),
        Axis(name, decade_below(min((rate for rate in rates if rate > 0), default=0.01)), 1.0, True, True),
        [Series(name, places, rates, [low for low, _ in ends], [high for _, high in ends], "dots")],
        f"{name[0].upper()}{name[1:]} with 95 % intervals.",
        ticks=[(place, cell.group[:width]) for place, cell in zip(places, known, strict=True)],
    )

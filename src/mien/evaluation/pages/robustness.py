"""The page of `mien evaluate robustness`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mien.core.errors import InputError
from mien.core.types import Box, Pixels
from mien.detection.select import select
from mien.evaluation.pages.faces import crop_around
from mien.evaluation.pages.frame import Run, report_page
from mien.evaluation.robustness import DAMAGES, Damage, LevelRate, RobustnessReport
from mien.evaluation.wording import between, percent
from mien.page.blocks import Axis, Chart, Charts, Page, Picture, Pictures, Section, Series, Table
from mien.page.picture import embed
from mien.pipeline.analyze import Analyzer


def robustness_page(report: RobustnessReport, examples: Mapping[str, Sequence[Picture]], run: Run) -> Page:
    """One section a damage: what it looks like, and what is still matched.

    examples: damage -> one picture a level.
    """
    clean = report.clean
    facts = [
        ("TMR without damage", percent(clean.tmr, 1)),
        *((f"{name}, worst", percent(rates[-1].tmr, 1)) for name, rates in report.levels.items()),
    ]
    lead = (
        f"{report.pictures:,} pictures of {report.people:,} people, each damaged step by step and compared "
        f"with an undamaged one, at the threshold of {report.deployed.source} for an FMR of "
        f"{percent(report.deployed.fmr)}."
    )
    sections = [
        Section(
            name,
            [
                Pictures(examples.get(name, []), "strip"),
                Charts([_chart(name, clean, rates)]),
                _table(clean, rates),
            ],
        )
        for name, rates in report.levels.items()
    ]
    return report_page("How fast matching fails as pictures get worse", lead, facts, sections, run)


def examples(
    analyzer: Analyzer, pictures: Iterable[Path], wanted: Sequence[Damage], which: str
) -> dict[str, list[Picture]]:
    """The face of the first of these pictures that shows one, under every damage; nothing where none does."""
    for picture in pictures:
        try:
            image = analyzer.open(picture).image
            found = analyzer.detector.detect(image)
            box = found[select(found, which, image.width, image.height, picture.name)].box
        except InputError:  # counted in the report as no face found; another picture will do here
            continue
        return _damaged(image.pixels, box, wanted)
    return {}


def _damaged(pixels: Pixels, box: Box, wanted: Sequence[Damage]) -> dict[str, list[Picture]]:
    face = crop_around(pixels, box)
    # The crop is the same face in a smaller picture; the box moves with its corner.
    half = max(box.width, box.height) * 0.85
    left, top = max(0, int(box.center[0] - half)), max(0, int(box.center[1] - half))
    inside = Box(box.x1 - left, box.y1 - top, box.x2 - left, box.y2 - top)
    return {
        damage.name: [
            embed(damage.apply(face, inside, level), f"{damage.name} {level:g}", f"{level:g}", long_side=200)
            for level in damage.levels
        ]
        for damage in wanted
    }


def _chart(name: str, clean: LevelRate, rates: Sequence[LevelRate]) -> Chart:
    all_rates = [clean, *rates]
    units = {damage.name: damage.unit for damage in DAMAGES}
    places = [float(i) for i in range(len(all_rates))]
    series = [
        Series(
            "still matched (TMR)",
            places,
            [one.tmr for one in all_rates],
            [one.tmr_interval.low for one in all_rates],
            [one.tmr_interval.high for one in all_rates],
        ),
        Series("no face found", places, [one.fta for one in all_rates]),
    ]
    return Chart(
        f"TMR under {name}",
        Axis(units.get(name, "level"), 0, len(rates)),
        Axis("share of pictures", 0, 1, percent=True),
        series,
        "Band: 95 %, by person.",
        ticks=[
            (place, "none" if one.level is None else f"{one.level:g}")
            for place, one in zip(places, all_rates, strict=True)
        ],
    )


def _table(clean: LevelRate, rates: Sequence[LevelRate]) -> Table:
    rows = [
        [
            "none" if one.level is None else f"{one.level:g}",
            percent(one.tmr, 1),
            between(one.tmr_interval, 1),
            percent(one.fmr, 3),
            percent(one.fta, 1),
        ]
        for one in (clean, *rates)
    ]
    return Table(["level", ">TMR", ">95 % interval", ">FMR", ">no face found"], rows)

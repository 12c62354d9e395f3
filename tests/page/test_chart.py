"""Charts put values where they belong, and refuse what cannot be drawn."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.page.blocks import Axis, Chart, Charts, Facts, Page, Section, Series
from mien.page.chart import BOTTOM, HEIGHT, RIGHT, TOP, WIDTH, chart_figure, place, ticks
from mien.page.html import page_html

SHARE = Axis("FMR", 1e-4, 1, log=True, percent=True)
LINEAR = Axis("FNMR", 0, 1)


def drawn(series: Series, x: Axis = SHARE, y: Axis = LINEAR) -> str:
    return page_html(
        Page("t", "l", Facts([]), [Section("s", [Charts([Chart("a curve", x, y, [series], "caption")])])])
    )


def test_a_curve_runs_from_corner_to_corner() -> None:
    figure = chart_figure(Chart("", SHARE, LINEAR, [Series("s", [1e-4, 1], [0, 1])]))
    path, level = figure.find(".//path"), figure.find(".//line[@y1='308.0'][@y2='308.0']")
    assert path is not None
    assert level is not None
    assert path.get("d") == f"M{level.get('x1')} {HEIGHT - BOTTOM}L{WIDTH - RIGHT} {TOP}"


@pytest.mark.parametrize("top", [1.0, 0.0005, 123456.0], ids=["short", "small", "large"])
def test_numbers_at_the_axis_leave_its_label_free(top: float) -> None:
    axis = Axis("learning rate", 0, top)
    texts = list(chart_figure(Chart("", LINEAR, axis, [Series("s", [0, 1], [0, top])])).iter("text"))
    label = next(float(text.get("x", "0")) for text in texts if text.text == "learning rate")
    for text in texts:
        if text.get("text-anchor") == "end":
            narrowest = 5.5 * len(text.text or "")  # pixels: digits at 11 px
            assert float(text.get("x", "0")) - narrowest > label + 6


def test_zero_on_a_logarithmic_axis_stands_at_its_low_end() -> None:
    assert place(SHARE, 0.0, 0, 100) == 0


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_linear_marks_are_few_and_inside(low: float, width: float) -> None:
    axis = Axis("x", low, low + width)
    found = ticks(axis)
    assert 1 <= len(found) <= 7
    assert all(axis.low - 1e-6 * width <= value <= axis.high + 1e-6 * width for value in found)


def test_a_step_keeps_each_value_until_the_next() -> None:
    path = chart_figure(Chart("", LINEAR, LINEAR, [Series("s", [0, 1], [0, 1], kind="step")])).find(".//path")
    assert path is not None
    assert (path.get("d") or "").count("L") == 2


def test_several_series_have_a_legend_and_their_own_dashes() -> None:
    two = [Series("<first>", [0, 1], [0, 1], [0, 0.5], [0.5, 1]), Series("second", [0, 1], [1, 0])]
    page = page_html(
        Page(
            "t",
            "l",
            Facts([]),
            [Section("s", [Charts([Chart("two", LINEAR, LINEAR, two, mark=(0.5, "here"))])])],
        )
    )
    assert "&lt;first&gt;" in page
    assert 'class="band"' in page
    assert "stroke-dasharray" in page
    assert "viewBox" in page
    assert ">here<" in page


def test_whiskers_and_bars_are_drawn() -> None:
    dots = drawn(Series("d", [1, 2], [0.5, 0.6], [0.4, 0.5], [0.6, 0.7], "dots"), Axis("level", 0, 3))
    assert dots.count("whisker") >= 6
    bars = drawn(Series("b", [0, 1, 2], [0.5, 0.6, 0], kind="bars"), Axis("score", 0, 2))
    assert bars.count('class="bar-of"') == 2


@pytest.mark.parametrize(
    ("axis", "series"),
    [
        (Axis("x", 0, 1, log=True), Series("s", [1], [1])),
        (Axis("x", 1, 1), Series("s", [1], [1])),
        (LINEAR, Series("s", [1, 2], [1])),
        (LINEAR, Series("s", [], [])),
        (LINEAR, Series("s", [1], [math.nan])),
    ],
)
def test_what_cannot_be_drawn_is_refused(axis: Axis, series: Series) -> None:
    with pytest.raises(InputError, match="cannot be drawn"):
        chart_figure(Chart("", axis, LINEAR, [series]))

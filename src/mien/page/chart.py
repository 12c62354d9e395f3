"""A chart as SVG inside the page: axes, curves, bands, bars; colours are the page's own, light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mien.core.errors import InputError
from mien.page.blocks import Axis, Chart, Series
from mien.page.elements import Element, element

WIDTH, HEIGHT = 520.0, 360.0
RIGHT, TOP, BOTTOM = 14.0, 12.0, 52.0
LABEL, GAP, LETTER = 26.0, 7.0, 6.6  # left of the axis: its label, a gap, and a tick's text by the letter
COLOURS = 6
# Lines differ in their dashes too: colour is never the only sign.
DASHES = ("", "7 4", "2 3", "10 3 2 3", "4 2", "1 4")


def chart_figure(chart: Chart) -> Element:
    """Draw a chart; raises InputError for an axis or a series that cannot be drawn."""
    for axis in (chart.x, chart.y):
        _check_axis(axis)
    svg = element("svg", role="img", aria_label=chart.alt, **{"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}"})
    svg.extend(_grid(chart))
    for number, series in enumerate(chart.series):
        _check_series(series)
        svg.append(_series(chart, series, number))
    if chart.mark is not None:
        svg.extend(_mark(chart, *chart.mark))
    figure = element("figure", svg, class_="chart")
    if len(chart.series) > 1:
        figure.append(element("ul", *map(_legend, range(len(chart.series)), chart.series), class_="legend"))
    if chart.caption:
        figure.append(element("figcaption", chart.caption))
    return figure


def place(axis: Axis, value: float, start: float, end: float) -> float:
    """Where a value stands between ``start`` and ``end``; what lies outside the axis stands at its end.

    >>> place(Axis("x", 0.001, 1, log=True), 0.1, 0, 300)
    200.0
    """
    inside = min(max(value, axis.low), axis.high)
    if axis.log:
        share = math.log10(inside / axis.low) / math.log10(axis.high / axis.low)
    else:
        share = (inside - axis.low) / (axis.high - axis.low)
    return round(start + share * (end - start), 6)


def ticks(axis: Axis) -> list[float]:
    """Round values to write at an axis.

    >>> ticks(Axis("x", 0, 1)), ticks(Axis("x", 1e-3, 1, log=True))
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.001, 0.01, 0.1, 1.0])
    """
    if axis.log:
        first, last = math.ceil(math.log10(axis.low) - 1e-9), math.floor(math.log10(axis.high) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]
    raw = (axis.high - axis.low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= raw * 0.999)
    first = math.ceil(axis.low / step - 1e-9)
    return [round(step * k, 12) for k in range(first, math.floor(axis.high / step + 1e-9) + 1)]


def tick_text(axis: Axis, value: float) -> str:
    """
    >>> tick_text(Axis("x", 0, 1, percent=True), 0.001), tick_text(Axis("x", 0, 1), 0.2)
    ('0.1 %', '0.2')
    """
    return f"{100 * value:g} %" if axis.percent else f"{value:g}"


def _left(chart: Chart) -> float:
    """Where the plot begins: past the label and the longest text at a tick."""
    letters = max((len(tick_text(chart.y, value)) for value in ticks(chart.y)), default=0)
    return LABEL + GAP + LETTER * max(letters, 5)


def _across(chart: Chart, value: float) -> float:
    return place(chart.x, value, _left(chart), WIDTH - RIGHT)


def _up(chart: Chart, value: float) -> float:
    return place(chart.y, value, HEIGHT - BOTTOM, TOP)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Element:
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=kind)


def _text(said: str, x: float, y: float, anchor: str, kind: str = "tick", turn: bool = False) -> Element:
    more = {"transform": f"rotate(-90 {x:.1f} {y:.1f})"} if turn else {}
    # text-anchor has a hyphen, which `element` makes of an underscore.
    return element("text", said, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=kind, **more)


def _grid(chart: Chart) -> Iterator[Element]:
    left, floor, right = _left(chart), HEIGHT - BOTTOM, WIDTH - RIGHT
    named = list(chart.ticks) or [(value, tick_text(chart.x, value)) for value in ticks(chart.x)]
    for value, said in named:
        x = _across(chart, value)
        yield _line(x, TOP, x, floor, "grid")
        yield _text(said, x, floor + 18, "middle")
    for value in ticks(chart.y):
        y = _up(chart, value)
        yield _line(left, y, right, y, "grid")
        yield _text(tick_text(chart.y, value), left - GAP, y + 4, "end")
    yield _text(chart.x.label, (left + right) / 2, HEIGHT - 10, "middle", "label")
    yield _text(chart.y.label, 14, (TOP + floor) / 2, "middle", "label", turn=True)


def _series(chart: Chart, series: Series, number: int) -> Element:
    group = element("g", class_=f"series{number % COLOURS}")
    xs = [_across(chart, value) for value in series.x]
    ys = [_up(chart, value) for value in series.y]
    if series.kind == "bars":
        group.extend(_bars(xs, ys))
        return group
    lows, highs = ([_up(chart, value) for value in ends] for ends in (series.low, series.high))
    if series.kind == "dots":
        group.extend(_whiskers(xs, lows, highs))
        group.extend(
            element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="4", class_="dot")
            for x, y in zip(xs, ys, strict=True)
        )
        return group
    step = series.kind == "step"
    if lows:
        upper, lower = _corners(xs, highs, step), _corners(xs, lows, step)
        group.append(element("path", d=_path([*upper, *reversed(lower)]) + "Z", class_="band"))
    dash = {"stroke_dasharray": DASHES[number % len(DASHES)]} if DASHES[number % len(DASHES)] else {}
    group.append(element("path", d=_path(_corners(xs, ys, step)), class_="curve", **dash))
    return group


def _bars(xs: Sequence[float], ys: Sequence[float]) -> Iterator[Element]:
    floor = HEIGHT - BOTTOM
    for x, after, y in zip(xs[:-1], xs[1:], ys[:-1], strict=True):
        if floor - y > 0.05:
            size = {"width": f"{after - x:.1f}", "height": f"{floor - y:.1f}"}
            yield element("rect", x=f"{x:.1f}", y=f"{y:.1f}", class_="bar-of", **size)


def _whiskers(xs: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> Iterator[Element]:
    if lows:
        for x, low, high in zip(xs, lows, highs, strict=True):
            yield _line(x, low, x, high, "whisker")
            yield _line(x - 4, low, x + 4, low, "whisker")
            yield _line(x - 4, high, x + 4, high, "whisker")


def _corners(xs: Sequence[float], ys: Sequence[float], step: bool) -> list[tuple[float, float]]:
    if not step:
        return list(zip(xs, ys, strict=True))
    found: list[tuple[float, float]] = []
    for x, y in zip(xs, ys, strict=True):
        if found:
            found.append((x, found[-1][1]))
        found.append((x, y))
    return found


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)


def _mark(chart: Chart, value: float, label: str) -> Iterator[Element]:
    x = _across(chart, value)
    yield _line(x, TOP, x, HEIGHT - BOTTOM, "mark")
    late = x > (_left(chart) + WIDTH) / 2
    yield _text(label, x + (-6 if late else 6), TOP + 12, "end" if late else "start")


def _legend(number: int, series: Series) -> Element:
    swatch = element(
        "svg", class_=f"series{number % COLOURS}", aria_hidden="true", **{"viewBox": "0 0 32 10"}
    )
    if series.kind == "bars":
        swatch.append(element("rect", x="2", y="0", width="28", height="10", class_="bar-of"))
    elif series.kind == "dots":
        swatch.append(element("circle", cx="16", cy="5", r="4", class_="dot"))
    else:
        dash = DASHES[number % len(DASHES)]
        swatch.append(
            element("path", d="M0 5L32 5", class_="curve", **({"stroke_dasharray": dash} if dash else {}))
        )
    return element("li", swatch, series.name)


def _check_axis(axis: Axis) -> None:
    fine = math.isfinite(axis.low) and math.isfinite(axis.high) and axis.low < axis.high
    if not fine or (axis.log and axis.low <= 0):
        raise InputError(
            f"an axis from {axis.low} to {axis.high} cannot be drawn: give low < high, above 0 if logarithmic"
        )


def _check_series(series: Series) -> None:
    lengths = {len(series.x), len(series.y)} | ({len(series.low), len(series.high)} if series.low else set())
    values = [*series.x, *series.y, *series.low, *series.high]
    if len(lengths) != 1 or 0 in lengths or any(math.isnan(value) for value in values):
        raise InputError(f"{series.name!r} cannot be drawn: give as many x as y, at least one, and no NaN")

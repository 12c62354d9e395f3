"""What a page is made of: plain text and numbers, no markup; `mien.page.html` turns them into HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["good", "bad", "note", "plain"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A short text with a meaning; the meaning is drawn as colour and as a sign, never as colour alone."""

    text: str
    kind: Kind = "plain"


@dataclass(frozen=True, slots=True)
class Picture:
    """An embedded picture.

    source: ``data:image/…`` (`mien.page.picture.embed`).    width, height: pixels as it is stored.
    alt: what it shows, for readers who do not see it.
    """

    source: str
    width: int
    height: int
    alt: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph that stands out; a good, a bad or a plain piece of news."""

    text: str
    kind: Kind = "note"


@dataclass(frozen=True, slots=True)
class Facts:
    """Numbers that deserve to be large: (label, value)."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column titles; a title that starts with ">" sets its column flush right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Mark]]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Pictures:
    """A grid; ``size`` is how much room each gets; a "strip" holds six side by side where there is room."""

    items: Sequence[Picture]
    size: Literal["strip", "small", "large", "full"] = "small"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two pictures and what was decided about them.

    value, limit: 0..1, a bar's length and the mark that it had to reach.
    """

    first: Picture
    second: Picture
    verdict: Mark
    value: float
    limit: float
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Comparisons:
    items: Sequence[Comparison]


@dataclass(frozen=True, slots=True)
class Commands:
    """Lines to type."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Files:
    """Files that lie beside the page: (path relative to the page, what it is)."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Axis:
    """low, high: what the axis spans; on a logarithmic one values at or below 0 are drawn at its low end.

    percent: values are shares, and the marks say them as percent.
    """

    label: str
    low: float
    high: float
    log: bool = False
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart, of as many x as y.

    low, high: ends of an interval around each y, drawn as a band (as whiskers on dots); none when empty.
    kind: "step" keeps each y until the next x; "bars" stand from each x to the next, the last y is not drawn.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    kind: Literal["line", "step", "dots", "bars"] = "line"


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over two axes, drawn as SVG.

    alt: what it shows, for readers who do not see it.    ticks: names of places on the x axis, instead of
        numbers.    mark: (x, label) of a vertical line.
    """

    alt: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    caption: str = ""
    ticks: Sequence[tuple[float, str]] = ()
    mark: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class Charts:
    """Charts side by side where there is room."""

    items: Sequence[Chart]


Block = Text | Note | Facts | Table | Pictures | Comparisons | Commands | Files | Charts


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Page:
    """lead: one or two sentences below the title.    foot: where it came from, at the bottom."""

    title: str
    lead: str
    facts: Facts
    sections: Sequence[Section]
    foot: str = ""

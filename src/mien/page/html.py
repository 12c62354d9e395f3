"""A page as one HTML text: no script, no address, style and pictures inside."""

from __future__ import annotations

from functools import singledispatch
from importlib import resources
from pathlib import Path
from string import Template
from urllib.parse import quote

from mien.core.errors import InputError
from mien.page.blocks import (
    Block,
    Charts,
    Commands,
    Comparison,
    Comparisons,
    Facts,
    Files,
    Mark,
    Note,
    Page,
    Picture,
    Pictures,
    Section,
    Table,
    Text,
)
from mien.page.chart import chart_figure
from mien.page.elements import Element, clean, element, to_html

SIGNS = {"good": "✓ ", "bad": "✗ ", "note": "", "plain": ""}


def page_html(page: Page) -> str:
    """Write a page; texts are escaped, pictures must be data URIs.

    raises: InputError for a picture or a file that would have to be fetched from elsewhere.
    """
    folder = resources.files("mien.page")
    head = element("header", element("h1", page.title), element("p", page.lead, class_="lead"))
    head.append(block_html(page.facts))
    links = [element("li", element("a", s.title, href=f"#part-{i}")) for i, s in enumerate(page.sections, 1)]
    contents = element("nav", element("ol", *links), aria_label="Contents")
    parts = [_section(i, section) for i, section in enumerate(page.sections, 1)]
    foot = element("footer", element("p", page.foot))
    return Template(folder.joinpath("page.html").read_text("utf-8")).substitute(
        title=to_html(element("title", page.title)),
        style=folder.joinpath("page.css").read_text("utf-8"),
        head=to_html(head),
        contents=to_html(contents) if len(links) > 1 else "",
        main="\n".join(map(to_html, parts)),
        foot=to_html(foot) if page.foot else "",
    )


def save_page(path: Path, page: Page) -> None:
    """Write the page to a file.

    raises: InputError where the file cannot be written.
    """
    try:
        path.write_text(page_html(page), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): make room or choose another place"
        ) from error


def _section(number: int, section: Section) -> Element:
    title = element("h2", section.title, id=f"title-{number}")
    return element(
        "section",
        title,
        *(block_html(block) for block in section.blocks),
        id=f"part-{number}",
        aria_labelledby=f"title-{number}",
    )


@singledispatch
def block_html(block: Block) -> Element:
    """One block as an element."""
    raise TypeError(f"{type(block).__name__} is no block of a page")


@block_html.register
def _(block: Text) -> Element:
    return element("p", block.text)


@block_html.register
def _(block: Note) -> Element:
    return element("p", SIGNS[block.kind] + block.text, class_=f"note {block.kind}")


@block_html.register
def _(block: Facts) -> Element:
    pairs = (element("div", element("dt", label), element("dd", value)) for label, value in block.items)
    return element("dl", *pairs, class_="facts")


@block_html.register
def _(block: Table) -> Element:
    right = [title.startswith(">") for title in block.columns]
    titles = (
        element("th", title.removeprefix(">"), scope="col", class_="right" if flush else "left")
        for title, flush in zip(block.columns, right, strict=True)
    )
    body = element("tbody")
    for row in block.rows:
        cells = zip(row, right, strict=True)
        body.append(element("tr", *(_cell(cell, flush, i == 0) for i, (cell, flush) in enumerate(cells))))
    table = element("table", element("thead", element("tr", *titles)), body)
    if block.caption:
        table.insert(0, element("caption", block.caption))
    # A wide table scrolls in its own frame, which the keyboard can reach.
    return element(
        "div", table, class_="scroll", tabindex="0", role="region", aria_label=block.caption or "Table"
    )


def _cell(cell: str | Mark, flush: bool, first: bool) -> Element:
    mark = cell if isinstance(cell, Mark) else Mark(cell)
    classes = ("right " if flush else "left ") + mark.kind
    inside = SIGNS[mark.kind] + mark.text
    return (
        element("th", inside, scope="row", class_=classes) if first else element("td", inside, class_=classes)
    )


@block_html.register
def _(block: Pictures) -> Element:
    return element("div", *map(_figure, block.items), class_=f"pictures {block.size}")


def _figure(picture: Picture) -> Element:
    figure = element("figure", _image(picture))
    if picture.caption:
        figure.append(element("figcaption", picture.caption))
    return figure


def _image(picture: Picture) -> Element:
    if not picture.source.startswith("data:image/"):
        raise InputError(
            "a page holds its pictures itself: embed them with mien.page.picture.embed, not by address"
        )
    size = {"width": str(picture.width), "height": str(picture.height)}
    return element("img", src=picture.source, alt=picture.alt, **size)


@block_html.register
def _(block: Comparisons) -> Element:
    return element("div", *map(_comparison, block.items), class_="comparisons")


def _comparison(item: Comparison) -> Element:
    value, limit = (min(max(share, 0.0), 1.0) for share in (item.value, item.limit))
    bar = element(
        "div",
        element("span", class_="fill", style=f"width:{100 * value:.1f}%"),
        element("span", class_="limit", style=f"left:{100 * limit:.1f}%"),
        class_="bar",
        role="img",
        aria_label=f"{value:.2f}, where {limit:.2f} was needed",
    )
    facts = (element("div", element("dt", label), element("dd", said)) for label, said in item.facts)
    return element(
        "article",
        element("div", _figure(item.first), _figure(item.second), class_="pair"),
        element("p", SIGNS[item.verdict.kind] + item.verdict.text, class_=f"verdict {item.verdict.kind}"),
        bar,
        element("dl", *facts),
        class_=f"comparison {item.verdict.kind}",
    )


@block_html.register
def _(block: Commands) -> Element:
    return element("pre", element("code", "\n".join(block.lines)), tabindex="0")


@block_html.register
def _(block: Charts) -> Element:
    return element("div", *map(chart_figure, block.items), class_="charts")


@block_html.register
def _(block: Files) -> Element:
    items = (element("li", element("a", path, href=_beside(path)), f": {what}") for path, what in block.items)
    return element("ul", *items)


def _beside(path: str) -> str:
    if path.startswith(("/", "\\")) or ":" in path or ".." in Path(path).parts:
        raise InputError(f"a page links only to files beside it, not to {path}: put the file there")
    return quote(clean(path))

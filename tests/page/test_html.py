"""The page is well-formed, escapes what it is given, and asks nobody for anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.page.blocks import (
    Block,
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
from mien.page.html import page_html, save_page
from mien.page.picture import embed

NASTY = "<script>alert('x')</script> & \"quoted\" ${name} \x00\ud800 Ünï"
VOID = {"meta", "img", "br", "hr", "link", "input"}


def picture(alt: str = "a grey square") -> Picture:
    return embed(np.full((30, 40, 3), 128, np.uint8), alt, alt)


def every_block(text: str) -> list[Block]:
    pair = Comparison(picture(text), picture(), Mark(text, "good"), 0.7, 0.4, [(text, text)])
    return [
        Text(text),
        Note(text, "bad"),
        Facts([(text, text)]),
        Table(("name", ">count"), [(text, Mark("3", "bad"))], text),
        Pictures([picture(text)], "large"),
        Comparisons([pair]),
        Commands([text]),
        Files([("pictures/a b.jpg", text)]),
    ]


def page(text: str = "plain") -> Page:
    sections = [Section(text, every_block(text)), Section("second", [Text("end")])]
    return Page(text, text, Facts([(text, text)]), sections, text)


class Outline(HTMLParser):
    """Collects tags, attributes and text; fails where a tag closes that is not open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("text", ["plain", NASTY])
def test_every_tag_that_opens_closes(text: str) -> None:
    outline = Outline(page_html(page(text)))
    assert outline.open == []
    assert [tag for tag, _ in outline.tags].count("h1") == 1


def test_no_text_becomes_markup() -> None:
    outline = Outline(page_html(page(NASTY)))
    assert outline.named("script") == []
    shown = NASTY.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    assert "".join(outline.text).count(shown) >= 10
    assert all(image["alt"] in (shown, "a grey square") for image in outline.named("img"))


def test_asks_nobody_for_anything() -> None:
    html = page_html(page())
    outline = Outline(html)
    policy = next(m["content"] for m in outline.named("meta") if m.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in outline.named("img"))
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<link|<script|<iframe", html)


def test_links_lead_to_parts_that_exist_or_files_beside() -> None:
    outline = Outline(page_html(page()))
    ids = {attributes["id"] for _, attributes in outline.tags if "id" in attributes}
    links = [link["href"] for link in outline.named("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert [link for link in links if not link.startswith("#")] == ["pictures/a%20b.jpg"]


@pytest.mark.parametrize("source", ["https://example.org/a.png", "a.png", "javascript:alert(1)"])
def test_refuses_a_picture_from_elsewhere(source: str) -> None:
    elsewhere = Picture(source, 1, 1, "x")
    with pytest.raises(InputError, match="embed them"):
        page_html(Page("t", "l", Facts([]), [Section("s", [Pictures([elsewhere])])]))


@pytest.mark.parametrize("path", ["https://example.org/", "/etc/passwd", "../x", "javascript:alert(1)"])
def test_refuses_a_file_from_elsewhere(path: str) -> None:
    with pytest.raises(InputError, match="beside it"):
        page_html(Page("t", "l", Facts([]), [Section("s", [Files([(path, "x")])])]))


def test_what_colour_says_is_said_in_text_too() -> None:
    outline = Outline(page_html(page("fine")))
    assert "✗ 3" in outline.text
    assert "✓ fine" in outline.text


def test_a_bar_says_its_numbers_to_those_who_do_not_see_it() -> None:
    bars = [a["aria-label"] for a in Outline(page_html(page())).named("div") if a.get("class") == "bar"]
    assert bars == ["0.70, where 0.40 was needed"]


def test_embeds_at_most_as_large_as_asked() -> None:
    made = embed(np.zeros((300, 1200, 3), np.uint8), "x", long_side=400)
    assert (made.width, made.height) == (400, 100)


def test_says_where_it_could_not_write(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        save_page(tmp_path / "missing" / "report.html", page())

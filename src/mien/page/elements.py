"""HTML as a tree: text is escaped when the tree is written, so nothing can be forgotten."""

from __future__ import annotations

import re
from xml.etree import ElementTree

Element = ElementTree.Element
# What HTML cannot hold: controls, lone surrogates (file names that are not UTF-8), non-characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def element(tag: str, *inside: Element | str, **attributes: str) -> Element:
    """Make an element; ``class_`` and ``aria_label`` become ``class`` and ``aria-label``.

    >>> to_html(element("p", "1 < 2", element("b", "so"), class_="x"))
    '<p class="x">1 &lt; 2<b>so</b></p>'
    """
    names = {name.rstrip("_").replace("_", "-"): clean(value) for name, value in attributes.items()}
    made = ElementTree.Element(tag, names)
    last: Element | None = None
    for part in inside:
        if isinstance(part, str):
            if last is None:
                made.text = (made.text or "") + clean(part)
            else:
                last.tail = (last.tail or "") + clean(part)
        else:
            made.append(part)
            last = part
    return made


def clean(text: str) -> str:
    """Replace what HTML cannot hold by the replacement character."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def to_html(tree: Element) -> str:
    return ElementTree.tostring(tree, encoding="unicode", method="html")

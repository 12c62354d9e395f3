"""The cards as text for people: the tables of docs/models.md and the third-party part of NOTICE.

``python -m mien.zoo.describe FILE...`` rewrites the generated part of each file, between its two marks; a
test fails while a file is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from mien.core.errors import InputError
from mien.core.modelcard import ModelCard, Preprocess
from mien.zoo.bundle import notice
from mien.zoo.registry import shipped_cards

TITLES = {
    "detect": "Finding faces",
    "landmarks": "Landmarks",
    "iris": "Irises",
    "embed": "Recognition",
    "age": "Age",
    "sex": "Sex",
    "expression": "Expression",
    "liveness": "Liveness",
    "sample": "Sample pictures",
}
_MARKS = {
    ".md": ("<!-- begin: generated from the cards -->", "<!-- end: generated from the cards -->"),
    "": ("==== generated from the cards ====", "==== end ===="),
}


def catalogue(cards: Iterable[ModelCard]) -> str:
    """Every card as Markdown: one table of all, then a section for each."""
    listed = sorted(cards, key=lambda c: (list(TITLES).index(c.task), c.name))
    rows = [
        (
            f"[{c.name}](#{c.name})",
            TITLES[c.task].lower(),
            c.licence,
            "yes" if c.commercial else "**no**",
            megabytes(c.size) if c.pinned else "not pinned",
        )
        for c in listed
    ]
    head = ("model", "for", "licence", "commercial use", "size")
    return "\n".join([_table(head, rows), *(_section(c) for c in listed)])


def megabytes(size: int) -> str:
    """
    >>> megabytes(38696353), megabytes(232589)
    ('38.7 MB', '0.2 MB')
    """
    return f"{size / 1e6:.1f} MB"


def input_line(preprocess: Preprocess) -> str:
    """What the network is fed, on one line.

    >>> input_line(Preprocess(width=112, height=112))
    '112×112, RGB, NCHW, values as they are (0..255)'
    """
    p = preprocess
    size = f"{p.width}×{p.height}" if p.width else f"any multiple of {p.stride}"
    plain = set(p.mean) == {0.0} and set(p.std) == {1.0}
    values = "values as they are (0..255)" if plain else f"(value - {_numbers(p.mean)}) / {_numbers(p.std)}"
    return f"{size}, {p.colour.upper()}, {p.layout.upper()}, {values}"


def _numbers(values: Sequence[float]) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:g}"
    return "(" + ", ".join(f"{v:g}" for v in values) + ")"


def _section(card: ModelCard) -> str:
    facts = [("file", f"`{card.file}` ({card.format})")]
    if card.pinned:
        facts += [("size", f"{card.size:,} bytes"), ("sha256", f"`{card.sha256}`")]
    facts += [
        ("licence", card.licence + ("" if card.commercial else " (**no commercial use**)")),
        ("credit", card.credit),
        ("origin", f"<{card.origin}>"),
    ]
    facts += [("also carried by", f"`{s.location}`: `{s.path}`") for s in card.sources if s.kind != "url"]
    if card.preprocess != Preprocess(None, None):
        facts += [("input", input_line(card.preprocess)), ("arithmetic", ", ".join(card.precisions))]
    facts += [("arithmetic for `fast`", ", ".join(card.quick_precisions))]
    if card.dimension:
        facts.append(("embedding", f"{card.dimension} numbers"))
    if card.template:
        facts.append(("aligned to", card.template))
    facts += [(f"measured: {key}", value) for key, value in card.measured.items()]
    lines = [f"\n### {card.name}\n", f"{TITLES[card.task]}. {card.notes}".replace("\n", " ").strip(), ""]
    return "\n".join([*lines, _table(("", ""), [fact for fact in facts if fact[1]])])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def refresh(path: Path, text: str) -> str:
    """``text`` of a docs file with its generated part renewed."""
    first, last = _MARKS[path.suffix]
    before, found, rest = text.partition(first)
    _, closed, after = rest.partition(last)
    if not (found and closed):
        raise InputError(f"{path} lacks the marks {first!r} and {last!r}: put them around the generated part")
    cards = shipped_cards().values()
    body = catalogue(cards) if path.suffix == ".md" else notice(sorted(cards, key=lambda c: c.name))
    return f"{before}{first}\n{body.strip()}\n{last}{after}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(refresh(file, file.read_text(encoding="utf-8")), encoding="utf-8")

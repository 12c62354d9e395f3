"""Write the tables of docs/training.md: ``python -m docs.make_training``; a test fails if they are stale."""

from __future__ import annotations

from pathlib import Path

from mien.training.guide import listed, range_text, sections
from mien.training.options import OptionDoc
from mien.training.recipe import SECTIONS
from mien.training.recipefile import toml_value

PAGE = Path(__file__).with_name("training.md")
START, END = "<!-- generated: python -m docs.make_training -->", "<!-- end of what is generated -->"


def training_page(page: str) -> str:
    """The page with its generated part made anew."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{_generated()}\n{END}{after}"


def _generated() -> str:
    parts = ["## Every key of a recipe\n"]
    for name, docs in sections().items():
        head = f"### `[{name}]`\n\n{_about(name)}\n" if name else "### Before the first section\n"
        parts.append(f"{head}\n{_keys(docs)}\n")
    parts.append("## What a recipe can name\n")
    for kind, things in listed().items():
        rows = [f"| `{one.name}` | {_cell(one.doc)} |" for one in things]
        parts.append("\n".join([f"### {kind.capitalize()}\n", "| name | is |", "| --- | --- |", *rows, ""]))
    return "\n".join(parts)


def _about(section: str) -> str:
    return " ".join((SECTIONS[section].__doc__ or "").split())


def _keys(docs: list[OptionDoc]) -> str:
    rows = [
        f"| `{doc.name}` | {doc.type} | {_default(doc)} | {_cell(range_text(doc))} | {_cell(doc.doc)} |"
        for doc in docs
    ]
    return "\n".join(["| key | type | default | values | means |", "| --- | --- | --- | --- | --- |", *rows])


def _default(doc: OptionDoc) -> str:
    return "" if doc.default in (None, "", ()) else f"`{toml_value(doc.default)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(training_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

"""The documentation says all there is: every error, setting, command and option."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from docs.make_cli import PAGE, cli_page

from mien.core import errors

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
IMAGE_REASONS = ("unreadable", "empty", "unsupported_format", "too_large", "damaged", "timeout")


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def classes() -> list[type[errors.MienError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [value for value in found if issubclass(value, errors.MienError)]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.code)
def test_every_error_is_documented_with_its_class_and_exit_code(kind: type[errors.MienError]) -> None:
    row = f"| `{kind.code}` | `{kind.__name__}` | {kind.exit_code} |"
    assert row in text("errors.md"), f"docs/errors.md lacks a row that starts with: {row}"


def test_every_reason_of_a_refused_picture_is_documented() -> None:
    said = (errors.ImageError.__doc__ or "").replace("\n", " ")
    assert all(reason in said for reason in IMAGE_REASONS)
    assert all(f"`image_{reason}`" in text("errors.md") for reason in IMAGE_REASONS)


def test_no_other_code_is_documented() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", text("errors.md"), re.MULTILINE))
    known = {kind.code for kind in classes()} | {f"image_{reason}" for reason in IMAGE_REASONS}
    assert listed == known | {"usage", "unforeseen"}


def test_every_setting_is_documented_and_no_other() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    used = {name for source in sources for name in re.findall(r"\bMIEN_[A-Z_]+\b", source)}
    listed = set(re.findall(r"^\| `(MIEN_\w+)` \|", text("settings.md"), re.MULTILINE))
    assert listed == used, "docs/settings.md and the MIEN_ names in src differ"


def test_the_page_of_commands_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == cli_page(), "run: python -m docs.make_cli"


def test_every_floor_of_the_plan_is_the_one_that_is_checked() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(c for c in rules["contracts"] if c["name"].startswith("floors"))["layers"]
    rooms = {room.strip().removeprefix("mien.") for layer in layers for room in layer.split("|")}
    folders = {path.parent.name for path in (ROOT / "src" / "mien").glob("*/__init__.py")}
    assert rooms == folders, "every folder of src/mien stands on one floor in pyproject.toml"
    plan = text("floorplan.md")
    assert all(f"`{room}/`" in plan for room in rooms), "docs/floorplan.md lacks a room"


def pages() -> list[Path]:
    return [*DOCS.glob("*.md"), *ROOT.glob("*.md")]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_leads_to_a_file_that_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "quickstart.md"], ids=lambda page: page.name)
def test_newcomers_are_shown_only_commands_that_exist(page: Path) -> None:
    known = set(re.findall(r"^\| \[`mien ([\w ]+)`\]", cli_page(), re.MULTILINE))
    # Typed, quoted or shown after a prompt; no sentence of these pages starts with the name.
    lines = re.findall(r"(?:^|`|\$ |bin/)mien ((?:[a-z]+ ?)+)", page.read_text("utf-8"), re.MULTILINE)
    groups = {name.split()[0] for name in known if " " in name}
    assert lines, "the page shows no command"
    for shown in (line.split() for line in lines):
        name = " ".join(shown[:2]) if shown[0] in groups and len(shown) > 1 else shown[0]
        assert name in known | groups


def test_pictures_of_the_docs_are_few_and_small() -> None:
    pictures = [path for path in (DOCS / "pictures").iterdir() if path.suffix != ".md"]
    assert len(pictures) <= 3
    assert all(path.stat().st_size <= 300_000 for path in pictures)

"""What people read about the models is what the cards say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.zoo.describe import refresh
from mien.zoo.registry import shipped_cards

ROOT = Path(__file__).resolve().parents[2]
FILES = ["docs/models.md", "NOTICE"]


@pytest.mark.parametrize("name", FILES)
def test_is_not_stale(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text == refresh(Path(name), text), f"run: python -m mien.zoo.describe {name}"


@pytest.mark.parametrize("name", FILES)
def test_mentions_every_card_with_licence_and_origin(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for card in shipped_cards().values():
        for fact in (card.name, card.file, card.licence, card.origin, card.credit):
            assert fact in text


def test_says_which_marks_are_missing() -> None:
    with pytest.raises(InputError, match="put them around"):
        refresh(Path("x.md"), "no marks")

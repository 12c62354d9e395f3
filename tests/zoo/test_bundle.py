"""Offline bundles: what we write we read, the same each time; anything else is refused."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.zoo.tiny import CONTENT, FakeNetwork, make_card

from mien.core.errors import MienError, ModelCorrupt, ModelError
from mien.zoo import store, transfer
from mien.zoo.bundle import Bundle, write_bundle

Members = dict[str, bytes]
MODEL = "models/tiny/tiny.onnx"


def make_bundle(path: Path) -> Path:
    write_bundle(path, [(make_card(), CONTENT, True)])
    return path


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path: Path, change: Callable[[Members], object], method: int = zipfile.ZIP_STORED) -> Path:
    kept = members(path)
    change(kept)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in kept.items():
            archive.writestr(name, data)
    return path


def manifest(kept: Members, **changes: object) -> None:
    said = json.loads(kept["manifest.json"])
    said["models"][0] |= changes
    kept["manifest.json"] = json.dumps(said).encode()


def test_gives_back_what_was_written(tmp_path: Path) -> None:
    with Bundle(make_bundle(tmp_path / "b.zip")) as bundle:
        entry = bundle.find(make_card().sha256)
        assert entry is not None
        assert bundle.read(entry) == CONTENT
        assert entry.card is not None
        assert entry.card.sha256 == make_card().sha256


def test_the_same_models_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = make_bundle(tmp_path / "1.zip"), make_bundle(tmp_path / "2.zip")
    assert first.read_bytes() == second.read_bytes()


def test_carries_licence_origin_and_notice(tmp_path: Path) -> None:
    kept = members(make_bundle(tmp_path / "b.zip"))
    model = json.loads(kept["manifest.json"])["models"][0]
    assert model["licence"] == "MIT"
    assert model["size"] == len(CONTENT)
    assert b"licence: MIT (commercial use allowed)" in kept["NOTICE.txt"]


def test_the_unpacked_folder_is_a_bundle_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(make_bundle(tmp_path / "b.zip")) as archive:
        archive.extractall(tmp_path / "b")
    with Bundle(tmp_path / "b") as bundle:
        assert bundle.read(bundle.entries[0]) == CONTENT


def test_the_store_reads_from_the_bundle_of_the_environment(
    tmp_path: Path, folder: Path, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_BUNDLE", str(make_bundle(tmp_path / "b.zip")))
    assert store.fetch(make_card()) == CONTENT
    assert network.asked == []
    assert not folder.exists()


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(MienError):
        transfer.export_bundle(tmp_path / "b.zip", [make_card()], offline=True)
    assert list(tmp_path.iterdir()) == []


REFUSED: dict[str, tuple[Callable[[Members], object], str]] = {
    "a path that climbs": (lambda k: k.update({"../evil": b"x"}), "not in its manifest"),
    "an absolute path": (lambda k: k.update({"/etc/evil": b"x"}), "not in its manifest"),
    "a member nobody listed": (lambda k: k.update({"models/tiny/run.py": b"x"}), "not in its manifest"),
    "a missing file": (lambda k: k.pop(MODEL), "is missing"),
    "other bytes": (lambda k: k.update({MODEL: CONTENT[::-1]}), "does not have the sha256"),
    "other bytes of another size": (lambda k: k.update({MODEL: CONTENT[:-1]}), "bytes"),
    "no manifest": (lambda k: k.pop("manifest.json"), "missing"),
    "a manifest that is not JSON": (lambda k: k.update({"manifest.json": b"\x80\x04."}), "manifest"),
    "a manifest of the future": (lambda k: k.update({"manifest.json": b'{"mien_bundle": 2}'}), "version 2"),
    "a list for a manifest": (lambda k: k.update({"manifest.json": b"[]"}), "manifest"),
    "a name that climbs": (lambda k: manifest(k, name="../tiny", card=None), "plain names"),
    "a file that climbs": (lambda k: manifest(k, file="../../tiny.onnx"), "plain names"),
    "a hidden file": (lambda k: manifest(k, file=".bashrc"), "plain names"),
    "a size below zero": (lambda k: manifest(k, size=-1), "plain names"),
    "a card that says otherwise": (lambda k: manifest(k, sha256="0" * 64), "disagree"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(what: str, tmp_path: Path, folder: Path) -> None:
    change, said = REFUSED[what]
    path = rewrite(make_bundle(tmp_path / "b.zip"), change)
    with pytest.raises(ModelCorrupt, match=said):
        transfer.import_bundle(path)
    assert not folder.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.zip"]


def test_refuses_a_thousandfold_ratio(tmp_path: Path, folder: Path) -> None:
    path = make_bundle(tmp_path / "b.zip")

    def zeros(kept: Members) -> None:
        kept["NOTICE.txt"] = bytes(4_000_000)

    with pytest.raises(ModelCorrupt, match="100 times its size"):
        transfer.import_bundle(rewrite(path, zeros, zipfile.ZIP_DEFLATED))
    assert not folder.exists()


def test_refuses_a_symlink(tmp_path: Path, folder: Path) -> None:
    kept = members(make_bundle(tmp_path / "b.zip"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name, data in kept.items():
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            kind = stat.S_IFLNK if name == MODEL else stat.S_IFREG
            info.external_attr = (kind | 0o777) << 16
            archive.writestr(info, data)
    with pytest.raises(ModelCorrupt, match="not a regular file"):
        transfer.import_bundle(tmp_path / "b.zip")
    assert not folder.exists()


def test_refuses_a_link_that_leads_out_of_an_unpacked_bundle(tmp_path: Path) -> None:
    with zipfile.ZipFile(make_bundle(tmp_path / "b.zip")) as archive:
        archive.extractall(tmp_path / "b")
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    (tmp_path / "b" / MODEL).unlink()
    (tmp_path / "b" / MODEL).symlink_to(secret)
    with Bundle(tmp_path / "b") as bundle, pytest.raises(ModelCorrupt, match="leads out"):
        bundle.read(bundle.entries[0])


def test_refuses_the_same_member_twice(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "b.zip")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MODEL, b"other")
    with pytest.raises(ModelCorrupt, match="twice"):
        Bundle(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.integers(0, 100_000), st.integers(1, 255))
def test_a_damaged_bundle_gives_the_right_bytes_or_a_named_error(tmp_path: Path, at: int, mask: int) -> None:
    data = bytearray(make_bundle(tmp_path / "b.zip").read_bytes())
    data[at % len(data)] ^= mask
    (tmp_path / "mutant.zip").write_bytes(data)
    try:
        with Bundle(tmp_path / "mutant.zip") as bundle:
            assert [bundle.read(entry) for entry in bundle.entries] == [CONTENT]
    except MienError:
        pass


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(name=st.text(max_size=40), file=st.text(max_size=40))
def test_no_name_writes_outside_the_models_folder(tmp_path: Path, folder: Path, name: str, file: str) -> None:
    path = make_bundle(tmp_path / "b.zip")
    kept = members(path)
    kept[f"models/{name}/{file}"] = kept.pop(MODEL)
    manifest(kept, name=name, file=file)
    try:
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in kept.items():
                archive.writestr(member, data)
    except (UnicodeEncodeError, ValueError):
        return
    with pytest.raises(MienError):
        transfer.import_bundle(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.zip"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "x.zip", tmp_path / "gone" / "x.zip", tmp_path):
        with pytest.raises(ModelError, match="choose another folder"):
            make_bundle(place)

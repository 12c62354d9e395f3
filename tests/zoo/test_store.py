"""The model store: right bytes or a named error, whatever happened to the cache."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
from pathlib import Path

import pytest
from tests.zoo.tiny import CONTENT, PUBLISHER, WHEEL, FakeNetwork, make_card

from mien.core.errors import LicenceRefused, ModelCorrupt, ModelError, ModelMissing
from mien.core.modelcard import ModelCard, Source
from mien.zoo import download, store
from mien.zoo.package_index import Progress


def flip_bit(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_returns_the_publishers_bytes_and_keeps_them(network: FakeNetwork) -> None:
    network.answers[PUBLISHER.location] = CONTENT
    assert store.fetch(make_card()) == CONTENT
    assert store.cached_path(make_card()).read_bytes() == CONTENT


def test_downloads_once(network: FakeNetwork) -> None:
    network.answers[PUBLISHER.location] = CONTENT
    store.fetch(make_card())
    store.fetch(make_card())
    assert len(network.asked) == 1


def test_tries_the_sources_in_order(network: FakeNetwork) -> None:
    network.answers[WHEEL.location] = CONTENT
    assert store.fetch(make_card(sources=(PUBLISHER, WHEEL))) == CONTENT
    assert network.asked == [PUBLISHER.location, WHEEL.location]


def test_says_every_source_that_failed_and_the_cure(network: FakeNetwork) -> None:
    with pytest.raises(ModelMissing) as caught:
        store.fetch(make_card(sources=(PUBLISHER, WHEEL)))
    said = str(caught.value)
    assert "publisher.invalid: no route to host" in said
    assert "wheel tiny-model==1.0: no route to host" in said
    assert said.endswith("run `mien models import FILE --as tiny`")


def test_wrong_bytes_from_the_first_source_do_not_stop_the_second(network: FakeNetwork) -> None:
    network.answers[PUBLISHER.location] = b"an error page"
    network.answers[WHEEL.location] = CONTENT
    assert store.fetch(make_card(sources=(PUBLISHER, WHEEL))) == CONTENT


def test_wrong_bytes_are_called_corrupt_and_never_kept(network: FakeNetwork, folder: Path) -> None:
    network.answers[PUBLISHER.location] = CONTENT[:-1] + b"!"
    with pytest.raises(ModelCorrupt, match="sha256 differs"):
        store.fetch(make_card())
    assert not [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"]


@pytest.mark.parametrize("bit", [0, 7, 4096, len(CONTENT) * 8 - 1])
def test_refuses_one_flipped_bit_in_the_cache_when_offline(network: FakeNetwork, bit: int) -> None:
    path = store.save(make_card(), CONTENT)
    flip_bit(path, bit)
    with pytest.raises(ModelCorrupt, match="mien models pull"):
        store.fetch(make_card(), offline=True)


def test_a_corrupt_cached_file_is_moved_aside_and_fetched_again(
    network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    network.answers[PUBLISHER.location] = CONTENT
    path = store.save(make_card(), CONTENT)
    flip_bit(path, 11)
    with caplog.at_level(logging.WARNING):
        assert store.fetch(make_card()) == CONTENT
    assert "corrupt" in caplog.text
    assert path.with_name(path.name + ".corrupt").is_file()
    assert path.read_bytes() == CONTENT


def test_a_longer_or_shorter_file_is_corrupt(network: FakeNetwork) -> None:
    for wrong in (CONTENT + b"x", CONTENT[:-1], b""):
        store.save(make_card(), CONTENT).write_bytes(wrong)
        with pytest.raises(ModelCorrupt):
            store.fetch(make_card(), offline=True)


def test_never_saves_bytes_that_the_card_does_not_promise(folder: Path) -> None:
    with pytest.raises(ModelCorrupt):
        store.save(make_card(), b"other")
    assert not folder.exists()


def test_a_write_that_fails_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match="No space left on device"):
        store.save(make_card(), CONTENT)
    assert not [p for p in folder.rglob("*") if p.is_file()]


def test_a_models_folder_that_cannot_be_made_is_named_before_any_download(
    network: FakeNetwork, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ModelError, match="MIEN_MODELS"):
        store.fetch(make_card(), folder=tmp_path / "file")
    assert network.asked == []


def test_refuses_a_noncommercial_licence_before_anything_else(network: FakeNetwork, folder: Path) -> None:
    with pytest.raises(LicenceRefused, match="--allow-noncommercial"):
        store.fetch(make_card(commercial=False))
    assert network.asked == []
    assert not folder.exists()


def test_a_cached_noncommercial_model_is_refused_too(network: FakeNetwork) -> None:
    store.save(make_card(commercial=False), CONTENT)
    with pytest.raises(LicenceRefused):
        store.fetch(make_card(commercial=False))


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_declared_noncommercial_use_is_accepted(
    network: FakeNetwork, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    network.answers[PUBLISHER.location] = CONTENT
    if how == "environment":
        monkeypatch.setenv("MIEN_ALLOW_NONCOMMERCIAL", "1")
    data = store.fetch(make_card(commercial=False), allow_noncommercial=how == "argument")
    assert data == CONTENT


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_opens_no_socket_when_offline(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("subprocess.Popen", refuse)
    if how == "environment":
        monkeypatch.setenv("MIEN_OFFLINE", "1")
    card = make_card(sources=(PUBLISHER, WHEEL, Source("sdist", "tiny==1.0", "tiny/tiny.onnx")))
    with pytest.raises(ModelMissing, match="MIEN_OFFLINE"):
        store.fetch(card, offline=True if how == "argument" else None)


def test_reports_progress(network: FakeNetwork) -> None:
    network.answers[PUBLISHER.location] = CONTENT
    seen: list[tuple[int, int]] = []
    store.fetch(make_card(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_users_own_file_is_read_where_it_lies(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.onnx"
    own.write_bytes(CONTENT)
    assert store.fetch(make_card(sources=(Source("file", str(own)),))) == CONTENT
    assert not folder.exists()


def test_a_users_own_file_with_other_bytes_is_refused_and_kept(tmp_path: Path) -> None:
    own = tmp_path / "mine.onnx"
    own.write_bytes(CONTENT[::-1])
    with pytest.raises(ModelCorrupt, match="correct sha256"):
        store.fetch(make_card(sources=(Source("file", str(own)),)))
    assert own.read_bytes() == CONTENT[::-1]


def _slow_answer(source: Source, card: ModelCard, report: Progress) -> bytes:
    marks = Path(source.location.removeprefix("https:/"))
    with (marks / "asked").open("a") as log:
        log.write(f"{os.getpid()}\n")
    import time

    time.sleep(0.2)
    return CONTENT


def _fetch_in_process(folder: str, marks: str, results: multiprocessing.Queue[bool]) -> None:
    download._GETTERS["url"] = _slow_answer
    card = make_card(sources=(Source("url", f"https:/{marks}"),))
    results.put(store.fetch(card, folder=Path(folder)) == CONTENT)


def test_four_processes_at_once_download_once(folder: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[bool] = context.Queue()
    workers = [
        context.Process(target=_fetch_in_process, args=(str(folder), str(tmp_path), results))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    assert [results.get(timeout=60) for _ in workers] == [True] * 4
    for worker in workers:
        worker.join(10)
    assert len((tmp_path / "asked").read_text().splitlines()) == 1

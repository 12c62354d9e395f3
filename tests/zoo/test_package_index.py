"""The user's package index: read with pip, nothing of it run.  All of it on this machine."""

from __future__ import annotations

import importlib.util
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.zoo.tiny import CONTENT, make_card

from mien.core.errors import ModelMissing
from mien.core.modelcard import Source
from mien.zoo import package_index, store
from mien.zoo.package_index import SourceFailed, sdist_link

SAID = """\
Looking in indexes: https://m.invalid/simple
  Found link https://m.invalid/a/tiny_model-0.9-py3-none-any.whl (from x), version: 0.9
  Skipping link: No sources permitted for tiny-model: https://m.invalid/b/tiny_model-1.0.tar.gz (from x)
  Skipping link: No sources permitted for tiny-model: https://m.invalid/c/tiny-model-1.0.1.tar.gz (from x)
  Skipping link: No sources permitted for tiny-model: https://m.invalid/d/tiny.model-2.0.tar.gz#sha256=0 (x)
  Skipping link: No sources permitted for tiny-model: http://m.invalid/e/tiny_model-3.0.tar.gz (from x)
ERROR: Could not find a version that satisfies the requirement tiny-model==4.0
ERROR: No matching distribution found for tiny-model==4.0
"""


def make_wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny/tiny.onnx", CONTENT)
        info = "tiny_model-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def make_sdist(folder: Path, marker: Path) -> None:
    with tarfile.open(folder / "tiny_model-1.0.tar.gz", "w:gz") as sdist:
        for name, data in {
            "setup.py": f"open({str(marker)!r}, 'w')\nfrom setuptools import setup\nsetup()\n".encode(),
            "PKG-INFO": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
            "tiny/tiny.onnx": CONTENT,
        }.items():
            info = tarfile.TarInfo(f"tiny_model-1.0/{name}")
            info.size = len(data)
            sdist.addfile(info, io.BytesIO(data))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only source."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "none.conf"))
    return folder


def test_takes_the_one_file_out_of_a_wheel(index: Path) -> None:
    make_wheel(index)
    card = make_card(sources=(Source("wheel", "tiny-model==1.0", "tiny/tiny.onnx"),))
    assert store.fetch(card) == CONTENT


def test_takes_the_one_file_out_of_a_source_archive_and_never_runs_it(index: Path, tmp_path: Path) -> None:
    make_sdist(index, tmp_path / "marker")
    card = make_card(sources=(Source("sdist", "tiny-model==1.0", "tiny_model-1.0/tiny/tiny.onnx"),))
    seen: list[tuple[int, int]] = []
    assert store.fetch(card, progress=lambda done, total: seen.append((done, total))) == CONTENT
    assert not (tmp_path / "marker").exists()
    assert seen


def test_pip_py_in_the_current_folder_is_not_run(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index)
    (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    card = make_card(sources=(Source("wheel", "tiny-model==1.0", "tiny/tiny.onnx"),))
    assert store.fetch(card) == CONTENT
    assert not (tmp_path / "marker").exists()


def test_passes_on_what_pip_says(index: Path) -> None:
    card = make_card(sources=(Source("wheel", "tiny-model==1.0", "tiny/tiny.onnx"),))
    with pytest.raises(ModelMissing, match="pip says: No matching distribution found"):
        store.fetch(card)


def test_without_pip_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    card = make_card(sources=(Source("wheel", "tiny-model==1.0", "tiny/tiny.onnx"),))
    with pytest.raises(ModelMissing, match="ensurepip"):
        store.fetch(card)


@pytest.mark.parametrize(
    ("version", "ending"),
    [("1.0", "/b/tiny_model-1.0.tar.gz"), ("1.0.1", "/c/tiny-model-1.0.1.tar.gz")],
)
def test_finds_the_source_archive_that_pip_skips(version: str, ending: str) -> None:
    assert sdist_link(SAID, f"tiny-model=={version}").endswith(ending)


def test_a_link_keeps_working_with_its_hash_behind_it() -> None:
    assert "tiny.model-2.0.tar.gz" in sdist_link(SAID, "tiny-model==2.0")


@pytest.mark.parametrize("version", ["0.9", "3.0", "4.0"])
def test_no_wheel_no_plain_http_and_no_other_version(version: str) -> None:
    with pytest.raises(SourceFailed, match="No matching distribution"):
        sdist_link(SAID, f"tiny-model=={version}")


def test_an_old_pip_is_not_asked_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for version, counts in (("23.3.2", False), ("24.0", False), ("24.1", True), ("26.3", True)):
        monkeypatch.setattr("importlib.metadata.version", lambda name, version=version: version)
        assert package_index._pip_counts() is counts

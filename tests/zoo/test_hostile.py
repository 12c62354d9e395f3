"""Files that want to run: none of them does, and each is refused by name (TRUST.md 2.2)."""

from __future__ import annotations

import io
import os
import pickle
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.zoo.tiny import make_card

from mien.core.errors import InputError, MienError, ModelError
from mien.zoo import registry, store, transfer

NUMPY_OBJECTS = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(128)
SOURCE = Path(__file__).resolve().parents[2] / "src"


class _Runs:
    def __init__(self, function: object, *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.reduced


def _zip(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("UP", ".."), data)
    return buffer.getvalue()


def _zip_link(target: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("models/tiny/tiny.onnx")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return buffer.getvalue()


def _tar(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return buffer.getvalue()


def hostile(marker: Path) -> dict[str, bytes]:
    """Twenty files that create ``marker`` when somebody careless opens them."""
    shell, python = f"touch {marker}", f"open({str(marker)!r}, 'w')"
    system, run = _Runs(os.system, shell), _Runs(eval, python)
    torch_like = _zip(archive__data__pkl=b"", archive__version=b"3")
    return {
        **{f"system{p}.pkl": pickle.dumps(system, protocol=p) for p in range(6)},
        **{f"eval{p}.onnx": pickle.dumps(run, protocol=p) for p in (0, 2, 4)},
        "renamed.safetensors": pickle.dumps(system),
        "nested.pth": pickle.dumps({"state_dict": [run]}),
        "old-torch.pt": pickle.dumps(0x1950A86A20F9469CFC6C) + pickle.dumps(system),
        "torch.pth": torch_like + pickle.dumps(system),
        "weights.npy": NUMPY_OBJECTS + pickle.dumps(system),
        "slip.zip": _zip(UP__UP__slipped=b"x", **{"manifest.json": b"{}"}),
        "absolute.zip": _zip(__slipped=b"x"),
        "link.zip": _zip_link("/etc/passwd"),
        "slip.tar.gz": _tar("../../slipped"),
        "link.tar.gz": _tar("models/tiny.onnx", tarfile.SYMTYPE, "/etc/passwd"),
        "hardlink.tar.gz": _tar("models/tiny.onnx", tarfile.LNKTYPE, "../../../etc/passwd"),
    }


def as_pinned(path: Path) -> None:
    transfer.import_file(path, "sface")


def as_unpinned(path: Path) -> None:
    transfer.import_file(path, "auraface")


def as_own(path: Path) -> None:
    transfer.import_own(path, "mynet", registry.card("sface"), "mine", commercial=True)


def as_bundle(path: Path) -> None:
    transfer.import_bundle(path)


def as_cached(path: Path) -> None:
    card = make_card()
    target = store.cached_path(card)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(path.read_bytes())
    store.fetch(card, offline=True)


def as_card(path: Path) -> None:
    registry.card(path)


WAYS_IN: list[Callable[[Path], None]] = [as_pinned, as_unpinned, as_own, as_bundle, as_cached, as_card]


def test_there_are_twenty() -> None:
    assert len(hostile(Path("marker"))) == 20


def test_the_traps_are_live(tmp_path: Path) -> None:
    pickle.loads(hostile(tmp_path / "marker")["system4.pkl"])
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", sorted(hostile(Path("marker"))))
@pytest.mark.parametrize("way_in", WAYS_IN)
def test_is_refused_by_name_and_never_runs(way_in: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    path = folder / name
    path.write_bytes(hostile(tmp_path / "marker")[name])
    with pytest.raises(MienError) as caught:
        way_in(path)
    assert isinstance(caught.value, ModelError | InputError)
    assert not (tmp_path / "marker").exists()
    assert not list(tmp_path.rglob("slipped"))
    assert not list(tmp_path.parent.glob("slipped"))


def test_nothing_in_the_package_can_unpickle_or_run_data() -> None:
    forbidden = re.compile(
        r"\b(pickle|cPickle|dill|cloudpickle|joblib|shelve|marshal)\b(?!s)|torch\.load|allow_pickle\s*=\s*True"
        r"|(?<![\w.])(eval|exec)\(|extractall\(|yaml\.load\("
    )
    found = [
        f"{path.relative_to(SOURCE)}:{number}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if forbidden.search(line) and not line.strip().startswith(("#", '"""'))
    ]
    # The one docstring that names what it refuses.
    allowed = {"mien/zoo/signature.py"}
    assert [f for f in found if f.split(":")[0] not in allowed] == []

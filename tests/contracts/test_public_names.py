"""What `import mien` gives, and what it does not do. The names are promises: add to them, never take away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mien
from mien.core import errors

FUNCTIONS = {"analyze", "analyze_many", "configure", "reconstruct", "verify"}
OBJECTS = {"Analyzer", "Config"}
RESULTS = {
    "Box",
    "Detection",
    "Embedding",
    "FaceReport",
    "HeadPose",
    "Image",
    "Landmarks",
    "PhotoReport",
    "Reconstruction",
    "Verification",
}
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)}
HEAVY = {"PIL", "numpy", "onnxruntime", "openvino", "rich", "simplejpeg", "socket", "ssl", "typer"}

# Run in a fresh interpreter: everything the import does that the world could notice.
WATCH = """
import json, logging, os, sys, warnings

seen = []
NOTED = {"os.mkdir", "os.rename", "os.remove", "os.chmod", "os.putenv", "os.system"}
SEARCHED = tuple(path or os.getcwd() for path in sys.path)


def watch(event, arguments):
    first = str(arguments[0]) if arguments else ""
    writes = event == "open" and (int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    lists = event == "os.listdir" and not first.startswith(SEARCHED)
    if writes or lists or event in NOTED or event.split(".")[0] in {"socket", "subprocess", "tempfile"}:
        seen.append(f"{event} {first}")


def settings():
    return dict(os.environ), list(warnings.filters), list(logging.root.handlers), logging.root.level


before, loaded = settings(), set(sys.modules)
sys.dont_write_bytecode = True
sys.addaudithook(watch)
import mien
same = before == settings()
print(json.dumps({"seen": seen, "same": same, "loaded": sorted(set(sys.modules) - loaded)}))
"""


def imported(tmp_path: Path) -> dict[str, Any]:
    out = subprocess.run(
        [sys.executable, "-c", WATCH],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(mien.__file__).parent.parent), "HOME": str(tmp_path)},
    )
    told: dict[str, Any] = json.loads(out.stdout)
    return told


def test_the_public_names_are_these() -> None:
    assert set(mien.__all__) == FUNCTIONS | OBJECTS | RESULTS | ERRORS | {"__version__"}


def test_every_public_name_is_there_and_listed() -> None:
    assert all(getattr(mien, name) is not None for name in mien.__all__)
    assert set(mien.__all__) <= set(dir(mien))


def test_another_name_is_an_ordinary_attribute_error() -> None:
    assert not hasattr(mien, "analyse_all")


def test_the_types_are_shipped() -> None:
    assert (Path(mien.__file__).parent / "py.typed").is_file()


def test_the_import_does_nothing_the_world_could_notice(tmp_path: Path) -> None:
    told = imported(tmp_path)
    assert told["seen"] == []
    assert told["same"]
    assert list(tmp_path.iterdir()) == []


def test_the_import_brings_nothing_heavy(tmp_path: Path) -> None:
    loaded = imported(tmp_path)["loaded"]
    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()
    assert [name for name in loaded if name.startswith("mien")] == ["mien", "mien.core", "mien.core.errors"]

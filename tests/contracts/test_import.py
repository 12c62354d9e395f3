"""`import mien` has no effect: it opens nothing, calls nobody and changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("numpy", "openvino", "onnxruntime", "PIL", "rich", "typer", "ssl", "socket", "sqlite3")

WATCHED = """
import json, os, sys, warnings, logging
seen = []
def watch(event, given):
    calls = "socket.", "subprocess.", "sqlite3.", "os.mkdir", "os.system", "os.remove", "os.rename"
    if event.startswith(calls):
        seen.append(event)
    elif event == "open" and not str(given[0]).endswith((".py", ".pyc", ".so", ".pyd", ".zip")):
        seen.append(f"open {given[0]}")
before = dict(os.environ), list(warnings.filters), list(logging.getLogger().handlers)
sys.addaudithook(watch)
import mien
after = dict(os.environ), list(warnings.filters), list(logging.getLogger().handlers)
print(json.dumps({"seen": seen, "changed": before != after, "modules": sorted(sys.modules)}))
"""


def test_importing_mien_opens_nothing_and_changes_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["seen"] == []
    assert not found["changed"]
    assert done.stderr == ""


def test_importing_mien_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)["modules"]}
    assert loaded.isdisjoint(HEAVY)

"""What the speed benchmarks share: the machine they ran on, their photos, and the JSON they leave."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mien import __version__
from mien.runtime.machine import cores, processor

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("numpy", "openvino", "onnxruntime", "pillow", "simplejpeg")

Json = dict[str, Any]


def photos(folder: str, count: int) -> list[str]:
    """The first ``count`` pictures below a folder of the shared data, in order of their names.

    A folder that has fewer is gone through again, so that a run is as long as it should be.
    """
    data = Path(os.environ.get("MIEN_SHARED", ROOT.parent / "shared")) / "data" / folder
    found = sorted(str(path) for path in data.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not found:
        raise SystemExit(f"no pictures in {data}: set MIEN_SHARED to the folder with the test data")
    return [found[i % len(found)] for i in range(count)]


def versions(names: Sequence[str] = PACKAGES) -> dict[str, str]:
    found = {"mien": __version__}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> Json:
    return {
        "processor": processor(),
        "cores": cores(),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }


def spread(values: Sequence[float], digits: int = 3) -> Json:
    """Median, least and most."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "runs": len(values),
    }


def arguments(name: str, what: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=what)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")
    return parser


def report(name: str, figures: Json, out: Path | None) -> None:
    """Add how and where the figures were made; write them, or print them."""
    document = {
        "command": f"python -m benchmarks.{name} {shlex.join(_told(sys.argv[1:]))}".strip(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "load_before": _LOAD,
        "machine": machine(),
        "versions": versions(),
        **figures,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")


def _told(words: Sequence[str]) -> list[str]:
    """The command line without paths outside the repository, which mean nothing elsewhere."""
    kept = []
    for word in words:
        path = Path(word)
        if path.is_absolute():
            word = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
        kept.append(word)
    return kept


_LOAD = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None  # when the script started

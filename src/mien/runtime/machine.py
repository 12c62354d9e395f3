"""What this machine has, as far as choosing an engine needs it."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path


def cores() -> int:
    """Count the processors this process may use; `MIEN_THREADS` overrides."""
    asked = os.environ.get("MIEN_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@cache
def processor() -> str:
    """Name the processor model, e.g. "AMD EPYC 26 2 1"; it decides which arithmetic is fast."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    seen: dict[str, str] = {}
    for line in cpuinfo.read_text().split("\n\n", 1)[0].splitlines():
        key, _, value = line.partition(":")
        seen[key.strip()] = value.strip()
    named = (seen.get(key, "") for key in ("model name", "cpu family", "model", "stepping"))
    return " ".join(named).strip() or platform.machine()

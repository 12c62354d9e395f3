"""Decode hostile files in a process of its own and report what it cost: ``python -m tests.imaging.endure``.

``FOLDER``: every file in it.    ``N SEED``: N mutants of small sound files.
Prints one JSON document. Times are of the processor, so that a busy machine does not count.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.imaging.mutants import mutants
from tests.imaging.pictures import encode, plain

from mien.core.errors import ImageError
from mien.imaging.decode import decode


def peak_megabytes() -> float:
    """Peak resident memory of this process; 0 where the platform does not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def files(arguments: list[str]) -> Iterator[tuple[str, bytes]]:
    if len(arguments) == 1:
        for path in sorted(Path(arguments[0]).iterdir()):
            yield path.name, path.read_bytes()
    else:
        yield from mutants(int(arguments[0]), int(arguments[1]))


def endure(cases: Iterator[tuple[str, bytes]]) -> dict[str, object]:
    outcomes: dict[str, str] = {}
    counts: dict[str, int] = {}
    untyped: list[str] = []
    slowest = (0.0, "")
    for kind in ("JPEG", "PNG", "WEBP"):  # the libraries themselves are no part of the cost
        decode(encode(plain(), kind))
    before = peak_megabytes()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for name, data in cases:
            start = time.process_time()
            try:
                found = decode(data)
                outcome = f"read {found.width} x {found.height}"
                del found
            except ImageError as error:
                outcome = error.reason
            except BaseException as error:
                outcome = f"untyped {error!r}"
                untyped.append(f"{name}: {error!r}")
            seconds = time.process_time() - start
            slowest = max(slowest, (seconds, name))
            key = outcome.split()[0]
            counts[key] = counts.get(key, 0) + 1
            if len(outcomes) < 200:
                outcomes[name] = f"{outcome} in {seconds:.2f} s, {peak_megabytes():.0f} MB"
    return {
        "counts": counts,
        "untyped": untyped[:20],
        "warnings": sorted({str(warning.message) for warning in heard}),
        "slowest_seconds": slowest[0],
        "slowest": slowest[1],
        "rise_megabytes": peak_megabytes() - before,
        "outcomes": outcomes,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(endure(files(sys.argv[1:])), indent=1) + "\n")

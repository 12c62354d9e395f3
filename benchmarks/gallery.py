"""Speed, memory and agreement of the gallery as it grows, beside what users would take instead, in one run.

python -m benchmarks.gallery [--quick] [--people N …] [--systems SYSTEM …] [--peer-python PYTHON]
                             [--add] [--json OUT]

PYTHON has the `peers` extra, for DeepFace; MIEN_TEST_POSTGRES names a server (`.ci/services.sh`). Every
system is built and asked in a fresh process, so that memory is its own. CPU seconds are the process's: a
database server's are not in them. `--quick` stops at 10,000 people. OUT is written after every row; `--add`
keeps the rows that it has of other systems and sizes, each with its date. All of it takes five minutes on two
quiet cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.gallery_data import write_questions
from benchmarks.gallery_systems import SYSTEMS, drop_schema
from benchmarks.measuring import ROOT, Json, arguments, machine, report, versions

SIZES = (10_000, 100_000, 1_000_000)
AIMS = {
    "people": 1_000_000,
    "identify_p50_ms": 5,
    "identify_p99_ms": 15,
    "agreement": 0.999,
    "rss_mb": 300,
    "open_seconds": 1,
    "enrol_per_second": 5_000,
}
PACKAGES = ("apsw", "cryptography", "faiss-cpu", "milvus-lite", "numpy", "psycopg", "pymilvus", "usearch")


def main() -> None:
    given = _options()
    before, earlier = _earlier(given.json) if given.add else ([], [])
    rows: list[Json] = []
    left_out: dict[str, str] = {}
    for people in SIZES[:1] if given.quick else given.people:
        with tempfile.TemporaryDirectory(dir=given.folder) as home:
            write_questions(Path(home) / "questions.npz", people)
            for name in given.systems:
                python, reason = _python(name, given.peer_python)
                if reason:
                    left_out[name] = reason
                elif people <= SYSTEMS[name].most:
                    row = _measure(python, name, people, Path(home))
                    print(json.dumps(row), file=sys.stderr, flush=True)
                    rows.append(row)
                    before = [old for old in before if _place(old) != _place(row)]
                    _write([*before, *rows], earlier if before else [], left_out, given.json)
    if given.json is None:
        _write(rows, [], left_out, None)


def _options() -> argparse.Namespace:
    parser = arguments("gallery", __doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[*SIZES])
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=[*SYSTEMS], metavar="SYSTEM")
    parser.add_argument("--quick", action="store_true", help="10,000 people only")
    parser.add_argument("--add", action="store_true", help="keep the rows that OUT has of other runs")
    parser.add_argument("--peer-python", help="a Python that has DeepFace")
    parser.add_argument("--folder", type=Path, help="where galleries are made; default: a temporary folder")
    given = parser.parse_args()
    if given.add and given.json is None:
        parser.error("--add needs --json OUT")
    return given


def _earlier(out: Path) -> tuple[list[Json], list[Json]]:
    """The rows of a file that was written before on this machine, and the runs that they are of."""
    if not out.exists():
        return [], []
    found = json.loads(out.read_text(encoding="utf-8"))
    here = machine()
    if any(found["machine"][name] != here[name] for name in ("processor", "cores")):
        raise SystemExit(f"{out.name} was measured on another machine: leave --add out")
    run = {name: found[name] for name in ("command", "date", "load_before")}
    rows = [{"date": found["date"], **row} for row in found["rows"]]
    return rows, [*found.get("earlier_runs", []), run]


def _place(row: Json) -> tuple[int, int]:
    """Where a row stands: by size, then as the systems are listed."""
    return row["people"], list(SYSTEMS).index(row["system"])


def _write(rows: list[Json], earlier: list[Json], left_out: dict[str, str], out: Path | None) -> None:
    """After every row, so that a run that is stopped leaves those it has."""
    here = {row["system"] for row in rows}
    figures: Json = {
        "aims": AIMS,
        "dimension": 128,
        "tried_up_to": {name: system.most for name, system in SYSTEMS.items() if system.most < max(SIZES)},
        "left_out": {name: reason for name, reason in left_out.items() if name not in here},
        "earlier_runs": earlier,
        "rows": sorted(rows, key=_place),
        "packages": versions(PACKAGES),
    }
    report("gallery", figures, out)


def _python(name: str, peers: str | None) -> tuple[str, str]:
    """(the interpreter that has the system, "") or ("", why there is none)."""
    if name.startswith("DeepFace"):
        return (peers, "") if peers else ("", "no --peer-python was given")
    if name.endswith("PostgreSQL") and not os.environ.get("MIEN_TEST_POSTGRES"):
        return "", "MIEN_TEST_POSTGRES is not set"
    return sys.executable, ""


def _measure(python: str, name: str, people: int, home: Path) -> Json:
    row: Json = {"people": people, "system": name}
    with tempfile.TemporaryDirectory(dir=home) as folder:
        try:
            for part in ("build", "ask"):
                command = [python, "-m", "benchmarks.gallery_systems", part, name, "--people", str(people)]
                command += ["--folder", folder, "--questions", str(home / "questions.npz")]
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
                if done.returncode:
                    raise SystemExit(f"{name} failed:\n{done.stderr}")
                row |= json.loads(done.stdout.splitlines()[-1])
        finally:
            if name.endswith("PostgreSQL"):
                drop_schema(Path(folder))
    row |= {"load": round(os.getloadavg()[0], 1), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    return row


if __name__ == "__main__":
    main()

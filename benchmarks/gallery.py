"""Speed, memory and agreement of the gallery as it grows, beside what users would take instead, in one run.

python -m benchmarks.gallery [--quick] [--people N …] [--peer-python PYTHON] [--json OUT]

PYTHON has the `peers` extra, for DeepFace; MIEN_TEST_POSTGRES names a server (`.ci/services.sh`). Every
system is built and asked in a fresh process, so that memory is its own. CPU seconds are the process's: a
database server's are not in them. `--quick` stops at 10,000 people.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.gallery_data import write_questions
from benchmarks.gallery_systems import SYSTEMS, drop_schema
from benchmarks.measuring import ROOT, Json, arguments, report, versions

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
    parser = arguments("gallery", __doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[*SIZES])
    parser.add_argument("--quick", action="store_true", help="10,000 people only")
    parser.add_argument("--peer-python", help="a Python that has DeepFace")
    parser.add_argument("--folder", type=Path, help="where galleries are made; default: a temporary folder")
    given = parser.parse_args()
    rows: list[Json] = []
    left_out: dict[str, str] = {}
    for people in SIZES[:1] if given.quick else given.people:
        with tempfile.TemporaryDirectory(dir=given.folder) as home:
            write_questions(Path(home) / "questions.npz", people)
            for name, system in SYSTEMS.items():
                python, reason = _python(name, given.peer_python)
                if reason:
                    left_out[name] = reason
                elif people <= system.most:
                    rows.append(_measure(python, name, people, Path(home)))
                    print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    largest = {name: system.most for name, system in SYSTEMS.items() if system.most < max(SIZES)}
    figures: Json = {
        "aims": AIMS,
        "dimension": 128,
        "tried_up_to": largest,
        "left_out": left_out,
        "rows": rows,
        "packages": versions(PACKAGES),
    }
    report("gallery", figures, given.json)


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
    row["load"] = round(os.getloadavg()[0], 1)
    return row


if __name__ == "__main__":
    main()

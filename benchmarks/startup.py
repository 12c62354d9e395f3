"""How long `import mien` and a second `mien verify A B` take, and what the import touches.

python -m benchmarks.startup [--runs N] [--json OUT]

The yardstick for verify is `benchmarks/bare.py` in a fresh process: import the engine, read the same files,
compile the same networks with the same settings, run them on the same crops, which lie ready on the disk.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measuring import ROOT, Json, arguments, photos, report, spread
from benchmarks.throughput import RecordingNetworks
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import configure
from mien.pipeline.verify import verify
from mien.runtime.engine import Choice
from mien.runtime.machine import cores
from mien.zoo.registry import card
from mien.zoo.store import cached_path

# What `import mien` opens and whom it calls, beside Python's own modules.
WATCHED = """
import sys
seen = []
def watch(event, given):
    if event.startswith(("socket.", "subprocess.", "os.mkdir", "os.system")):
        seen.append(event)
    elif event == "open" and isinstance(given[0], str) and not given[0].endswith((".py", ".pyc", ".so")):
        seen.append(given[0])
sys.addaudithook(watch)
import mien
print("\\n".join(seen))
"""
TIMED = "import time; start = time.perf_counter(); {work}; print(time.perf_counter() - start)"


def fresh(words: Sequence[str], answers: Collection[int] = (0,)) -> tuple[float, str]:
    """Run a fresh interpreter: seconds from start to end, and what it printed.

    answers: exit codes that are no failure; verify's "no" is 1.
    """
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    seconds = time.perf_counter() - start
    if done.returncode not in answers:
        raise SystemExit(f"{words} failed:\n{done.stderr[-2000:]}")
    return seconds, done.stdout


def imports(runs: int) -> Json:
    figures = {}
    for name, work in (
        ("mien", "import mien"),
        ("mien.pipeline.api", "import mien.pipeline.api"),
        ("numpy", "import numpy"),
        ("openvino", "import openvino"),
    ):
        fresh(["-c", work])
        figures[name] = spread([float(fresh(["-c", TIMED.format(work=work)])[1]) for _ in range(runs)], 4)
    return {"seconds": figures, "touched": fresh(["-c", WATCHED])[1].split()}


def plan(folder: Path, a: str, b: str) -> Path:
    """Write down which networks verify opens, how, and what it feeds them."""
    config = replace(configure("balanced"), streams=1)
    analyzer = Analyzer(config)
    networks = analyzer.networks = RecordingNetworks(config)
    verify(analyzer, a, b, which="largest")
    calls = []
    for number, (name, pixels) in enumerate(networks.calls):
        np.save(folder / f"{number}.npy", pixels)
        calls.append((name, str(folder / f"{number}.npy")))
    described = {name: _description(name, net.decision.choice) for name, net in networks.opened().items()}
    path = folder / "plan.json"
    path.write_text(json.dumps({"networks": described, "calls": calls}))
    return path


def _description(name: str, choice: Choice) -> Json:
    how = card(name).preprocess
    return {
        "file": str(cached_path(card(name))),
        "layout": how.layout,
        "shape": (1, how.height or -1, how.width or -1),
        "precision": choice.precision,
        "streams": 1,
        "threads": cores(),
        "reverse": how.colour == "bgr",
        "mean": how.mean,
        "std": how.std,
    }


def second_verify(runs: int) -> Json:
    a, b = photos("wild40", 2)
    command = ["-m", "mien", "verify", a, b, "--which", "largest", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        bare = [str(ROOT / "benchmarks" / "bare.py"), str(plan(Path(folder), a, b))]
        fresh(command, (0, 1)), fresh(bare)
        pairs = [(fresh(command, (0, 1))[0], fresh(bare)[0]) for _ in range(runs)]
        described = json.loads(Path(bare[1]).read_text())
    return {
        "verify_seconds": spread([ours for ours, _ in pairs]),
        "load_and_run_seconds": spread([raw for _, raw in pairs]),
        "ratio": spread([ours / raw for ours, raw in pairs]),
        "python_start_seconds": round(statistics.median(fresh(["-c", "pass"])[0] for _ in range(runs)), 3),
        "networks": {name: how["precision"] for name, how in described["networks"].items()},
        "calls": len(described["calls"]),
    }


def main() -> None:
    parser = arguments("startup", __doc__)
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()
    os.environ["MIEN_ENGINE"] = "openvino"  # the bare runs know no other
    with tempfile.TemporaryDirectory() as compiled:
        # A second start finds Python's modules compiled, whatever this shell says of keeping them.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = compiled
        figures = {"import": imports(given.runs), "verify": second_verify(given.runs)}
    report("startup", figures, given.json)


if __name__ == "__main__":
    main()

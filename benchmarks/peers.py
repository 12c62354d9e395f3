"""mien and what users would pick instead, on the same photos in one run, each in its own process.

python -m benchmarks.peers [--peer-python PYTHON] [--photos N] [--json OUT]

PYTHON has the `peers` extra (deepface, face_recognition, OpenCV), best in an environment of its own. The
libraries take turns, round by round. A face counts as true where detectors of two different kinds agree on it
(YuNet, as in mien, OpenCV and DeepFace; CenterFace, in mien's `accurate`; dlib's HOG, in face_recognition).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import Json, arguments, photos, report, spread
from mien.runtime.machine import cores
from mien.zoo.registry import card
from mien.zoo.store import cached_path, fetch

SCRIPT = Path(__file__).with_name("peer_runs.py")
OURS = ("mien:fast", "mien:balanced", "mien:accurate")
ROUNDS = {"mien:accurate": 1, "deepface": 1, "face_recognition": 1}
KINDS = {"mien:accurate": "centerface", "face_recognition": "hog"}  # all others: yunet
AGREE = 0.3  # least overlap (intersection over union): HOG's boxes are tighter than the others'
AIMS = {"opencv": 2, "deepface": 5, "face_recognition": 10}

Box = Sequence[float]


def overlap(a: Box, b: Box) -> float:
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(wide, 0.0) * max(tall, 0.0)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return both / max(areas - both, 1e-9)


def faces_of_photo(found: Mapping[str, Sequence[Box]]) -> list[dict[str, Box]]:
    """Group the boxes of all libraries: one group a face, at most one box a library in it."""
    groups: list[dict[str, Box]] = []
    for name, boxes in found.items():
        for box in boxes:
            best = max(
                (group for group in groups if name not in group),
                key=lambda group: max(overlap(box, other) for other in group.values()),
                default=None,
            )
            if best is not None and max(overlap(box, other) for other in best.values()) >= AGREE:
                best[name] = box
            else:
                groups.append({name: box})
    return groups


def true_faces(boxes: Mapping[str, Sequence[Sequence[Box]]]) -> dict[str, Json]:
    """Per library: how many of the agreed faces it found, and what it found alone or with its own kind."""
    counts = {name: {"found": 0, "true": 0, "not_confirmed": 0} for name in boxes}
    agreed = 0
    for number in range(len(next(iter(boxes.values())))):
        for group in faces_of_photo({name: boxes[name][number] for name in boxes}):
            true = len({KINDS.get(name, "yunet") for name in group}) >= 2
            agreed += true
            for name in group:
                counts[name]["found"] += 1
                counts[name]["true" if true else "not_confirmed"] += 1
    return {name: {**count, "true_missed": agreed - count["true"]} for name, count in counts.items()}


def run(python: str, name: str, order: Json) -> dict[str, Any]:
    done = subprocess.run(
        [python, str(SCRIPT), name], input=json.dumps(order), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def order_for(sources: Sequence[str]) -> Json:
    order: Json = {"photos": list(sources)}
    for name in ("yunet", "sface"):
        fetch(card(name))
        order |= {name: str(cached_path(card(name))), f"{name}_name": card(name).file}
    return order


def ratios(rates: Mapping[str, list[float]]) -> Json:
    """Faces a second of each profile over each peer's, round by round where both ran."""
    found: Json = {}
    for ours in OURS:
        for peer in rates:
            if ours in rates and peer not in OURS:
                pairs = [a / b for a, b in zip(rates[ours], rates[peer], strict=False)]
                found.setdefault(ours, {})[peer] = spread(pairs, 2)
    return found


def main() -> None:
    parser = arguments("peers", __doc__)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers extra")
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", default="", help="libraries to leave out, separated by commas")
    given = parser.parse_args()
    names = (*OURS, "opencv", f"opencv:{cores()}", "deepface", "face_recognition")
    names = tuple(name for name in names if name not in given.without.split(","))
    order = order_for(photos("wild40", given.photos))
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(given.rounds):
        for name in names:
            if turn < ROUNDS.get(name, given.rounds):
                python = sys.executable if name in OURS else given.peer_python
                answers[name].append(run(python, name, order))
                print(name, round(answers[name][-1]["seconds"], 2), "s", file=sys.stderr)
    faces = true_faces({name: runs[0]["boxes"] for name, runs in answers.items()})
    rates = {name: [one["embeddings"] / one["seconds"] for one in runs] for name, runs in answers.items()}
    libraries = {
        name: {
            "faces_per_second": spread(rates[name], 1),
            "photos_per_second": spread([given.photos / one["seconds"] for one in runs], 1),
            "peak_mb": round(statistics.median(one["peak_mb"] for one in runs)),
            **faces[name],
            "versions": runs[0]["versions"],
        }
        for name, runs in answers.items()
    }
    report(
        "peers",
        {"photos": given.photos, "libraries": libraries, "faster_than": ratios(rates), "aims": AIMS},
        given.json,
    )


if __name__ == "__main__":
    main()

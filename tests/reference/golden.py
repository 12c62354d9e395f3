"""What each network answers about one public-domain portrait, in fp32: read by test_golden.py.

    python -m tests.reference.golden        # writes tests/reference/golden.json anew

A card's Preprocess is wrong, a file is another, or an engine broke: each shows here as a changed number.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.imaging.decode import decode
from mien.imaging.letterbox import resize
from mien.runtime.choose import ENGINES
from mien.runtime.engine import Choice, Engine
from mien.runtime.session import readable
from mien.zoo.registry import card
from mien.zoo.store import fetch

FILE = Path(__file__).with_name("golden.json")
CARDS = ("yunet", "centerface", "sface", "dlib_resnet", "mesh468", "iris", "age", "sex")
FREE_SIDE = 256  # for networks that take any size
SHOWN = 12  # values spread over each output


def portrait(side: int) -> NDArray[np.uint8]:
    """The astronaut's face, (1, side, side, 3)."""
    face = decode(fetch(card("astronaut"))).image.pixels[40:220, 130:310]
    return np.ascontiguousarray(resize(face, side, side))[None]


def answer(name: str, engine: str) -> list[dict[str, Any]]:
    """Size, norm and a few values of every output, smallest first; engines name and order outputs freely."""
    wanted = card(name)
    side = wanted.preprocess.width or FREE_SIDE
    runner: Engine = ENGINES[engine]
    network = runner.compile(wanted, readable(wanted, fetch(wanted)), Choice(engine), 1)
    distinct = {id(values): values for values in network.run(portrait(side)).values()}
    found = []
    for values in distinct.values():
        flat = values.ravel().astype(np.float64)
        places = np.linspace(0, flat.size - 1, min(SHOWN, flat.size)).astype(int)
        shown = [round(float(value), 4) for value in flat[places]]
        found.append({"size": flat.size, "norm": round(float(np.linalg.norm(flat)), 4), "values": shown})
    return sorted(found, key=lambda output: (output["size"], output["norm"]))


def main() -> None:
    golden = {name: answer(name, "openvino") for name in CARDS}
    FILE.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"{len(golden)} networks -> {FILE}")


if __name__ == "__main__":
    main()

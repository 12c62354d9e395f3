"""``python -m mien.training.headmodel``: train the head model that ships, or one from your own shapes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from mien.training.headmodel.build import Recipe, train_head_model
from mien.training.headmodel.ict import read_registered


def main() -> None:
    """Read the arguments, train, print what was measured as JSON."""
    parser = argparse.ArgumentParser(prog="python -m mien.training.headmodel", description=__doc__)
    parser.add_argument("--shapes", type=Path, required=True, help="registered shapes, packed (.npz)")
    parser.add_argument("--embedding", type=Path, required=True, help="468 points on these shapes (.npz)")
    parser.add_argument(
        "--people", type=Path, help="landmarks of frontal neutral photos, (468, 2) each (.npz)"
    )
    parser.add_argument("--out", type=Path, default=Path("head.npz"))
    given = parser.parse_args()
    with np.load(given.embedding, allow_pickle=False) as packed:
        embedding = {name: packed[name] for name in packed.files}
    people = []
    if given.people is not None:
        with np.load(given.people, allow_pickle=False) as packed:
            people = [packed[name][:, :2].astype(np.float64) for name in packed.files]
    measured = train_head_model(read_registered(given.shapes), embedding, Recipe(), given.out, people)
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()

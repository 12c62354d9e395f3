"""Tiny data sets in the layouts that the shipped recipes read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from tests.training.lab import draw_people

from mien.training.recipe import Recipe

PEOPLE = [f"s{number}" for number in range(1, 17)]


def draw_data(recipe: Recipe, root: Path) -> Path:
    """Pictures laid out as the recipe's source wants them; returns the folder."""
    if recipe.task.name == "coefficients":
        return root
    return DRAWN[recipe.data.source](root)


def _picture(path: Path, seed: int, side: int = 40) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (5, 5, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC).save(path)


def _folder(root: Path) -> Path:
    return draw_people(root / "people", PEOPLE, 4)


def _celeba(root: Path) -> Path:
    lines = []
    for number in range(96):
        _picture(root / f"{number:06d}.jpg", number % 32)
        lines.append(f"{number:06d}.jpg {number % 32}")
    (root / "identity_CelebA.txt").write_text("\n".join(lines), encoding="utf-8")
    return root


def _fairface(root: Path) -> Path:
    lines = ["file,age,gender,race"]
    for number in range(48):
        _picture(root / f"train/{number}.jpg", number)
        facts = (
            ("0-2", "20-29")[number % 2],
            ("Male", "Female")[number // 2 % 2],
            ("A", "B", "C")[number % 3],
        )
        lines.append(f"train/{number}.jpg,{','.join(facts)}")
    (root / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    return root


def _points(root: Path) -> Path:
    rng = np.random.default_rng(5)
    lines = ["," + ",".join(map(str, range(136)))]
    for number in range(24):
        name = f"Some_One{number // 2}_{number % 2}.jpeg"
        _picture(root / name, number, 60)
        lines.append(",".join([name, *(f"{value:.1f}" for value in rng.uniform(10, 50, 136))]))
    (root / "keypoints.csv").write_text("\n".join(lines), encoding="utf-8")
    return root


def _paths(root: Path) -> Path:
    for client in range(12):
        _picture(root / f"devel/real/none/client{client:03d}_session01_webcam_1.jpg", client)
        for number, kind in enumerate(("print", "mobile")):
            path = root / f"devel/attack/hand/attack_{kind}_client{client:03d}_session01.jpg"
            _picture(path, 100 + 12 * number + client)
    return root


DRAWN: Mapping[str, Callable[[Path], Path]] = {
    "folder": _folder,
    "celeba": _celeba,
    "fairface": _fairface,
    "points": _points,
    "paths": _paths,
}

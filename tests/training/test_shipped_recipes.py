"""Every recipe that ships trains two steps on tiny data and becomes a model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.training.draw import draw_data

from mien.alignment.templates import TEMPLATES
from mien.runtime.session import open_network
from mien.training.finish import finish
from mien.training.recipe import Recipe
from mien.training.recipefile import read_recipe, shipped_recipes
from mien.training.run import train
from mien.training.samplers import Pick
from mien.training.tasks import prepare
from mien.zoo.registry import card
from mien.zoo.store import fetch

# Nets as wide and pictures as large as the recipes say would take minutes here.
SMALL = ("run.steps=2", "run.batch=8", "run.tensorboard=false", "run.workers=0", "run.device=cpu",
         "run.precision=fp32", "run.compile=false")  # fmt: skip


NARROW = {
    "resnet18": ["net.width=8"],
    "ir18": ["net.width=8"],
    "irse18": ["net.width=8"],
    "mobilefacenet": ["net.width=0.25"],
    "inception_resnet": ["net.width=0.1", "net.blocks=[1, 1, 1]"],
    "vit": ["net.width=24", "net.depth=2"],
    "vgg11": ["net.width=8"],
}
SIZES = {"inception_resnet": 96}


def small(name: str, root: Path) -> Recipe:
    plain = read_recipe(name)
    sets = [*SMALL, f"data.root={draw_data(plain, root)}", f"data.size={SIZES.get(plain.net.name, 32)}"]
    sets += NARROW.get(plain.net.name, [])
    if plain.data.align in TEMPLATES and plain.task.name != "landmarks":
        sets.append("data.align=whole")  # no face is on the drawn pictures
    if plain.sampler.name == "balanced":
        sets.append("sampler.pictures=2")
    if plain.task.name == "coefficients":
        sets += ["task.heads=8", "task.validation=4"]
    return read_recipe(name, sets)


@pytest.mark.parametrize("name", list(shipped_recipes()))
def test_every_recipe_trains_two_steps_and_becomes_a_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_ENGINE", "openvino")
    recipe = small(name, tmp_path)
    run = train(recipe, tmp_path / "run")
    assert run.outcome.progress.step == 2
    finished = finish(run)
    made = card(finished.exported.card)
    assert made.name == recipe.name
    assert finished.exported.parity < 1e-4
    side = made.preprocess.side
    pixels = np.zeros((1, side, side, 3), np.uint8)
    answers = open_network(made, fetch(made, allow_noncommercial=True)).run(pixels)
    assert all(np.isfinite(answer).all() for answer in answers.values())
    assert "<svg" in finished.report.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(shipped_recipes()))
def test_every_recipe_says_what_it_is_and_under_which_licence(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.about
    assert recipe.licence != "unknown"


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name != "head-coefficients"])
def test_every_recipe_reads_the_data_that_it_names(
    name: str, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_SHARED", str(shared.parent))
    recipe = read_recipe(name, ["data.limit=120", "data.size=96", "run.batch=8", "run.workers=0"])
    assert Path(recipe.data.root).is_dir()
    job = prepare(recipe)
    picture, _ = job.train[Pick(0, 0)]
    assert tuple(picture.shape) == (recipe.data.channels, 96, 96)
    assert 8 <= len(job.train) <= 120

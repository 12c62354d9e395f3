"""Pruning and distilling through the lab's loop, and what becomes a model file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mien.compression.distill import distillation_job, student_model
from mien.compression.learn import learn
from mien.compression.recipes import read_compress_recipe, shipped
from mien.compression.teacher import Lessons
from mien.compression.thin import hold_zeros, load_run, sparsify, thin, thin_recipe, to_model
from mien.core.errors import InputError
from mien.runtime.session import open_network
from mien.training.recipe import DataPart, NetPart, OptimiserPart, Recipe, RunPart, TaskPart
from mien.training.run import train

SIDE = 16


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """Six people with five pictures each, and the smallest run."""
    root = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    for person in range(6):
        (root / f"p{person}").mkdir()
        face = rng.integers(40, 215, (4, 4, 3)).repeat(6, 0).repeat(6, 1)
        for number in range(5):
            noisy = np.clip(face + rng.normal(0, 10, face.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(root / f"p{person}" / f"{number}.png")
    return Recipe(
        name="tiny",
        licence="CC0-1.0",
        commercial=True,
        data=DataPart(root=str(root), size=SIDE, fractions=(0.5, 0.5)),
        net=NetPart("cnn", 8),
        optimiser=OptimiserPart("adamw", {"lr": 2e-3}),
        run=RunPart(epochs=1, batch=5, tensorboard=False, device="cpu"),
    )


@pytest.fixture(scope="module")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    train(recipe, out)
    return out


def test_a_run_is_thinned_trained_on_and_exported(run: Path, tmp_path: Path) -> None:
    whole = load_run(run)
    job, facts = thin(whole, 0.5, "l1")
    assert facts["parameters_after"] < facts["parameters_before"]
    plan = thin_recipe(whole.recipe, "tiny_pruned", 1)
    assert plan.optimiser.options["lr"] == pytest.approx(2e-4)
    before = [p.detach().clone() for p in job.net.parameters()]
    net = learn(plan, job, tmp_path)
    assert net is not None
    assert any(not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    big, small = to_model(whole.recipe, whole.facts, whole.job.net), to_model(plan, whole.facts, net)
    assert small[0].size == len(small[1]) < len(big[1])
    assert (small[0].name, small[0].template, small[0].dimension) == ("tiny_pruned", "arcface", 8)


def test_the_fine_tuning_s_rate_is_a_tenth_also_of_an_optimiser_s_own(recipe: Recipe) -> None:
    for name, own in (("adamw", 1e-3), ("momentum", 0.1)):
        plan = thin_recipe(replace(recipe, optimiser=OptimiserPart(name)), "tiny_pruned", 1)
        assert plan.optimiser.options["lr"] == pytest.approx(own / 10)


def test_a_stopped_run_is_gone_on_with_only_when_asked(run: Path, tmp_path: Path) -> None:
    whole = load_run(run)
    job, _ = thin(whole, 0.3, "l1")
    learn(thin_recipe(whole.recipe, "tiny_pruned", 1), job, tmp_path)
    job, _ = thin(whole, 0.3, "l1")
    longer = thin_recipe(whole.recipe, "tiny_pruned", 2)
    with pytest.raises(InputError, match="--resume"):
        learn(longer, job, tmp_path)
    assert learn(longer, job, tmp_path, resume=True) is not None


def test_zero_weights_stay_zero_while_the_others_learn(run: Path, tmp_path: Path) -> None:
    whole = load_run(run)
    job, facts = sparsify(whole, 0.5)
    values = job.net.state_dict()
    zero = {name: values[f"{name}.weight"] == 0 for name in facts["zeros"]}
    net = learn(thin_recipe(whole.recipe, "tiny_sparse", 1), job, tmp_path)
    assert net is not None
    after = net.state_dict()
    assert all(bool((after[f"{name}.weight"][mask] == 0).all()) for name, mask in zero.items())
    assert sum(int(mask.sum()) for mask in zero.values()) > 0


def test_zeros_are_held_wherever_the_net_has_moved() -> None:
    net = torch.nn.Linear(3, 2)
    with torch.no_grad():
        net.weight[0] = 0
    hold_zeros(net)
    net = net.to("meta")  # the mask stays behind, as on a CPU when the net goes to a GPU
    net(torch.ones(1, 3, device="meta")).sum().backward()
    assert net.weight.grad is not None


def test_only_recognition_can_be_measured(run: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.compression import thin as module

    other = replace(recipe, task=TaskPart("attributes"))
    monkeypatch.setattr(module, "parse_recipe", lambda *_: other)
    with pytest.raises(InputError, match="task recognition"):
        load_run(run)


# `polish` has no net of its own: tests/cli/test_compress_train.py trains with it.
@pytest.mark.parametrize("name", [name for name in shipped() if name.startswith("distill")])
def test_every_shipped_student_learns_two_steps_and_exports(name: str, tmp_path: Path, card_for: Any) -> None:
    plan = read_compress_recipe(name, ["run.steps=2", "run.batch=8", "run.tensorboard=false", "data.size=32"])
    plan = replace(plan, net=replace(plan.net, options={**plan.net.options, "width": 0.25, "last": 32}))
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(40, 2, 128))
    unit = (targets / np.linalg.norm(targets, axis=2, keepdims=True)).astype(np.float32)
    pixels = rng.integers(0, 256, (40, 40, 40, 3), np.uint8)
    lessons = Lessons((pixels,), (unit,), np.array([0, 40]))
    net = learn(plan, distillation_job(plan, lessons, {}), tmp_path)
    assert net is not None
    teacher = card_for(b"teacher")
    card, data = student_model(plan, net, replace(teacher, commercial=False), lessons.size)
    assert (card.commercial, card.template, card.dimension) == (False, "arcface", 128)
    assert "teacher: nobody" in card.credit
    found = next(iter(open_network(card, data).run(pixels[:2]).values()))
    with torch.no_grad():
        wanted = net(torch.from_numpy(pixels[:2]).permute(0, 3, 1, 2).float() / 127.5 - 1).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-2 * np.abs(wanted).max())


def test_an_unknown_recipe_is_answered_with_those_that_exist() -> None:
    with pytest.raises(InputError, match="distill_sface"):
        read_compress_recipe("nothing")

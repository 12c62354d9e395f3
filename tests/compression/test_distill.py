"""A student's loss falls, and its parts mean what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mien.compression.distill import agreement, build_student, distillation_job, split_rows, to_input
from mien.compression.distill_losses import Config, Distillation, relational
from mien.compression.teacher import Lessons
from mien.core.errors import InputError, ThinData
from mien.training.loop import Training
from mien.training.processes import Processes
from mien.training.recipe import DataPart, NetPart, OptimiserPart, Recipe, RunPart, TaskPart
from mien.training.samplers import Pick

SIDE, DIM = 16, 8


def teach(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A teacher that looks at the mean colours of the left and the right half, and at brightness."""
    values = pixels.astype(np.float64) / 255
    left, right = values[:, :, : SIDE // 2].mean((1, 2)), values[:, :, SIDE // 2 :].mean((1, 2))
    rows = np.concatenate([left, right, values.mean((1, 2, 3))[:, None], np.full((len(pixels), 1), 0.3)], 1)
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    """160 pictures in two blocks, each with its own two colours."""
    rng = np.random.default_rng(0)
    halves = rng.integers(0, 256, (160, 1, 2, 3))
    noisy = np.repeat(np.repeat(halves, SIDE, 1), SIDE // 2, 2) + rng.normal(0, 8, (160, SIDE, SIDE, 3))
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    targets = np.stack([teach(pixels), teach(pixels[:, :, ::-1])], axis=1)
    return Lessons((pixels[:100], pixels[100:]), (targets[:100], targets[100:]), np.array([0, 100, 160]))


def recipe(**losses: float) -> Recipe:
    return Recipe(
        name="student",
        task=TaskPart("distill", losses),
        data=DataPart(size=SIDE),
        net=NetPart("cnn", DIM),
        optimiser=OptimiserPart("adamw", {"lr": 3e-3}),
        run=RunPart(epochs=4, batch=16, tensorboard=False, device="cpu"),
    )


@pytest.mark.parametrize(
    "losses", [{"cosine": 1.0}, {"cosine": 0.0, "relational": 1.0}, {"cosine": 0.0, "feature": 1.0}]
)
def test_a_students_loss_falls(lessons: Lessons, losses: dict[str, float], tmp_path: Path) -> None:
    job = distillation_job(recipe(**losses), lessons, {})
    training = Training(recipe(**losses), job, tmp_path, Processes(0, 1, torch.device("cpu")))
    before = training.measured(job.net).metrics
    outcome = training.run()
    assert outcome.findings is not None
    after = outcome.findings.metrics
    assert after["loss_held_out"] < 0.6 * before["loss_held_out"]
    assert after["agreement"] > before["agreement"]


def test_a_perfect_student_has_no_loss_and_an_opposite_one_the_most() -> None:
    targets = torch.nn.functional.normalize(torch.randn(6, DIM))
    loss = Distillation(Config(), DIM, DIM)
    assert float(loss(3 * targets, targets)) == pytest.approx(0, abs=1e-6)
    assert float(loss(-targets, targets)) == pytest.approx(2)
    assert float(relational(targets, targets)) == 0


def test_relations_do_not_change_when_all_faces_are_turned_alike() -> None:
    targets = torch.nn.functional.normalize(torch.randn(6, DIM))
    turn, _ = torch.linalg.qr(torch.randn(DIM, DIM))
    assert float(relational(targets @ turn, targets)) == pytest.approx(0, abs=1e-6)
    assert agreement(targets @ turn, targets) == pytest.approx(1, abs=1e-5)
    assert agreement(torch.nn.functional.normalize(torch.randn(6, DIM)), targets) < 0.9


def test_a_shorter_student_learns_by_relation_or_translation_only() -> None:
    targets = torch.nn.functional.normalize(torch.randn(6, DIM))
    with pytest.raises(InputError, match="set cosine to 0"):
        Distillation(Config(), 4, DIM)
    short = Distillation(Config(cosine=0, relational=1, feature=1), 4, DIM)
    assert torch.isfinite(short(torch.randn(6, 4), targets))
    assert sum(1 for _ in short.parameters()) == 2
    with pytest.raises(InputError, match="something to learn"):
        Distillation(Config(cosine=0), DIM, DIM)


def test_the_mirror_image_has_the_teachers_answer_for_the_mirror_image(lessons: Lessons) -> None:
    pixels, target = lessons.get(120, mirrored=True)
    np.testing.assert_array_equal(pixels, lessons.get(120)[0][:, ::-1])
    np.testing.assert_allclose(target, teach(pixels[None])[0], atol=1e-6)


def test_a_picture_depends_on_its_pick_alone(lessons: Lessons) -> None:
    train = distillation_job(recipe(), lessons, {}).train
    first, again = train[Pick(3, 77)], train[Pick(3, 77)]
    assert torch.equal(first[0], again[0])
    assert {bool(torch.equal(train[Pick(3, draw)][0], first[0])) for draw in range(12)} == {True, False}


def test_faces_held_out_are_never_learned_from() -> None:
    learned, held_out = split_rows(400, 0)
    assert len(held_out) == 20
    assert sorted([*learned, *held_out]) == list(range(400))
    with pytest.raises(ThinData, match="16 pictures"):
        split_rows(12, 0)


def test_a_student_of_another_size_and_colour_takes_the_teachers_crops(lessons: Lessons) -> None:
    plain = recipe()
    small = replace(plain, data=replace(plain.data, size=32, channels=1))
    answer = build_student(small).eval()(to_input(lessons.get(0)[0][None]))
    assert answer.shape == (1, DIM)
    assert float(to_input(np.array([[[[0, 0, 255]]]], np.uint8))[0, 2]) == 1

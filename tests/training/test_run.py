"""A folder of a run: what goes on from it, what is dropped, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.training.lab import draw_people
from tests.training.test_tasks import recipe

from mien.core.errors import InputError
from mien.training.checkpoint import BEST, FOLDER, checkpoint_path, load_checkpoint, numbered_checkpoints
from mien.training.journal import read_journal
from mien.training.recipe import Recipe
from mien.training.run import RECIPE, Run, train


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    root = draw_people(tmp_path_factory.mktemp("data") / "people", [f"p{n}" for n in range(8)], 8)
    return recipe(f"data.root={root}", "loss.name=softmax", "run.epochs=4", "run.keep=2")


@pytest.fixture(scope="module")
def whole(given: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(with_run(given, keep=9), tmp_path_factory.mktemp("whole") / "run")


def with_run(given: Recipe, *, epochs: int = 4, keep: int = 2) -> Recipe:
    return dataclasses.replace(given, run=dataclasses.replace(given.run, epochs=epochs, keep=keep))


def steps(out: Path) -> list[int]:
    return [int(path.stem.removeprefix("step-")) for path in numbered_checkpoints(out)]


def test_what_came_after_the_checkpoint_is_dropped(given: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(with_run(given, keep=9), out)
    first = steps(out)[0]
    train(with_run(given, epochs=2), out, resume=checkpoint_path(out, first))
    assert max(steps(out)) == 2 * first
    assert load_checkpoint(out / FOLDER / BEST).progress.step <= 2 * first
    assert max(line["step"] for line in read_journal(out)) == 2 * first


def test_a_checkpoint_of_elsewhere_begins_a_folder_of_its_own(
    given: Recipe, whole: Run, tmp_path: Path
) -> None:
    checkpoint = numbered_checkpoints(whole.out)[1]
    run = train(given, tmp_path / "new", resume=checkpoint)
    assert (run.out / RECIPE).is_file()
    assert load_checkpoint(run.out / FOLDER / BEST).progress.step > load_checkpoint(checkpoint).progress.step
    with pytest.raises(InputError, match="already holds a run"):
        train(given, run.out, resume=checkpoint)


def test_other_pictures_than_the_checkpoint_s_are_refused(given: Recipe, whole: Run, tmp_path: Path) -> None:
    other = draw_people(tmp_path / "people", [f"p{n}" for n in range(8)], 9)
    moved = dataclasses.replace(given, data=dataclasses.replace(given.data, root=str(other)))
    with pytest.raises(InputError, match=r"the data differ .*\(pictures\).*net\.weights"):
        train(moved, tmp_path / "run", resume=numbered_checkpoints(whole.out)[0])


def test_a_place_that_cannot_be_written_is_named(given: Recipe, whole: Run) -> None:
    with pytest.raises(InputError, match="choose another --out"):
        train(given, Path("/dev/null/run"), resume=numbered_checkpoints(whole.out)[0])

"""Tar shards in a recipe: packed, streamed, stopped and gone on with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.training.lab import draw_people, same_bits

from mien.core.errors import InputError
from mien.training.checkpoint import load_checkpoint, numbered_checkpoints
from mien.training.data import read_source
from mien.training.data.pack import write_shards
from mien.training.recipe import Recipe
from mien.training.recipefile import parse_recipe
from mien.training.run import train

TEXT = """
name = "packed"
[data]
source = "shards"
size = 16
fractions = [0.5, 0.25, 0.25]
[sampler]
name = "stream"
buffer = 6
[net]
name = "cnn"
width = 4
blocks = 2
dim = 8
[loss]
name = "softmax"
[augment]
flip = 0.5
[run]
epochs = 2
batch = 8
keep = 9
tensorboard = false
device = "cpu"
"""


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    people = draw_people(tmp_path / "people", [f"p{n}" for n in range(16)], 4)
    write_shards(read_source("folder", people), tmp_path / "shards", 9)
    return tmp_path / "shards"


def recipe(shards: Path, *sets: str) -> Recipe:
    return parse_recipe(TEXT, "packed.toml", [f"data.root={shards}", *sets])


def test_a_stopped_run_over_shards_goes_on_with_the_same_bits(shards: Path, tmp_path: Path) -> None:
    whole = train(recipe(shards), tmp_path / "whole")
    assert whole.findings is not None
    first = numbered_checkpoints(tmp_path / "whole")[0]
    train(recipe(shards), tmp_path / "again", resume=first)
    ends = [numbered_checkpoints(tmp_path / name)[-1] for name in ("whole", "again")]
    one, other = (load_checkpoint(end) for end in ends)
    assert one.progress.step == other.progress.step == 8
    assert same_bits(one.tensors, other.tensors)


def test_nobody_in_the_shards_is_on_two_sides(shards: Path) -> None:
    from mien.training.tasks.parts import read_parts

    parts = read_parts(recipe(shards))
    groups = [set(part.groups) for part in parts[:3]]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 16
    files = parts.train.files
    assert files is not None
    assert (np.diff(files) >= 0).all()


def test_a_stream_of_single_files_is_refused_with_the_cure(shards: Path, tmp_path: Path) -> None:
    plain = recipe(tmp_path / "people", "data.source=folder")
    with pytest.raises(InputError, match=r"set data\.source to shards, or use plain"):
        train(plain, tmp_path / "run")


def test_shards_are_not_packed_over_others(shards: Path) -> None:
    with pytest.raises(InputError, match="holds shards already"):
        write_shards(read_source("shards", shards), shards, 9)

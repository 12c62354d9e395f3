"""Checkpoints: whole, plain, and refused when they are not ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from mien.core.errors import InputError, ModelCorrupt
from mien.training.checkpoint import (
    BEST,
    FOLDER,
    Checkpoint,
    Progress,
    checkpoint_path,
    find_checkpoint,
    forget_old,
    last_checkpoint,
    load_checkpoint,
    numbered_checkpoints,
    pack_optimiser,
    save_checkpoint,
    unpack_optimiser,
)


def checkpoint(step: int = 3) -> Checkpoint:
    shared = torch.arange(6.0).reshape(2, 3)
    tensors = {"net.a": shared, "net.b": shared, "net.t": shared.T, "average.a": shared + 1}
    return Checkpoint(
        "name = 'x'\n", {"classes": ["ä"]}, Progress(step=step, best=0.5), tensors, {"state": {}}
    )


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 3)
    save_checkpoint(path, checkpoint())
    back = load_checkpoint(path)
    assert (back.recipe, back.facts, back.progress) == (
        "name = 'x'\n",
        {"classes": ["ä"]},
        Progress(step=3, best=0.5),
    )
    assert all(torch.equal(back.tensors[name], value) for name, value in checkpoint().tensors.items())
    assert torch.equal(back.net()["a"], checkpoint().tensors["average.a"])
    assert torch.equal(back.net()["b"], checkpoint().tensors["net.b"])


def test_a_checkpoint_is_safetensors_and_json_alone(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 3)
    save_checkpoint(path, checkpoint())
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert json.loads(header["__metadata__"]["mien"])["progress"]["step"] == 3
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoint_path(tmp_path, 3)
    save_checkpoint(path, checkpoint())
    before = path.read_bytes()

    def full(*names: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="make room"):
        save_checkpoint(path, checkpoint(4))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_full_disk_is_told_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise SafetensorError("I/O error: No space left on device")  # as safetensors has it, no OSError

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(InputError, match=r"No space left on device.*make room"):
        save_checkpoint(checkpoint_path(tmp_path, 3), checkpoint())


@pytest.mark.parametrize("cut", [0, 9, 200, -1])
def test_a_damaged_file_is_refused(cut: int, tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 3)
    save_checkpoint(path, checkpoint())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelCorrupt, match="no checkpoint of mien train"):
        load_checkpoint(path)


def test_a_stranger_s_safetensors_file_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelCorrupt, match="no checkpoint of mien train"):
        load_checkpoint(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "nothing.safetensors")


def test_finds_the_best_and_the_last_and_forgets_the_old(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        last_checkpoint(tmp_path)
    for step in (1, 20, 3):
        save_checkpoint(checkpoint_path(tmp_path, step), checkpoint(step))
    assert last_checkpoint(tmp_path) == find_checkpoint(tmp_path) == checkpoint_path(tmp_path, 20)
    save_checkpoint(tmp_path / FOLDER / BEST, checkpoint())
    assert find_checkpoint(tmp_path).name == BEST
    for half in (".part-77-step-00000021.safetensors", ".tmpAbC123"):  # of a process that was killed
        (tmp_path / FOLDER / half).touch()
    forget_old(tmp_path, 2)
    assert not list((tmp_path / FOLDER).glob(".*"))
    assert numbered_checkpoints(tmp_path) == [checkpoint_path(tmp_path, 3), checkpoint_path(tmp_path, 20)]
    assert find_checkpoint(tmp_path).name == BEST


def test_an_optimiser_s_state_is_split_and_joined_again() -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    optimiser = torch.optim.AdamW([weight], lr=0.1)
    weight.square().sum().backward()  # type: ignore[no-untyped-call]  # as the stub has it
    optimiser.step()
    state = optimiser.state_dict()
    tensors, plain = pack_optimiser(state)
    again = unpack_optimiser(Checkpoint("", {}, Progress(), tensors, json.loads(json.dumps(plain))))
    assert again["param_groups"][0]["lr"] == 0.1
    assert again["state"][0].keys() == state["state"][0].keys()
    assert all(torch.equal(again["state"][0][key], value) for key, value in state["state"][0].items())

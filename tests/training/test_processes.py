"""Two processes of torchrun learn what one learns of twice the batch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from tests.training.lab import same_bits, tiny_job, tiny_recipe
from tests.training.pair import CENTER, PLAIN
from torch import Tensor

from mien.core.errors import InputError
from mien.training.checkpoint import BEST, FOLDER, load_checkpoint, numbered_checkpoints
from mien.training.loop import Training
from mien.training.processes import Processes, find_device, readers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pair")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, "-m", "tests.training.pair", str(out)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "", "OMP_NUM_THREADS": "1", "HOME": str(out)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return out


def tensors(out: Path) -> Mapping[str, Tensor]:
    return load_checkpoint(numbered_checkpoints(out)[-1]).tensors


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_processes_are_one_with_twice_the_batch(kind: str, pair: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(*PLAIN, "run.batch=8")
    Training(recipe, tiny_job(recipe), tmp_path, Processes(0, 1, torch.device("cpu"))).run()
    alone, together = tensors(tmp_path), tensors(pair / kind)
    learned = [name for name in alone if not name.startswith("optimiser.")]
    assert set(learned) == {name for name in together if not name.startswith("optimiser.")}
    for name in learned:
        torch.testing.assert_close(together[name], alone[name], rtol=1e-3, atol=1e-4)


def test_centres_move_by_what_all_processes_saw(pair: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(*CENTER, "run.batch=8")
    Training(recipe, tiny_job(recipe), tmp_path, Processes(0, 1, torch.device("cpu"))).run()
    name = "criterion.centres"
    torch.testing.assert_close(tensors(pair / "center")[name], tensors(tmp_path)[name], rtol=1e-3, atol=1e-4)


def test_the_best_weights_are_measured_at_the_end_sharded_or_not(pair: Path) -> None:
    for kind in ("ddp", "fsdp"):
        recipe = tiny_recipe(*PLAIN)
        job = tiny_job(recipe)
        best = load_checkpoint(pair / kind / FOLDER / BEST)
        job.net.load_state_dict(best.net())
        job.criterion.load_state_dict(best.part("criterion"))
        wanted = dict(job.validate(job.net.eval(), torch.device("cpu")).metrics)
        for rank in range(2 if kind == "fsdp" else 1):
            told = json.loads((pair / f"{kind}-{rank}.json").read_text(encoding="utf-8"))
            assert told == pytest.approx(wanted)


def test_sharded_weights_go_on_from_a_checkpoint_with_the_same_bits(pair: Path) -> None:
    assert same_bits(tensors(pair / "first"), tensors(pair / "again"))


def test_readers_are_chosen_where_the_recipe_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.training.processes.cores", lambda: 16)
    gpu = torch.device("cuda")
    assert readers(-1, torch.device("cpu")) == 0
    assert [readers(-1, gpu), readers(-1, gpu, 4), readers(-1, gpu, 16)] == [15, 3, 1]
    assert readers(5, torch.device("cpu")) == 5


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(InputError, match=r"choose auto"):
        find_device("abacus")

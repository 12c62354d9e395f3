"""The real timm: its nets train and export like ours. Where it cannot be imported, the skip says why."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.training.draw import draw_data

from mien.core.errors import InputError
from mien.training.finish import finish
from mien.training.nets import build_net
from mien.training.recipefile import read_recipe
from mien.training.run import train

try:
    import timm
except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision made for another PyTorch
    pytest.skip(f"the real timm cannot be imported here: {error}", allow_module_level=True)

SMALL = ("run.steps=2", "run.batch=8", "run.tensorboard=false", "run.workers=0", "run.device=cpu",
         "run.precision=fp32", "run.compile=false", "data.size=32", "data.align=whole")  # fmt: skip


@pytest.mark.parametrize("model", ["resnet10t", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_a_net_of_timm_trains_two_steps_and_becomes_a_model(model: str, tmp_path: Path) -> None:
    root = draw_data(read_recipe("orl-cnn"), tmp_path)
    changes = [*SMALL, f"data.root={root}", "net.name=timm", f"net.model={model}"]
    run = train(read_recipe("orl-cnn", changes), tmp_path / "run")
    assert run.outcome.progress.step == 2
    assert finish(run).exported.parity < 1e-4


def test_gives_a_net_of_timm_the_range_it_was_made_for() -> None:
    net = build_net("timm", size=32, channels=3, dim=4, model="resnet10t")
    made_for = timm.get_pretrained_cfg("resnet10t").mean
    torch.testing.assert_close(net.get_buffer("mean").ravel(), torch.tensor(made_for))


def test_names_the_nets_of_timm_that_are_nearest() -> None:
    with pytest.raises(InputError, match=r"no net called 'resnet10'.*resnet10t"):
        build_net("timm", size=32, channels=3, dim=4, model="resnet10")


def test_says_what_a_net_of_timm_does_not_take() -> None:
    with pytest.raises(InputError, match=r"timm's vgg11 does not take one of .*drop_path_rate"):
        build_net("timm", size=32, channels=3, dim=4, model="vgg11", drop_path=0.1)

"""Center, squared error, sums of losses, and Partial FC."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed

from mien.core.errors import InputError, ShapeError
from mien.training.losses import build_loss
from mien.training.losses.multitask import MultiTask
from mien.training.losses.partial_fc import PartialFC


def batch(count: int = 6, dim: int = 4, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(count, dim, generator=generator), torch.arange(count) % classes


def test_center_adds_the_distance_and_moves_the_centres_as_the_paper_does() -> None:
    loss = build_loss("center", dim=4, classes=4, weight=0.2, alpha=0.5)
    features, labels = batch()
    plain = build_loss("softmax", dim=4, classes=4)
    plain.load_state_dict(
        {key[8:]: value for key, value in loss.state_dict().items() if key.startswith("softmax.")}
    )
    centres = np.zeros((4, 4))
    for _ in range(3):
        x, y = features.numpy(), labels.numpy()
        term = 0.1 * np.mean(np.sum((x - centres[y]) ** 2, axis=1))
        assert loss(features, labels).item() == pytest.approx(plain(features, labels).item() + term, rel=1e-5)
        for label in range(4):
            offset = (x - centres[label])[y == label]
            centres[label] += 0.5 * offset.sum(0) / (1 + len(offset))
    np.testing.assert_allclose(loss.get_buffer("centres"), centres, atol=1e-6)
    loss.eval()(features, labels)
    np.testing.assert_allclose(loss.get_buffer("centres"), centres, atol=1e-6)


def test_squared_error_takes_labels_or_numbers() -> None:
    loss = build_loss("l2", dim=4, classes=3)
    features, labels = batch()
    answers = loss.get_submodule("answers")(features).detach().numpy()
    hot = np.eye(3)[labels.numpy()]
    assert loss(features, labels).item() == pytest.approx(np.mean((answers - hot) ** 2), rel=1e-5)
    target = torch.randn(6, 3)
    wanted = np.mean((answers - target.numpy()) ** 2)
    assert loss(features, target).item() == pytest.approx(wanted, rel=1e-5)
    with pytest.raises(ShapeError, match=r"targets must have shape \(N, 3\), not \(6, 2\)"):
        loss(features, target[:, :2])


def test_a_sum_of_losses_is_their_sum() -> None:
    loss = build_loss("multitask", dim=4, classes=3, parts=["softmax", "triplet"], weights=[1.0, 0.25])
    assert isinstance(loss, MultiTask)
    features, labels = batch()
    each = [part(features, labels).item() for part in loss.parts]
    assert loss(features, labels).item() == pytest.approx(each[0] + 0.25 * each[1])
    torch.testing.assert_close(loss.values(features, labels), torch.tensor(each))


def test_learned_weights_follow_kendall() -> None:
    loss = build_loss("multitask", dim=4, classes=3, parts=["softmax", "triplet"], learned=True)
    assert isinstance(loss, MultiTask)
    features, labels = batch()
    values = loss.values(features, labels).detach().numpy()
    loss.load_state_dict({**loss.state_dict(), "log_variances": torch.tensor([0.5, -0.2])})
    wanted = np.exp(-0.5) * values[0] + 0.5 + np.exp(0.2) * values[1] - 0.2
    assert loss(features, labels).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parts": []}, "needs one part or more"),
        ({"parts": ["multitask"]}, "none of them multitask"),
        ({"weights": [1.0]}, "1 weights were given for 2 parts"),
        ({"options": {"arcface": {}}}, "options were given for arcface, which is no part"),
    ],
)
def test_says_what_is_wrong_with_a_sum(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_loss("multitask", dim=4, classes=3, **options)


@pytest.mark.parametrize("margin", ["arcface", "cosface"])
def test_partial_fc_with_every_class_is_exactly_the_margin_loss(margin: str) -> None:
    features, labels = batch(classes=5)
    whole = build_loss(margin, dim=4, classes=5, margin=0.3)
    part = build_loss("partial_fc", dim=4, classes=5, rate=1.0, margin=margin, amount=0.3)
    part.load_state_dict(whole.state_dict())
    values, slopes = [], []
    for loss in (whole, part):
        value = loss(features, labels)
        value.backward()
        values.append(value.item())
        slopes.append(loss.get_parameter("centres").grad)
    assert values[0] == values[1]
    assert slopes[0] is not None
    assert slopes[1] is not None
    assert torch.equal(slopes[0], slopes[1])


def test_partial_fc_samples_the_batchs_classes_and_a_share_of_the_others() -> None:
    torch.manual_seed(0)
    loss = build_loss("partial_fc", dim=4, classes=100, rate=0.2)
    assert isinstance(loss, PartialFC)
    labels = torch.tensor([3, 99, 3, 50])
    seen = torch.zeros(100)
    for _ in range(300):
        chosen, place = loss.sample(labels)
        assert len(chosen) == 20
        assert torch.equal(chosen[place], labels)
        seen[chosen] += 1
    assert (seen[[3, 50, 99]] == 300).all()
    others = seen[[label for label in range(100) if label not in (3, 50, 99)]] / 300
    assert others.mean().item() == pytest.approx(17 / 97, abs=1e-6)
    assert others.min() > 0.08
    assert len(loss.eval().sample(labels)[0]) == 100


def _one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=Path(folder, "meet").as_uri(), rank=rank, world_size=2)
    loss = build_loss("partial_fc", dim=4, classes=5, rate=1.0, amount=0.3, sharded=True)
    assert isinstance(loss, PartialFC)
    centres = torch.load(Path(folder, "centres.pt"), weights_only=True)
    loss.load_state_dict({"centres": centres[loss.first : loss.first + loss.count]})
    features, labels = batch(count=6, classes=5)
    mine = features[3 * rank : 3 * rank + 3].clone().requires_grad_()
    value = loss(mine, labels[3 * rank : 3 * rank + 3])
    value.backward()
    answer = {"value": value.detach(), "features": mine.grad, "centres": loss.get_parameter("centres").grad}
    torch.save(answer, Path(folder, f"{rank}.pt"))
    distributed.barrier()
    os._exit(0)  # gloo's threads now and then abort a process that takes its leave of them


def test_partial_fc_over_two_processes_learns_what_one_learns(tmp_path: Path) -> None:
    whole = build_loss("arcface", dim=4, classes=5, margin=0.3)
    torch.save(whole.get_parameter("centres").detach(), tmp_path / "centres.pt")
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=_one_of_two, args=(rank, str(tmp_path))) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    answers = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    features, labels = batch(count=6, classes=5)
    value = whole(features.requires_grad_(), labels)
    value.backward()
    centres = whole.get_parameter("centres").grad
    assert centres is not None
    assert features.grad is not None
    for answer in answers:
        torch.testing.assert_close(answer["value"], value.detach())
    torch.testing.assert_close(torch.cat([answer["centres"] for answer in answers]), centres)
    # Distributed data parallel averages over processes: twice the gradient each makes the sum.
    torch.testing.assert_close(torch.cat([answer["features"] for answer in answers]) / 2, features.grad)

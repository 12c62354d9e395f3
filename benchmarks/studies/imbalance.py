"""What helps when one class is rare: class weights, resampling, or balanced batches?  FairFace, sex 19 : 1.

    python -m benchmarks.studies.imbalance [--seeds 5]

Each seed draws 950 men and 50 women of FairFace's training part (CC BY 4.0), trains a small CNN by each
remedy for the same number of steps and tests on 600 of each from the validation part. Figures: the mean of
both recalls, and the recall of the rare class.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from benchmarks.studies.lab import data_folder, learn, options, run_seeds
from torch import Tensor

from mien.training.augment import build_augment
from mien.training.data import Listing, read_source
from mien.training.data.dataset import PictureDataset
from mien.training.losses import build_loss
from mien.training.nets import build_net
from mien.training.samplers import build_sampler, class_weights

SIZE, BATCH, EPOCHS = 32, 40, 8
COMMON, RARE, TEST = 950, 50, 600


def drawn(listing: Listing, label: str, count: int, seed: int) -> list[int]:
    rows = [row for row, sample in enumerate(listing.samples) if sample.label == label]
    return np.random.default_rng((seed, len(label))).permutation(rows)[:count].tolist()


def part(name: str, men: int, women: int, seed: int) -> Listing:
    listing = read_source("fairface", data_folder("fairface"), label="gender", part=name)
    return listing.subset(drawn(listing, "Male", men, seed) + drawn(listing, "Female", women, seed))


@cache
def tested() -> tuple[Tensor, Tensor]:
    """The same test pictures at every seed."""
    test = PictureDataset(part("val", TEST, TEST, 0), SIZE, 1)
    return torch.stack([test[row][0] for row in range(len(test))]), torch.from_numpy(test.labels)


def recalls(net: torch.nn.Module, loss: torch.nn.Module, pictures: Tensor, labels: Tensor) -> list[float]:
    with torch.no_grad():
        said = loss.logits(net.eval()(pictures)).argmax(1)  # type: ignore[operator]  # every classifier has it
    return [float((said[labels == label] == label).float().mean()) for label in range(2)]


def once(seed: int) -> dict[str, dict[str, float]]:
    train = PictureDataset(
        part("train", COMMON, RARE, seed), SIZE, 1, build_augment({"flip": 0.5}), keep=True, seed=seed
    )
    pictures, labels = tested()
    weights = class_weights(train.labels, 2)
    remedies = {
        "nothing": ("plain", {}, ()),
        "class weights": ("plain", {}, weights),
        "resampling": ("weighted", {}, ()),
        "balanced batches": ("balanced", {"pictures": BATCH // 2}, ()),
    }
    arms = {}
    for arm, (sampler, how, weighed) in remedies.items():
        torch.manual_seed(seed)
        net = build_net("cnn", size=SIZE, channels=1, dim=32, width=12, hidden=64, dropout=0.2)
        loss = build_loss("softmax", dim=32, classes=2, class_weights=weighed)
        learn(net, loss, train, build_sampler(sampler, train.labels, batch=BATCH, seed=seed, **how), EPOCHS)
        women, men = recalls(net, loss, pictures, labels)
        arms[arm] = {"balanced_accuracy": (women + men) / 2, "recall_of_rare": women}
    return arms


def main() -> None:
    chosen = options("imbalance", __doc__, seeds=5)
    facts = {"size": SIZE, "batch": BATCH, "epochs": EPOCHS, "train": {"Male": COMMON, "Female": RARE},
             "test_each": TEST}  # fmt: skip
    run_seeds("imbalance", chosen, "nothing", facts, once)


if __name__ == "__main__":
    main()

"""Does a GAN's drawing of the training people help to verify strangers?  AT&T/ORL, people apart.

    python -m benchmarks.studies.gan_augmentation [--seeds 5]

Each seed splits the 40 people, 26 to learn from and 14 to verify, teaches a GAN by label on the 26, draws ten
pictures of each and trains the same net four times: with the photos alone, with drawn pictures added, and
both again with ordinary augmentation. All four take the same number of steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.studies.lab import data_folder, features_of, learn, options, run_seeds, verify
from torch import Tensor

from mien.core.types import Pixels
from mien.training.augment import Augment, build_augment
from mien.training.data import Listing, Sample, read_source, split_by_identity
from mien.training.data.crops import Crop, whole_picture
from mien.training.data.dataset import PictureDataset
from mien.training.gan import build_gan
from mien.training.gan.frechet import frechet_distance
from mien.training.gan.train import GanRecipe, draw, to_pixels, train_gan
from mien.training.losses import build_loss
from mien.training.nets import build_net
from mien.training.samplers import build_sampler

SIZE, BATCH, STEPS, DRAWN = 32, 26, 300, 10
GAN = {"latent": 32, "width": 16, "embedded": 16}
TEACH = GanRecipe(steps=1500, batch=16, lr=2e-3, r1=0.2, r1_every=16, average=0.98)
USUAL = {"flip": 0.5, "shift": 0.06, "zoom": 0.08, "rotate": 8.0, "colour": 0.3}


def stacked(dataset: PictureDataset) -> Tensor:
    return torch.stack([dataset[row][0] for row in range(len(dataset))])


def drawings(train: PictureDataset, seed: int) -> tuple[Pixels, list[str]]:
    """Ten pictures of each person, by a GAN taught on these people."""
    torch.manual_seed(seed)
    classes = len(train.classes)
    gan = build_gan("dcgan", size=SIZE, channels=1, classes=classes, **GAN)
    generator = train_gan(gan, stacked(train), torch.from_numpy(train.labels), TEACH, seed)
    labels = torch.arange(classes).repeat(DRAWN)
    pixels = to_pixels(draw(gan, generator, labels, len(labels), seed, spread=0.8))
    return pixels, [train.classes[label] for label in labels.tolist()]


def with_drawings(train: Listing, pixels: Pixels, names: list[str]) -> tuple[Listing, Any]:
    """The photos and the drawings as one listing, and what finds the crop of either."""
    held = {Path(f"drawn-{row}"): Crop(picture, np.eye(2, 3)) for row, picture in enumerate(pixels)}
    added = [Sample(path, name, name) for path, name in zip(held, names, strict=True)]

    def align(sample: Sample, size: int) -> Crop:
        return held[sample.path] if sample.path in held else whole_picture(sample, size)

    return Listing((*train.samples, *added)), align


def trained(listing: Listing, align: Any, augment: Augment | None, seed: int) -> torch.nn.Module:
    dataset = PictureDataset(listing, SIZE, 1, augment, align, keep=True, seed=seed)
    torch.manual_seed(seed)
    net = build_net("cnn", size=SIZE, channels=1, dim=64, width=12, hidden=128)
    loss = build_loss("arcface", dim=64, classes=len(dataset.classes), margin=0.3, scale=16.0)
    sampler = build_sampler("plain", dataset.labels, batch=BATCH, seed=seed)
    learn(net, loss, dataset, sampler, epochs=round(STEPS * BATCH / len(listing)))
    return net


def once(seed: int) -> dict[str, dict[str, float]]:
    everyone = read_source("folder", data_folder("orl"))
    train, test = split_by_identity(everyone, (26, 14), seed)
    known = PictureDataset(train, SIZE, 1, keep=True)
    strangers = PictureDataset(test, SIZE, 1)
    pixels, names = drawings(known, seed)
    both, align = with_drawings(train, pixels, names)
    usual = build_augment(USUAL)
    arms: dict[str, dict[str, float]] = {}
    nets = {
        "photos": trained(train, None, None, seed),
        "photos + GAN": trained(both, align, None, seed),
        "photos, augmented": trained(train, None, usual, seed),
        "photos + GAN, augmented": trained(both, align, usual, seed),
    }
    for arm, net in nets.items():
        arms[arm] = verify(features_of(net, stacked(strangers)), strangers.labels)
    # How far the drawings are from the photos, in the features of the net that never saw one; beside it, how
    # far one half of the photos is from the other.
    drawn = stacked(PictureDataset(both.subset(range(len(train), len(both))), SIZE, 1, align=align))
    real, fake = (features_of(nets["photos"], pictures) for pictures in (stacked(known), drawn))
    arms["photos"]["frechet"] = frechet_distance(real[::2], real[1::2])
    arms["photos + GAN"]["frechet"] = frechet_distance(real, fake)
    for arm in ("photos, augmented", "photos + GAN, augmented"):
        arms[arm]["frechet"] = arms["photos + GAN" if "GAN" in arm else "photos"]["frechet"]
    return arms


def main() -> None:
    chosen = options("gan_augmentation", __doc__, seeds=5)
    facts = {"size": SIZE, "steps": STEPS, "batch": BATCH, "drawn_per_person": DRAWN, "gan": GAN,
             "gan_steps": TEACH.steps, "augmentation": USUAL, "people": [26, 14]}  # fmt: skip
    run_seeds("gan_augmentation", chosen, "photos", facts, once)


if __name__ == "__main__":
    main()

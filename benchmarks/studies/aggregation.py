"""Do learned aggregators make better templates than the mean?  wild40, people apart, SFace features.

    python -m benchmarks.studies.aggregation [--seeds 5]

Every photo is embedded as it is and in three spoiled versions (out of focus, tiny, half hidden). Each seed
splits the 40 people, 20 to learn from and 20 to verify. A template is made of four frames of one person, each
spoiled by chance or not; templates that are compared share no photo. "clean_eer" is of unspoiled frames.
Learned aggregators train on templates of the 20 with a triplet loss and AdamW, from a start that is the mean.
"""

from __future__ import annotations

import numpy as np
import torch
from benchmarks.studies.lab import data_folder, options, rates, run_seeds
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.core.errors import NoFaceFound
from mien.core.types import AlignedFace, Pixels
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import configure
from mien.training.aggregators import build_aggregator
from mien.training.augment.damage import blur, occlude
from mien.training.data import read_source
from mien.training.data.align import PipelineAlign
from mien.training.losses import build_loss
from mien.training.optimisers import build_optimiser

FRAMES, STEPS, PEOPLE, TEMPLATES = 4, 400, 12, 12
SPOILED = 0.6


def tiny(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    from PIL import Image

    side = int(rng.integers(12, 24))
    small = Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX)
    return np.asarray(small.resize(pixels.shape[1::-1], Image.Resampling.BICUBIC))


def hidden(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return occlude(occlude(pixels, rng), rng)


def unfocused(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return blur(blur(pixels, rng), rng)


def embed_all() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(photos, 4, D) features, as it is and spoiled three ways, and (photos,) people."""
    listing = read_source("folder", data_folder("wild40"))
    rows, people = [], []
    with Analyzer(configure("fast")) as analyzer:
        align, part = PipelineAlign("arcface", analyzer=analyzer), analyzer.embedder.parts[0]
        for number, (sample, label) in enumerate(zip(listing.samples, listing.labels(), strict=True)):
            try:
                crop = align(sample, 112)
            except NoFaceFound:
                continue
            rng = np.random.default_rng(number)
            views = [crop.pixels, *(spoil(crop.pixels, rng) for spoil in (unfocused, tiny, hidden))]
            faces = [AlignedFace(view, crop.matrix, "arcface") for view in views]
            rows.append(np.stack([embedding.vector for embedding in part.embed(faces)]))
            people.append(label)
    return np.stack(rows), np.array(people)


def template(
    rows: NDArray[np.int64], features: NDArray[np.float32], spoiled: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Frames out of these photos: (FRAMES, D)."""
    chosen = rng.choice(rows, FRAMES, replace=len(rows) < FRAMES)
    kinds = np.where(rng.random(FRAMES) < spoiled, rng.integers(1, 4, FRAMES), 0)
    return features[chosen, kinds]


def batch(
    people: list[NDArray[np.int64]], features: NDArray[np.float32], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    who = rng.permutation(len(people))[:PEOPLE].repeat(2)
    frames = np.stack([template(people[person], features, SPOILED, rng) for person in who])
    return torch.from_numpy(frames), torch.from_numpy(who)


def trained(
    name: str, people: list[NDArray[np.int64]], features: NDArray[np.float32], seed: int
) -> nn.Module:
    torch.manual_seed(seed)
    dim = features.shape[2]
    net = build_aggregator(name, dim=dim, **({} if name in ("mean", "attention") else {"hidden": 64}))
    if name == "mean":
        return net
    loss = build_loss("triplet", dim=dim, classes=len(people), margin=0.3, mining="all")
    steps = build_optimiser("adamw", net, lr=1e-3 if name != "attention" else 1e-2, decay=0.01)
    rng = np.random.default_rng((seed, 1))
    for _ in range(STEPS):
        frames, who = batch(people, features, rng)
        steps.zero_grad()
        torch.autograd.backward(loss(net(frames, torch.ones(frames.shape[:2], dtype=torch.bool)), who))
        steps.step()
    return net.eval()


def verified(
    net: nn.Module, people: list[NDArray[np.int64]], features: NDArray[np.float32], spoiled: float, seed: int
) -> dict[str, float]:
    """Templates of one half of each person's photos against templates of the other half."""
    rng = np.random.default_rng((seed, 2))
    sides: list[list[NDArray[np.float32]]] = [[], []]
    for rows in people:
        halves = np.array_split(rng.permutation(rows), 2)
        for side, half in zip(sides, halves, strict=True):
            side += [template(half, features, spoiled, rng) for _ in range(TEMPLATES)]
    with torch.no_grad():
        mask = torch.ones(len(sides[0]), FRAMES, dtype=torch.bool)
        a, b = (
            nn.functional.normalize(net(torch.from_numpy(np.stack(side)), mask)).double().numpy()
            for side in sides
        )
    who = np.repeat(np.arange(len(people)), TEMPLATES)
    return rates((a @ b.T).ravel(), (who[:, None] == who[None, :]).ravel())


def main() -> None:
    chosen = options("aggregation", __doc__, seeds=10)
    features, labels = embed_all()
    by_person = [np.flatnonzero(labels == person) for person in range(labels.max() + 1)]

    def once(seed: int) -> dict[str, dict[str, float]]:
        order = np.random.default_rng(seed).permutation(len(by_person))
        known, strangers = ([by_person[i] for i in part] for part in np.split(order, 2))
        arms = {}
        for name in ("mean", "attention", "gru", "lstm"):
            net = trained(name, known, features, seed)
            spoiled = verified(net, strangers, features, SPOILED, seed)
            clean = verified(net, strangers, features, 0.0, seed)
            arms[name] = {**spoiled, "clean_eer": clean["eer"]}
        return arms

    facts = {"frames": FRAMES, "steps": STEPS, "spoiled": SPOILED, "photos": len(labels), "people": [20, 20]}
    run_seeds("aggregation", chosen, "mean", facts, once)


if __name__ == "__main__":
    main()

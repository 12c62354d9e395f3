"""The ladder of face recognition on the AT&T (ORL) faces: from eigenfaces to a vision transformer.

    python -m benchmarks.studies.orl_ladder [--seeds 3] [--only pca,lda,cnn]

Reads $MIEN_SHARED/data/orl (40 people × 10 grey pictures, 92 × 112; AT&T Laboratories Cambridge). Every rung
sees the same 56 × 56 pictures and answers two questions, once a seed:

verification, identity-disjoint: learn from 27 people, compare every two pictures of the 13 others (585
    genuine and 7,800 impostor pairs): TMR at FMR 1e-2 and 1e-3, EER, AUC.
identification, closed set: learn from five pictures of each of the 40, name the other five by the nearest of
    those (cosine): rank-1.

Seed by seed the answers go into the JSON file, what is there already is kept, and the table goes into
docs/lab-results.md. A seed draws people and pictures, and the nets' start; it is the same draw for every
rung. Intervals: 95 %, Student's t over the seeds. Nets are trained by the lab's loop (`mien.training.loop`)
for a fixed number of epochs, the same for all; nothing is chosen on the people that are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.evaluation.metrics.verification import auc, eer, tmr_at_fmr
from mien.training.classics.listed import faces_of
from mien.training.classics.methods import fit_classic
from mien.training.data import read_source

SIZE, DIM = 56, 64
TRAIN_PEOPLE, EACH = 27, 5
EPOCHS = 20
MARKS = "<!-- begin: orl ladder -->", "<!-- end: orl ladder -->"
MEASURES = ("tmr@1e-2", "tmr@1e-3", "eer", "auc", "rank1")


@dataclass(frozen=True)
class Rung:
    """One method.    options: of a classic, or sections of a recipe."""

    title: str
    classic: str = ""
    options: dict[str, Any] = field(default_factory=dict)


SOFTMAX = {"name": "softmax"}
PAIRS = {"name": "balanced", "pictures": 5}
LADDER = {
    "pca": Rung("eigenfaces (PCA, whitened)", "pca"),
    "lda": Rung("Fisherfaces (LDA)", "lda"),
    "lbp": Rung("local binary patterns", "lbp"),
    "hog": Rung("oriented gradients (HOG)", "hog"),
    "cnn": Rung("CNN, softmax", options={"net": {"name": "cnn"}, "loss": SOFTMAX}),
    "resnet": Rung(
        "ResNet-18, ArcFace",
        options={
            "net": {"name": "resnet18", "width": 16},
            "loss": {"name": "arcface", "scale": 16.0, "margin": 0.3},
        },
    ),
    "siamese": Rung(
        "siamese CNN, contrastive",
        options={"net": {"name": "siamese"}, "loss": {"name": "contrastive"}, "sampler": PAIRS},
    ),
    "triplet": Rung(
        "siamese CNN, triplet",
        options={"net": {"name": "siamese"}, "loss": {"name": "triplet"}, "sampler": PAIRS},
    ),
    "vit": Rung(
        "ViT (4 blocks, patches of 8), softmax",
        options={"net": {"name": "vit", "width": 96, "depth": 4, "heads": 4}, "loss": SOFTMAX},
    ),
}


def embed_classic(rung: Rung, faces: Any, people: Any, asked: Any, seed: int) -> Any:
    del seed
    return fit_classic(rung.classic, faces, people, **rung.options).embed(asked)


def embed_net(rung: Rung, faces: Any, people: Any, asked: Any, seed: int) -> Any:
    """Train the rung's net on some faces and embed others."""
    import torch

    from mien.compression.learn import learn
    from mien.training.augment import build_augment
    from mien.training.data.dataset import to_tensor
    from mien.training.job import Findings, Job
    from mien.training.losses import build_loss
    from mien.training.nets import build_net
    from mien.training.recipefile import parse_recipe

    recipe = parse_recipe(recipe_text(rung, seed), rung.title)
    torch.manual_seed(seed)
    net = build_net(recipe.net.name, size=SIZE, channels=1, dim=DIM, **recipe.net.options)
    loss = build_loss(recipe.loss.name, dim=DIM, classes=int(people.max()) + 1, **recipe.loss.options)
    augment = build_augment(recipe.augment.options)

    class Faces:
        def __len__(self) -> int:
            return len(faces)

        def __getitem__(self, pick: Any) -> Any:
            varied = augment(faces[pick.row], np.random.default_rng((seed, pick.row, pick.draw)))
            return to_tensor(varied, 1), int(people[pick.row])

    # Nothing is chosen by a validation: the last weights count.
    job = Job(net, loss, Faces(), people, lambda *_: Findings({"none": 0.0}), "none", True, {}, mixable=False)
    with tempfile.TemporaryDirectory() as folder:
        learn(recipe, job, Path(folder))
        from mien.training.checkpoint import last_checkpoint, load_checkpoint

        net.load_state_dict(load_checkpoint(last_checkpoint(Path(folder))).net())
    with torch.no_grad():
        rows = net.eval()(torch.stack([to_tensor(face, 1) for face in asked]))
    return torch.nn.functional.normalize(rows).numpy()


def recipe_text(rung: Rung, seed: int) -> str:
    """The recipe of a net's rung as TOML."""
    sections: dict[str, dict[str, Any]] = {
        "data": {"size": SIZE, "channels": 1},
        "net": {"dim": DIM, **rung.options["net"]},
        "loss": rung.options["loss"],
        "sampler": rung.options.get("sampler", {"name": "plain"}),
        "optimiser": {"name": "adamw", "lr": 1e-3},
        "augment": {"flip": 0.5, "shift": 0.05, "zoom": 0.1, "rotate": 8.0, "colour": 0.2},
        "run": {"epochs": EPOCHS, "batch": 50, "seed": seed, "tensorboard": False, "validate_every": 1000,
                "save_every": 1000, "device": "cpu"},
    }  # fmt: skip
    lines = ['name = "rung"']
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines)


def measure(rung: Rung, faces: Any, people: Any, seed: int) -> dict[str, float]:
    embed = embed_classic if rung.classic else embed_net
    rng = np.random.default_rng(seed)
    known = np.isin(people, rng.permutation(people.max() + 1)[:TRAIN_PEOPLE])
    numbers = np.unique(people[known], return_inverse=True)[1]
    rows = embed(rung, faces[known], numbers, faces[~known], seed)
    first, second = np.triu_indices(len(rows), 1)
    scores, same = (rows @ rows.T)[first, second], people[~known][first] == people[~known][second]
    genuine, impostor = scores[same], scores[~same]
    gallery = np.zeros(len(people), bool)
    for person in np.unique(people):
        gallery[rng.permutation(np.flatnonzero(people == person))[:EACH]] = True
    rows = embed(rung, faces[gallery], people[gallery], faces, seed)
    nearest = people[gallery][(rows[~gallery] @ rows[gallery].T).argmax(axis=1)]
    return {
        "tmr@1e-2": tmr_at_fmr(genuine, impostor, 1e-2).tmr,
        "tmr@1e-3": tmr_at_fmr(genuine, impostor, 1e-3).tmr,
        "eer": eer(genuine, impostor),
        "auc": auc(genuine, impostor),
        "rank1": float((nearest == people[~gallery]).mean()),
    }


def summary(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and 95 % interval of each measure over the seeds, cut to [0, 1]."""
    from scipy.stats import t

    found = {}
    for name in MEASURES:
        values = np.array([run[name] for run in runs])
        half = 0.0
        if len(values) > 1:
            half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
        mean = float(values.mean())
        found[name] = {"mean": mean, "low": max(mean - half, 0.0), "high": min(mean + half, 1.0)}
    return found


def table(document: dict[str, Any]) -> str:
    """The ladder as Markdown."""
    heads = ("method", "TMR at FMR 1e-2", "TMR at FMR 1e-3", "EER", "AUC", "rank-1, closed set", "seeds")
    lines = ["| " + " | ".join(heads) + " |", "| --- " + "| ---: " * (len(heads) - 1) + "|"]
    for rung in document["rungs"].values():
        cells = [rung["title"]]
        for name in MEASURES:
            value = rung["summary"][name]
            factor, form, unit = (1, ".3f", "") if name == "auc" else (100, ".1f", " %")
            low, mean, high = (format(factor * value[key], form) for key in ("low", "mean", "high"))
            # One seed has no interval.
            cells.append(f"{mean}{unit}" + (f" ({low} – {high})" if len(rung["runs"]) > 1 else ""))
        lines.append("| " + " | ".join([*cells, str(len(rung["runs"]))]) + " |")
    return "\n".join(lines)


def refresh(page: Path, drawn: str) -> None:
    """Renew the table of a page between its two marks."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n{drawn}\n{MARKS[1]}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default=",".join(LADDER))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/orl_ladder.json"))
    parser.add_argument("--docs", type=Path, default=Path("docs/lab-results.md"))
    options = parser.parse_args()
    listing = read_source("folder", Path(os.environ.get("MIEN_SHARED", "../shared"), "data", "orl"))
    faces, people = faces_of(listing, SIZE), listing.labels()
    document: dict[str, Any] = json.loads(options.out.read_text()) if options.out.is_file() else {}
    document |= {"command": "python -m benchmarks.studies.orl_ladder", "data": "orl", "seeds": options.seeds,
                 "size": SIZE, "epochs": EPOCHS}  # fmt: skip
    rungs = document.setdefault("rungs", {})
    # Seed by seed, so that a ladder that is stopped has whole rounds; what is there already is kept.
    for seed in range(options.seeds):
        for name in options.only.split(","):
            rung = rungs.setdefault(name, {"title": LADDER[name].title, "runs": [], "seconds": []})
            if len(rung["runs"]) > seed:
                continue
            start = time.perf_counter()
            rung["runs"].append(measure(LADDER[name], faces, people, seed))
            rung["seconds"].append(round(time.perf_counter() - start, 1))
            rung["summary"] = summary(rung["runs"])
            print(name, seed, {key: round(value, 4) for key, value in rung["runs"][-1].items()}, flush=True)
            document["rungs"] = rungs = {key: rungs[key] for key in LADDER if key in rungs}
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(document, indent=1) + "\n")
    print(table(document))
    if options.docs.is_file():
        refresh(options.docs, table(document))


if __name__ == "__main__":
    main()

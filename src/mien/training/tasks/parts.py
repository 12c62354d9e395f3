"""What several tasks share: the parts of the data, their data sets, batches through a net, model inputs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from mien.alignment.templates import TEMPLATES
from mien.core.errors import InputError, ThinData
from mien.core.modelcard import Preprocess
from mien.core.types import Pixels
from mien.training.augment import build_augment
from mien.training.data import Listing, read_listing, split_by_identity
from mien.training.data.crops import ALIGNMENTS, Align
from mien.training.data.dataset import PictureDataset
from mien.training.nets import build_net
from mien.training.processes import find_device, readers
from mien.training.recipe import Recipe

_log = logging.getLogger(__name__)
SHOWN = 12  # validation pictures in a report
TEMPLATE = (
    "how faces shall be cut for the model; empty: like data.align, or arcface where that is no template"
)


class Parts(NamedTuple):
    """Listings of which no two show the same person.    test: empty where the recipe keeps none.

    lost: facts of the pictures that were left out because no face was found or they could not be read.
    """

    train: Listing
    validation: Listing
    test: Listing
    lost: Mapping[str, Any] = MappingProxyType({})


def read_parts(recipe: Recipe, *, classes: bool = False) -> Parts:
    """List a recipe's pictures and deal them by person.

    classes: labels are what is to be learned and not who is shown, so they must not be dealt as people.
    """
    listing = read_listing(recipe.data)
    if classes and all(sample.group == sample.label for sample in listing.samples):
        raise InputError(
            "this data does not say who is shown, so each class would fall into one part: name people with "
            "data.group (source csv) or a group `person` in data.pattern (source paths; "
            "'(?P<label>[^/]+)/(?P<person>.*)' takes every picture for another person)"
        )
    parts = deal(recipe, listing)
    return _with_faces(recipe, parts) if recipe.data.align in TEMPLATES else parts


def _with_faces(recipe: Recipe, parts: Parts) -> Parts:
    """Without the pictures in which the pipeline finds no face; their crops are on disk from now on."""
    from mien.training.data.align import acquire

    data = recipe.data
    whole = Listing(tuple(sample for part in parts[:3] for sample in part.samples))
    acquired = acquire(whole, _align_of(recipe), data.size)
    if not acquired.listing.samples:
        raise ThinData(f"no face was found in {data.root}: check the pictures, or set data.align to whole")
    if acquired.failures:
        path, why = acquired.failures[0]
        _log.warning("%d of %d pictures are left out: %s (%s)", len(acquired.failures), len(whole), why, path)
    kept = set(map(id, acquired.listing.samples))
    codes = Counter(error.code for _, error in acquired.failures)
    lost = {"pictures": len(whole), "failed": len(acquired.failures), "codes": dict(codes)}
    train, validation, test = (part.where(lambda sample: id(sample) in kept) for part in parts[:3])
    return Parts(train, validation, test, {"failures_to_acquire": lost})


def deal(recipe: Recipe, listing: Listing) -> Parts:
    """Split a listing by person as the recipe says, then cut each part to ``data.limit``."""
    data = recipe.data
    shares = [share for share in data.fractions if share > 0]
    if (
        len(data.fractions) not in (2, 3)
        or len(shares) < 2
        or data.fractions[0] == 0
        or data.fractions[1] == 0
    ):
        raise InputError(
            f"data.fractions cannot be {list(data.fractions)}: give two or three shares, for training, "
            "validation and test; only the last may be 0"
        )
    parts = [*split_by_identity(listing, shares, data.split_seed), Listing(())][:3]
    if data.limit:
        parts = [_sample(part, data.limit, data.split_seed) for part in parts]
    train, validation, test = parts
    return Parts(train, validation, test)


def _sample(listing: Listing, limit: int, seed: int) -> Listing:
    """So many samples, people as whole as can be: shuffled people, one after the other, until it is full."""
    if len(listing) <= limit:
        return listing
    groups = np.random.default_rng(seed).permutation(list(listing.groups))
    place = {group: number for number, group in enumerate(groups.tolist())}
    chosen = sorted(range(len(listing)), key=lambda row: (place[listing.samples[row].group], row))[:limit]
    return listing.subset(sorted(chosen))


def pictures(
    recipe: Recipe, listing: Listing, classes: Sequence[str] | None = None, *, training: bool = False
) -> PictureDataset:
    """The pictures of one part as the net sees them; only training pictures are varied."""
    data = recipe.data
    varied = build_augment(recipe.augment.options) if training else None
    return PictureDataset(
        listing,
        data.size,
        data.channels,
        varied,
        _align_of(recipe),
        classes=classes,
        # A few hundred megabytes at most; reading and decoding each epoch anew costs more than the memory.
        keep=not readers(recipe.run.workers, find_device(recipe.run.device))
        and len(listing) * data.size**2 * 3 < 400e6,
        seed=recipe.run.seed,
    )


def find_align(name: str, *, mesh: bool = False) -> Align:
    """What cuts a sample to a square, by the name that recipes use.

    mesh: keep the face's 468 points with crops that the pipeline cuts, for masks to follow.
    """
    if name in ALIGNMENTS:
        return ALIGNMENTS[name]
    if name in TEMPLATES:
        from mien.training.data.align import PipelineAlign

        return PipelineAlign(name, mesh=mesh)
    raise InputError(f"data.align cannot be {name!r}: choose {', '.join([*ALIGNMENTS, *TEMPLATES])}")


def _align_of(recipe: Recipe) -> Align:
    return find_align(recipe.data.align, mesh=build_augment(recipe.augment.options).config.mask > 0)


def template_of(recipe: Recipe, wanted: str) -> str:
    """The alignment template of a model's card: the one that was trained on, unless another is wanted."""
    return wanted or (recipe.data.align if recipe.data.align in TEMPLATES else "arcface")


def net_of(recipe: Recipe, dim: int | None = None) -> nn.Module:
    """The recipe's net, with ``dim`` outputs where the task fixes them."""
    part, data = recipe.net, recipe.data
    return build_net(part.name, size=data.size, channels=data.channels, dim=dim or part.dim, **part.options)


@torch.no_grad()
def answers(net: nn.Module, dataset: Any, device: torch.device, batch: int = 256) -> Any:
    """A net's answers to a whole data set, in order, on the CPU: (N, …) float32, or a dict of such."""
    found = [_off(net(pictures.to(device))) for pictures in _batches(dataset, batch)]
    if not all(value.isfinite().all() for one in found for value in _tensors(one)):
        raise InputError(
            "the net's answers are no numbers any more: lower the learning rate (--set optimiser.lr=…) or "
            "set run.clip"
        )
    if isinstance(found[0], Mapping):
        return {name: torch.cat([one[name] for one in found]) for name in found[0]}
    return torch.cat(found)


def _off(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: tensor.float().cpu() for name, tensor in value.items()}
    return value.float().cpu()


def _tensors(value: Any) -> Collection[Tensor]:
    return value.values() if isinstance(value, Mapping) else (value,)


def _batches(dataset: Any, batch: int) -> Iterator[Tensor]:
    # A generator of its own leaves the one that seeds the steps alone.
    for item in DataLoader(dataset, batch_size=batch, generator=torch.Generator()):
        yield item[0]


def unit(features: Tensor) -> NDArray[np.float64]:
    """(N, D) features as directions, in float64."""
    wide = features.double()
    return np.asarray((wide / wide.norm(dim=1, keepdim=True).clamp_min(1e-12)).numpy())


def shown(dataset: PictureDataset, row: int) -> Pixels:
    """A validation picture as the net saw it, for the report."""
    return dataset.picture(row).pixels


class FromCard(nn.Module):
    """A net behind what a model card can say: RGB of one size in [-1, 1], whatever the net itself takes.

    The picture is brought to the net's size, and to grey (ITU-R 601) where it takes one channel.
    """

    grey: Tensor

    def __init__(self, net: nn.Module, size: int, channels: int) -> None:
        super().__init__()
        self.net, self.size, self.channels = net, size, channels
        self.register_buffer("grey", torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))

    def forward(self, pictures: Tensor) -> Any:
        if pictures.shape[-1] != self.size:
            shape = (self.size, self.size)
            pictures = functional.interpolate(pictures, shape, mode="bilinear", align_corners=False)
        if self.channels == 1:
            pictures = (pictures * self.grey).sum(1, keepdim=True)
        return self.net(pictures)


def card_input(size: int) -> Preprocess:
    """uint8 RGB to [-1, 1], as the data sets of the lab do it."""
    return Preprocess(width=size, height=size, mean=(127.5,) * 3, std=(127.5,) * 3)

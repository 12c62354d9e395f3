"""docs/training-blocks.md names everything that a recipe can name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import pytest

from mien.alignment.templates import TEMPLATES
from mien.training.aggregators import AGGREGATORS
from mien.training.augment import AugmentConfig
from mien.training.data import SOURCES
from mien.training.data.crops import ALIGNMENTS
from mien.training.gan import GANS
from mien.training.losses import LOSSES
from mien.training.nets import NETS
from mien.training.optimisers import OPTIMISERS
from mien.training.samplers import SAMPLERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training-blocks.md"
AUGMENTATIONS = [field.name for field in dataclasses.fields(AugmentConfig)]


@pytest.mark.parametrize(
    "names",
    [NETS, LOSSES, SOURCES, [*ALIGNMENTS, *TEMPLATES], SAMPLERS, AUGMENTATIONS, OPTIMISERS],
)
def test_every_name_is_on_the_page(names: Iterable[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("names", [GANS, AGGREGATORS])
def test_every_gan_and_aggregator_is_on_the_page(names: Iterable[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in names if f'"{name}"' not in page] == []

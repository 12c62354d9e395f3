"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from mien.core.errors import ModelMissing
from mien.core.types import Image
from mien.pipeline.analyze import Analyzer
from mien.zoo.registry import card
from mien.zoo.store import fetch

# How long an example takes says something about the machine, not about the code.
settings.register_profile("mien", deadline=None)
settings.load_profile("mien")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The test data folder; tests that need it are marked `shared` and skip where it is absent."""
    folder = Path(os.environ.get("MIEN_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no test data at {folder}: set MIEN_SHARED")
    return folder / "data"


@pytest.fixture(scope="session")
def analyzer() -> Analyzer:
    """The default profile with real weights; tests that need it are marked `weights`."""
    opened = Analyzer()
    try:
        for name in ("yunet", "centerface", "sface", "mesh468", "iris"):
            opened.networks.get(name)
    except ModelMissing as error:
        pytest.skip(f"the weights cannot be had: {error}")
    return opened


@pytest.fixture(scope="session")
def astronaut(analyzer: Analyzer) -> Image:
    """A public-domain portrait: one face, head turned a little to the picture's left, smiling."""
    return analyzer.open(fetch(card("astronaut"))).image


@pytest.fixture(scope="session")
def hopper(analyzer: Analyzer) -> Image:
    """A public-domain portrait of another woman, in uniform and cap."""
    return analyzer.open(fetch(card("hopper"))).image

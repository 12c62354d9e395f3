"""What is built out of a configuration."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mien.detection.search import Search
from mien.pipeline.build import build_detector, build_embedder, build_landmarker, every_model
from mien.pipeline.config import PROFILES, configure
from mien.pipeline.networks import Networks
from mien.zoo.registry import card


class Asked(Networks):
    """Opens nothing and remembers what it was asked for."""

    names: set[str]

    def get(self, name: str) -> Any:
        self.names.add(name)
        return SimpleNamespace(card=card(name))


@pytest.mark.parametrize("profile", PROFILES)
def test_whatever_a_picture_needs_is_among_the_models_of_the_profile(profile: str) -> None:
    config = configure(profile)
    networks = Asked(config)
    networks.names = set()
    search = build_detector(config, networks)
    assert isinstance(search, Search)
    for rung in search.rungs:
        rung.detector()
    build_landmarker(config, networks)
    build_embedder(config, networks)
    assert networks.names == set(every_model(config))

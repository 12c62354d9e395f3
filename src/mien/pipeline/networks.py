"""Opened networks, each one once, whoever asks first."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mien.core.modelcard import ModelCard
from mien.pipeline.config import Config, Profile
from mien.runtime.machine import cores
from mien.runtime.session import OpenNetwork, open_network
from mien.zoo.registry import card
from mien.zoo.store import fetch

Progress = Callable[[int, int], None]


class Networks:
    """Fetches, checks and compiles a network on first use and keeps it; safe to share between threads."""

    def __init__(self, config: Config, progress: Callable[[str], Progress] | None = None) -> None:
        self._config = config
        self._progress = progress
        self._open: dict[str, OpenNetwork] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._turn = threading.Lock()

    def get(self, name: str) -> OpenNetwork:
        """Open the network of this card.

        raises: `ModelError` and its kinds where the file is missing, corrupt, forbidden or cannot run here.
        """
        with self._turn:
            turn = self._turns.setdefault(name, threading.Lock())
        with turn:
            if name not in self._open:
                self._open[name] = self._load(name)
            return self._open[name]

    def opened(self) -> dict[str, OpenNetwork]:
        return dict(self._open)

    def close(self) -> None:
        self._open.clear()

    def _load(self, name: str) -> OpenNetwork:
        wanted = wanted_card(card(name), self._config.profile)
        data = fetch(
            wanted,
            allow_noncommercial=self._config.allow_noncommercial,
            progress=self._progress(name) if self._progress else None,
        )
        return open_network(
            wanted,
            data,
            streams=self._config.streams or cores(),
            notebook=self._config.cache / "engines.json",
        )


def wanted_card(card: ModelCard, profile: Profile) -> ModelCard:
    """The card with the arithmetic and the size of the picture that the profile takes."""
    if profile.frame is not None and card.name == profile.detector:
        card = card.framed(profile.frame)
    return card.hurried() if profile.quick else card

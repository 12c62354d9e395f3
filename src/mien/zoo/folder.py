"""Where models live on this machine, and the switches the environment sets."""

from __future__ import annotations

import os
from pathlib import Path

_TRUE = {"1", "true", "yes", "on"}


def models_folder() -> Path:
    """The models folder, which is not created here.

    ``MIEN_MODELS``, or ``models`` in ``MIEN_CACHE``, or ``mien/models`` in the platform's cache folder.
    """
    if chosen := os.environ.get("MIEN_MODELS"):
        return Path(chosen).expanduser()
    return cache_folder() / "models"


def cache_folder() -> Path:
    """What may be lost: measurements of this machine, models. ``MIEN_CACHE``, or the platform's folder."""
    if cache := os.environ.get("MIEN_CACHE"):
        return Path(cache).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("mien", appauthor=False)


def is_offline() -> bool:
    """Whether ``MIEN_OFFLINE`` forbids the network."""
    return _switch("MIEN_OFFLINE")


def noncommercial_allowed() -> bool:
    """Whether ``MIEN_ALLOW_NONCOMMERCIAL`` says that this use is not commercial."""
    return _switch("MIEN_ALLOW_NONCOMMERCIAL")


def bundle_path() -> Path | None:
    """The offline bundle that ``MIEN_BUNDLE`` names: a zip, or the folder it was unpacked to."""
    chosen = os.environ.get("MIEN_BUNDLE")
    return Path(chosen).expanduser() if chosen else None


def _switch(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in _TRUE

"""What to run: the one place where models, sizes and limits are decided."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from mien.core.errors import InputError

DEFAULT_PROFILE = "balanced"
DEFAULT_FMR = 1e-4


@dataclass(frozen=True, slots=True)
class Profile:
    """A choice of weights and care, with figures in docs/models.md.

    long_side: pixels of a picture's longer side as the detector sees it.
    min_score: 0..1, detections below it are dropped.
    """

    detector: str
    long_side: int
    min_score: float
    embedder: str


PROFILES: Mapping[str, Profile] = {
    "fast": Profile("yunet", 320, 0.6, "sface"),
    "balanced": Profile("yunet", 640, 0.6, "sface"),
    "accurate": Profile("centerface", 640, 0.5, "sface+dlib_resnet"),
}


@dataclass(frozen=True, slots=True)
class Config:
    """profile: the weights.    streams: pictures worked on side by side; None picks for the work at hand."""

    profile: Profile = field(default_factory=lambda: PROFILES[DEFAULT_PROFILE])
    landmarker: str = "mesh468"
    iris: str = "iris"
    allow_noncommercial: bool = False
    formats: frozenset[str] = frozenset()
    streams: int | None = None
    cache: Path = field(default_factory=lambda: cache_folder())


def cache_folder() -> Path:
    """Where measurements of this machine are remembered; `MIEN_CACHE` overrides."""
    return Path(os.environ.get("MIEN_CACHE") or platformdirs.user_cache_path("mien", appauthor=False))


def configure(
    profile: str = DEFAULT_PROFILE,
    *,
    models: str | None = None,
    allow_noncommercial: bool = False,
    formats: str | None = None,
) -> Config:
    """Turn what a user says into a `Config`.

    models: names or card files that replace the profile's, separated by commas; each goes to its task.
    formats: picture formats to read beside JPEG, PNG and WebP, separated by commas, or "all".
    raises: InputError for an unknown profile, `UnknownModel` for an unknown model.
    """
    if profile not in PROFILES:
        raise InputError(f"no profile is called {profile!r}: choose {', '.join(PROFILES)}")
    chosen = PROFILES[profile]
    config = Config(chosen, allow_noncommercial=allow_noncommercial)
    return config if not models else _with_models(config, [name.strip() for name in models.split(",")])


def _with_models(config: Config, names: list[str]) -> Config:
    from mien.zoo.registry import card

    for name in names:
        task = "embed" if "+" in name else card(name).task
        match task:
            case "detect":
                config = replace(config, profile=replace(config.profile, detector=name))
            case "embed":
                config = replace(config, profile=replace(config.profile, embedder=name))
            case "landmarks":
                config = replace(config, landmarker=name)
            case "iris":
                config = replace(config, iris=name)
            case _:
                raise InputError(
                    f"{name} does the task {task!r}, which this command does not use: leave it out"
                )
    return config

"""What to run: the one place where models, sizes and limits are decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mien.alignment.views import VIEWS, Views
from mien.core.errors import InputError
from mien.embedding.calibration import QUICK
from mien.imaging.header import DEFAULT_FORMATS, ISOLATED_FORMATS
from mien.zoo.folder import cache_folder

if TYPE_CHECKING:
    from mien.core.modelcard import ModelCard

DEFAULT_PROFILE = "balanced"
DEFAULT_FMR = 1e-4


@dataclass(frozen=True, slots=True)
class Profile:
    """A choice of weights and care, with figures in docs/models.md.

    embedder: a card's name, or several joined by "+" whose scores are fused.
    long_side: pixels of a picture's longer side as the detector sees it.
    max_side: a picture is decoded at half, a quarter … of its size while its longer side stays at least
        this; None keeps every pixel.
    views: which crops of a face are embedded.
    frame: pixels of the square into which every picture is fitted for the detector; None gives each picture
        a frame of its own shape. One shape for all costs pixels, but the network is prepared for it alone.
    quick: take arithmetic that costs a little accuracy (`ModelCard.quick_precisions`).
    """

    detector: str
    embedder: str
    long_side: int
    max_side: int | None
    views: Views
    frame: int | None = None
    quick: bool = False

    @property
    def calibrated(self) -> str:
        """What `shipped_calibration` knows the embedder by, as this profile runs it."""
        own = self.embedder.endswith(".toml")
        return self.embedder + QUICK if self.quick and not own else self.embedder


PROFILES: Mapping[str, Profile] = {
    "fast": Profile("yunet", "sface", 320, 1280, VIEWS["fast"], frame=320, quick=True),
    "balanced": Profile("yunet", "sface", 640, 2560, VIEWS["balanced"]),
    "accurate": Profile("centerface", "sface+dlib_resnet", 640, None, VIEWS["accurate"]),
}


@dataclass(frozen=True, slots=True)
class Config:
    """What an `Analyzer` runs.

    formats: picture formats that are read.
    points: landmark card of another scheme than mesh468, whose points are reported instead of the mesh's.
    answers: finding -> the cards that answer it (age, sex, expression, liveness, attributes).
    streams: pictures worked on side by side; None means one a core.
    cache: folder that remembers what was measured on this machine.
    """

    profile: Profile = field(default_factory=lambda: PROFILES[DEFAULT_PROFILE])
    landmarker: str = "mesh468"
    iris: str = "iris"
    points: str | None = None
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allow_noncommercial: bool = False
    formats: frozenset[str] = frozenset(DEFAULT_FORMATS)
    streams: int | None = None
    cache: Path = field(default_factory=cache_folder)

    def model_names(self, asked: Collection[str]) -> dict[str, str]:
        """Task -> model, for the findings that were asked for."""
        names = {"detect": self.profile.detector}
        if {"landmarks", "pose", "embedding", *self.answers} & set(asked):
            names["landmarks"] = self.landmarker
        if {"landmarks", "pose"} & set(asked):
            names["iris"] = self.iris
        if "embedding" in asked:
            names["embed"] = self.profile.embedder
        if "landmarks" in asked and self.points:
            names["points"] = self.points
        return names | {name: ",".join(self.answers[name]) for name in self.answers if name in asked}


def configure(
    profile: str = DEFAULT_PROFILE,
    *,
    models: str | None = None,
    allow_noncommercial: bool = False,
    formats: str | None = None,
) -> Config:
    """Turn what a user says into a `Config`.

    models: names or card files, separated by commas; each goes to its task, in the profile's model's place.
    formats: picture formats to read beside JPEG, PNG and WebP, separated by commas, or "all".
    raises: InputError for an unknown profile, `UnknownModel` for an unknown model.
    """
    if profile not in PROFILES:
        raise InputError(f"no profile is called {profile!r}: choose {', '.join(PROFILES)}")
    config = Config(
        PROFILES[profile], allow_noncommercial=allow_noncommercial, formats=_formats(formats or "")
    )
    return config if not models else _with_models(config, [name.strip() for name in models.split(",")])


def _formats(more: str) -> frozenset[str]:
    names = {name.strip().lower() for name in more.split(",")} - {""}
    known = frozenset({*DEFAULT_FORMATS, *ISOLATED_FORMATS})
    if names == {"all"}:
        return known
    if not names <= known:
        wanted = ", ".join(sorted(known))
        raise InputError(
            f"no picture format is called {', '.join(sorted(names - known))}: choose {wanted}, all"
        )
    return frozenset({*DEFAULT_FORMATS, *names})


def _with_models(config: Config, names: list[str]) -> Config:
    from mien.zoo.registry import card

    for name in names:
        if "+" in name:
            config = replace(config, profile=replace(config.profile, embedder=name))
            continue
        found = card(name)
        match found.task:
            case "detect":
                config = replace(config, profile=replace(config.profile, detector=name))
            case "embed":
                config = replace(config, profile=replace(config.profile, embedder=name))
            case "landmarks" if found.scheme in ("", "mesh468"):
                config = replace(config, landmarker=name)
            case "landmarks":
                config = replace(config, points=name)
            case "iris":
                config = replace(config, iris=name)
            case "age" | "sex" | "expression" | "liveness" | "attributes":
                config = replace(config, answers=_with_answers(config.answers, name, found))
            case task:
                raise InputError(f"{name} is for the task {task!r}, which is not used here: leave it out")
    return config


def _with_answers(
    answers: Mapping[str, tuple[str, ...]], name: str, found: ModelCard
) -> dict[str, tuple[str, ...]]:
    """raises: InputError where two cards answer the same, `ModelError` for a card that says too little."""
    from mien.attributes.questions import findings_of
    from mien.zoo.registry import card

    more = dict(answers)
    for finding in dict.fromkeys(findings_of(found).values()):
        before = more.get(finding, ())
        if before and (finding != "attributes" or any(_share(card(other), found) for other in before)):
            raise InputError(f"{before[-1]} and {name} both answer {finding}: name one of them")
        more[finding] = (*before, name)
    return more


def _share(one: ModelCard, other: ModelCard) -> bool:
    """Whether two cards answer a question of the same name."""
    return not set(one.answers).isdisjoint(other.answers)

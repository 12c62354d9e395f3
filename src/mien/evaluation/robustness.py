"""How fast does a matcher fail as pictures get worse? One kind of damage at a time, at rising levels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, MienError, ThinData
from mien.core.types import Box, Embedding, Pixels
from mien.evaluation import degradations
from mien.evaluation.metrics.intervals import Interval
from mien.evaluation.metrics.person_bootstrap import rate_interval
from mien.evaluation.operating import Deployed


@dataclass(frozen=True, slots=True)
class Damage:
    """A kind of damage.    levels: from mild to severe.    unit: what a level means.

    apply: (pixels, box of the face, level) -> pixels.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    apply: Callable[[Pixels, Box, float], Pixels]


def _small(pixels: Pixels, box: Box, height: float) -> Pixels:
    return degradations.shrink(pixels, min(1.0, height / box.height))


def _blurred(pixels: Pixels, box: Box, share: float) -> Pixels:
    return degradations.blur(pixels, share / 100 * box.height)


DAMAGES: tuple[Damage, ...] = (
    Damage("jpeg", "quality", (50, 30, 20, 10, 5), lambda p, _, q: degradations.compress(p, int(q))),
    Damage("blur", "sigma, % of the face's height", (1, 2, 3, 5, 8), _blurred),
    Damage(
        "noise", "sigma, grey levels", (10, 20, 40, 60, 90), lambda p, _, s: degradations.noise(p, s, seed=0)
    ),
    Damage("scale", "height of the face, pixels", (64, 48, 32, 24, 16), _small),
    Damage("darkness", "stops", (1, 2, 3, 4, 5), lambda p, _, stops: degradations.expose(p, -stops)),
    Damage(
        "lower_occlusion",
        "% of the face's height, from the chin",
        (15, 25, 35, 45, 60),
        lambda p, box, share: degradations.cover(p, box, 1 - share / 100, 1.1),
    ),
    Damage(
        "eye_occlusion",
        "% of the face's height, around the eyes",
        (8, 14, 20, 28, 36),
        lambda p, box, share: degradations.cover(p, box, 0.38 - share / 200, 0.38 + share / 200),
    ),
    Damage(
        "rotation",
        "degrees in the picture plane",
        (15, 30, 45, 90, 180),
        lambda p, _, degrees: degradations.turn(p, degrees, grow=True),
    ),
)


def damages(names: Sequence[str] | None = None) -> tuple[Damage, ...]:
    """The kinds of damage of these names; all without names.

    raises: InputError for a name that is none.
    """
    known = {damage.name: damage for damage in DAMAGES}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise InputError(f"no damage is called {', '.join(unknown)}: choose out of {', '.join(known)}")
    return tuple(known[name] for name in names) if names else DAMAGES


@dataclass(frozen=True, slots=True)
class LevelRate:
    """What is left at one level.

    tmr: share of damaged pictures that still match their person's undamaged one.
    fta: share in which no face is found.
    fmr: share of comparisons with other people that match.
    """

    level: float | None
    pictures: int
    tmr: float
    tmr_interval: Interval
    fmr: float
    fta: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "tmr": self.tmr,
            "tmr_low": self.tmr_interval.low,
            "tmr_high": self.tmr_interval.high,
            "fmr": self.fmr,
            "failures_to_acquire": self.fta,
        }


@dataclass(frozen=True, slots=True, eq=False)
class RobustnessReport:
    """What `mien evaluate robustness` answers.    clean: without damage.    levels: damage -> its levels."""

    people: int
    pictures: int
    deployed: Deployed
    clean: LevelRate
    levels: Mapping[str, tuple[LevelRate, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; its keys are promised in docs/evaluation.md."""
        units = {damage.name: damage.unit for damage in DAMAGES}
        return {
            "people": self.people,
            "pictures": self.pictures,
            "fmr": self.deployed.fmr,
            "threshold": self.deployed.threshold,
            "threshold_from": self.deployed.source,
            "clean": self.clean.to_dict(),
            "damages": {
                name: {"unit": units.get(name, ""), "levels": [one.to_dict() for one in rates]}
                for name, rates in self.levels.items()
            },
        }


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One picture to embed: as it is, or damaged."""

    picture: Path
    damage: Damage | None = None
    level: float = 0.0


def evaluate_robustness(
    people: Mapping[str, Sequence[Path]],
    embed: Callable[[Sequence[Trial]], Iterable[Embedding | MienError]],
    deployed: Deployed,
    wanted: Sequence[Damage] = DAMAGES,
    probes: int = 1,
) -> RobustnessReport:
    """Compare damaged pictures with one undamaged picture of every person.

    people: the first picture of each is the reference, the next ``probes`` are damaged.
    embed: yields an embedding or an error for each trial, in order.
    """
    usable = {name: paths[: 1 + probes] for name, paths in people.items() if len(paths) > 1}
    if len(usable) < 2:
        raise ThinData("robustness takes two people or more with two pictures or more each: give more")
    owner = np.repeat(np.arange(len(usable)), [len(paths) - 1 for paths in usable.values()])
    probe_paths = [path for paths in usable.values() for path in paths[1:]]
    steps: list[tuple[Damage | None, float]] = [(None, 0.0)]
    steps += [(damage, level) for damage in wanted for level in damage.levels]
    trials = [Trial(paths[0]) for paths in usable.values()]
    trials += [Trial(path, damage, level) for damage, level in steps for path in probe_paths]
    outcomes = list(embed(trials))
    references = _stack(outcomes[: len(usable)])
    rate = partial(_rate, references=references, owner=owner, threshold=deployed.threshold)
    at = len(usable)
    rates: list[tuple[Damage | None, LevelRate]] = []
    for damage, level in steps:
        found = outcomes[at : at + len(probe_paths)]
        at += len(probe_paths)
        rates.append((damage, rate(found, None if damage is None else level)))
    return RobustnessReport(
        people=len(usable),
        pictures=len(probe_paths),
        deployed=deployed,
        clean=rates[0][1],
        levels={damage.name: tuple(one for kind, one in rates if kind is damage) for damage in wanted},
    )


def _stack(outcomes: Sequence[Embedding | MienError]) -> NDArray[np.float32]:
    """(N, D); rows of NaN, which match nobody, where a picture failed."""
    size = next((len(one.vector) for one in outcomes if isinstance(one, Embedding)), None)
    if size is None:
        raise ThinData("no reference picture shows a face that can be used: give clearer ones")
    nothing = np.full(size, np.nan, np.float32)
    return np.stack([one.vector if isinstance(one, Embedding) else nothing for one in outcomes])


def _rate(
    outcomes: Sequence[Embedding | MienError],
    level: float | None,
    *,
    references: NDArray[np.float32],
    owner: NDArray[np.int64],
    threshold: float,
) -> LevelRate:
    nothing = np.full(references.shape[1], np.nan, np.float32)
    probes = np.stack([one.vector if isinstance(one, Embedding) else nothing for one in outcomes])
    matches = probes @ references.T >= threshold
    own = matches[np.arange(len(owner)), owner]
    others = np.ones_like(matches)
    others[np.arange(len(owner)), owner] = False
    return LevelRate(
        level,
        len(owner),
        float(own.mean()),
        rate_interval(own, owner),
        float(matches[others].mean()),
        float(np.mean([isinstance(one, MienError) for one in outcomes])),
    )

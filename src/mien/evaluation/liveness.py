"""Are attacks told from living faces? Scores of presentations, by species (ISO/IEC 30107-3:2023)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from mien.core.errors import InputError, ModelMissing, ThinData
from mien.core.report import FaceReport
from mien.evaluation.metrics.intervals import Interval
from mien.evaluation.metrics.liveness import (
    apcer,
    bpcer,
    threshold_at_apcer,
    threshold_at_bpcer,
    threshold_at_eer,
    worst_species,
)
from mien.evaluation.metrics.person_bootstrap import rate_interval
from mien.evaluation.metrics.verification import FAILED, Scores
from mien.evaluation.protocols.table import Row, read_table

BONA_FIDE = frozenset({"bona fide", "bona_fide", "bonafide", "real", "live", "genuine"})
PARTS = {name: "dev" for name in ("dev", "devel", "development")} | {
    name: "test" for name in ("test", "eval", "evaluation")
}
Rule = Literal["bpcer", "apcer", "eer"]


class Presentation(NamedTuple):
    """One face held before the camera.    species: of the attack; "" is bona fide.    part: dev or test."""

    source: str
    part: str
    species: str
    person: str
    score: float


@dataclass(frozen=True, slots=True)
class SpeciesRate:
    """One attack species on one part.    apnrr: share that got no answer (counted as not taken for alive)."""

    species: str
    attacks: int
    apcer: float
    interval: Interval
    apnrr: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "attacks": self.attacks,
            "apcer": self.apcer,
            "low": self.interval.low,
            "high": self.interval.high,
            "apnrr": self.apnrr,
        }


@dataclass(frozen=True, slots=True)
class PartRates:
    """All rates of one part at one threshold.    worst: the species with the highest APCER."""

    bona_fide: int
    bpcer: float
    bpcer_interval: Interval
    bpnrr: float
    species: tuple[SpeciesRate, ...]
    worst: SpeciesRate

    def to_dict(self) -> dict[str, Any]:
        return {
            "apcer": self.worst.apcer,
            "apcer_low": self.worst.interval.low,
            "apcer_high": self.worst.interval.high,
            "worst_species": self.worst.species,
            "bpcer": self.bpcer,
            "bpcer_low": self.bpcer_interval.low,
            "bpcer_high": self.bpcer_interval.high,
            "bona_fide": self.bona_fide,
            "bpnrr": self.bpnrr,
            "species": {one.species: one.to_dict() for one in self.species},
        }


@dataclass(frozen=True, slots=True, eq=False)
class LivenessReport:
    """What `mien evaluate liveness` answers.

    threshold: set on the development part by ``rule`` at ``target``; the test part is judged by it.
    unseen: attack species of the test part that the development part has none of.
    scores: of the test part: "" bona fide, else species -> scores; not part of the JSON.
    """

    rule: Rule
    target: float
    threshold: float
    dev: PartRates
    test: PartRates
    unseen: tuple[str, ...]
    scores: Mapping[str, Scores]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; its keys are promised in docs/evaluation.md."""
        return {
            **self.test.to_dict(),
            "threshold": self.threshold if np.isfinite(self.threshold) else None,
            "threshold_from": {"part": "dev", "rule": self.rule, "target": self.target},
            "dev": self.dev.to_dict(),
            "unseen_species": list(self.unseen),
        }


def read_presentations(file: Path) -> list[Presentation]:
    """Read ``part,species,score[,file][,person]``; species: "bona fide" (real, live), or the attack's name.

    score: higher is more alive; an empty one is a presentation that got no answer.
    raises: InputError that names the line.
    """
    table = read_table(file, ["part", "species", "score"])
    return [presentation(row, _score(row), str(number)) for number, row in enumerate(table.rows)]


def presentation(row: Row, score: float, number: str) -> Presentation:
    """One row of a table of presentations with its score."""
    part = PARTS.get(row.cells["part"].lower())
    if part is None:
        raise InputError(f"{row.where}: part is {row.cells['part']!r}; write dev or test")
    species = row.cells["species"].lower()
    if not species:
        raise InputError(f"{row.where}: species is empty; write bona fide or the attack's name")
    named = "" if species in BONA_FIDE else species
    return Presentation(row.cells.get("file", number), part, named, row.cells.get("person") or number, score)


def score_of(face: FaceReport) -> float:
    """How alive mien calls a face.

    raises: ModelMissing where this version has no model for it.
    """
    if "liveness" in face.notes:
        raise ModelMissing(
            f"mien cannot say liveness: {face.notes['liveness']}; give --models with one that does, or "
            "--scores with another program's answers"
        )
    said = face.to_dict().get("liveness")
    return FAILED if said is None else float(said["score"])


def evaluate_liveness(
    presentations: Sequence[Presentation], rule: Rule = "bpcer", target: float = 0.1
) -> LivenessReport:
    """Set the threshold on the development part and judge the test part.

    raises: ThinData where a part has no bona fide presentation or no attack.
    """
    parts = {part: [one for one in presentations if one.part == part] for part in ("dev", "test")}
    grouped = {part: _by_species(rows, part) for part, rows in parts.items()}
    dev, test = grouped["dev"], grouped["test"]
    threshold = _threshold(dev, rule, target)
    return LivenessReport(
        rule,
        target,
        threshold,
        _rates(parts["dev"], dev, threshold),
        _rates(parts["test"], test, threshold),
        tuple(sorted(set(test) - set(dev))),
        test,
    )


def _threshold(dev: Mapping[str, Scores], rule: Rule, target: float) -> float:
    attacks = {name: scores for name, scores in dev.items() if name}
    match rule:
        case "bpcer":
            return threshold_at_bpcer(dev[""], target)
        case "apcer":
            return threshold_at_apcer(attacks, target)
        case "eer":
            return threshold_at_eer(dev[""], attacks)


def _by_species(rows: Sequence[Presentation], part: str) -> dict[str, Scores]:
    found = {
        species: np.array([row.score for row in rows if row.species == species])
        for species in sorted({row.species for row in rows})
    }
    if "" not in found or len(found) < 2:
        raise ThinData(
            f"the {part} part has no {'attack' if '' in found else 'bona fide presentation'}: "
            "list both kinds in both parts, since the threshold comes from dev and the rates from test"
        )
    return found


def _rates(rows: Sequence[Presentation], scores: Mapping[str, Scores], threshold: float) -> PartRates:
    people = {
        name: np.unique([row.person for row in rows if row.species == name], return_inverse=True)[1]
        for name in scores
    }
    attacks = {name: values for name, values in scores.items() if name}
    species = tuple(
        SpeciesRate(
            name,
            len(values),
            apcer(values, threshold),
            rate_interval(values >= threshold, people[name]),
            float(np.mean(np.isneginf(values))),
        )
        for name, values in attacks.items()
    )
    worst = worst_species(attacks, threshold)[0]
    real = scores[""]
    return PartRates(
        bona_fide=len(real),
        bpcer=bpcer(real, threshold),
        bpcer_interval=rate_interval(real < threshold, people[""]),
        bpnrr=float(np.mean(np.isneginf(real))),
        species=species,
        worst=next(one for one in species if one.species == worst),
    )


def _score(row: Row) -> float:
    return row.number("score") if row.cells["score"] else FAILED

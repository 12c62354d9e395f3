"""Does one group of people fare worse? Error rates by group at one threshold for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, MienError, ThinData
from mien.core.types import Embedding
from mien.evaluation.failures import FailedPicture, failed_pictures
from mien.evaluation.metrics.fairness import Cell, Spread, Verdict, design_effect, judge_groups, spread
from mien.evaluation.metrics.verification import Scores
from mien.evaluation.operating import Deployed
from mien.evaluation.protocols.table import read_table

MOST_PAIRS = 1_000_000
TARGET_FNMR = 0.05
"""The FNMR that a group needs enough genuine pairs for: what NIST SP 800-63B allows a matcher."""
TARGET_FTE = 0.05
# FMR, FNMR and FTE are judged side by side.
KINDS = 3
LIMIT_FMR_RATIO = 3.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture, its person, and the group it belongs to in every division (sex -> female, …)."""

    picture: Path
    person: str
    groups: Mapping[str, str]


def read_labelled(file: Path, images: Path, by: Sequence[str] | None = None) -> list[Labelled]:
    """Read ``file[,person],division…``: the other columns, or those of ``by``, divide people into groups.

    Without a column ``person`` every picture is of another person. An empty cell belongs to no group.
    raises: InputError that names the line.
    """
    table = read_table(file, ["file", *(by or [])])
    divisions = list(by or [name for name in table.columns if name not in ("file", "person")])
    if not divisions:
        raise InputError(f"{file} names no groups: add a column such as sex, with a group in every row")
    found = []
    for row in table.rows:
        person = row.cells.get("person") or row.cells["file"]
        groups = {name: row.cells[name] for name in divisions}
        found.append(Labelled(row.picture(images), person, groups))
    return found


@dataclass(frozen=True, slots=True)
class Division:
    """One way to divide people into groups, and how each group fares.

    fte, fmr, fnmr: one verdict a group, in the same order: failures to acquire among its pictures, false
        matches among pairs of different people of the group, false non-matches among pairs of one person.
    """

    name: str
    people: Mapping[str, int]
    fte: tuple[Verdict, ...]
    fmr: tuple[Verdict, ...]
    fnmr: tuple[Verdict, ...]

    @property
    def flagged(self) -> bool:
        return any(verdict.flagged for verdict in (*self.fte, *self.fmr, *self.fnmr))

    def spreads(self) -> dict[str, Spread | None]:
        return {"fte": spread(self.fte), "fmr": spread(self.fmr), "fnmr": spread(self.fnmr)}

    def to_dict(self) -> dict[str, Any]:
        kinds = {"fte": self.fte, "fmr": self.fmr, "fnmr": self.fnmr}
        return {
            "flagged": self.flagged,
            "groups": {
                group: {"people": count, **{kind: _cell(verdicts[i]) for kind, verdicts in kinds.items()}}
                for i, (group, count) in enumerate(self.people.items())
            },
            "spread": {kind: _spread(value) for kind, value in self.spreads().items()},
        }


@dataclass(frozen=True, slots=True, eq=False)
class FairnessReport:
    """What `mien evaluate fairness` answers."""

    pictures: int
    people: int
    deployed: Deployed
    divisions: tuple[Division, ...]
    failures: tuple[FailedPicture, ...]

    @property
    def flagged(self) -> bool:
        return any(division.flagged for division in self.divisions)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; its keys are promised in docs/evaluation.md."""
        return {
            "pictures": self.pictures,
            "people": self.people,
            "fmr": self.deployed.fmr,
            "threshold": self.deployed.threshold,
            "threshold_from": self.deployed.source,
            "flagged": self.flagged,
            "divisions": {division.name: division.to_dict() for division in self.divisions},
            "failures_to_acquire": len(self.failures),
            "failures": [failed.to_dict() for failed in self.failures],
        }


def evaluate_fairness(
    labelled: Sequence[Labelled],
    embed: Callable[[Sequence[Path]], Iterable[Embedding | MienError]],
    deployed: Deployed,
) -> FairnessReport:
    """Embed every picture once and compare the pictures of each group among themselves.

    raises: ThinData where no division has two groups.
    """
    pictures = [one.picture for one in labelled]
    outcomes = list(embed(pictures))
    names = list(labelled[0].groups)
    _, person = np.unique([one.person for one in labelled], return_inverse=True)
    vectors = _vectors(outcomes)
    divisions = tuple(
        divide(name, [one.groups[name] for one in labelled], person, vectors, deployed) for name in names
    )
    return FairnessReport(
        pictures=len(labelled),
        people=len(np.unique(person)),
        deployed=deployed,
        divisions=divisions,
        failures=failed_pictures(pictures, outcomes),
    )


def divide(
    name: str,
    groups: Sequence[str],
    person: NDArray[np.integer],
    vectors: NDArray[np.float32],
    deployed: Deployed,
) -> Division:
    """Measure every group of one division.

    groups: N names, "" for none.    person: (N,).    vectors: (N, D), rows of NaN where a picture failed.
    """
    label = np.asarray(groups)
    kinds = sorted(set(groups) - {""})
    if len(kinds) < 2:
        raise ThinData(
            f"{name} divides people into {len(kinds)} group: a comparison takes two; check the table"
        )
    fte, fmr, fnmr = [], [], []
    for group in kinds:
        here = label == group
        failed = np.isnan(vectors[here]).any(axis=1)
        fte.append(_measured(group, failed, person[here]))
        scores, ends = _pairs(vectors[here][~failed], person[here][~failed])
        same = ends[:, 0] == ends[:, 1]
        fmr.append(_measured(group, scores[~same] >= deployed.threshold, ends[~same]))
        fnmr.append(_measured(group, scores[same] < deployed.threshold, ends[same, 0]))
    return Division(
        name,
        {group: len(np.unique(person[label == group])) for group in kinds},
        judge_groups(fte, TARGET_FTE, KINDS),
        judge_groups(fmr, deployed.fmr, KINDS),
        judge_groups(fnmr, TARGET_FNMR, KINDS),
    )


def _measured(group: str, errors: NDArray[np.bool_], people: NDArray[np.integer]) -> Cell:
    return Cell(group, len(errors), int(errors.sum()), design_effect(errors, people))


def _pairs(vectors: NDArray[np.float32], person: NDArray[np.integer]) -> tuple[Scores, NDArray[np.integer]]:
    """The pairs of a group: similarities, and (M, 2) people.

    At most a million pairs of strangers are drawn at random; those of one person are few, and all stay.
    """
    first, second = np.triu_indices(len(vectors), 1)
    same = person[first] == person[second]
    if (~same).sum() > MOST_PAIRS:
        drawn = np.random.default_rng(0).choice(np.flatnonzero(~same), MOST_PAIRS, replace=False)
        kept = np.concatenate([np.flatnonzero(same), drawn])
        first, second = first[kept], second[kept]
    scores = (vectors @ vectors.T)[first, second].astype(np.float64)
    return scores, np.stack([person[first], person[second]], axis=1)


def _vectors(outcomes: Sequence[Embedding | MienError]) -> NDArray[np.float32]:
    size = next((len(one.vector) for one in outcomes if isinstance(one, Embedding)), None)
    if size is None:
        raise ThinData("no picture shows a face that can be used: give clearer ones")
    nothing = np.full(size, np.nan, np.float32)
    return np.stack([one.vector if isinstance(one, Embedding) else nothing for one in outcomes])


def _cell(verdict: Verdict) -> dict[str, Any]:
    cell, interval = verdict.cell, verdict.cell.interval
    return {
        "n": cell.trials,
        "errors": cell.errors,
        "rate": cell.rate,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "enough": verdict.enough,
        "ratio_to_rest": verdict.ratio,
        "p_value": verdict.p_value,
        "flagged": verdict.flagged,
    }


def _spread(value: Spread | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {
        "groups": value.groups,
        "max_over_min": value.ratio,
        "worst_over_geometric_mean": value.over_mean,
        "gini": value.gini,
    }

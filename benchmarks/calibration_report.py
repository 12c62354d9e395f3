"""What the calibration gives on other people and on parts of its own, as data and as a page of docs."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.calibration_data import Faces
from benchmarks.calibration_pairs import Keys, Pairs, impostor_pairs, without
from mien.embedding.calibration import Calibration
from mien.evaluation.calibrate import rate_intervals
from mien.evaluation.metrics.calibration import cllr, cllr_min, expected_calibration_error
from mien.evaluation.metrics.groups import match_rate_by_group
from mien.evaluation.metrics.intervals import clopper_pearson
from mien.evaluation.metrics.verification import auc, eer

FMRS = (1e-2, 1e-3, 1e-4)
POPULATIONS = {
    "any two adults": (),
    "same sex": ("gender",),
    "same sex and age band (the calibration)": ("gender", "age"),
    "same sex and race": ("gender", "race"),
    "same sex, race and age band": ("gender", "race", "age"),
}


def populations(faces: Faces, mates: Keys, calibration: Calibration) -> dict[str, Any]:
    """Measure the FMR of other kinds of strangers at the thresholds of the calibration."""
    least = calibration.threshold(max(FMRS))
    found = {
        name: _rates(without(impostor_pairs(faces, alike, least=least), mates), calibration)
        for name, alike in POPULATIONS.items()
    }
    children = without(impostor_pairs(faces, ("gender", "age"), children=True, least=least), mates)
    return {**found, "children under 10, same sex and age band": _rates(children, calibration)}


def held_out(pairs: Pairs, calibration: Calibration) -> dict[str, Any]:
    """Check promises on people that nothing was fitted to."""
    genuine, impostor = pairs.scores[pairs.same], pairs.scores[~pairs.same]
    strangers = Pairs(impostor, pairs.people[~pairs.same], pairs.same[~pairs.same], len(impostor))
    ratios = [calibration.log_likelihood_ratio(scores) for scores in (genuine, impostor)]
    count = min(len(genuine), len(impostor))
    rng = np.random.default_rng(0)
    mixed = np.concatenate([rng.choice(ratio, count, replace=False) for ratio in ratios])
    return {
        "genuine": len(genuine),
        "impostors": len(impostor),
        "auc": auc(genuine, impostor),
        "eer": eer(genuine, impostor),
        "tmr": {f"{fmr:g}": float(np.mean(genuine >= calibration.threshold(fmr))) for fmr in FMRS},
        "fmr": _rates(strangers, calibration, by_person=True)["fmr"],
        "cllr": cllr(*ratios),
        "cllr_min": cllr_min(
            genuine, impostor if len(impostor) < 2_000_000 else rng.choice(impostor, 2_000_000)
        ),
        "ece": expected_calibration_error(1 / (1 + np.exp(-mixed)), np.arange(2 * count) < count),
    }


def group_rates(faces: Faces, mates: Keys, calibration: Calibration, fmr: float = 1e-3) -> dict[str, Any]:
    """Measure the FMR by race, sex and age at the one threshold of ``fmr``, between people of one group."""
    threshold = calibration.threshold(fmr)
    pairs = without(impostor_pairs(faces, ("gender", "race", "age")), mates)
    first = pairs.people[:, 0]
    by = {
        "race and sex": np.char.add(np.char.add(faces.labels["race"], ", "), faces.labels["gender"])[first],
        "age": faces.labels["age"][first],
    }
    return {
        name: {
            group.group: {
                "pairs": group.pairs,
                "fmr": group.rate,
                "low": group.interval.low,
                "high": group.interval.high,
                "enough": group.enough,
            }
            for group in match_rate_by_group(pairs.scores, labels, threshold, fmr)
        }
        for name, labels in by.items()
    } | {"fmr": fmr}


def _rates(pairs: Pairs, calibration: Calibration, by_person: bool = False) -> dict[str, Any]:
    rates = {}
    for fmr in FMRS:
        threshold = calibration.threshold(fmr)
        matches = int(np.sum(pairs.scores >= threshold))
        low, high = clopper_pearson(matches, pairs.total)
        if by_person:
            near = rate_intervals(pairs.scores, pairs.people, np.array([threshold]))[:, 0]
            low, high = min(low, float(near[0])), max(high, float(near[1]))
        rates[f"{fmr:g}"] = {"fmr": matches / pairs.total, "low": low, "high": high}
    return {"pairs": pairs.total, "fmr": rates}


def markdown(calibration: Calibration) -> str:
    """Write the tables of docs/calibration.md."""
    details = calibration.details
    lines = [f"### {calibration.embedder}", "", calibration.made_on, "", f"`{calibration.command}`", ""]
    lines += ["| FMR | similarity | 95 % interval of the FMR there |", "| --- | --- | --- |"]
    for fmr in FMRS:
        threshold = calibration.threshold(fmr)
        estimate = calibration.fmr(threshold)
        lines.append(f"| {fmr:g} | {threshold:.3f} | {estimate.low:.2g} – {estimate.high:.2g} |")
    lines += ["", "| strangers | pairs | at 1e-2 | at 1e-3 | at 1e-4 |", "| --- | --- | --- | --- | --- |"]
    lines += [_row(name, table["pairs"], table["fmr"]) for name, table in details["populations"].items()]
    lines += [
        _row(f"{name} (held out)", table["impostors"], table["fmr"])
        for name, table in details["held_out"].items()
    ]
    head = ["held out", "TMR at 1e-2", "1e-3", "1e-4", "Cllr", "least Cllr", "ECE"]
    lines += ["", f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for name, table in details["held_out"].items():
        tmr = " | ".join(f"{100 * table['tmr'][f'{fmr:g}']:.1f} %" for fmr in FMRS)
        lines.append(
            f"| {name} | {tmr} | {table['cllr']:.3f} | {table['cllr_min']:.3f} | {table['ece']:.3f} |"
        )
    for kind in ("race and sex", "age"):
        lines += [
            "",
            f"| {kind} | pairs | FMR at the threshold for {details['groups']['fmr']:g} |",
            "| --- | --- | --- |",
        ]
        lines += [
            f"| {name} | {group['pairs']:,} | {_interval(group)} |"
            for name, group in details["groups"][kind].items()
        ]
    return "\n".join(lines) + "\n"


def _row(name: str, pairs: int, rates: dict[str, dict[str, float]]) -> str:
    return f"| {name} | {pairs:,} | {' | '.join(_interval(rates[f'{fmr:g}']) for fmr in FMRS)} |"


def _interval(rate: dict[str, Any]) -> str:
    if not rate.get("enough", True):
        return "too few"
    return f"{rate['fmr']:.1e} ({rate['low']:.1e} – {rate['high']:.1e})"

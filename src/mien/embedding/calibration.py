"""What a similarity is worth: the share of strangers that reach it, and the odds it speaks for.

A `Calibration` is measured data, made by ``python -m benchmarks.make_calibration`` or by ``mien calibrate``;
the ones that ship stand beside the model cards, one JSON file an embedder (docs/calibration.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from math import exp, log
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.core.errors import InputError, ThinData, UnknownModel

Numbers = NDArray[np.float64]
VERSION = 1
QUICK = ".quick"  # ends the name of an embedder in less exact arithmetic


class FmrEstimate(NamedTuple):
    """The share of stranger pairs that reach a similarity.

    low, high: 95 % interval.    supported: False beyond the data, where ``rate`` is an upper bound (or an
    extrapolation, if that was asked for) and no measurement.
    """

    rate: float
    low: float
    high: float
    supported: bool


@dataclass(frozen=True, slots=True, eq=False)
class FmrCurve:
    """Measured false match rate by similarity; straight lines between knots on a logarithmic rate.

    similarity: (K,) ascending.    rate, low, high: (K,) falling, 0 < low <= rate <= high <= 1.
    decay: beyond the last knot the rate is taken to fall by a factor e per ``decay`` of similarity (an
        exponential tail, fitted to the largest stranger scores; cosines end at 1, where the true rate must
        vanish, so this overstates rather than understates).
    """

    similarity: Numbers
    rate: Numbers
    low: Numbers
    high: Numbers
    decay: float

    def __post_init__(self) -> None:
        _freeze(self, "similarity", "rate", "low", "high")
        sizes = {len(self.similarity), len(self.rate), len(self.low), len(self.high)}
        _demand(
            len(sizes) == 1 and min(sizes) >= 2,
            "the FMR curve needs two or more knots with four numbers each",
        )
        _demand(bool(np.all(np.diff(self.similarity) > 0)), "similarities of the FMR curve must ascend")
        _demand(bool(np.all(np.diff(self.rate) < 0)), "rates of the FMR curve must fall")
        ordered = (self.low > 0) & (self.low <= self.rate) & (self.rate <= self.high) & (self.high <= 1)
        _demand(bool(np.all(ordered)), "the FMR curve needs 0 < low <= rate <= high <= 1 at every knot")
        _demand(self.decay > 0, "the tail of the FMR curve must fall: decay > 0")


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceCurve:
    """Natural logarithm of the likelihood ratio same : different by similarity; straight lines between knots.

    similarity: (K,) ascending.    log_ratio: (K,) never falling; constant beyond both ends.
    """

    similarity: Numbers
    log_ratio: Numbers

    def __post_init__(self) -> None:
        _freeze(self, "similarity", "log_ratio")
        _demand(
            len(self.similarity) == len(self.log_ratio) >= 2,
            "the evidence curve needs two or more knots with two numbers each",
        )
        _demand(bool(np.all(np.diff(self.similarity) > 0)), "similarities of the evidence curve must ascend")
        _demand(bool(np.all(np.diff(self.log_ratio) >= 0)), "the evidence must not fall with the similarity")


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Turns the similarity of one embedder into error rates and odds.

    embedder: the name that `Embedding.model` carries.    models: card name -> sha256 of the weights.
    made_on: the data, in words.    command: what made it.
    pictures, subjects, genuine, impostors: sample sizes; the last two count pairs.
    details: whatever else the maker measured (held-out figures, groups); carried, never interpreted.
    """

    embedder: str
    models: Mapping[str, str]
    fmr_curve: FmrCurve
    evidence: EvidenceCurve
    made_on: str
    command: str
    pictures: int
    subjects: int
    genuine: int
    impostors: int
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _demand(bool(self.embedder), "a calibration names its embedder")
        _demand(
            min(self.pictures, self.subjects, self.genuine, self.impostors) >= 1, "sample sizes are 1 or more"
        )
        _demand(
            float(self.fmr_curve.rate[-1]) >= 3 / self.impostors * (1 - 1e-9),
            f"a rate of {self.fmr_curve.rate[-1]:.1e} cannot be known from {self.impostors} impostor pairs",
        )

    @property
    def smallest_fmr(self) -> float:
        """The smallest rate that the sample supports."""
        return float(self.fmr_curve.rate[-1])

    def fmr(self, similarity: float, *, extrapolate: bool = False) -> FmrEstimate:
        """Estimate the share of stranger pairs that are at least this similar.

        Beyond the data the answer is the bound ``smallest_fmr``, or with ``extrapolate`` the fitted tail.
        """
        curve = self.fmr_curve
        if not np.isfinite(similarity):
            raise InputError(
                f"a similarity is a finite number, not {similarity}: compare two embeddings first"
            )
        if similarity <= curve.similarity[-1]:
            rate, low, high = (
                exp(float(np.interp(similarity, curve.similarity, np.log(values))))
                for values in (curve.rate, curve.low, curve.high)
            )
            return FmrEstimate(rate, low, high, supported=True)
        tail = exp(-(similarity - float(curve.similarity[-1])) / curve.decay)
        rate = self.smallest_fmr * (tail if extrapolate else 1.0)
        return FmrEstimate(rate, 0.0, float(curve.high[-1]), supported=False)

    def threshold(self, fmr: float, *, extrapolate: bool = False) -> float:
        """Find the similarity that a share ``fmr`` of stranger pairs reaches.

        raises: ThinData below ``smallest_fmr``, unless ``extrapolate`` asks for the fitted tail.
        """
        if not 0 < fmr < 1:
            raise InputError(
                f"a false match rate lies between 0 and 1, not {fmr}: ask for 1e-4, for instance"
            )
        curve = self.fmr_curve
        if fmr < self.smallest_fmr * (1 - 1e-9):
            if not extrapolate:
                raise ThinData(
                    f"the calibration of {self.embedder} knows no rate below {self.smallest_fmr:.1e} "
                    f"({self.impostors} impostor pairs): ask for a higher FMR than {fmr:g}, "
                    "or calibrate on more people"
                )
            return float(curve.similarity[-1]) + curve.decay * log(self.smallest_fmr / fmr)
        return float(np.interp(-log(fmr), -np.log(curve.rate), curve.similarity))

    def log_likelihood_ratio(self, similarities: ArrayLike) -> Numbers:
        """Weigh similarities of any shape: natural log of P(score | same) / P(score | different)."""
        return np.asarray(
            np.interp(np.asarray(similarities, np.float64), self.evidence.similarity, self.evidence.log_ratio)
        )

    def probability(self, similarity: float, prior: float = 0.5) -> float:
        """Compute the chance that two faces are one person, given the chance ``prior`` before looking.

        Bayes' rule on the calibrated likelihood ratio. The prior is the caller's to state; 0.5: "no idea".
        """
        if not 0 < prior < 1:
            raise InputError(
                f"a prior lies strictly between 0 and 1, not {prior}: use 0.5 when nothing is known"
            )
        log_odds = float(self.log_likelihood_ratio(similarity)) + log(prior / (1 - prior))
        return 1 / (1 + exp(-log_odds)) if log_odds > -700 else 0.0

    def to_dict(self) -> dict[str, Any]:
        curve, evidence = self.fmr_curve, self.evidence
        return {
            "version": VERSION,
            "embedder": self.embedder,
            "models": dict(self.models),
            "made_on": self.made_on,
            "command": self.command,
            "pictures": self.pictures,
            "subjects": self.subjects,
            "genuine": self.genuine,
            "impostors": self.impostors,
            "fmr_curve": {
                "similarity": curve.similarity.tolist(),
                "rate": curve.rate.tolist(),
                "low": curve.low.tolist(),
                "high": curve.high.tolist(),
                "decay": curve.decay,
            },
            "evidence": {
                "similarity": evidence.similarity.tolist(),
                "log_ratio": evidence.log_ratio.tolist(),
            },
            "details": dict(self.details),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1) + "\n"


def parse_calibration(text: str, where: str = "calibration") -> Calibration:
    """Read what `Calibration.to_json` wrote; ``where`` names the text in the error.

    raises: InputError on anything missing, superfluous or inconsistent.
    """
    try:
        table = json.loads(text)
        if not isinstance(table, dict) or table.pop("version", None) != VERSION:
            raise InputError(f"it is no calibration of version {VERSION}")
        curve = FmrCurve(**table.pop("fmr_curve"))
        evidence = EvidenceCurve(**table.pop("evidence"))
        return Calibration(fmr_curve=curve, evidence=evidence, **table)
    except (ValueError, TypeError, KeyError, InputError) as error:
        raise InputError(f"{where} cannot be used ({error}): make it again with `mien calibrate`") from error


def read_calibration(path: Path) -> Calibration:
    """Read a calibration from a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): give the file that `mien calibrate` wrote"
        ) from error
    return parse_calibration(text, str(path))


def calibration_beside(card: Path) -> Path:
    """Where a user's own card file has its calibration: ``NAME.calibration.json`` beside ``NAME.toml``."""
    return card.with_suffix(".calibration.json")


def shipped_calibration(embedder: str) -> Calibration:
    """Load the calibration that comes with an embedder.

    embedder: a name, fused names joined with "+", or the path of a user's own card file, whose calibration
        stands beside it. A name that ends with ".quick" is the embedder in its less exact arithmetic, as the
        profile fast runs it; where that was not calibrated apart, the usual calibration stands in.
    """
    if embedder.endswith(".toml"):
        beside = calibration_beside(Path(embedder))
        if not beside.is_file():
            raise UnknownModel(
                f"no calibration stands at {beside}: make one with `mien calibrate --models {embedder} "
                f"--people DIR -o {beside}`"
            )
        return read_calibration(beside)
    folder = resources.files("mien.zoo") / "cards" / "calibration"
    usual = embedder.removesuffix(QUICK)
    for name in dict.fromkeys((embedder, usual)):
        file = folder / f"{name}.json"
        if file.is_file():
            return parse_calibration(file.read_text(encoding="utf-8"), f"the calibration of {name}")
    raise UnknownModel(f"no calibration ships for {usual}: make one with `mien calibrate`")


def _demand(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)


def _freeze(curve: object, *names: str) -> None:
    """Turn lists into read-only (K,) float64 arrays."""
    for name in names:
        values = np.array(getattr(curve, name), dtype=np.float64)
        _demand(
            values.ndim == 1 and bool(np.isfinite(values).all()), f"{name} must be a list of finite numbers"
        )
        values.setflags(write=False)
        object.__setattr__(curve, name, values)

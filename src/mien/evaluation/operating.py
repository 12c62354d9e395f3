"""The threshold that a deployed matcher uses: from a calibration made on other people than are measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import UnknownModel
from mien.embedding.calibration import read_calibration, shipped_calibration


@dataclass(frozen=True, slots=True)
class Deployed:
    """threshold: of similarities, at the asked ``fmr``.    source: which calibration it comes from."""

    fmr: float
    threshold: float
    source: str


def deployed_threshold(embedder: str, fmr: float, calibration: Path | None = None) -> Deployed:
    """Look the threshold up in a calibration file, or in the one that ships with the model.

    raises: UnknownModel where there is none, ThinData for an ``fmr`` that it does not support.
    """
    if calibration is not None:
        known, source = read_calibration(calibration), str(calibration)
    else:
        try:
            known, source = shipped_calibration(embedder), f"the calibration that ships for {embedder}"
        except UnknownModel as error:
            raise UnknownModel(
                f"no calibration ships for {embedder}: make one on other people with "
                "`mien calibrate -o FILE`, and give it as --calibration FILE"
            ) from error
    return Deployed(fmr, known.threshold(fmr), source)

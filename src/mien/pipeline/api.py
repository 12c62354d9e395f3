"""The functions behind ``import mien``: an analyzer shared by all calls that want the same configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

from mien.core.report import FaceReport, PhotoReport, Verification
from mien.face3d.model.basis import HeadModel, read_head_model
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import DEFAULT_FMR, DEFAULT_PROFILE, configure
from mien.pipeline.reconstruct import Reconstruction
from mien.pipeline.reconstruct import reconstruct as reconstruct_with
from mien.pipeline.verify import verify as verify_with


@lru_cache(maxsize=4)
def shared_analyzer(profile: str, models: str | None, allow_noncommercial: bool) -> Analyzer:
    return Analyzer(configure(profile, models=models, allow_noncommercial=allow_noncommercial))


def analyze(
    source: object,
    only: Collection[str] | None = None,
    *,
    profile: str = DEFAULT_PROFILE,
    models: str | None = None,
    allow_noncommercial: bool = False,
) -> tuple[FaceReport, ...]:
    """Report every face of one picture, best score first.

    source: path, bytes, file object, PIL image or (H, W, 3) uint8 RGB array.
    only: findings out of `mien.core.report.FINDINGS`; None means all that can be answered.
    raises: `ImageError` for a picture that cannot be read, `ModelError` where weights are missing.
    """
    return shared_analyzer(profile, models, allow_noncommercial).analyze(source, only)


def analyze_many(
    sources: object,
    only: Collection[str] | None = None,
    *,
    profile: str = DEFAULT_PROFILE,
    models: str | None = None,
    allow_noncommercial: bool = False,
) -> Iterator[PhotoReport]:
    """Report a folder, a pattern or any pictures, in order and streaming; a bad one carries its error."""
    return shared_analyzer(profile, models, allow_noncommercial).analyze_many(sources, only)


def verify(
    a: object,
    b: object,
    *,
    fmr: float = DEFAULT_FMR,
    which: str | None = None,
    profile: str = DEFAULT_PROFILE,
    models: str | None = None,
    allow_noncommercial: bool = False,
) -> Verification:
    """Decide whether two pictures show the same person; see `mien.pipeline.verify.verify`."""
    analyzer = shared_analyzer(profile, models, allow_noncommercial)
    return verify_with(analyzer, a, b, fmr=fmr, which=which)


def reconstruct(
    source: object,
    *,
    which: str | None = None,
    ipd: float | None = None,
    focal_35mm: float | None = None,
    texture: bool = True,
    refine: str | None = None,
    model: HeadModel | str | Path | None = None,
    hair: bool = True,
    profile: str = DEFAULT_PROFILE,
    models: str | None = None,
    allow_noncommercial: bool = False,
) -> Reconstruction:
    """Make a 3D head from a photo; see `mien.pipeline.reconstruct.reconstruct`.

    model: a head model, or the file that `mien train head-model` wrote.
    """
    analyzer = shared_analyzer(profile, models, allow_noncommercial)
    other = read_head_model(Path(model)) if isinstance(model, str | Path) else model
    return reconstruct_with(
        analyzer,
        source,
        which=which,
        ipd=ipd,
        focal_35mm=focal_35mm,
        texture=texture,
        refine=refine,
        model=other,
        hair=hair,
    )

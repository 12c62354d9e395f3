"""Face recognition and 3D face reconstruction on your own machine.

`import mien` loads no model, opens no network, touches no folder and changes no setting: each public name is
imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mien.core.errors import (
    AmbiguousFace,
    ConsentRequired,
    DependencyMissing,
    ImageError,
    InputError,
    LicenceRefused,
    MienError,
    ModelCorrupt,
    ModelError,
    ModelMismatch,
    ModelMissing,
    NoFaceFound,
    NotAnImprovement,
    ShapeError,
    StoreCorrupt,
    StoreError,
    ThinData,
    UnknownModel,
    UnknownPerson,
    WrongKey,
)

if TYPE_CHECKING:
    from mien.core.answers import EnrolReport, Identification
    from mien.core.people import Consent, Person
    from mien.core.report import FaceReport, PhotoReport, Verification
    from mien.core.types import Box, Detection, Embedding, HeadPose, Image, Landmarks
    from mien.pipeline.analyze import Analyzer
    from mien.pipeline.api import analyze, analyze_many, reconstruct, verify
    from mien.pipeline.config import Config, configure
    from mien.pipeline.explain import Explanation
    from mien.pipeline.gallery import Gallery
    from mien.pipeline.reconstruct import Reconstruction
    from mien.training.explain import explain

__version__ = "0.1.0"

__all__ = [
    "AmbiguousFace",
    "Analyzer",
    "Box",
    "Config",
    "Consent",
    "ConsentRequired",
    "DependencyMissing",
    "Detection",
    "Embedding",
    "EnrolReport",
    "Explanation",
    "FaceReport",
    "Gallery",
    "HeadPose",
    "Identification",
    "Image",
    "ImageError",
    "InputError",
    "Landmarks",
    "LicenceRefused",
    "MienError",
    "ModelCorrupt",
    "ModelError",
    "ModelMismatch",
    "ModelMissing",
    "NoFaceFound",
    "NotAnImprovement",
    "Person",
    "PhotoReport",
    "Reconstruction",
    "ShapeError",
    "StoreCorrupt",
    "StoreError",
    "ThinData",
    "UnknownModel",
    "UnknownPerson",
    "Verification",
    "WrongKey",
    "__version__",
    "analyze",
    "analyze_many",
    "configure",
    "explain",
    "reconstruct",
    "verify",
]

_HOMES = {
    "mien.core.answers": ("EnrolReport", "Identification"),
    "mien.core.people": ("Consent", "Person"),
    "mien.core.report": ("FaceReport", "PhotoReport", "Verification"),
    "mien.core.types": ("Box", "Detection", "Embedding", "HeadPose", "Image", "Landmarks"),
    "mien.pipeline.analyze": ("Analyzer",),
    "mien.pipeline.api": ("analyze", "analyze_many", "reconstruct", "verify"),
    "mien.pipeline.config": ("Config", "configure"),
    "mien.pipeline.explain": ("Explanation",),
    "mien.pipeline.reconstruct": ("Reconstruction",),
    "mien.pipeline.gallery": ("Gallery",),
    "mien.training.explain": ("explain",),
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

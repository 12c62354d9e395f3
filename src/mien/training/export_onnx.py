"""Checkpoint → ONNX file, model card and calibration, ready for ``--models``.

The answers of the file are compared with PyTorch's before anything is written.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien.core.errors import InputError, ModelError
from mien.core.modelcard import ModelCard
from mien.runtime.session import open_network
from mien.training.job import Exportable
from mien.training.recipe import Recipe
from mien.training.trained import Trained
from mien.zoo.cardfile import format_card
from mien.zoo.store import write_atomic

OPSET = 17
LICENCE = "not stated"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.    parity: largest difference of the file's answers to PyTorch's, as a share."""

    card: Path
    model: Path
    sha256: str
    parity: float


def export_trained(trained: Trained, folder: Path, measured: Mapping[str, str] | None = None) -> Exported:
    """Write ``NAME.onnx`` and ``NAME.toml`` into a folder.

    measured: figures for the card, by what they are of.
    raises: `ModelError` where the file answers otherwise than PyTorch.
    """
    exportable = trained.exportable()
    data = onnx_bytes(exportable)
    # Of these very weights: a checkpoint's last figures are those it was kept for.
    threshold = trained.metrics.get("threshold") if exportable.task == "liveness" else None
    card = make_card(trained.recipe, exportable, data, measured or {}, threshold)
    parity = check_parity(exportable, card, data)
    return write_model(folder, card, data, parity)


def onnx_bytes(exportable: Exportable) -> bytes:
    """The module as ONNX; the batch is free."""
    stream = io.BytesIO()
    size = exportable.preprocess.side
    with warnings.catch_warnings():
        # The older, deprecated exporter: the newer one needs a further package and ten times as long.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exportable.module.eval(),
            (torch.zeros(2, 3, size, size),),
            stream,  # type: ignore[arg-type]  # this exporter writes into files, too
            input_names=["input"],
            output_names=list(exportable.outputs),
            dynamic_axes={name: {0: "n"} for name in ("input", *exportable.outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
    return stream.getvalue()


def make_card(
    recipe: Recipe,
    exportable: Exportable,
    data: bytes,
    measured: Mapping[str, str],
    threshold: float | None = None,
) -> ModelCard:
    """The card of a model file: what feeds it, its hash, and where it came from."""
    return ModelCard(
        name=recipe.name,
        task=exportable.task,
        file=f"{recipe.name}.onnx",
        format="onnx",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        licence=recipe.licence or LICENCE,
        commercial=recipe.commercial,
        origin="trained by mien",
        sources=(),
        preprocess=exportable.preprocess,
        credit=recipe.credit,
        dimension=exportable.dimension,
        template=exportable.template,
        answers=exportable.answers,
        threshold=threshold,
        scheme=exportable.scheme,
        notes=exportable.notes,
        measured=measured,
    )


def check_parity(exportable: Exportable, card: ModelCard, data: bytes) -> float:
    """Feed pictures to the file, as the pipeline will, and to PyTorch.

    returns: the largest difference of any answer, as a share of the largest answer.
    raises: `ModelError` where it is above the tolerance.
    """
    size = exportable.preprocess.side
    pixels = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8)
    wanted = torch_answers(exportable.module, pixels)
    got = open_network(card, data, streams=1).run(pixels)
    worst = 0.0
    for name, truth in zip(exportable.outputs, wanted, strict=True):
        if name not in got or got[name].shape != truth.shape:
            raise ModelError(
                f"the exported model has no output {name} of shape {truth.shape}: report this net"
            )
        worst = max(worst, float(np.abs(got[name] - truth).max() / max(np.abs(truth).max(), 1e-6)))
    if worst > exportable.tolerance:
        raise ModelError(
            f"the exported model answers otherwise than PyTorch (by {worst:.1e} of the largest answer; at "
            f"most {exportable.tolerance:.0e} is let pass): report this net, or choose another"
        )
    return worst


@torch.no_grad()
def torch_answers(module: nn.Module, pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """PyTorch's answers to (N, S, S, 3) uint8 RGB pixels, in the order of the outputs."""
    planes = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32)) / 127.5 - 1
    said = module.eval()(planes)
    rows = (said,) if isinstance(said, torch.Tensor) else tuple(said)
    return [row.numpy() for row in rows]


def write_model(folder: Path, card: ModelCard, data: bytes, parity: float = 0.0) -> Exported:
    """Write the file and its card side by side, each whole or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}): choose another --out") from error
    write_atomic(folder / card.file, data)
    write_atomic(folder / f"{card.name}.toml", format_card(card).encode())
    return Exported(folder / f"{card.name}.toml", folder / card.file, card.sha256, parity)

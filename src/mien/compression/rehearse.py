"""What the trunk of a network makes of the lessons, computed once and kept on disk block by block."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.compression.quantize import to_bytes
from mien.compression.teacher import Lessons, save_array
from mien.core.modelcard import ModelCard
from mien.core.protocols import Network
from mien.runtime.preprocess import to_network_input
from mien.runtime.session import open_network

if TYPE_CHECKING:
    import onnx

BATCH = 16


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """The lessons as the tail sees them; the arrays stay on disk until they are read.

    values: blocks of (n, 2, …) float16, of the crop and of its mirror image, as the tail reads them.
    """

    lessons: Lessons
    values: tuple[NDArray[np.float16], ...]

    def __len__(self) -> int:
        return len(self.lessons)

    @property
    def dim(self) -> int:
        return self.lessons.dim

    def get(self, row: int, *, mirrored: bool = False) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the tail reads of one face, and the teacher's (D,) embedding of it."""
        block, place = self.lessons.place(row)
        values = self.values[block][place, int(mirrored)].astype(np.float32)
        return values, np.array(self.lessons.targets[block][place, int(mirrored)])


def rehearse(
    trunk: onnx.ModelProto,
    card: ModelCard,
    lessons: Lessons,
    folder: Path,
    done: Callable[[], object] = lambda: None,
) -> Rehearsal:
    """Run the trunk on every crop and its mirror image, unless ``folder`` has what it says already.

    done: called after each block.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = to_bytes(trunk)
    key = hashlib.sha256(data).hexdigest()
    network = None
    values = []
    for number, pixels in enumerate(lessons.pixels):
        file = folder / f"trunk-{key[:12]}-{number:05d}.npy"
        if not file.is_file():
            network = network or _open(trunk, data, card, key)
            both = [_run(network, card, one) for one in (pixels, pixels[:, :, ::-1])]
            save_array(file, np.stack(both, axis=1))
        values.append(np.load(file, mmap_mode="r", allow_pickle=False))
        done()
    return Rehearsal(lessons, tuple(values))


def _open(trunk: onnx.ModelProto, data: bytes, card: ModelCard, key: str) -> Network | None:
    if not trunk.graph.node:
        return None
    own = replace(card, name=f"{card.name}-trunk", sha256=key, size=len(data), format="onnx")
    return open_network(own, data)


def _run(network: Network | None, card: ModelCard, pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
    rows = []
    for start in range(0, len(pixels), BATCH):
        batch = np.ascontiguousarray(pixels[start : start + BATCH])
        if network is None:  # nothing stays as it is: the tail is the whole network
            found = to_network_input(batch, card.preprocess)
        else:
            (found,) = {id(value): value for value in network.run(batch).values()}.values()
        rows.append(np.clip(found, -65504, 65504).astype(np.float16))  # the range of float16
    return np.concatenate(rows)

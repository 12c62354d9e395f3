"""What a teacher says about many faces: crops and embeddings, made once and kept on disk block by block.

A block is written whole or not at all, so a run that was stopped goes on where it was. The teacher may be any
embedding model, ONNX or not: it runs through `mien.runtime` like everywhere else.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.compression.crops import Crops, cut_crops, embed_crops
from mien.core.errors import InputError, ThinData
from mien.core.modelcard import ModelCard
from mien.core.protocols import Network
from mien.pipeline.analyze import Analyzer
from mien.zoo.store import write_atomic

BLOCK = 256  # pictures
KEY = "teacher.json"


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Faces and what the teacher made of them; the arrays stay on disk until they are read.

    pixels: blocks of (n, S, S, 3) uint8 RGB.
    targets: blocks of (n, 2, D) float32 of unit length: for the crop and for its mirror image.
    starts: row at which each block begins, and the number of all rows.
    """

    pixels: tuple[NDArray[np.uint8], ...]
    targets: tuple[NDArray[np.float32], ...]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def dim(self) -> int:
        return int(self.targets[0].shape[2])

    @property
    def size(self) -> int:
        return int(self.pixels[0].shape[1])

    def place(self, row: int) -> tuple[int, int]:
        """The block that a row is in, and where."""
        block = int(np.searchsorted(self.starts, row, side="right")) - 1
        return block, row - int(self.starts[block])

    def get(self, row: int, *, mirrored: bool = False) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """(S, S, 3) uint8 and (D,) float32 of one face, mirrored or not."""
        block, place = self.place(row)
        pixels = np.array(self.pixels[block][place])
        target = np.array(self.targets[block][place, int(mirrored)])
        return (np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels), target

    def some(self, count: int) -> NDArray[np.uint8]:
        """(n, S, S, 3) crops from all over the lessons in mixed order, at most ``count``; always the same."""
        rows = np.random.default_rng(0).permutation(len(self))[:count]
        return np.stack([self.get(int(row))[0] for row in rows])


def ask_teacher(
    analyzer: Analyzer,
    network: Network,
    pictures: Sequence[Path],
    folder: Path,
    done: Callable[[], object] = lambda: None,
) -> Lessons:
    """Cut a crop of each picture and embed it, unless ``folder`` has it already.

    done: called after each picture.
    raises: InputError where ``folder`` is about other pictures or another teacher, `ThinData` where no
        picture shows a face.
    """
    _claim(folder, network.card, pictures)
    for number, start in enumerate(range(0, len(pictures), BLOCK)):
        listed = pictures[start : start + BLOCK]
        if _file(folder, "targets", number).is_file():
            for _ in listed:
                done()
            continue
        crops = _cut(analyzer, network.card, listed, done)
        targets = np.stack([_embed(network, crops.pixels), _embed(network, crops.pixels[:, :, ::-1])], axis=1)
        # The crops first: a block counts once its targets are there.
        save_array(_file(folder, "crops", number), crops.pixels)
        save_array(_file(folder, "targets", number), targets)
    return read_lessons(folder)


def read_lessons(folder: Path) -> Lessons:
    """What `ask_teacher` left in a folder."""
    files = sorted(folder.glob("targets-*.npy"))
    targets = [np.load(file, mmap_mode="r", allow_pickle=False) for file in files]
    pixels = [
        np.load(file.with_name(file.name.replace("targets", "crops")), mmap_mode="r", allow_pickle=False)
        for file in files
    ]
    kept = [i for i, block in enumerate(targets) if len(block)]
    if not kept:
        raise ThinData("no picture shows a face that could be found: give others to learn from")
    starts = np.cumsum([0, *(len(targets[i]) for i in kept)])
    return Lessons(tuple(pixels[i] for i in kept), tuple(targets[i] for i in kept), starts)


def _cut(analyzer: Analyzer, card: ModelCard, pictures: Sequence[Path], done: Callable[[], object]) -> Crops:
    try:
        return cut_crops(analyzer, card, pictures, done=done)
    except ThinData:  # a block without any face is an empty block, not the end of the run
        side = card.preprocess.side
        return Crops(np.zeros((0, side, side, 3), np.uint8), np.zeros(0, np.int64))


def _embed(network: Network, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    if len(pixels) == 0:
        return np.zeros((0, network.card.dimension or 0), np.float32)
    return embed_crops(network, np.ascontiguousarray(pixels))


def _claim(folder: Path, card: ModelCard, pictures: Sequence[Path]) -> None:
    """Mark the folder as belonging to this teacher and these pictures."""
    listed = hashlib.sha256("\n".join(map(str, pictures)).encode("utf-8", "surrogateescape")).hexdigest()
    key = {"teacher": card.sha256, "pictures": listed, "block": BLOCK}
    note = folder / KEY
    try:
        if note.is_file() and json.loads(note.read_text(encoding="utf-8")) != key:
            raise InputError(
                f"{folder} holds what another teacher said, or about other pictures: delete it, or choose "
                "another --out"
            )
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} cannot be used ({error}): choose another --out") from error
    if not note.is_file():
        write_atomic(note, json.dumps(key).encode())


def _file(folder: Path, kind: str, number: int) -> Path:
    return folder / f"{kind}-{number:05d}.npy"


def save_array(path: Path, values: NDArray[np.generic]) -> None:
    """Write an array whole or not at all."""
    held = io.BytesIO()
    np.save(held, values, allow_pickle=False)
    write_atomic(path, held.getvalue())

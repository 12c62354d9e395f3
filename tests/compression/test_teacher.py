"""A teacher is asked once about every face, and its answers survive a stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.compression import teacher
from mien.compression.crops import Crops
from mien.compression.teacher import ask_teacher, read_lessons
from mien.core.errors import InputError, ThinData
from mien.core.modelcard import ModelCard

SIDE, DIM = 16, 4


def teach(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean colour, and a constant."""
    values = pixels.astype(np.float32).mean((1, 2)) / 255
    return np.concatenate([values, np.full((len(values), 1), 0.3, np.float32)], axis=1)


class Teacher:
    """Counts what it is asked."""

    def __init__(self, card: ModelCard) -> None:
        self.card, self.asked = card, 0

    def run(self, pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        self.asked += len(pixels)
        return {"embedding": teach(pixels)}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, card_for: Any) -> Teacher:
    """A teacher, and crops that need no detector: every third picture shows no face."""

    def cut(analyzer: object, card: object, pictures: Sequence[Path], done: Any) -> Crops:
        numbers = [i for i, path in enumerate(pictures) if int(path.stem) % 3]
        pixels = [np.full((SIDE, SIDE, 3), int(pictures[i].stem), np.uint8) for i in numbers]
        for _ in pictures:
            done()
        if not numbers:
            raise ThinData("no face")
        return Crops(np.stack(pixels), np.array(numbers))

    monkeypatch.setattr(teacher, "cut_crops", cut)
    monkeypatch.setattr(teacher, "BLOCK", 4)
    return Teacher(replace(card_for(b"", side=SIDE), dimension=DIM))


def test_the_teacher_is_asked_once_and_a_stopped_run_goes_on(asked: Teacher, tmp_path: Path) -> None:
    pictures = [Path(f"{i}.jpg") for i in range(1, 13)]
    seen: list[int] = []
    made = ask_teacher(None, asked, pictures, tmp_path, lambda: seen.append(1))  # type: ignore[arg-type]  # unused
    assert (len(made), made.dim, made.size, len(seen)) == (8, DIM, SIDE, 12)
    assert asked.asked == 2 * 8
    (tmp_path / "targets-00001.npy").unlink()  # as if stopped in the second block
    again = ask_teacher(None, asked, pictures, tmp_path, lambda: seen.append(1))  # type: ignore[arg-type]  # unused
    assert asked.asked == 2 * 8 + 2 * 3
    assert len(seen) == 24
    assert [int(again.get(i)[0][0, 0, 0]) for i in range(8)] == [1, 2, 4, 5, 7, 8, 10, 11]
    assert len(read_lessons(tmp_path)) == 8


def test_lessons_of_other_pictures_are_not_mixed_in(asked: Teacher, tmp_path: Path) -> None:
    ask_teacher(None, asked, [Path("1.jpg")], tmp_path)  # type: ignore[arg-type]  # unused
    with pytest.raises(InputError, match="other pictures"):
        ask_teacher(None, asked, [Path("2.jpg")], tmp_path)  # type: ignore[arg-type]  # unused


def test_pictures_without_any_face_teach_nothing(asked: Teacher, tmp_path: Path) -> None:
    with pytest.raises(ThinData, match="no picture shows a face"):
        ask_teacher(None, asked, [Path("3.jpg"), Path("6.jpg")], tmp_path)  # type: ignore[arg-type]  # unused

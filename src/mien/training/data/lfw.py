"""LFW's people lists (Huang et al. 2007): ``Name count`` lines, pictures in ``Name/Name_0001.jpg``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError
from mien.training.data.listing import Listing, Sample
from mien.training.data.tables import read_lines
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    file: str = option("peopleDevTrain.txt", "the list, below the root: people.txt, peopleDevTrain.txt …")
    pictures: str = option("lfw", "folder of the people's folders, below the root; . for the root")
    suffix: str = option(".jpg", "ending of the pictures' names")


def read(root: Path, config: Config) -> Listing:
    """Lines of one number (how many people follow, or folds) are skipped."""
    samples: list[Sample] = []
    for place, line in enumerate(read_lines(root / config.file), 1):
        match line.split():
            case [name, count] if count.isdecimal() and int(count) > 0:
                folder = root / config.pictures / name
                for index in range(1, int(count) + 1):
                    path = folder / f"{name}_{index:04d}{config.suffix}"
                    samples.append(Sample(path, name, name))
            case [] | [_] if not line.strip() or line.split()[0].isdecimal():
                continue
            case _:
                raise InputError(
                    f"line {place} of {root / config.file} is not a name and a count: pass a people list"
                )
    return Listing(tuple(samples))

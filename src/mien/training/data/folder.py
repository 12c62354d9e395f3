"""One folder an identity: ``root/NAME/*.jpg``, at any depth below the name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError
from mien.training.data.listing import Listing, Sample
from mien.training.data.pictures import find_pictures
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    min_pictures: int = option(1, "leave out folders with fewer pictures", low=1)
    max_pictures: int = option(0, "take only so many of each folder, the first by name; 0: all", low=0)


def read(root: Path, config: Config) -> Listing:
    """List pictures by suffix, sorted by folder and name; hidden folders and loose pictures are left out."""
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{root} cannot be listed ({error.strerror}): pass a folder of folders") from error
    samples: list[Sample] = []
    for folder in folders:
        paths = find_pictures(folder)
        if len(paths) >= config.min_pictures:
            chosen = paths[: config.max_pictures or None]
            samples += [Sample(path, folder.name, folder.name) for path in chosen]
    return Listing(tuple(samples))

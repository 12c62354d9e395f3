"""Where the lab's pictures come from: listings of samples, split by identity, decoded and cropped.

A new source is one file here and one line below; the file has a frozen ``Config`` and
``read(root, config) -> Listing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien.core.errors import InputError
from mien.training.data.listing import Listing, Sample, split_by_identity
from mien.training.recipe import DataPart
from mien.training.registry import Entry as SourceEntry
from mien.training.registry import config_of, find_entry, load_file

__all__ = [
    "SOURCES",
    "Listing",
    "Sample",
    "SourceEntry",
    "read_listing",
    "read_source",
    "source_config",
    "split_by_identity",
]

SOURCES: Mapping[str, SourceEntry] = {
    "folder": SourceEntry("folder", "one folder an identity (or class), pictures below it"),
    "csv": SourceEntry("csv", "a table with a row a picture: path, label, box, further facts"),
    "lfw": SourceEntry("lfw", "a list of names and counts, as LFW has it"),
    "fairface": SourceEntry("fairface", "FairFace's table: age, gender or race of one picture a person"),
    "celeba": SourceEntry("celeba", "CelebA's lists: identities, attributes, five points"),
    "paths": SourceEntry("paths", "pictures whose path says what they show and whom"),
    "points": SourceEntry("points", "a table of points, a row a picture"),
    "shards": SourceEntry("shards", "WebDataset tar shards, read in place"),
}


def read_source(name: str, root: Path, **options: Any) -> Listing:
    """List the samples of a data set; no picture is opened.

    root: the folder of the data set.
    raises: `InputError` for an unknown source or option, a folder or list that cannot be read, or a listing
    without samples.
    """
    what = f"the source {name}"
    module, config = config_of(__name__, find_entry(SOURCES, "data source", name), what, options)
    root = Path(root)
    if not root.exists():
        raise InputError(f"there is no data at {root}: check the path of the data set")
    listing: Listing = module.read(root, config)
    if not listing.samples:
        raise InputError(f"{what} found no pictures under {root}: check the path and the source's options")
    return listing


def read_listing(data: DataPart) -> Listing:
    """List the pictures of a recipe's section [data]; raises `InputError`, also where it names none."""
    if not data.root:
        raise InputError("the recipe names no data: --set data.root=FOLDER")
    return read_source(data.source, Path(data.root), **data.options)


def source_config(name: str) -> type[Any]:
    """The options of a source, as a dataclass (see `mien.training.options.describe_options`)."""
    config: type[Any] = load_file(__name__, find_entry(SOURCES, "data source", name)).Config
    return config

"""Looks from wherever they are: out of an index where there is one, else by looking now."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from mien.core.errors import ModelMismatch
from mien.pipeline.analyze import Analyzer
from mien.pipeline.index.folder import IndexFolder, is_index
from mien.pipeline.look import Look, look_at


def looks(analyzer: Analyzer, sources: object, *, digests: bool = True) -> Iterator[Look]:
    """Every picture of ``sources``, in order; folders that `mien index` made are read, not looked at again.

    digests: read each picture that is looked at now once more, for its digest.
    raises: ModelMismatch for an index of another embedder than ``analyzer`` runs.
    """
    listed = sources if isinstance(sources, list | tuple) else [sources]
    if not any(map(is_index, listed)):
        yield from look_at(analyzer, sources, digests=digests)
        return
    for indexed, group in groupby(listed, is_index):
        if not indexed:
            yield from look_at(analyzer, [*group], digests=digests)
            continue
        for folder in group:
            yield from open_for(analyzer, Path(folder)).looks()


def open_for(analyzer: Analyzer, folder: Path) -> IndexFolder:
    """The index, if its embeddings can be compared with those that ``analyzer`` makes."""
    index, wanted = IndexFolder(folder), analyzer.config.profile.embedder
    if index.made.embedder != wanted:
        raise ModelMismatch(
            f"{folder} was made with {index.made.embedder} (profile {index.made.profile}), not {wanted}: "
            "use the same --profile and --models, or make the index again"
        )
    return index

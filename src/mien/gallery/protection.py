"""Embeddings as one gallery stores them: under its secret, and no other gallery's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import StoreCorrupt
from mien.core.people import Sample
from mien.core.protocols import Protector
from mien.gallery.index import Templates
from mien.gallery.rows import Records
from mien.gallery.vault import Vault

LoadProtector = Callable[[str, bytes, int], Protector]
LoadCommon = Callable[[str], NDArray[np.float32] | None]


def nothing_common(model: str) -> None:
    """For networks of which nobody measured what all faces share."""


class Protection:
    """The protectors of a gallery, one a network.

    load: `mien.privacy.protect.load_protector`.    common: see `mien.gallery.people.People`.
    """

    def __init__(self, records: Records, vault: Vault, load: LoadProtector, common: LoadCommon) -> None:
        self._records, self._vault = records, vault
        self._load, self._load_common = load, common
        self._known: dict[str, Protector] = {}
        self._common: dict[str, NDArray[np.float32] | None] = {}

    def protect(self, model: str, vectors: NDArray[np.float32]) -> Templates:
        """vectors: (N, D) embeddings."""
        return self._of(model, vectors.shape[1]).protect(vectors)

    def protect_samples(self, batch: Sequence[Sequence[Sample]]) -> list[list[Any]]:
        """Templates of every sample, computed network by network in one product each."""
        out: list[list[Any]] = [[None] * len(samples) for samples in batch]
        places: dict[str, list[tuple[int, int]]] = {}
        for i, samples in enumerate(batch):
            for j, sample in enumerate(samples):
                places.setdefault(sample.embedding.model, []).append((i, j))
        for model, where in places.items():
            vectors = np.stack([batch[i][j].embedding.vector for i, j in where])
            for (i, j), template in zip(where, self.protect(model, vectors.astype(np.float32)), strict=True):
                out[i][j] = template
        return out

    def recover(self, model: str, templates: Templates) -> NDArray[np.float32] | None:
        """The embeddings behind stored templates, or None where the protection does not give them back."""
        if templates.dtype == np.uint8:
            return None
        return self._of(model, templates.shape[1]).recover(templates)

    def common(self, model: str) -> NDArray[np.float32] | None:
        """What all faces share, as templates see it: (D,); None where it is not known or they are bits."""
        if model not in self._common:
            direction = self._load_common(model)
            template = None if direction is None else self.protect(model, direction[None])[0]
            self._common[model] = (
                None if template is None or template.dtype == np.uint8 else template.astype(np.float32)
            )
        return self._common[model]

    def _of(self, model: str, dimension: int) -> Protector:
        known = self._known.get(model)
        if known is None:
            sealed = self._records.get_meta("protection")
            if sealed is None:
                raise StoreCorrupt("the gallery lost its record 'protection': restore it from a backup")
            kind, seed = self._vault.open_own(sealed, "protection")
            known = self._known[model] = self._load(kind, bytes.fromhex(seed) + model.encode(), dimension)
        return known

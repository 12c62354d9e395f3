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
from mien.gallery.templates import own_parts
from mien.gallery.vault import Vault, require_key

BITS = "biohash"
LoadProtector = Callable[[str, bytes, int], Protector]
LoadCommon = Callable[[str], NDArray[np.floating] | None]


def nothing_common(model: str) -> None:
    """For networks of which nobody measured what all faces share."""


class Protection:
    """The protectors of a gallery, one a network.

    load: `mien.privacy.protect.load_protector`.    common: see `mien.gallery.people.People`.
    """

    def __init__(self, records: Records, vault: Vault, load: LoadProtector, common: LoadCommon) -> None:
        self._records, self._vault = records, vault
        self._load, self._load_mean = load, common
        self._known: dict[str, Protector] = {}
        self._means: dict[str, NDArray[np.floating] | None] = {}
        self._common: dict[str, NDArray[np.float32] | None] = {}
        self._secret: tuple[str, bytes] | None = None

    @property
    def kind(self) -> str:
        """ "plain", "rotation" or "biohash"."""
        return self._told()[0]

    def protect(self, model: str, vectors: NDArray[np.float32]) -> Templates:
        """vectors: (N, D) embeddings.  Bits are few: they are of what a face does not share with others."""
        if self.kind == BITS:
            vectors = own_parts(vectors, self._direction(model))
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
        """What all faces share, as templates see it: (D,); None where it is not known or not in them."""
        if model not in self._common:
            direction = None if self.kind == BITS else self._direction(model)
            template = None if direction is None else self.protect(model, direction[None])[0]
            self._common[model] = None if template is None else template.astype(np.float32)
        return self._common[model]

    def share(self, model: str) -> float:
        """The share of a squared length that all faces have in common and bits leave out; 0 elsewhere."""
        mean = self._mean(model) if self.kind == BITS else None
        return 0.0 if mean is None else float(mean @ mean)

    def _direction(self, model: str) -> NDArray[np.float32] | None:
        mean = self._mean(model)
        return None if mean is None else np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _mean(self, model: str) -> NDArray[np.floating] | None:
        if model not in self._means:
            self._means[model] = self._load_mean(model)
        return self._means[model]

    def _of(self, model: str, dimension: int) -> Protector:
        known = self._known.get(model)
        if known is None:
            kind, seed = self._told()
            known = self._known[model] = self._load(kind, seed + model.encode(), dimension)
        return known

    def _told(self) -> tuple[str, bytes]:
        """Kind and secret, as the gallery keeps them."""
        if self._secret is None:
            require_key(self._records, self._vault)
            sealed = self._records.get_meta("protection")
            if sealed is None:
                raise StoreCorrupt("the gallery lost its record 'protection': restore it from a backup")
            kind, seed = self._vault.open_own(sealed, "protection")
            self._secret = str(kind), bytes.fromhex(seed)
        return self._secret

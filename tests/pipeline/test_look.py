"""What identifies a photo goes with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from tests.pipeline.index.standin import StandIn

from mien.core.report import PhotoReport
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config
from mien.pipeline.look import look_at


class Ahead(StandIn):
    """Finishes every picture before the first is taken, as its workers may."""

    def analyze_many(self, *words: Any, **named: Any) -> Iterator[PhotoReport]:
        yield from list(super().analyze_many(*words, **named))


def test_a_picture_that_is_named_twice_is_one_photo_both_times(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_text("1")
    found = list(look_at(cast(Analyzer, Ahead(Config())), [str(photo), str(photo)]))
    assert [look.digest for look in found] == [hashlib.sha256(b"1").digest()] * 2

"""Looks in, a person out: bad pictures are rows of a report, what the gallery refuses is an error."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from tests.gallery.conftest import open_people
from tests.pipeline.index.standin import StandIn, write_store

from mien.core.errors import ConsentRequired, InputError
from mien.embedding.calibration import shipped_calibration
from mien.gallery.people import People
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config
from mien.pipeline.enrol import enrol_folders, enrol_looks
from mien.pipeline.look import Look, look_at

CALIBRATION = shipped_calibration("sface")


@pytest.fixture(autouse=True)
def _faces_that_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.pipeline.enrol.common_direction", lambda model: None)


@pytest.fixture
def people(tmp_path: Path) -> People:
    return open_people(tmp_path / "gallery")


def seen(folder: Path, *texts: str) -> list[Look]:
    return list(look_at(cast(Analyzer, StandIn(Config())), write_store(folder, texts)))


def test_what_the_gallery_refuses_ends_the_run(people: People, tmp_path: Path) -> None:
    people.set_policy({"require_consent": True})
    with pytest.raises(ConsentRequired):
        enrol_looks(people, "Ada", seen(tmp_path, "1"), CALIBRATION)


def test_a_bad_name_is_a_row(people: People, tmp_path: Path) -> None:
    assert isinstance(enrol_looks(people, "p-1", seen(tmp_path, "1"), CALIBRATION).error, InputError)


def test_nobody_looks_like_themselves_however_their_name_is_spelt(people: People, tmp_path: Path) -> None:
    enrol_looks(people, "Ada Lovelace", seen(tmp_path / "a", "1"), CALIBRATION)
    again = enrol_looks(people, " ADA  lovelace", seen(tmp_path / "b", "1"), CALIBRATION)
    assert again.looks_like is None
    assert enrol_looks(people, "Ben", seen(tmp_path / "c", "1"), CALIBRATION).looks_like == "Ada Lovelace"


def test_hidden_folders_are_nobody(people: People, tmp_path: Path) -> None:
    write_store(tmp_path / "root" / ".thumbnails", ["1"])
    with pytest.raises(InputError, match="no sub-folders"):
        next(enrol_folders(people, cast(Analyzer, StandIn(Config())), tmp_path / "root", CALIBRATION))

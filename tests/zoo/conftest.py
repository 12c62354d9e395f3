"""A model store in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.zoo.tiny import FakeNetwork

from mien.zoo import download


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """The models folder of this test; the environment's own settings are put aside."""
    if request.node.get_closest_marker("weights"):
        return tmp_path / "models"
    for name in ("MIEN_OFFLINE", "MIEN_ALLOW_NONCOMMERCIAL", "MIEN_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIEN_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(download, "_silent_hosts", {})
    return tmp_path / "models"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return FakeNetwork(monkeypatch)

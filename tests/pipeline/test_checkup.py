"""The findings of `mien doctor` tell what is broken from what is only worth knowing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.pipeline.checkup import _folders
from mien.pipeline.config import Config


def test_a_read_only_cache_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    found = {finding.topic: finding for finding in _folders(Config())}
    for topic in ("models folder", "cache folder"):
        assert found[topic].state == "note"
        assert "set MIEN_" in found[topic].cure

"""docs/performance.md says what the committed results say, and they say how they were made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from docs.make_face3d import PAGE as FACE3D
from docs.make_face3d import face3d_page
from docs.make_gallery import PAGE as GALLERY
from docs.make_gallery import gallery_page
from docs.make_performance import PAGE, RESULTS, performance_page

NAMES = ("throughput", "peers", "startup", "engines", "precisions")


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == performance_page(), "run: python -m docs.make_performance"


@pytest.mark.skipif(not (RESULTS / "gallery.json").exists(), reason="the gallery was not measured yet")
def test_the_table_of_the_gallery_is_fresh() -> None:
    assert GALLERY.read_text(encoding="utf-8") == gallery_page(), "run: python -m docs.make_gallery"


def test_the_figures_of_the_heads_are_fresh() -> None:
    assert FACE3D.read_text(encoding="utf-8") == face3d_page(), "run: python -m docs.make_face3d"


@pytest.mark.parametrize("name", NAMES)
def test_every_result_says_where_and_how_it_was_made(name: str) -> None:
    found = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert found["command"].startswith(f"python -m benchmarks.{name}")
    assert {"processor", "cores", "platform", "python"} <= set(found["machine"])
    assert {"mien", "openvino", "numpy"} <= set(found["versions"])


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.name)
def test_no_result_names_a_path_of_the_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "/home/" not in text
    assert "/tmp/" not in text
    assert str(Path(__file__).resolve().parents[3]) + "/" not in text

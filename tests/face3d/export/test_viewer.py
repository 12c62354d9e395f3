"""The viewer page in a real browser: a head is drawn, and a slider moves its face."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures

from mien.core.errors import InputError
from mien.face3d.export.html import viewer_page
from mien.face3d.rig.head import RiggedHead

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--hide-scrollbars",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--virtual-time-budget=3000",
    "--window-size=900,600",
)


@pytest.fixture(scope="module")
def page(skinned: RiggedHead, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("viewer") / "head.html"
    path.write_text(viewer_page(skinned, "somebody", "8 vertices"), encoding="utf-8")
    return path


def picture(page: Path, state: str) -> np.ndarray:
    """What the page shows (H, W, 3) when opened on a state, without its panel."""
    if BROWSER is None:
        pytest.skip("no browser here: run .ci/tools.sh")
    shot = page.with_name("shot.png")
    shot.unlink(missing_ok=True)
    profile = page.with_name("profile")
    words = [
        BROWSER,
        *QUIET,
        f"--user-data-dir={profile}",
        f"--screenshot={shot}",
        f"{page.as_uri()}#{state}",
    ]
    subprocess.run(words, capture_output=True, timeout=240, check=False)
    if not shot.is_file():
        pytest.skip("the browser here makes no picture")
    with Pictures.open(shot) as opened:
        return np.asarray(opened.convert("RGB"), int)[:, :610]


def test_the_page_shows_a_head_and_a_slider_moves_it(page: Path) -> None:
    still = picture(page, "yaw=0&pitch=0&jawOpen=0")
    if still.max() < 60:
        pytest.skip("the browser here has no WebGL")
    height, width = still.shape[:2]
    middle = still[height // 3 : height // 2, width // 2 - 40 : width // 2 + 40].reshape(-1, 3)
    lit = np.median(middle, axis=0)
    # the skin's own colour, a little lighter or darker
    np.testing.assert_allclose(lit / lit.sum(), np.array([200, 150, 120]) / 470, atol=0.05)
    corners = still[[5, 5, -6, -6], [5, -6, 5, -6]]
    assert corners.max() < 60
    opened = picture(page, "yaw=0&pitch=0&jawOpen=1")
    changed = np.abs(opened - still).max(axis=2) > 25
    assert changed.mean() > 0.005
    rows = np.nonzero(changed.any(axis=1))[0]
    # the jaw moves, the forehead does not
    assert rows.min() > 0.25 * height


def data_of(page: str) -> dict[str, Any]:
    """The head as the page's script has it."""
    found = re.search(r'\{"vertices".*\}', page)
    assert found is not None
    data: dict[str, Any] = json.loads(found.group())
    return data


def test_movements_of_any_size_survive(skinned: RiggedHead) -> None:
    data = data_of(viewer_page(replace(skinned, moves=skinned.moves * 4), "somebody"))
    stored = np.frombuffer(base64.b64decode(data["moves"]), "<i2").reshape(-1, 3) * data["step"]
    assert np.abs(stored).max() == pytest.approx(4 * np.abs(skinned.moves).max(), abs=0.02)
    assert np.abs(stored).max() > 65.6


def test_a_name_ends_no_script(skinned: RiggedHead) -> None:
    names = ("</script><b>", *skinned.names[1:])
    page = viewer_page(replace(skinned, names=names), "somebody")
    assert "</script><b>" not in page
    assert data_of(page)["names"] == list(names)


def test_a_page_says_how_many_vertices_it_holds(skinned: RiggedHead) -> None:
    copies = 65536 // len(skinned.body.vertices) + 1
    body = replace(skinned.body, vertices=np.tile(skinned.body.vertices, (copies, 1)))
    with pytest.raises(InputError, match=r"save a \.glb"):
        viewer_page(replace(skinned, body=body), "somebody")

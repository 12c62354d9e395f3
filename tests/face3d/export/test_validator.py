"""The Khronos validator finds nothing wrong with our GLB (`.ci/tools.sh` installs it)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core.mesh import Coefficients, Placement
from mien.face3d.export.glb import write_glb
from mien.face3d.model.basis import load_head_model
from mien.face3d.rig.head import RiggedHead, rig
from mien.geometry.rotation import HEAD_TO_CAMERA

MODULES = Path(os.environ.get("MIEN_TEST_NODE_MODULES", "/var/tmp/mien-services/node/node_modules"))
SCRIPT = """
const validator = require(process.argv[1]), fs = require('fs');
validator.validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])))
  .then(report => console.log(JSON.stringify(report)));
"""


def validated(path: Path) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None or not (MODULES / "gltf-validator").is_dir():
        pytest.skip("no glTF validator here: run .ci/tools.sh")
    words = [node, "-e", SCRIPT, str(MODULES / "gltf-validator"), str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("kind", ["textured", "bare", "camera", "finest"])
def test_the_validator_has_nothing_to_say(tmp_path: Path, skinned: RiggedHead, kind: str) -> None:
    head = replace(skinned, texture=None) if kind == "bare" else skinned
    if kind == "finest":
        head = rig(load_head_model(), Coefficients(np.ones(5), np.zeros(52)), skinned.texture)
    placement = Placement(HEAD_TO_CAMERA, np.array([1.0, 2.0, 600.0])) if kind == "camera" else None
    write_glb(tmp_path / "head.glb", head, placement)
    report = validated(tmp_path / "head.glb")
    found = report["issues"]
    assert found["numErrors"] == found["numWarnings"] == 0
    assert kind == "bare" or found["messages"] == []  # without a picture its coordinates are unused
    assert report["info"]["hasMorphTargets"]
    assert report["info"]["hasTextures"] is (kind != "bare")


def test_the_validator_does_look(tmp_path: Path, skinned: RiggedHead) -> None:
    write_glb(tmp_path / "head.glb", skinned)
    data = (tmp_path / "head.glb").read_bytes()
    (tmp_path / "bad.glb").write_bytes(data.replace(b'"VEC3"', b'"VEC2"', 1))
    assert validated(tmp_path / "bad.glb")["issues"]["numErrors"] > 0

"""Pictures of faces that need no data: clay heads, rendered from the package's own head model."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np

from mien.core.mesh import Coefficients, Placement
from mien.core.types import HeadPose
from mien.face3d.model.basis import load_head_model
from mien.face3d.model.shape import vertices_of
from mien.face3d.render.shade import render_clay
from mien.geometry.projection import camera_from_field_of_view
from mien.geometry.rotation import rotation_from_pose

WIDTH, HEIGHT = 960, 720


def clay_heads(count: int) -> Iterator[bytes]:
    """JPEG files of clay heads, made from the package's own head model: every run gets the same ones."""
    from PIL import Image as Pictures

    model = load_head_model()
    camera = camera_from_field_of_view(WIDTH, HEIGHT, 1.0)
    draw = np.random.default_rng(0)
    facing = np.diag([1.0, -1.0, -1.0])  # the head's y and z point against the camera's
    for _ in range(count):
        person = Coefficients(draw.normal(size=20), np.zeros(len(model.names)))
        yaw, pitch, roll = draw.uniform(-0.4, 0.4), draw.uniform(-0.2, 0.2), draw.uniform(-0.2, 0.2)
        place = np.array([draw.uniform(-80, 80), draw.uniform(-30, 50), draw.uniform(550, 1100)])
        standing = Placement(rotation_from_pose(HeadPose(yaw, pitch, roll)) @ facing, place)
        head = model.mesh(vertices_of(model, person), 1)
        clay = render_clay(head, standing, camera, WIDTH, HEIGHT, background=110)
        grain = draw.normal(0, 5, clay.shape)  # as a camera has it: a flat background decodes too fast
        file = io.BytesIO()
        Pictures.fromarray(np.clip(clay + grain, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
        yield file.getvalue()

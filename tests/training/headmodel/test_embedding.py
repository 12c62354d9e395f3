"""The landmark embedding: anatomy stays, what the network means elsewhere is learned."""

import numpy as np
import pytest

from mien.core.errors import ThinData
from mien.core.mesh import Camera, Coefficients, Placement
from mien.face3d.model.basis import load_head_model
from mien.face3d.model.shape import vertices_of
from mien.geometry.projection import place, project
from mien.geometry.rotation import HEAD_TO_CAMERA
from mien.geometry.triangles import interpolate
from mien.training.headmodel.embedding import EYES, SAME_AS_68, anatomical, learn_embedding

CAMERA = Camera(2400.0, 2400.0, 399.5, 399.5)
FOREHEAD = 151


def test_lid_corners_lie_on_their_vertices() -> None:
    model = anatomical(load_head_model())
    points = interpolate(model.mean, model.mesh468.corners, model.mesh468.weights)
    for of68, of468 in SAME_AS_68.items():
        reach = 0.1 if of68 < 60 else 0.6
        assert np.linalg.norm(points[of468] - model.mean[model.points68[of68]]) < reach


def test_a_network_that_means_another_spot_is_followed_there() -> None:
    model = anatomical(load_head_model())
    rng = np.random.default_rng(0)
    people = []
    for _ in range(20):
        vertices = vertices_of(model, Coefficients(rng.standard_normal(20) * 0.5, np.zeros(52)))
        points = interpolate(vertices, model.mesh468.corners, model.mesh468.weights)
        points[FOREHEAD] += (0, 5, 0)
        placement = Placement(HEAD_TO_CAMERA, np.array([0.0, 0.0, 1000.0]))
        people.append(project(place(points, placement), CAMERA))
    learned = learn_embedding(model, people, CAMERA, rounds=2)
    assert 2.5 < learned.moved[FOREHEAD] < 7
    assert learned.moved[list(EYES)].max() < 0.1


def test_a_few_people_do_not_average_out() -> None:
    with pytest.raises(ThinData, match="at least 20"):
        learn_embedding(load_head_model(), [np.zeros((468, 2))], CAMERA)

"""The landmark report of points whose errors are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, NoFaceFound
from mien.core.report import FaceReport
from mien.core.types import Box, Detection, Landmarks
from mien.evaluation.landmarks import evaluate_landmarks, face_of, in_scheme
from mien.evaluation.pages.frame import Run
from mien.evaluation.pages.landmarks import landmarks_page
from mien.geometry.schemes import scheme, scheme_names
from mien.page.html import page_html
from mien.page.picture import embed

IBUG = scheme("ibug68")
RNG = np.random.default_rng(0)


def mesh(shift: float = 0.0) -> Landmarks:
    points = np.random.default_rng(1).uniform(0, 100, (468, 3)) + shift
    return Landmarks("mesh468", points, 1.0)


def face(shift: float) -> FaceReport:
    detection = Detection(Box(0, 0, 1, 1), 0.9, np.zeros((5, 2)))
    return FaceReport(detection, frozenset({"landmarks"}), landmarks=mesh(shift))


@pytest.mark.parametrize("name", scheme_names())
def test_a_scheme_names_points_that_exist(name: str) -> None:
    found = scheme(name)
    judged = {*found.rigid, *found.eye_corners, *found.inner, *found.mesh468}
    assert max(judged) < found.points
    assert max(found.mesh468.values()) < 468
    assert set(found.eye_corners) <= set(found.mesh468)


def test_every_point_of_ibug68_has_a_vertex_of_its_own() -> None:
    assert sorted(IBUG.mesh468) == list(range(68))
    assert len(set(IBUG.mesh468.values())) == 68


def test_an_unknown_scheme_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="frl189, ibug68, mesh468"):
        scheme("wflw98")


def test_points_of_the_mesh_stand_at_the_schemes_places() -> None:
    found = in_scheme(mesh(), IBUG)
    np.testing.assert_array_equal(found[36], mesh().points[33, :2])
    sparse = in_scheme(mesh(), scheme("frl189"))
    assert np.isnan(sparse[0]).all()


def test_points_of_the_scheme_itself_stay_and_others_are_refused() -> None:
    own = Landmarks("ibug68", np.arange(204.0).reshape(68, 3), 1.0)
    np.testing.assert_array_equal(in_scheme(own, IBUG), own.points[:, :2])
    with pytest.raises(InputError, match="points of dots cannot be compared with ibug68"):
        in_scheme(Landmarks("dots", np.zeros((7, 3)), 1.0), IBUG)


def test_of_several_faces_the_annotated_one_is_judged() -> None:
    truth = in_scheme(mesh(300.0), IBUG)
    np.testing.assert_array_equal(face_of([face(0.0), face(300.0)], truth, IBUG, "a.jpg"), truth)
    with pytest.raises(NoFaceFound, match=r"a\.jpg"):
        face_of([face(0.0)], truth, IBUG, "a.jpg")


def test_a_known_shift_is_a_known_error_and_a_lost_face_a_failure() -> None:
    truth = np.tile(RNG.uniform(0, 100, (1, 68, 2)), (4, 1, 1))
    size = float(np.linalg.norm(truth[0, 36] - truth[0, 45]))
    found = [
        truth[0] + [0.05 * size, 0],
        truth[1],
        truth[2] + [0, 0.2 * size],
        NoFaceFound("no face; use another"),
    ]
    paths = [Path(f"{i}.jpg") for i in range(4)]
    report = evaluate_landmarks(paths, list(truth), found, IBUG, 0.1)
    assert report.nme == pytest.approx((0.05 + 0 + 0.2) / 3)
    assert report.failure_rate == 0.5
    assert report.auc == pytest.approx((0.5 + 1) / 4)
    assert report.parts["jaw"] == pytest.approx(report.nme)
    assert report.worst[0][0] == paths[2]
    document = report.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    grey = embed(np.full((8, 8, 3), 99, np.uint8), "points")
    html = page_html(landmarks_page(report, lambda path: grey, Run("mien …", {}, "0")))
    assert "no_face" in html
    assert "<svg" in html


def test_no_face_found_at_all_is_all_failures() -> None:
    truth = [RNG.uniform(0, 100, (68, 2))]
    report = evaluate_landmarks([Path("a.jpg")], truth, [NoFaceFound("no face; use another")], IBUG)
    assert (report.nme, report.auc, report.failure_rate) == (None, 0, 1)

"""The protocols with real networks on small parts of the shared pictures: the figures stay what they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import MienError
from mien.core.types import Embedding
from mien.evaluation.acquire import embed_pictures, embed_trials, report_pictures
from mien.evaluation.detection import evaluate_detection
from mien.evaluation.fairness import evaluate_fairness, read_labelled
from mien.evaluation.identification import evaluate_identification
from mien.evaluation.landmarks import Points2D, evaluate_landmarks, face_of
from mien.evaluation.operating import deployed_threshold
from mien.evaluation.own import folder_of_people
from mien.evaluation.protocols.boxes import FoundFaces, TrueFaces
from mien.evaluation.protocols.people import search_list
from mien.evaluation.protocols.points import read_points
from mien.evaluation.robustness import damages, evaluate_robustness
from mien.geometry.schemes import scheme
from mien.pipeline.analyze import Analyzer

pytestmark = [pytest.mark.shared, pytest.mark.weights]


def some_people(shared: Path, count: int, each: int) -> dict[str, list[Path]]:
    people = folder_of_people(shared / "wild40")
    return {name: paths[:each] for name, paths in list(people.items())[:count]}


def test_a_search_among_eight_people_finds_most_and_names_few_strangers(
    analyzer: Analyzer, shared: Path
) -> None:
    listed = search_list(some_people(shared, 16, 4))
    report = evaluate_identification(listed, embed_pictures(analyzer))
    assert report.rank(1) >= 0.85
    assert report.points[0].fnir <= 0.3


@pytest.mark.parametrize(
    ("name", "points", "folder", "most"),
    [
        ("frl189", "london/neutral_front", "london/neutral_front", 0.035),
        ("ibug68", "ytf68/keypoints.csv", "ytf68", 0.11),
    ],
)
def test_points_are_where_people_put_them(
    analyzer: Analyzer, shared: Path, name: str, points: str, folder: str, most: float
) -> None:
    wanted = scheme(name)
    truth = dict(list(read_points(shared / points, shared / folder, wanted.points).items())[:20])
    reports = report_pictures(analyzer, list(truth), ("landmarks",))
    found: list[Points2D | MienError] = []
    for (picture, marked), faces in zip(truth.items(), reports, strict=True):
        assert not isinstance(faces, MienError)
        found.append(face_of(faces, marked, wanted, picture.name))
    report = evaluate_landmarks(list(truth), list(truth.values()), found, wanted)
    assert report.nme is not None
    assert report.nme < most


def test_boxes_lie_on_the_faces_whose_points_are_known(analyzer: Analyzer, shared: Path) -> None:
    truth = dict(list(read_points(shared / "ytf68" / "keypoints.csv", shared / "ytf68", 68).items())[:60])
    boxes = []
    for marked in truth.values():
        (x1, y1), (x2, y2) = marked.min(axis=0), marked.max(axis=0)
        # A detector's box reaches up to the hairline; the points end at the brows.
        boxes.append(TrueFaces(np.array([[x1, y1 - 0.25 * (y2 - y1), x2, y2]]), np.array([False])))
    found: list[FoundFaces | MienError] = []
    for faces in report_pictures(analyzer, list(truth), ("box",)):
        assert not isinstance(faces, MienError)
        rows = np.array([face.detection.box for face in faces], np.float64).reshape(-1, 4)
        found.append(FoundFaces(rows, np.array([face.detection.score for face in faces], np.float64)))
    report = evaluate_detection(list(truth), boxes, found)
    assert report.recall >= 0.95
    assert report.ap >= 0.9


def test_damage_costs_matches_and_the_clean_pictures_match(analyzer: Analyzer, shared: Path) -> None:
    deployed = deployed_threshold("sface", 1e-3)
    people = some_people(shared, 8, 2)
    report = evaluate_robustness(people, embed_trials(analyzer), deployed, damages(["blur"]))
    assert report.clean.tmr >= 0.75
    assert report.levels["blur"][-1].tmr <= 0.25


def test_a_fairness_report_of_real_faces_has_every_group(
    analyzer: Analyzer, shared: Path, tmp_path: Path
) -> None:
    rows = (shared / "fairface" / "labels.csv").read_text("utf-8").splitlines()
    some = [row for row in rows if row.startswith("val/")][:60]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join([rows[0], *some]) + "\n")
    labelled = read_labelled(table, shared / "fairface", ["gender"])
    report = evaluate_fairness(labelled, embed_pictures(analyzer), deployed_threshold("sface", 1e-3))
    (division,) = report.divisions
    assert sum(division.people.values()) == 60
    assert not division.flagged  # 60 people show nothing


def test_every_picture_is_answered_in_order(analyzer: Analyzer, shared: Path) -> None:
    paths = [path for paths in some_people(shared, 3, 2).values() for path in paths]
    answers = list(embed_pictures(analyzer)(paths))
    again = list(embed_pictures(analyzer)(paths[::-1]))[::-1]
    for one, other in zip(answers, again, strict=True):
        assert isinstance(one, Embedding)
        assert isinstance(other, Embedding)
        np.testing.assert_allclose(one.vector, other.vector, atol=1e-5)

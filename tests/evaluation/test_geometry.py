"""`mien evaluate geometry`: known distances come out, landmarks come from where they may."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mien.cli.main import run
from mien.core.errors import InputError, NoFaceFound
from mien.core.mesh import Coefficients, Mesh
from mien.evaluation.geometry import GeometryReport, evaluate_geometry, seen_from_outside
from mien.evaluation.metrics.mesh import Alignment, surface_error
from mien.evaluation.pages.frame import Run
from mien.evaluation.pages.geometry import FAR, colours_of, geometry_page
from mien.evaluation.seven import find_landmarks, landmarks_of_own_head, read_landmarks
from mien.face3d.export.glb import write_glb
from mien.face3d.export.obj import write_obj
from mien.face3d.export.ply import write_ply
from mien.face3d.fit.scan import LANDMARKS7
from mien.face3d.model.basis import load_head_model
from mien.face3d.model.shape import vertices_of
from mien.face3d.rig.head import RiggedHead, rig
from mien.geometry.rotation import rotation_from_vector
from mien.page.html import page_html
from mien.pipeline.analyze import Analyzer

TURN = rotation_from_vector(np.array([0.2, -0.4, 0.1]))


def person(seed: int, level: int = 2) -> RiggedHead:
    model = load_head_model()
    z = np.random.default_rng(seed).standard_normal(20)
    return rig(model, Coefficients(z, np.zeros(len(model.names))), None, level)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One head as prediction (GLB); as scan: itself moved, 3 % larger, in metres, and another person."""
    folder = tmp_path_factory.mktemp("heads")
    head = person(1)
    mesh = head.posed()
    write_glb(folder / "head.glb", head)
    write_ply(folder / "moved.ply", Mesh(mesh.vertices @ TURN.T + (5, -3, 400), mesh.triangles))
    write_obj(folder / "larger.obj", Mesh(mesh.vertices * 1.03, mesh.triangles))
    write_ply(folder / "metres.ply", Mesh(mesh.vertices / 1000, mesh.triangles))
    write_ply(folder / "other.ply", person(2).posed())
    return folder


def test_a_rigidly_moved_scan_has_no_error(files: Path) -> None:
    report = evaluate_geometry(files / "head.glb", files / "moved.ply", most=1500)
    assert report.errors["rigid"].median < 0.01
    assert report.errors["rigid+scale"].mean < 0.01


def test_a_size_counts_when_rigid_and_not_when_scaled(files: Path) -> None:
    report = evaluate_geometry(files / "head.glb", files / "larger.obj", most=1500)
    assert report.errors["rigid+scale"].median < 0.02 < 0.1 < report.errors["rigid"].median


def test_another_person_is_measured_as_trimesh_measures(files: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    head = person(1, level=1).posed()
    rng = np.random.default_rng(0)
    front = head.vertices[head.vertices[:, 2] > 40]
    points = front[rng.choice(len(front), 150)] + rng.normal(0, 2, (150, 3))
    marks = landmarks_of_own_head(head)
    assert marks is not None
    ours = surface_error(head.vertices, head.triangles, marks, points, marks, "rigid", rounds=0)
    solid = trimesh.Trimesh(head.vertices, head.triangles, process=False)
    _, theirs, _ = trimesh.proximity.closest_point_naive(solid, points)
    np.testing.assert_allclose(ours.distances, theirs, atol=1e-6)


def test_metres_are_named_or_refused(files: Path) -> None:
    with pytest.raises(InputError, match="--scan-unit"):
        evaluate_geometry(files / "head.glb", files / "metres.ply", most=500)
    report = evaluate_geometry(files / "head.glb", files / "metres.ply", scan_unit="m", most=500)
    assert report.errors["rigid"].median < 0.01
    with pytest.raises(InputError, match="mm, cm or m"):
        evaluate_geometry(files / "head.glb", files / "metres.ply", unit="inch")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_landmarks_of_our_own_heads_are_known(level: int) -> None:
    model = load_head_model()
    head = person(3, level)
    found = landmarks_of_own_head(head.posed())
    z = np.random.default_rng(3).standard_normal(20)
    truth = vertices_of(model, Coefficients(z, np.zeros(len(model.names))))[model.points68[list(LANDMARKS7)]]
    assert found is not None
    np.testing.assert_allclose(found, truth, atol=0.01 if level == 0 else 2.0)
    assert landmarks_of_own_head(Mesh(np.eye(3), np.array([[0, 1, 2]]))) is None


def test_every_form_of_landmark_file_is_read(tmp_path: Path) -> None:
    points = np.arange(21.0).reshape(7, 3)
    (tmp_path / "a.json").write_text(
        json.dumps({"scan": points.tolist(), "prediction": (points + 1).tolist()})
    )
    (tmp_path / "b.json").write_text(json.dumps(points.tolist()))
    np.savez(tmp_path / "c.npz", lm7=points)
    np.save(tmp_path / "d.npy", np.concatenate([points, points + 1]))
    (tmp_path / "e.txt").write_text("# x y z\n" + "\n".join(f"{x} {y}\t{z}" for x, y, z in points))
    (tmp_path / "f.csv").write_text("\n".join(f"eye,{x},{y},{z}" for x, y, z in points))
    tags = [f'<point x="{x}" y="{y}" z="{z}" active="1" name="{i}"/>' for i, (x, y, z) in enumerate(points)]
    (tmp_path / "g.pp").write_text(f"<PickedPoints>{''.join(tags)}</PickedPoints>")
    for path in sorted(tmp_path.iterdir()):
        found = read_landmarks(path)
        np.testing.assert_array_equal(found["scan"], points)
        if path.name[0] in "ad":
            np.testing.assert_array_equal(found["prediction"], points + 1)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", "1 2 3\n4 5 6\n", "2 points"),
        ("a.txt", "1 2 x\n", "holds no landmarks"),
        ("a.txt", "\n".join(["1 2 nan"] * 7), "finite"),
        ("a.json", '{"prediction": [[1, 2, 3]]}', "7 finite points"),
        ("a.json", "{}", "name the scan's"),
        ("a.json", "{", "holds no landmarks"),
        ("a.npz", "junk", "holds no landmarks"),
    ],
)
def test_wrong_landmarks_are_refused(tmp_path: Path, name: str, content: str, says: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=says):
        read_landmarks(tmp_path / name)
    with pytest.raises(InputError, match="no landmarks at"):
        read_landmarks(tmp_path / "none.txt")


def test_an_unknown_mesh_needs_landmarks(files: Path, tmp_path: Path) -> None:
    mesh = person(1).posed()
    write_ply(tmp_path / "cloud.ply", Mesh(mesh.vertices, np.zeros((0, 3), np.int64)))
    with pytest.raises(InputError, match="--landmarks"):
        evaluate_geometry(files / "head.glb", tmp_path / "cloud.ply")
    marks = landmarks_of_own_head(mesh)
    assert marks is not None
    np.savetxt(tmp_path / "seven.txt", marks)
    report = evaluate_geometry(files / "head.glb", tmp_path / "cloud.ply", tmp_path / "seven.txt", most=500)
    assert report.scan.source == "file"
    assert report.errors["rigid"].median < 0.05


def test_the_inside_of_the_mouth_is_not_measured() -> None:
    model = load_head_model()
    mesh = model.mesh(model.mean.astype(np.float64))
    marks = model.mean[model.points68[list(LANDMARKS7)]].astype(np.float64)
    outside = seen_from_outside(mesh, marks)
    assert outside[model.points68[17:48]].mean() > 0.9
    assert outside[model.rows("gums", "tongue")].mean() < 0.05


def test_the_command_prints_the_promised_document(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "evaluate",
        "geometry",
        "--prediction",
        str(files / "head.glb"),
        "--scan",
        str(files / "other.ply"),
    ]
    with pytest.raises(SystemExit) as stopped:
        run([*words, "--points", "500", "--json"])
    assert stopped.value.code == 0
    answer = json.loads(capsys.readouterr().out)
    assert {"median_mm", "mean_mm", "std_mm", "vertices", "aligned"} <= set(answer)
    assert answer["aligned"] == "rigid"
    assert answer["vertices"] == 500 < answer["region_points"]
    assert 0.2 < answer["median_mm"] < 6
    assert answer["all"]["rigid+scale"]["median_mm"] <= answer["median_mm"] * 1.1
    with pytest.raises(SystemExit):
        run([*words, "--points", "500", "--aligned", "rigid+scale"])
    assert "rigid+scale" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "evaluate",
        "geometry",
        "--prediction",
        str(files / "none.glb"),
        "--scan",
        str(files / "other.ply"),
    ]
    for extra in ([], ["--aligned", "loosely"]):
        with pytest.raises(SystemExit) as stopped:
            run([*words, *extra, "--json"])
        assert stopped.value.code == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_input"


@pytest.mark.weights
@pytest.mark.shared
def test_landmarks_of_a_real_scan_are_found_near_the_marked_ones(analyzer: Analyzer, shared: Path) -> None:
    truth = np.load(shared / "scans" / "gt" / "gt_lee.npz")
    mesh = Mesh(truth["V"].astype(float), truth["F"])
    straight = Mesh(truth["V"].astype(float) * (1, -1, -1) / 10, truth["F"])
    found = find_landmarks(analyzer, straight, "the scan") * (10, -10, -10)
    gaps = np.linalg.norm(found - truth["lm7"], axis=1)
    assert np.median(gaps) < 4
    assert gaps.max() < 12  # an eye corner is where the side of the head begins
    with pytest.raises(NoFaceFound, match="--landmarks"):
        find_landmarks(analyzer, Mesh(mesh.vertices * (1, 0.01, 1), truth["F"]), "the scan")


@pytest.mark.shared
def test_a_real_scan_against_itself_is_nothing_and_the_mean_head_is_about_a_millimetre(
    shared: Path, tmp_path: Path
) -> None:
    truth = np.load(shared / "scans" / "gt" / "gt_lee.npz")
    write_ply(tmp_path / "scan.ply", Mesh(truth["V"].astype(float), truth["F"]))
    write_ply(tmp_path / "moved.ply", Mesh(truth["V"] @ TURN.T + (1, 2, 900), truth["F"]))
    both = {"scan": truth["lm7"].tolist(), "prediction": (truth["lm7"] @ TURN.T + (1, 2, 900)).tolist()}
    (tmp_path / "both.json").write_text(json.dumps(both))
    same = evaluate_geometry(tmp_path / "moved.ply", tmp_path / "scan.ply", tmp_path / "both.json", most=2000)
    assert same.errors["rigid"].median < 0.01
    model = load_head_model()
    write_glb(tmp_path / "mean.glb", rig(model, Coefficients(np.zeros(1), np.zeros(52))))
    (tmp_path / "one.json").write_text(json.dumps(both["scan"]))
    mean = evaluate_geometry(tmp_path / "mean.glb", tmp_path / "scan.ply", tmp_path / "one.json", most=2000)
    assert 0.5 < mean.errors["rigid+scale"].median < 1.5


@pytest.fixture(scope="module")
def against_another(files: Path) -> GeometryReport:
    return evaluate_geometry(files / "head.glb", files / "other.ply", most=300)


def test_the_mean_head_stands_beside_every_figure(against_another: GeometryReport) -> None:
    answer = against_another.to_dict()
    assert answer["mean_head"].keys() == answer["all"].keys()
    for aligned in ("rigid", "rigid+scale"):
        assert 0.2 < answer["mean_head"][aligned]["median_mm"] < 8


@pytest.mark.parametrize("aligned", ["rigid", "rigid+scale"])
def test_the_page_shows_what_json_says(against_another: GeometryReport, aligned: Alignment) -> None:
    names, run = ("head.glb", "other.ply"), Run("mien evaluate geometry", {}, "0")
    text = page_html(geometry_page(against_another, aligned, names, run))
    assert f"{against_another.errors[aligned].median:.2f} mm" in text
    assert "mean head" in text
    assert text.count("data:image/jpeg") == 3


def test_a_distances_colour_grows_from_blue_to_red() -> None:
    colours = colours_of(np.linspace(0, FAR, 20)).astype(int)
    assert colours[0, 2] > colours[0, 0]
    assert colours[-1, 0] > colours[-1, 2]
    assert (np.diff(colours[:, 0] - colours[:, 2]) > -40).all()


def test_the_page_is_written_when_asked(files: Path, tmp_path: Path) -> None:
    words = ["--prediction", str(files / "head.glb"), "--scan", str(files / "other.ply"), "--points", "300"]
    with pytest.raises(SystemExit) as stopped:
        run(["evaluate", "geometry", *words, "--html", str(tmp_path / "page.html"), "--json"])
    assert stopped.value.code in (0, None)
    assert "How far the head is from the scan" in (tmp_path / "page.html").read_text("utf-8")

"""`mien train head-model` on anybody's registered shapes: a known population is found again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.cli.main import run
from mien.core.errors import InputError, ThinData
from mien.core.mesh import Coefficients, Mesh
from mien.face3d.export.obj import write_obj
from mien.face3d.export.ply import write_ply
from mien.face3d.model.arkit import ARKIT
from mien.face3d.model.basis import load_head_model, read_head_model
from mien.face3d.model.shape import vertices_of
from mien.geometry.rotation import rotation_from_vector
from mien.pipeline.analyze import Analyzer
from mien.training.headmodel.folder import read_expressions, read_heads, read_indices
from mien.training.headmodel.population import cylinder, onto_mean

SIDE = 9
SIGMA = np.array([60.0, 30.0, 15.0])


def patch() -> tuple[np.ndarray, np.ndarray]:
    """A bump (81, 3) mm that is its own mirror image, and its triangles."""
    x, y = np.meshgrid(np.linspace(-60, 60, SIDE), np.linspace(-80, 80, SIDE), indexing="ij")
    points = np.stack([x, y, 60 - 0.006 * (x**2 + y**2)], axis=2).reshape(-1, 3)
    corner = np.array([[i * SIDE + j for j in range(SIDE - 1)] for i in range(SIDE - 1)]).ravel()
    left = np.stack([corner, corner + SIDE, corner + 1], axis=1)
    return points, np.concatenate([left, np.stack([corner + 1, corner + SIDE, corner + SIDE + 1], axis=1)])


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A folder of 60 heads of a known population, in three formats; and its three modes (3, 243)."""
    folder = tmp_path_factory.mktemp("people")
    points, triangles = patch()
    rng = np.random.default_rng(0)
    modes = np.linalg.qr(rng.normal(size=(points.size, 3)))[0].T
    for number, z in enumerate(rng.standard_normal((60, 3))):
        mesh = Mesh(points + (z * SIGMA @ modes).reshape(-1, 3), triangles)
        if number % 3 == 0:
            write_obj(folder / f"p{number:02}.obj", mesh)
        elif number % 3 == 1:
            write_ply(folder / f"p{number:02}.ply", mesh)
        else:
            np.savez(folder / f"p{number:02}.npz", vertices=mesh.vertices, triangles=triangles)
    return folder, modes


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        run(["train", "head-model", *words])
    return int(str(stopped.value.code))


def test_a_file_of_another_ending_is_refused_before_the_work(
    population: tuple[Path, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(str(population[0]), "-o", str(tmp_path / "head"), "--no-landmarks") == 2
    assert "is an .npz file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_finds_the_basis_it_was_drawn_from(population: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, modes = population
    out = tmp_path / "head.npz"
    assert command(str(folder), "-o", str(out), "--as-they-stand", "--no-landmarks") == 0
    model = read_head_model(out)
    assert np.abs(model.mean - patch()[0]).max() < 6  # of 60 heads
    np.testing.assert_allclose(model.sigma[:3], SIGMA, rtol=0.3)
    assert (model.sigma[3:] < 0.1).all()
    basis = (model.identity / model.sigma[:, None, None])[:3].reshape(3, -1)
    cosines = np.linalg.svd(basis @ modes.T)[1]
    assert cosines.min() > 0.999
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=2e-3)
    card = json.loads(out.with_suffix(".json").read_text())
    assert card["held_out"] == 6
    assert card["held_out_rms_mm"]["max"] < 0.01
    assert card["trained_on"]["heads"] == len(card["trained_on"]["sha256"]) == 60
    assert card["components"] == len(model.sigma)


def test_heads_that_stand_anywhere_are_brought_together() -> None:
    points, _ = patch()
    rng = np.random.default_rng(1)
    scattered = np.stack(
        [points @ rotation_from_vector(rng.normal(0, 0.5, 3)).T + rng.normal(0, 200, 3) for _ in range(9)]
    ).astype(np.float32)
    together = onto_mean(scattered)
    assert np.abs(together - together[0]).max() < 0.02
    np.testing.assert_allclose(together[0], scattered[0], atol=0.02)


def test_movements_regions_and_symmetry_are_kept(population: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, _ = population
    points, triangles = patch()
    moves = tmp_path / "moves"
    moves.mkdir()
    jaw = np.where(points[:, 1:2] < -40, [0.0, -20.0, -4.0], 0.0)
    write_obj(moves / "neutral.obj", Mesh(points, triangles))
    write_obj(moves / "jawOpen.obj", Mesh(points + jaw, triangles))
    mirror = np.arange(81).reshape(SIDE, SIDE)[::-1].ravel()
    known: dict[str, Any] = {"regions": {"eye_left": [60, 61, 69, 70, 71]}, "landmarks68": list(range(68))}
    known["mirror"] = mirror.tolist()
    (tmp_path / "known.json").write_text(json.dumps(known))
    out = tmp_path / "head.npz"
    words = ["--expressions", str(moves), "--indices", str(tmp_path / "known.json"), "--symmetric"]
    assert command(str(folder), "-o", str(out), *words, "--no-landmarks", "--licence", "CC0", "--json") == 0
    model = read_head_model(out)
    np.testing.assert_allclose(model.expression[ARKIT.index("jawOpen")], jaw, atol=0.02)
    assert np.abs(model.expression).max(axis=(1, 2)).astype(bool).sum() == 1
    assert model.rows("eye_left").tolist() == [60, 61, 69, 70, 71]
    np.testing.assert_allclose(model.mean[model.mirror] * (-1, 1, 1), model.mean, atol=0.01)
    moved = vertices_of(model, Coefficients(np.zeros(3), np.eye(52)[ARKIT.index("jawOpen")]))
    np.testing.assert_allclose(moved - model.mean, jaw, atol=0.02)
    assert json.loads(out.with_suffix(".json").read_text())["licence"] == "CC0"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("fewer", "7 heads"),
        ("count", "vertices, p00.obj 81"),
        ("triangles", "other triangles"),
        ("nan", "not numbers"),
        ("junk", "holds no shape"),
        ("none", "no registered shapes"),
        ("absent", "no folder"),
    ],
)
def test_shapes_that_do_not_fit_are_named(
    population: tuple[Path, np.ndarray], tmp_path: Path, change: str, says: str
) -> None:
    points, triangles = patch()
    for path in sorted(population[0].iterdir())[: 7 if change == "fewer" else 9]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    wrong = tmp_path / "q.npz"
    if change == "count":
        np.savez(wrong, vertices=points[:-1], triangles=triangles[:9])
    elif change == "triangles":
        np.savez(wrong, vertices=points, triangles=triangles[::-1])
    elif change == "nan":
        np.savez(wrong, vertices=points * np.nan, triangles=triangles)
    elif change == "junk":
        wrong.write_bytes(b"PK junk")
    folder = {"none": tmp_path / "empty", "absent": tmp_path / "nowhere"}.get(change, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ThinData if change == "fewer" else InputError, match=says):
        read_heads(folder)


def test_several_shapes_in_one_file_are_several_heads(tmp_path: Path) -> None:
    points, triangles = patch()
    np.savez(tmp_path / "all.npz", shapes=np.stack([points + i for i in range(8)]), triangles=triangles)
    found = read_heads(tmp_path, factor=10)
    assert found.heads.shape == (8, 81, 3)
    assert found.names[3] == "all.npz#3"
    np.testing.assert_allclose(found.heads[0], points * 10, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[", "no index file"),
        ("[1]", "no index file"),
        ('{"nose": [1]}', "'nose'"),
        ('{"regions": {"nose": [1]}}', "'nose'"),
        ('{"landmarks68": [1, 2]}', "68 vertex numbers"),
        ('{"regions": {"face": [81]}}', "beyond 0..80"),
        ('{"regions": {"face": [-1]}}', "beyond"),
    ],
)
def test_wrong_indices_are_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "i.json").write_text(content)
    with pytest.raises(InputError, match=says):
        read_indices(tmp_path / "i.json", 81)


def test_a_movement_by_another_name_is_refused(population: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    heads = read_heads(population[0])
    points, triangles = patch()
    write_obj(tmp_path / "smile.obj", Mesh(points, triangles))
    with pytest.raises(InputError, match="mouthSmileLeft"):
        read_expressions(tmp_path, heads, heads.heads[0])
    (tmp_path / "smile.obj").rename(tmp_path / "jawOpen.obj")
    write_obj(tmp_path / "jawOpen.obj", Mesh(points, triangles[:-1]))
    with pytest.raises(InputError, match="other triangles"):
        read_expressions(tmp_path, heads, heads.heads[0])


@pytest.mark.parametrize("extra", [["--unit", "inch"], ["--embedding", "x.npz"], ["--indices", "gone.json"]])
def test_a_wrong_call_is_one_error(
    population: tuple[Path, np.ndarray], extra: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(str(population[0]), "--no-landmarks", *extra, "--json") == 2
    answer: Any = json.loads(capsys.readouterr().out)
    assert answer["error"]["code"] == "bad_input"


def test_a_packed_file_that_lacks_something_says_what(tmp_path: Path) -> None:
    np.savez(tmp_path / "shapes.npz", neutral=np.zeros((3, 3)))
    assert command(str(tmp_path / "shapes.npz")) == 2
    assert command(str(tmp_path / "shapes.npz"), "--embedding", str(tmp_path / "shapes.npz")) == 2


@pytest.mark.weights
def test_a_model_of_heads_knows_its_landmarks(analyzer: Analyzer, tmp_path: Path) -> None:
    from mien.training.headmodel.folder import Indices
    from mien.training.headmodel.population import FolderRecipe, train_on_folder

    model = load_head_model()
    rng = np.random.default_rng(2)
    used = np.unique(model.levels[1][0])
    triangles = np.searchsorted(used, model.levels[1][0])
    for number in range(10):
        person = Coefficients(0.5 * rng.standard_normal(10), np.zeros(52))
        np.savez(tmp_path / f"{number}.npz", vertices=vertices_of(model, person)[used], triangles=triangles)
    shapes = read_heads(tmp_path)
    moves = np.zeros((52, len(used), 3), np.float32)
    card = train_on_folder(shapes, moves, Indices(), FolderRecipe(), tmp_path / "head.npz", analyzer)
    assert card["landmarks"] == "found on a render"
    learned = read_head_model(tmp_path / "head.npz")
    ours = model.mean[model.points68[36:48]]
    gap = np.linalg.norm(learned.mean[learned.points68[36:48]] - ours, axis=1)
    assert np.median(gap) < 6
    assert learned.mesh468.corners.shape == (468, 3)


def test_a_cylinder_is_cut_where_triangles_would_wrap_around_it() -> None:
    model = load_head_model()
    triangles = model.levels[2][0]
    triangles = triangles[np.isin(model.region[triangles], model.region_names.index("face")).all(axis=1)]
    uv, corners = cylinder(model.mean.astype(float), triangles)
    assert np.ptp(uv[corners][..., 0], axis=1).max() < 0.5
    assert uv.min() >= 0
    assert uv.max() <= 1
    kept = corners < len(model.mean)
    np.testing.assert_array_equal(corners[kept], triangles[kept])

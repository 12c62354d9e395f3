"""Tasks: each learns what is plainly there, measures by the book, and exports what it says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from tests.training.draw import draw_data
from tests.training.lab import draw_people

from mien.core.errors import InputError, ThinData
from mien.core.types import Image
from mien.pipeline.analyze import Analyzer
from mien.training.data import Listing, Sample, read_source
from mien.training.export_onnx import onnx_bytes, torch_answers
from mien.training.finish import finish
from mien.training.job import Exportable, Findings, Scores
from mien.training.recipe import Recipe
from mien.training.recipefile import parse_recipe
from mien.training.run import Run, train
from mien.training.samplers import Pick
from mien.training.tasks import prepare
from mien.training.tasks.coefficients import Heads
from mien.training.tasks.landmarks import Pointed, face_sizes
from mien.training.tasks.parts import deal, pictures
from mien.training.tasks.regression import WING_CURVE, WING_WIDTH, wing
from mien.training.trained import load_trained

BASE = """
name = "taught"
[data]
size = 16
fractions = [0.5, 0.5]
[net]
name = "cnn"
width = 8
blocks = 2
dim = 16
[optimiser]
name = "adamw"
lr = 0.01
[run]
epochs = 6
batch = 16
device = "cpu"
tensorboard = false
"""


def recipe(*sets: str) -> Recipe:
    return parse_recipe(BASE, "taught.toml", sets)


def people(tmp_path: Path, count: int = 24, each: int = 8) -> Path:
    return draw_people(tmp_path / "people", [f"p{number:02d}" for number in range(count)], each)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small net that learned to tell drawn people apart."""
    tmp_path = tmp_path_factory.mktemp("taught")
    given = recipe(f"data.root={people(tmp_path)}", "loss.name=softmax")
    return train(given, tmp_path / "run")


def test_recognition_tells_people_apart_whom_it_never_saw(taught: Run) -> None:
    run = taught
    assert run.findings is not None
    assert run.findings.metrics["eer"] < 0.15
    parts = deal(run.recipe, read_source("folder", Path(run.recipe.data.root)))
    assert not set(parts.train.groups) & set(parts.validation.groups)


def test_the_test_part_is_judged_at_the_threshold_of_the_validation(tmp_path: Path) -> None:
    sets = (f"data.root={people(tmp_path, 12, 4)}", "data.fractions=[0.4, 0.3, 0.3]", "loss.name=softmax")
    job = prepare(recipe(*sets))
    assert job.test is not None
    given = Findings({}, scores={"verification": Scores(np.ones(9), np.full(99, 0.77))})
    found = job.test(job.net.eval(), torch.device("cpu"), given)
    assert found.metrics["threshold"] == pytest.approx(0.77)
    scores = found.scores["verification"]
    assert found.metrics["tmr at the threshold"] == np.mean(scores.genuine > 0.77)
    assert found.metrics["fmr at the threshold"] == np.mean(scores.impostor > 0.77)


def test_a_trained_embedder_comes_with_a_calibration_that_its_card_leads_to(taught: Run) -> None:
    from mien.embedding.calibration import shipped_calibration

    finished = finish(taught)
    known = shipped_calibration(str(finished.exported.card))
    assert known.embedder == "taught"
    assert known.models == {"taught": finished.exported.sha256}
    assert known.threshold(0.1) < known.threshold(0.02)


@pytest.mark.weights
def test_a_trained_embedder_works_in_verify_at_once(
    analyzer: Analyzer, astronaut: Image, hopper: Image, taught: Run
) -> None:
    from mien.pipeline.config import configure
    from mien.pipeline.verify import verify

    finished = finish(taught)
    config = configure(models=str(finished.exported.card), allow_noncommercial=True)
    with Analyzer(config) as opened:
        same = verify(opened, astronaut.pixels, astronaut.pixels, fmr=0.05)
        other = verify(opened, astronaut.pixels, hopper.pixels, fmr=0.05)
    assert same.same
    assert same.similarity == pytest.approx(1.0)
    assert other.similarity is not None
    assert other.similarity < 1.0


def test_attributes_learn_every_question_and_skip_what_is_not_known(tmp_path: Path) -> None:
    root = people(tmp_path, 24, 4)
    lines = ["path,label,person,dark,shot"]
    for number in range(24):
        for shot in range(4):
            dark = "" if shot == 3 else str(number % 2)
            lines.append(f"p{number:02d}/{shot}.png,{number % 3},p{number:02d},{dark},{shot}")
    (root / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    sets = (f"data.root={root}", "data.source=csv", "data.group=person", "task.name=attributes")
    given = recipe(*sets, 'task.questions=["dark", "label"]', "task.balance=1.0", "run.epochs=1")
    job = prepare(given)
    targets = job.train[Pick(0, 0)][1]
    assert set(job.labels[3::4]) == {0}  # no answer is a label of its own, for samplers
    assert set(job.labels) == {0, 1, 2}
    assert targets.keys() == {"dark", "label"}
    answers = job.net(torch.zeros(2, 3, 16, 16))
    assert {name: tuple(row.shape) for name, row in answers.items()} == {"dark": (2, 2), "label": (2, 3)}
    known = {"dark": torch.tensor([0, 1]), "label": torch.tensor([2, 0])}
    blank = {"dark": torch.tensor([0, -1]), "label": torch.tensor([2, 0])}
    assert job.criterion(answers, known) != job.criterion(answers, blank)
    assert torch.isfinite(job.criterion(answers, {**known, "dark": torch.tensor([-1, -1])}))
    nothing = {name: torch.tensor([-1, -1]) for name in known}
    job.criterion(answers, nothing).backward()
    assert all(parameter.grad is not None for parameter in job.net.parameters())
    with pytest.raises(InputError, match="ask for others out of"):
        prepare(recipe(*sets, 'task.questions=["hair"]'))


def test_answers_that_training_does_not_know_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = people(tmp_path, 12, 2)
    rare = "data.pattern='(?P<person>p(?P<rare>[0-9]+))/(?P<label>[0-9]).*'"
    sets = (f"data.root={root}", "data.source=paths", "task.name=attributes", 'task.questions=["rare"]')
    job = prepare(recipe(*sets, rare))
    with pytest.raises(ThinData, match="no validation picture answers"):
        job.validate(job.net, torch.device("cpu"))
    assert "12 pictures with an answer to 'rare' that no training picture has" in caplog.text


@pytest.mark.parametrize("task", ["attributes", "liveness"])
def test_classes_that_would_be_dealt_as_people_are_refused(task: str, tmp_path: Path) -> None:
    root = people(tmp_path, 3, 4)
    given = (f"data.root={root}", f"task.name={task}", "data.fractions=[0.4, 0.3, 0.3]")
    with pytest.raises(InputError, match=r"does not say who is shown.*data\.pattern"):
        prepare(recipe(*given))
    pattern = "data.pattern='(?P<label>[^/]+)/(?P<person>.*)'"
    more = ("task.real=p00",) if task == "liveness" else ()
    assert prepare(recipe(*given, "data.source=paths", pattern, *more)).train is not None


def test_masks_follow_the_points_of_faces_that_the_pipeline_cuts() -> None:
    listing = Listing(())
    masked = pictures(recipe("data.align=dlib", "augment.mask=0.5"), listing, training=True)
    plain = pictures(recipe("data.align=dlib"), listing, training=True)
    assert [getattr(one.align, "mesh", None) for one in (masked, plain)] == [True, False]


def test_liveness_measures_the_worst_kind_of_attack(tmp_path: Path) -> None:
    root = draw_data(recipe("data.source=paths"), tmp_path)
    pattern = '".*?(?P<label>real|attack_[a-z]+).*client(?P<person>\\\\d+).*"'
    more = ("task.name=liveness", "data.fractions=[0.4, 0.3, 0.3]")
    sets = (f"data.root={root}", "data.source=paths", f"data.pattern={pattern}", *more)
    job = prepare(recipe(*sets))
    found = job.validate(job.net, torch.device("cpu"))
    assert {"eer", "worst apcer at the threshold", "bpcer at the threshold"} <= set(found.metrics)
    assert job.facts["attacks"] == ["attack_mobile", "attack_print"]
    assert job.test is not None
    tested = job.test(job.net, torch.device("cpu"), Findings({"threshold": 0.987}))
    assert tested.metrics["threshold"] == 0.987  # of the validation part
    with pytest.raises(ThinData, match=r"task\.real"):
        prepare(recipe(*sets, "task.real=alive"))


def test_the_edges_of_a_crop_are_at_minus_one_and_one(tmp_path: Path) -> None:
    Picture.new("RGB", (24, 24)).save(tmp_path / "a.png")
    corners = np.array([[-0.5, -0.5], [23.5, 23.5], [11.5, 11.5]])
    sample = Sample(tmp_path / "a.png", "a", "a", points=corners)
    _, target = Pointed(recipe("data.align=whole"), Listing((sample,)), 3)[0]
    np.testing.assert_allclose(target, [-1, -1, 1, 1, 0, 0], atol=1e-6)


def test_wing_goes_on_without_a_step_where_it_turns_into_a_line() -> None:
    near, far = (wing(torch.tensor([WING_WIDTH + off])).item() for off in (-1e-4, 1e-4))
    assert near == pytest.approx(far, abs=3e-4)
    assert wing(torch.tensor([WING_CURVE])).item() == pytest.approx(WING_WIDTH * np.log(2))


def test_landmarks_leave_the_model_in_shares_of_the_crop(tmp_path: Path) -> None:
    root = draw_data(recipe("data.source=points"), tmp_path)
    given = recipe(f"data.root={root}", "data.source=points", "task.name=landmarks", "data.align=box")
    job = prepare(given)
    run = train(dataclasses.replace(given, run=dataclasses.replace(given.run, steps=2)), tmp_path / "run")
    trained = load_trained(run.out)
    said = torch_answers(trained.exportable().module, np.zeros((1, 16, 16, 3), np.uint8))[0]
    with torch.no_grad():
        raw = trained.net(torch.full((1, 3, 16, 16), -1.0)).reshape(1, 68, 2)
    np.testing.assert_allclose(said, (raw.numpy() + 1) / 2, atol=1e-6)
    target = job.train[Pick(0, 0)][1]
    assert target.shape == (136,)
    assert target.abs().max() <= 1.0


def test_errors_of_68_points_are_divided_by_the_distance_of_the_outer_eye_corners() -> None:
    points = np.zeros((1, 68, 2))
    points[0, 36], points[0, 45] = (10, 20), (40, 60)
    assert face_sizes(points).tolist() == [50.0]


def test_training_and_validation_heads_are_different_and_repeat(tmp_path: Path) -> None:
    given = recipe("task.name=coefficients", "task.heads=3", "task.validation=3", "data.size=32")
    one, other = prepare(given), prepare(given)
    assert isinstance(one.train, Heads)
    assert isinstance(other.train, Heads)
    assert [torch.equal(one.train[k][0], other.train[k][0]) for k in range(3)] == [True] * 3
    rows = [tuple(one.train.head(k)[1]) for k in range(3)]
    assert len(set(rows)) == 3
    found = one.validate(one.net, torch.device("cpu"))
    assert 1.0 < found.metrics["mm of the mean head"] < 15.0


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (("data.fractions=[0.5]",), "two or three shares"),
        (("loss.name=wing",), "the loss wing is for landmarks"),
        (("task.name=attributes", "loss.name=arcface"), "leave [loss] out"),
        (("task.name=coefficients", "task.heads=2", "loss.name=arcface"), "choose l2"),
        (("data.per_class=99",), "lower data.per_class"),
        (("task.template=passport",), "template cannot be 'passport'"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(sets: tuple[str, ...], said: str, tmp_path: Path) -> None:
    given = recipe(f"data.root={people(tmp_path, 8, 2)}", *sets)
    with pytest.raises((InputError, ThinData)) as caught:
        prepare(given)
    assert said in str(caught.value)


def test_the_exported_graph_takes_any_number_of_pictures(tmp_path: Path) -> None:
    import onnxruntime

    given = recipe(f"data.root={people(tmp_path, 8, 2)}", "data.channels=1", "loss.name=softmax")
    job = prepare(given)
    from mien.training.tasks import export

    exportable: Exportable = export(given, job.facts, job.net.eval())
    session = onnxruntime.InferenceSession(onnx_bytes(exportable), providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).integers(0, 256, (5, 112, 112, 3), np.uint8)
    planes = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    got = session.run(None, {"input": planes})[0]
    np.testing.assert_allclose(got, torch_answers(exportable.module, pixels)[0], rtol=1e-3, atol=1e-4)
    one = session.run(None, {"input": planes[:1]})[0]
    np.testing.assert_allclose(one, got[:1], rtol=1e-4, atol=1e-5)


def test_a_run_starts_from_the_weights_of_another(taught: Run, tmp_path: Path) -> None:
    root = taught.recipe.data.root
    sets = (
        f"data.root={root}",
        "loss.name=softmax",
        "run.steps=1",
        "schedule.warmup=1.0",
        "optimiser.lr=1e-9",
    )
    run = train(recipe(*sets, f"net.weights={taught.out}"), tmp_path / "more")
    before, after = load_trained(taught.out).net.state_dict(), load_trained(run.out).net.state_dict()
    for name, value in before.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(after[name], value, rtol=1e-4, atol=1e-5)
    narrow = recipe(*sets, "net.width=3", "net.dim=5", "net.hidden=7", f"net.weights={taught.out}")
    with pytest.raises(InputError, match="no weight that this net has"):
        train(narrow, tmp_path / "other")

"""Damage does what it says, and the report counts what is left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mien.core.errors import ImageError, InputError, MienError, NoFaceFound, ThinData
from mien.core.types import Box, Detection, Embedding, Image
from mien.evaluation.operating import Deployed
from mien.evaluation.pages.frame import Run
from mien.evaluation.pages.robustness import examples, robustness_page
from mien.evaluation.robustness import DAMAGES, Trial, damages, evaluate_robustness
from mien.page.html import page_html

PICTURE = np.random.default_rng(0).integers(0, 255, (120, 100, 3), dtype=np.uint8)
BOX = Box(20, 20, 80, 100)
PEOPLE = {f"p{i}": [Path(f"p{i}/a"), Path(f"p{i}/b")] for i in range(20)}
DEPLOYED = Deployed(1e-3, 0.5, "a test")


def shaken(trials: Sequence[Trial]) -> Iterator[Embedding | MienError]:
    """Every level of damage turns a person's direction further away; the last level hides the face."""
    for trial in trials:
        level = 0 if trial.damage is None else trial.damage.levels.index(trial.level) + 1
        if level == 5:
            yield NoFaceFound("no face; use another")
            continue
        vector = np.eye(21)[int(trial.picture.parent.name[1:])] + 0.4 * level * np.eye(21)[20]
        yield Embedding((vector / np.linalg.norm(vector)).astype(np.float32), "tiny")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_every_damage_changes_the_picture_more_at_every_level(damage: object) -> None:
    assert hasattr(damage, "levels")
    one = next(kind for kind in DAMAGES if kind is damage)
    made = [one.apply(PICTURE, BOX, level) for level in one.levels]
    assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in made)
    if one.name in ("scale", "rotation"):
        assert all(picture.shape != PICTURE.shape or (picture != PICTURE).any() for picture in made)
    elif one.name != "jpeg":  # of noise as a picture, JPEG has nothing left to lose
        off = [np.abs(picture.astype(float) - PICTURE).mean() for picture in made]
        assert off == sorted(off)
        assert off[0] > 0


def test_a_covered_band_is_grey_inside_the_box_alone() -> None:
    covered = next(d for d in DAMAGES if d.name == "lower_occlusion").apply(PICTURE, BOX, 25)
    changed = np.argwhere((covered != PICTURE).any(axis=2))
    assert changed[:, 0].min() >= 79
    assert (changed[:, 1].min(), changed[:, 1].max()) == (20, 79)


def test_examples_are_of_the_first_picture_that_shows_a_face() -> None:
    def opened(path: Path) -> Any:
        if path.name == "broken":
            raise ImageError("damaged", "it is damaged; copy it anew")
        return SimpleNamespace(image=Image(PICTURE), name=path.name)

    found = iter([[], [Detection(BOX, 0.9, np.zeros((5, 2)))]])
    analyzer: Any = SimpleNamespace(open=opened, detector=SimpleNamespace(detect=lambda image: next(found)))
    pictures = [Path("broken"), Path("empty"), Path("good")]
    shown = examples(analyzer, pictures, damages(["blur"]), "center")
    assert [len(levels) for levels in shown.values()] == [5]
    assert examples(analyzer, pictures[:1], DAMAGES, "center") == {}


def test_what_is_left_falls_with_the_level() -> None:
    report = evaluate_robustness(PEOPLE, shaken, DEPLOYED, damages(["blur", "noise"]))
    assert report.clean.tmr == 1
    rates = report.levels["blur"]
    # cos of the angle is 1 / sqrt(1 + (0.4 level)^2): below 0.5 from level 5 on, where no face is found.
    assert [one.tmr for one in rates] == [1, 1, 1, 1, 0]
    assert rates[-1].fta == 1
    assert [one.fmr for one in rates] == [0] * 5


def test_names_and_people_are_checked() -> None:
    with pytest.raises(InputError, match="no damage is called fog"):
        damages(["fog"])
    with pytest.raises(ThinData, match="two pictures"):
        evaluate_robustness({"a": [Path("a/1")]}, shaken, DEPLOYED)


def test_the_answer_is_json_and_a_page() -> None:
    report = evaluate_robustness(PEOPLE, shaken, DEPLOYED, damages(["blur"]))
    document = report.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert "blur, worst" in page_html(robustness_page(report, {}, Run("mien …", {}, "0")))

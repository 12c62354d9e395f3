"""`mien bench`: the pictures are the same everywhere, and the stages add up."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.imaging.decode import decode
from mien.pipeline.bench import Speed, Stage, _Clock, _Laps, _Timed, measure
from mien.pipeline.clay import HEIGHT, WIDTH, clay_heads
from mien.pipeline.config import Config, configure
from mien.runtime.engine import Outputs


class Slow:
    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        time.sleep(0.002)
        return {"y": np.zeros((len(pixels), 1), np.float32)}


def test_every_run_gets_the_same_pictures() -> None:
    first, second = list(clay_heads(2)), list(clay_heads(2))
    assert first == second
    assert first[0] != first[1]


def test_the_pictures_are_plain_jpegs_with_a_head_in_them() -> None:
    (data,) = clay_heads(1)
    pixels = decode(data).image.pixels
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    middle, corner = pixels[300:420, 420:540].mean(), pixels[:60, :60].mean()
    assert middle > corner + 20


def test_the_clock_counts_only_networks_and_forgets_what_was_read() -> None:
    clock = _Clock()
    _Timed(Slow(), clock).run(np.zeros((1, 1, 1, 3), np.uint8))
    time.sleep(0.001)
    assert clock.read() >= 0.002
    assert clock.read() == 0.0


def test_a_stage_is_the_median_call_and_what_a_picture_costs_on_average() -> None:
    stage = _Laps("face", [0.001, 0.002, 0.005], [0.0, 0.001, 0.002]).stage("embed", pictures=2)
    assert stage == Stage("embed", "face", 2.0, 1.0, 4.0)


def test_faces_a_second_follow_from_pictures_a_second() -> None:
    assert Speed((), 2, pictures=4, faces=6, pictures_per_second=10.0, engines={}).faces_per_second == 15


def test_says_what_to_do_without_pictures() -> None:
    with pytest.raises(InputError, match="pass pictures, or none to use rendered ones"):
        measure(Config(), [])


@pytest.mark.weights
def test_measures_every_stage_of_the_rendered_heads() -> None:
    speed = measure(configure("fast"), list(clay_heads(4)))
    assert [stage.name for stage in speed.stages] == ["decode", "detect", "landmarks", "align", "embed"]
    assert speed.faces == 4
    assert all(stage.milliseconds > 0 for stage in speed.stages)
    assert all(0 <= stage.in_network <= stage.milliseconds for stage in speed.stages)
    assert set(speed.engines) >= {"yunet", "mesh468", "sface"}
    assert json.loads(json.dumps(speed.to_dict()))["whole"]["pictures"] == 4

"""Golden outputs: every network says of one portrait what it said when its card was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.reference.golden import CARDS, FILE, FREE_SIDE, answer, portrait

from mien.core.errors import ModelMissing
from mien.runtime import openvino_engine
from mien.runtime.choose import ENGINES, _agreement
from mien.runtime.engine import Choice
from mien.runtime.session import readable
from mien.zoo.registry import card
from mien.zoo.store import fetch

pytestmark = pytest.mark.weights
LEAST_COSINE = {"bf16": 0.9995, "int8": 0.99}
GOLDEN: dict[str, Any] = json.loads(FILE.read_text())


def engines_of(name: str) -> list[str]:
    return [engine for engine in ("openvino", "onnxruntime") if _runs(engine, name)]


def _runs(engine: str, name: str) -> bool:
    readable = card(name).format != "tflite" if engine == "onnxruntime" else True
    return readable and ENGINES[engine].version() is not None


@pytest.mark.parametrize(
    ("name", "engine"), [(name, engine) for name in CARDS for engine in engines_of(name)]
)
def test_the_network_answers_as_its_card_promises(name: str, engine: str) -> None:
    try:
        found = answer(name, engine)
    except ModelMissing as error:
        pytest.skip(f"the weights cannot be had: {error}")
    assert len(found) == len(GOLDEN[name])
    for output, facts in zip(found, GOLDEN[name], strict=True):
        assert output["size"] == facts["size"]
        assert output["norm"] == pytest.approx(facts["norm"], rel=2e-3, abs=2e-3)
        scale = max(1.0, max(abs(value) for value in facts["values"]))
        assert output["values"] == pytest.approx(facts["values"], abs=5e-3 * scale)


def test_every_card_that_runs_has_a_golden_answer() -> None:
    assert set(GOLDEN) == set(CARDS)


@pytest.mark.parametrize("name", [name for name in CARDS if card(name).quick_precisions])
def test_quick_arithmetic_says_nearly_the_same(name: str) -> None:
    wanted = card(name)
    try:
        data, pixels = readable(wanted, fetch(wanted)), portrait(wanted.preprocess.width or FREE_SIDE)
    except ModelMissing as error:
        pytest.skip(f"the weights cannot be had: {error}")
    exact = openvino_engine.compile(wanted, data, Choice("openvino"), 1).run(pixels)
    for way in openvino_engine.offers(wanted.hurried()):
        if way.precision in wanted.quick_precisions:
            quick = openvino_engine.compile(wanted, data, way, 1).run(pixels)
            assert _agreement(exact, quick) > LEAST_COSINE[way.precision]

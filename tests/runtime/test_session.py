"""The engines agree with arithmetic done by hand, and with each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.runtime.conftest import CardFor, build_quarters

from mien.core.errors import ModelCorrupt, ModelError, ShapeError
from mien.core.modelcard import Precision, Preprocess
from mien.runtime import choose as choosing
from mien.runtime import onnxruntime_engine, openvino_engine
from mien.runtime.choose import ENGINES, _agreement, _times, candidates, choose
from mien.runtime.engine import Choice
from mien.runtime.session import open_network

PIXELS = np.random.default_rng(5).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def by_hand(pixels: np.ndarray, how: Preprocess) -> np.ndarray:
    channels = pixels[..., ::-1] if how.colour == "bgr" else pixels
    scaled = (channels.astype(np.float64) - how.mean) / how.std
    quarters = scaled.reshape(len(pixels), 2, 4, 2, 4, 3).mean(axis=(2, 4))
    return np.asarray(2 * quarters.transpose(0, 3, 1, 2))


@pytest.fixture(params=["openvino", "onnxruntime"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MIEN_ENGINE", request.param)
    monkeypatch.setenv("MIEN_PRECISION", "fp32")
    return str(request.param)


@pytest.mark.parametrize(
    "how",
    [
        Preprocess(8, 8),
        Preprocess(8, 8, colour="bgr"),
        Preprocess(8, 8, mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0)),
        Preprocess(8, 8, colour="bgr", mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0)),
    ],
)
def test_every_engine_applies_the_card_as_written(
    engine: str, how: Preprocess, quarters: bytes, card_for: CardFor
) -> None:
    network = open_network(card_for(quarters, how), quarters)
    assert network.decision.choice.engine == engine
    np.testing.assert_allclose(network.run(PIXELS)["y"], by_hand(PIXELS, how), rtol=1e-5)


def test_a_network_of_free_size_takes_any_multiple_of_its_stride(engine: str, card_for: CardFor) -> None:
    data = build_quarters()
    network = open_network(card_for(data, Preprocess(None, None, stride=4)), data)
    pixels = np.full((1, 16, 24, 3), 7, np.uint8)
    np.testing.assert_allclose(network.run(pixels)["y"], np.full((1, 3, 4, 6), 14.0), rtol=1e-6)


def test_pixels_of_another_size_are_refused_with_the_size_wanted(quarters: bytes, card_for: CardFor) -> None:
    network = open_network(card_for(quarters), quarters)
    with pytest.raises(ShapeError, match=r"\(N, 8, 8, 3\) uint8, not \(1, 9, 8, 3\)"):
        network.run(np.zeros((1, 9, 8, 3), np.uint8))


def test_threads_sharing_a_network_get_their_own_answers(
    engine: str, quarters: bytes, card_for: CardFor
) -> None:
    network = open_network(card_for(quarters), quarters, streams=2)
    wrong: list[int] = []

    def ask(value: int) -> None:
        pixels = np.full((1, 8, 8, 3), value, np.uint8)
        for _ in range(50):
            if not np.allclose(network.run(pixels)["y"], 2 * value):
                wrong.append(value)

    threads = [threading.Thread(target=ask, args=(value,)) for value in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_bytes_that_are_no_network_are_a_corrupt_model(engine: str, card_for: CardFor) -> None:
    with pytest.raises(ModelCorrupt, match="mien models"):
        open_network(card_for(b"\x3a\x03abc"), b"\x3a\x03abc")


def test_the_choice_is_measured_once_and_remembered(
    tmp_path: Path, quarters: bytes, card_for: CardFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "SECONDS_A_CANDIDATE", 0.01)
    notebook = tmp_path / "cache" / "engines.json"
    first = choose(card_for(quarters), quarters, notebook)
    assert len(first.milliseconds) >= 2
    assert first.milliseconds[str(first.choice)] <= choosing.CLOSE * min(first.milliseconds.values())
    assert len(json.loads(notebook.read_text())) == 1
    monkeypatch.setattr(choosing, "_measure", lambda *_: pytest.fail("measured again"))
    assert choose(card_for(quarters), quarters, notebook) == first


def test_networks_that_are_opened_side_by_side_are_measured_one_by_one_and_all_remembered(
    tmp_path: Path, quarters: bytes, card_for: CardFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most = [0], [0]

    def measure(_card: object, _data: bytes, ways: Sequence[Choice]) -> dict[str, float]:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        time.sleep(0.02)
        at_once[0] -= 1
        return {str(way): 1.0 for way in ways}

    monkeypatch.setattr(choosing, "_measure", measure)
    notebook = tmp_path / "engines.json"
    cards = [card_for(quarters, name=f"network {number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert len([*pool.map(lambda card: choose(card, quarters, notebook), cards)]) == 4
    assert most == [1]
    assert len(json.loads(notebook.read_text())) == 4


def test_a_damaged_notebook_costs_a_measurement_and_nothing_else(
    tmp_path: Path, quarters: bytes, card_for: CardFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "SECONDS_A_CANDIDATE", 0.01)
    notebook = tmp_path / "engines.json"
    notebook.write_text("{ not json")
    assert choose(card_for(quarters), quarters, notebook).milliseconds
    json.loads(notebook.read_text())


def test_failures_alone_are_not_remembered(
    quarters: bytes, card_for: CardFor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ModelCorrupt("out of memory: close other programs")

    notebook, card = tmp_path / "engines.json", card_for(quarters)
    with monkeypatch.context() as patched:
        for engine in ENGINES.values():
            patched.setattr(engine, "compile", broken)
        with pytest.raises(ModelError, match="out of memory"):
            choose(card, quarters, notebook)
    assert choose(card, quarters, notebook).milliseconds


def test_a_provider_that_does_not_start_is_no_provider(
    quarters: bytes, card_for: CardFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    real = onnxruntime.InferenceSession  # without a GPU it would say so on stderr and use the processor

    def session(data: bytes, options: object, providers: list[str]) -> object:
        return real(data, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    with pytest.raises(ModelError, match="does not start here"):
        onnxruntime_engine.compile(
            card_for(quarters), quarters, Choice("onnxruntime", provider="CUDAExecutionProvider"), 1
        )


def test_bytes_that_claim_to_be_the_engines_own_format_are_read_as_onnx(
    quarters: bytes, card_for: CardFor
) -> None:
    name = b"ORTM" + bytes(28)  # a producer's name that begins where a flatbuffer has its identifier
    data = quarters[:2] + b"\x12" + bytes([len(name)]) + name + quarters[2:]
    network = onnxruntime_engine.compile(card_for(data), data, Choice("onnxruntime"), 1)
    np.testing.assert_allclose(network.run(PIXELS)["y"], by_hand(PIXELS, Preprocess(8, 8)), rtol=1e-5)


def test_an_arithmetic_that_changes_the_answer_is_not_taken_however_fast(
    quarters: bytes, card_for: CardFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
            return {"y": -np.ones((1, 3, 2, 2), np.float32)}

    real = openvino_engine.compile

    def compile_wrongly(card: object, data: bytes, choice: Choice, streams: int) -> object:
        return Wrong() if choice.precision == "bf16" else real(card, data, choice, streams)  # type: ignore[arg-type]  # card is a ModelCard

    monkeypatch.setattr(choosing, "SECONDS_A_CANDIDATE", 0.01)
    monkeypatch.setattr(openvino_engine, "compile", compile_wrongly)
    monkeypatch.setattr(openvino_engine, "offers", lambda _: [Choice("openvino"), Choice("openvino", "bf16")])
    decision = choose(card_for(quarters, precisions=("fp32", "bf16")), quarters, None)
    assert decision.choice.precision == "fp32"
    assert "differs" in decision.refused["openvino bf16 on CPU"]


def test_an_override_that_leaves_nothing_says_what_is_possible(
    quarters: bytes, card_for: CardFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_ENGINE", "tensorrt")
    with pytest.raises(ModelError, match="possible here: openvino fp32 on CPU"):
        candidates(card_for(quarters))


@pytest.mark.parametrize(
    ("times", "taken"),
    [
        ((1.0, 5.0), "openvino fp32 on CPU"),
        ((1.0, 0.95), "openvino fp32 on CPU"),  # nearer than such a measurement can tell
        ((1.0, 0.5), "onnxruntime fp32 on CPU"),
        ((None, 5.0), "onnxruntime fp32 on CPU"),  # the first engine gave no answer to time
    ],
)
def test_a_second_engine_has_to_be_clearly_faster(times: tuple[float | None, float], taken: str) -> None:
    ways = [Choice("openvino", "fp32"), Choice("onnxruntime", "fp32")]
    timed = {str(way): time for way, time in zip(ways, times, strict=True) if time is not None}
    choice, why = choosing._fastest(ways, timed)
    assert str(choice) == taken
    assert ("near" in why) == (times == (1.0, 0.95))


@pytest.mark.parametrize(("milliseconds", "taken"), [(0.9, "bf16"), (0.8, "int8"), (2.0, "bf16")])
def test_less_exact_arithmetic_has_to_be_clearly_faster(milliseconds: float, taken: str) -> None:
    ways = [Choice("openvino", "fp32"), Choice("openvino", "bf16"), Choice("openvino", "int8")]
    timed = dict(zip(map(str, ways), (1.5, 1.0, milliseconds), strict=True))
    less_exact: tuple[Precision, ...] = ("int8",)
    choice, why = choosing._fastest(ways, timed, less_exact)
    assert choice.precision == taken
    assert ("hardly faster" in why) == (milliseconds == 0.9)


def test_a_network_of_free_size_is_measured_anew_for_a_frame(card_for: CardFor, quarters: bytes) -> None:
    free, ways = card_for(quarters, Preprocess(None, None, stride=4)), [Choice("openvino")]
    assert choosing._probe(free.framed(32)).shape == (1, 32, 32, 3)
    assert choosing._key(free, ways) != choosing._key(free.framed(32), ways)
    fixed = card_for(quarters)
    assert fixed.framed(32) is fixed


def test_every_engine_states_its_version_or_its_absence() -> None:
    assert all(engine.version() is None or engine.version() for engine in ENGINES.values())


def test_opening_the_engine_reports_to_nobody(tmp_path: Path) -> None:
    """The library's converter would send an event, and keep who sent it in the user's home."""
    code = (
        "import socket, sys\n"
        "def refuse(*words): raise SystemExit(f'asked for {words}')\n"
        "socket.getaddrinfo = socket.socket.connect = refuse\n"
        "from mien.runtime import openvino_engine\n"
        "openvino_engine._core()\n"
        "assert 'openvino' in sys.modules\n"
        "assert not any(name.startswith(('openvino_telemetry', 'openvino.tools')) for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_compares_what_two_engines_name_alike() -> None:
    scores, boxes = np.array([[1.0, 2.0]], np.float32), np.array([[3.0, 4.0, 5.0]], np.float32)
    one = {"scores": scores, "scores.folded": scores, "boxes": boxes}
    other = {"boxes": boxes.copy(), "scores": scores.copy()}
    assert _agreement(one, other) == pytest.approx(1.0)
    assert _agreement(one, {"boxes": -boxes, "scores": -scores}) == pytest.approx(-1.0)


def test_pairs_outputs_by_size_where_engines_share_no_name() -> None:
    scores, boxes = np.array([[1.0, 2.0]], np.float32), np.array([[3.0, 4.0, 5.0]], np.float32)
    one = {"a": boxes, "a.folded": boxes, "b": scores}
    assert _agreement(one, {"x": scores, "y": boxes}) == pytest.approx(1.0)
    assert _agreement(one, {"x": scores}) == 0.0


def test_a_read_only_picture_gets_the_same_answer_every_time(
    engine: str, quarters: bytes, card_for: CardFor
) -> None:
    # Large enough that freed memory is written to at once: a copy that dies early would show.
    network = open_network(card_for(quarters, Preprocess(None, None, stride=4)), quarters)
    pixels = np.full((1, 64, 64, 3), 200, np.uint8)
    pixels.flags.writeable = False
    answers = {network.run(pixels)["y"].tobytes() for _ in range(200)}
    assert answers == {np.full((1, 3, 16, 16), 400, np.float32).tobytes()}


class OnAMovingClock:
    """Takes ``cost`` seconds of a clock of its own; the machine is twice as fast in one call of three."""

    now, calls = 0.0, 0

    def __init__(self, cost: float) -> None:
        self.cost = cost

    def run(self, batch: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        OnAMovingClock.calls += 1
        lucky = OnAMovingClock.calls % 6 == 1  # always the dear one's turn, never the cheap one's
        OnAMovingClock.now += self.cost / (2 if lucky else 1)
        return {}


def test_a_lucky_moment_does_not_choose_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: OnAMovingClock.now)
    times = _times({"dear": OnAMovingClock(0.007), "cheap": OnAMovingClock(0.0045)}, np.zeros(1, np.uint8))
    assert times == {"dear": 7.0, "cheap": 4.5}
    assert _times({}, np.zeros(1, np.uint8)) == {}

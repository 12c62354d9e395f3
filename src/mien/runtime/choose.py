"""Which engine and arithmetic to use for a network on this machine: measured once, remembered, explained."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DependencyMissing, ModelError
from mien.core.modelcard import ModelCard, Precision
from mien.runtime import litert_engine, onnxruntime_engine, openvino_engine
from mien.runtime.engine import Choice, Compiled, Engine, Outputs
from mien.runtime.machine import cores, processor

ENGINES: Mapping[str, Engine] = {
    "openvino": openvino_engine,
    "onnxruntime": onnxruntime_engine,
    "litert": litert_engine,
}
SECONDS_A_CANDIDATE = 0.4
PROBE_SIDES = (480, 640)  # height, width of the probe for a network that takes any size
MIN_AGREEMENT: Mapping[Precision, float] = {"fp32": 0.99, "bf16": 0.99, "int8": 0.95}  # cosine to the first
CLOSE = 1.15  # a second engine, or a less exact arithmetic, must be faster than the first by more than this
METHOD = 4  # of measuring; a change makes old measurements void
_MEASURING = threading.Lock()  # networks are opened side by side, but measured one by one


@dataclass(frozen=True, slots=True)
class Decision:
    """The way a network is run here, and why.

    milliseconds: one picture, one stream over all cores, for each way that was measured.
    refused: the ways that were not taken for another reason than speed.
    """

    choice: Choice
    why: str
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def candidates(card: ModelCard) -> list[Choice]:
    """List the ways to run this card here; `MIEN_ENGINE` and `MIEN_PRECISION` narrow the list."""
    offers = [choice for engine in ENGINES.values() for choice in engine.offers(card)]
    if not offers:
        raise DependencyMissing(
            f"nothing installed here can run {card.name} (format {card.format}): "
            + (
                "pip install openvino or ai-edge-litert"
                if card.format == "tflite"
                else "pip install onnxruntime"
            )
        )
    engine, precision = os.environ.get("MIEN_ENGINE"), os.environ.get("MIEN_PRECISION")
    asked = [
        choice
        for choice in offers
        if engine in (None, "", choice.engine) and precision in (None, "", choice.precision)
    ]
    if not asked:
        raise ModelError(
            f"MIEN_ENGINE={engine or ''} MIEN_PRECISION={precision or ''} leaves no way to run {card.name}; "
            f"possible here: {', '.join(map(str, offers))}"
        )
    return asked


def choose(card: ModelCard, data: bytes, notebook: Path | None) -> Decision:
    """Pick the fastest way to run the network; ``notebook`` is the JSON file that remembers measurements."""
    ways = candidates(card)
    if len(ways) == 1:
        return Decision(ways[0], "the only way to run it here")
    key = _key(card, ways)
    known = _read(notebook).get(key)
    if known is None:
        with _MEASURING:
            known = _measure(card, data, ways)
            if any(isinstance(value, float) for value in known.values()):  # what failed may work next time
                _write(notebook, {**_read(notebook), key: known})
    milliseconds = {name: value for name, value in known.items() if isinstance(value, float)}
    refused = {name: value for name, value in known.items() if isinstance(value, str)}
    if not milliseconds:
        raise ModelError(
            f"no engine here runs {card.name}: {'; '.join(f'{k}: {v}' for k, v in refused.items())}"
        )
    choice, why = _fastest(ways, milliseconds, card.quick_precisions)
    return Decision(choice, why, milliseconds, refused)


def _fastest(
    ways: Sequence[Choice], milliseconds: Mapping[str, float], less_exact: Collection[Precision] = ()
) -> tuple[Choice, str]:
    """The fastest way; but the first engine stays unless another beats it by more than such a measurement
    can be wrong, since every further engine costs memory and threads; and so does the exact arithmetic."""

    def cost(way: Choice) -> float:
        return milliseconds[str(way)] * (CLOSE if way.precision in less_exact else 1.0)

    timed = [way for way in ways if str(way) in milliseconds]
    best = min(timed, key=cost)
    own = [way for way in timed if way.engine == ways[0].engine]
    stays = min(own, key=cost, default=best)
    if stays is best or cost(stays) > CLOSE * cost(best):
        quickest = min(timed, key=lambda way: milliseconds[str(way)])
        if quickest.precision in less_exact and best.precision not in less_exact:
            return best, f"{quickest}, which is less exact, is hardly faster on this machine"
        return best, "the fastest of those measured on this machine"
    return stays, f"as fast as {best}, as near as can be measured, and one engine is enough"


def _key(card: ModelCard, ways: Sequence[Choice]) -> str:
    versions = sorted({f"{way.engine} {ENGINES[way.engine].version()}" for way in ways})
    listed = ",".join(map(str, ways))
    machine = f"{processor()} ×{cores()} | {' '.join(versions)} | {listed}"
    height, width = _probe_size(card)
    return f"{card.name} {card.sha256[:16]} at {width}x{height} | {machine} | method {METHOD}"


def _probe_size(card: ModelCard) -> tuple[int, int]:
    return card.preprocess.height or PROBE_SIDES[0], card.preprocess.width or PROBE_SIDES[1]


def _probe(card: ModelCard) -> NDArray[np.uint8]:
    shape = (1, *_probe_size(card), 3)
    rows, columns = np.mgrid[0 : shape[1], 0 : shape[2]]
    waves = 127 + 80 * np.sin(rows / 9)[..., None] * np.cos(columns / 7)[..., None] * [1.0, 0.8, 0.6]
    return np.asarray(waves[None], np.uint8)


def _measure(card: ModelCard, data: bytes, ways: Sequence[Choice]) -> dict[str, float | str]:
    probe = _probe(card)
    found: dict[str, float | str] = {}
    running: dict[str, Compiled] = {}
    reference: Outputs | None = None
    for way in sorted(ways, key=lambda way: way.precision != "fp32"):
        try:
            network = ENGINES[way.engine].compile(card, data, way, 1)
            answer = network.run(probe)
        except ModelError as error:
            found[str(way)] = str(error)
            continue
        reference = reference if reference is not None else answer
        agreement = _agreement(reference, answer)
        if agreement < MIN_AGREEMENT[way.precision]:
            found[str(way)] = f"its answer differs from the first engine's (cosine {agreement:.3f})"
        else:
            running[str(way)] = network
    return {**found, **_times(running, probe)}


def _times(running: Mapping[str, Compiled], probe: NDArray[np.uint8]) -> dict[str, float]:
    """What a call of each takes, in milliseconds; they take turns, so that other work here hurts all.

    A machine changes its speed from moment to moment, so a best time tells who was lucky. Each is compared
    with the first in the same turn: the median of these ratios, times the first one's median.
    """
    if not running:
        return {}
    turns: list[list[float]] = []
    start = time.perf_counter()
    while time.perf_counter() - start < SECONDS_A_CANDIDATE * len(running):
        turn = []
        for network in running.values():
            before = time.perf_counter()
            network.run(probe)
            turn.append(time.perf_counter() - before)
        turns.append(turn)
    seconds = np.array(turns)
    typical = np.median(seconds[:, 0]) * np.median(seconds / seconds[:, :1], axis=0)
    return {name: round(1e3 * float(each), 3) for name, each in zip(running, typical, strict=True)}


def _agreement(reference: Outputs, answer: Outputs) -> float:
    """Cosine between all outputs as one vector.

    Engines may name outputs differently, or one output several times: what they name alike is compared, and
    where they share no name, outputs are paired by their size.
    """
    shared = sorted(reference.keys() & answer.keys())

    def flat(outputs: Outputs) -> NDArray[np.float64]:
        once = {id(values): values for values in outputs.values()}
        rows = [outputs[name] for name in shared] or sorted(once.values(), key=lambda values: values.size)
        return np.concatenate([values.ravel().astype(np.float64) for values in rows])

    a, b = flat(reference), flat(answer)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 0.0
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _read(notebook: Path | None) -> dict[str, dict[str, float | str]]:
    if notebook is None or not notebook.is_file():
        return {}
    try:
        notes = json.loads(notebook.read_text())
    except (OSError, ValueError):
        return {}  # a lost notebook costs one more measurement, nothing else
    return notes if isinstance(notes, dict) else {}


def _write(notebook: Path | None, notes: Mapping[str, Mapping[str, float | str]]) -> None:
    if notebook is None:
        return
    fresh = notebook.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        notebook.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(notes, indent=1, ensure_ascii=False))
        os.replace(fresh, notebook)
    except OSError:  # a read-only cache: measured again next time
        with suppress(OSError):
            fresh.unlink(missing_ok=True)

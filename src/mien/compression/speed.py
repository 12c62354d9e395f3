"""How much faster: both networks take turns in one run, so that what else the machine does hits both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.protocols import Network
from mien.evaluation.metrics.intervals import Interval

ROUNDS = 40
BLOCK = 0.02  # seconds of work a turn: many ticks of the clock
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class SpeedChange:
    """Time of one crop in one stream over all cores.

    ratio: time after / time before, the median over rounds; below 1 the new network is faster.
    interval: 95 % of that median, by drawing rounds with replacement.
    """

    before_ms: float
    after_ms: float
    ratio: float
    interval: Interval

    def to_dict(self) -> dict[str, Any]:
        return {
            "before_ms": self.before_ms,
            "after_ms": self.after_ms,
            "time_ratio": self.ratio,
            "time_ratio_low": self.interval.low,
            "time_ratio_high": self.interval.high,
        }


def compare_speed(
    before: Network,
    after: Network,
    pixels: NDArray[np.uint8],
    *,
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> SpeedChange:
    """Time two networks on the same crops, in alternating order.

    pixels: (N, S, S, 3) uint8 RGB, N >= 1; one crop a call.
    """
    crops = [pixels[i : i + 1] for i in range(len(pixels))]
    turns = [_turns(network, crops[0], clock) for network in (before, after)]
    times = np.zeros((rounds, 2))
    for number in range(rounds):
        crop = crops[number % len(crops)]
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for side in order:
            times[number, side] = _time((before, after)[side], crop, turns[side], clock)
    ratios = times[:, 1] / times[:, 0]
    first, second = (float(np.median(times[:, side])) * 1e3 for side in (0, 1))
    return SpeedChange(first, second, float(np.median(ratios)), median_interval(ratios))


def median_interval(values: NDArray[np.float64], confidence: float = 0.95, seed: int = 0) -> Interval:
    """Bound a median by drawing values with replacement (percentile bootstrap, Efron 1979)."""
    rng = np.random.default_rng(seed)
    drawn = np.median(values[rng.integers(len(values), size=(DRAWS, len(values)))], axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _turns(network: Network, crop: NDArray[np.uint8], clock: Callable[[], float]) -> int:
    """Calls that take about a block; the first, which warms up, does not count."""
    network.run(crop)
    return int(np.clip(BLOCK / max(_time(network, crop, 1, clock), 1e-9), 1, 1000))


def _time(network: Network, crop: NDArray[np.uint8], turns: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(turns):
        network.run(crop)
    return (clock() - start) / turns

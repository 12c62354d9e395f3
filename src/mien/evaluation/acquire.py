"""From a protocol's pictures to embeddings, with the pipeline that users get."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from mien.core.errors import InputError, MienError
from mien.core.report import FaceReport
from mien.core.types import Box, Embedding
from mien.detection.select import select
from mien.evaluation.robustness import Trial
from mien.pipeline.analyze import Analyzer, source_name
from mien.runtime.machine import cores

A = TypeVar("A")
B = TypeVar("B")
ASKED = frozenset({"box", "embedding"})


def embed_the_face(analyzer: Analyzer, picture: object, which: str = "center") -> Embedding:
    """Embed the one face of a picture that is meant.

    picture: path, bytes, file object, PIL image or (H, W, 3) uint8 RGB array.
    which: of several faces; "center" is the large and central one that LFW's and CFP's pictures are of.
    raises: `NoFaceFound`, `ImageError`, `ModelError`.
    """
    embedding = report_the_face(analyzer, picture, which, ASKED).embedding
    if embedding is None:
        raise AssertionError("a face was described without its embedding")
    return embedding


def report_the_face(analyzer: Analyzer, picture: object, which: str, asked: frozenset[str]) -> FaceReport:
    """Answer what was asked about the one face of a picture that is meant."""
    decoded = analyzer.open(picture)
    found = analyzer.detector.detect(decoded.image)
    chosen = select(found, which, decoded.image.width, decoded.image.height, source_name(picture))
    return analyzer.describe(decoded, [found[chosen]], asked)[0]


def embed_pictures(
    analyzer: Analyzer, which: str = "center", done: Callable[[], object] = lambda: None
) -> Callable[[Sequence[Path]], Iterator[Embedding | MienError]]:
    """Make the ``embed`` of `evaluate_verification`: in order, one worker a core, few pictures in memory.

    done: called after each picture (a progress bar).
    """

    def embed_one(picture: Path) -> Embedding | MienError:
        try:
            return embed_the_face(analyzer, picture, which)
        except InputError as error:
            # A failure to acquire: counted by the protocol. A missing model ends the run.
            return error

    return lambda pictures: in_order(analyzer, embed_one, pictures, done)


def embed_trials(
    analyzer: Analyzer, which: str = "center", done: Callable[[], object] = lambda: None
) -> Callable[[Sequence[Trial]], Iterator[Embedding | MienError]]:
    """Make the ``embed`` of `evaluate_robustness`: damage is done around the undamaged face."""
    boxes: dict[Path, Box] = {}

    def embed_one(trial: Trial) -> Embedding | MienError:
        try:
            if trial.damage is None:
                return embed_the_face(analyzer, trial.picture, which)
            image = analyzer.open(trial.picture).image
            if trial.picture not in boxes:
                found = analyzer.detector.detect(image)
                chosen = select(found, which, image.width, image.height, source_name(trial.picture))
                boxes[trial.picture] = found[chosen].box
            damaged = trial.damage.apply(image.pixels, boxes[trial.picture], trial.level)
            return embed_the_face(analyzer, damaged, which)
        except InputError as error:
            return error

    return lambda trials: in_order(analyzer, embed_one, trials, done)


def report_pictures(
    analyzer: Analyzer,
    pictures: Sequence[Path],
    only: Collection[str],
    done: Callable[[], object] = lambda: None,
) -> Iterator[tuple[FaceReport, ...] | MienError]:
    """Report every face of every picture, in order; a picture that cannot be read gives its error."""

    def report_one(picture: Path) -> tuple[FaceReport, ...] | MienError:
        try:
            return analyzer.analyze(picture, only)
        except InputError as error:
            return error

    return in_order(analyzer, report_one, pictures, done)


def report_faces(
    analyzer: Analyzer,
    pictures: Sequence[Path],
    only: Collection[str],
    which: str = "center",
    done: Callable[[], object] = lambda: None,
) -> Iterator[FaceReport | MienError]:
    """Report the one face of every picture that is meant, in order; a failure gives its error."""
    asked = frozenset(only)

    def report_one(picture: Path) -> FaceReport | MienError:
        try:
            return report_the_face(analyzer, picture, which, asked)
        except InputError as error:
            return error

    return in_order(analyzer, report_one, pictures, done)


def in_order(
    analyzer: Analyzer, work: Callable[[A], B], things: Sequence[A], done: Callable[[], object]
) -> Iterator[B]:
    """Work on things side by side, one worker a core, and yield the answers in order."""
    count = analyzer.config.streams or cores()
    ahead: deque[Future[B]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="mien") as pool:
        try:
            for thing in things:
                ahead.append(pool.submit(work, thing))
                if len(ahead) > 3 * count:
                    yield ahead.popleft().result()
                    done()
            while ahead:
                yield ahead.popleft().result()
                done()
        finally:
            for waiting in ahead:
                waiting.cancel()

"""From a protocol's pictures to embeddings, with the pipeline that users get."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from mien.core.errors import InputError, MienError
from mien.core.types import Embedding
from mien.detection.select import select
from mien.pipeline.analyze import Analyzer, source_name
from mien.runtime.machine import cores

ASKED = frozenset({"box", "embedding"})


def embed_the_face(analyzer: Analyzer, picture: object, which: str = "center") -> Embedding:
    """Embed the one face of a picture that is meant.

    picture: path, bytes, file object, PIL image or (H, W, 3) uint8 RGB array.
    which: of several faces; "center" is the large and central one that LFW's and CFP's pictures are of.
    raises: `NoFaceFound`, `ImageError`, `ModelError`.
    """
    decoded = analyzer.open(picture)
    found = analyzer.detector.detect(decoded.image)
    chosen = select(found, which, decoded.image.width, decoded.image.height, source_name(picture))
    embedding = analyzer.describe(decoded, [found[chosen]], ASKED)[0].embedding
    if embedding is None:
        raise AssertionError("a face was described without its embedding")
    return embedding


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

    def embed(pictures: Sequence[Path]) -> Iterator[Embedding | MienError]:
        count = analyzer.config.streams or cores()
        ahead: deque[Future[Embedding | MienError]] = deque()
        with ThreadPoolExecutor(count, thread_name_prefix="mien") as pool:
            try:
                for picture in pictures:
                    ahead.append(pool.submit(embed_one, picture))
                    if len(ahead) > 3 * count:
                        yield ahead.popleft().result()
                        done()
                while ahead:
                    yield ahead.popleft().result()
                    done()
            finally:
                for waiting in ahead:
                    waiting.cancel()

    return embed

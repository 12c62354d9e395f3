"""A picture in, a report for every face out: the order of the work, and nothing else."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property

import numpy as np

from mien.attributes.head_pose import head_pose
from mien.core.errors import InputError
from mien.core.protocols import Detector
from mien.core.report import FINDINGS, FaceReport, PhotoReport
from mien.core.types import Box, Detection, Image, Landmarks, LocatedFace
from mien.detection.doubt import is_doubtful, least_presence
from mien.imaging.decode import Decoded
from mien.imaging.sources import STANDARD_INPUT, iter_pictures, open_picture, read_once, read_source
from mien.landmarks.mesh468 import FaceMesh
from mien.pipeline.answers import Answers
from mien.pipeline.build import build_answers, build_detector, build_embedder, build_landmarker
from mien.pipeline.config import Config
from mien.pipeline.embed import FaceEmbedder
from mien.pipeline.networks import Networks, Progress
from mien.runtime.machine import cores

ANSWERED = frozenset({"box", "keypoints", "landmarks", "pose", "embedding"})
ENOUGH = 128  # pixels of a face's box from which the mesh's crop needs no more: 192 pixels, 1.5 faces wide
NOT_YET = "this version of mien has no model for it"


def asked_findings(only: Collection[str] | None, also: Collection[str] = ()) -> frozenset[str]:
    """Check what was asked for; nothing asked means everything that can be answered.

    also: findings that models of the user's answer besides (`Config.answers`).
    raises: InputError for a name that is no finding.
    """
    if only is None:
        return ANSWERED.union(also)
    unknown = sorted(set(only) - set(FINDINGS))
    if unknown or not only:
        what = f"nothing is called {', '.join(unknown)}" if unknown else "nothing was asked for"
        raise InputError(f"{what}: choose out of {', '.join(FINDINGS)}")
    return frozenset(only)


class Analyzer:
    """Holds the opened networks; safe to use from several threads, closed by `close` or a ``with`` block."""

    def __init__(
        self, config: Config | None = None, progress: Callable[[str], Progress] | None = None
    ) -> None:
        self.config = config or Config()
        self.networks = Networks(self.config, progress)
        self._building = threading.RLock()

    def __enter__(self) -> Analyzer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the networks and their memory; the next call opens them again."""
        with self._building:
            self.networks.close()
            for part in ("detector", "landmarker", "embedder", "answers"):
                self.__dict__.pop(part, None)

    @cached_property
    def detector(self) -> Detector:
        return build_detector(self.config, self.networks)

    @cached_property
    def landmarker(self) -> FaceMesh:
        return build_landmarker(self.config, self.networks)

    @cached_property
    def embedder(self) -> FaceEmbedder:
        return build_embedder(self.config, self.networks)

    @cached_property
    def answers(self) -> Answers:
        return build_answers(self.config, self.networks)

    def open(self, source: object) -> Decoded:
        """Read one picture: path, bytes, file object, PIL image or (H, W, 3) uint8 RGB array.

        raises: `ImageError`, InputError.
        """
        return open_picture(source, formats=self.config.formats, max_side=self.config.profile.max_side)

    def analyze(self, source: object, only: Collection[str] | None = None) -> tuple[FaceReport, ...]:
        """Report every face of one picture, best score first.

        raises: `ImageError`, InputError, `ModelError`.
        """
        return self.describe(*self.look(source), asked_findings(only, self.config.answers))

    def look(self, source: object) -> tuple[Decoded, list[Detection]]:
        """Read a picture as large as its faces need, and find them, best score first.

        Detectors look at a small picture anyway, so a large file is decoded small at first (JPEG decoders do
        that for little), and at its full size only where a face has fewer pixels than the networks take.
        raises: `ImageError`, InputError, `ModelError`.
        """
        data = read_once(source)
        side = self.config.profile.long_side
        picture = open_picture(data, formats=self.config.formats, max_side=side)
        found = self.find(picture)
        if picture.scale == 1 or all(min(f.box.width, f.box.height) >= ENOUGH for f in found):
            return picture, found
        finer = self.open(data)
        return finer, [_detection_moved(face, picture, finer) for face in found]

    def find(self, picture: Decoded) -> list[Detection]:
        """Find the faces in ``picture.image``, best score first, without those that the mesh denies."""
        found = self.detector.detect(picture.image)
        return [face for face in found if not is_doubtful(face, found) or self._is_face(picture.image, face)]

    def _is_face(self, image: Image, face: Detection) -> bool:
        return self.landmarker.locate(LocatedFace(image, face)).presence >= least_presence(face)

    def report(self, picture: Decoded, asked: frozenset[str]) -> tuple[FaceReport, ...]:
        return self.describe(picture, self.find(picture), asked)

    def describe(
        self, picture: Decoded, found: Iterable[Detection], asked: frozenset[str]
    ) -> tuple[FaceReport, ...]:
        """Answer what was asked about faces that were found in ``picture.image``."""
        faces = [LocatedFace(picture.image, detection) for detection in found]
        own = frozenset(self.config.answers)
        meshed = asked & {"landmarks", "pose", *own}
        meshes = [self.landmarker.locate(face) for face in faces] if meshed else []
        said = self.answers.say(faces, meshes, asked) if faces else []
        embeddings = self.embedder.embed(faces) if faces and "embedding" in asked else None
        notes = {name: NOT_YET for name in FINDINGS if name in asked - ANSWERED - own}
        return tuple(
            FaceReport(
                detection=_detection_in_original(face.detection, picture),
                asked=asked,
                landmarks=_landmarks_in_original(said[i].landmarks or meshes[i], picture) if meshes else None,
                pose=head_pose(meshes[i]) if "pose" in asked else None,
                embedding=embeddings[i] if embeddings else None,
                notes={**notes, **said[i].notes},
                **said[i].findings,
            )
            for i, face in enumerate(faces)
        )

    def analyze_many(
        self,
        sources: object,
        only: Collection[str] | None = None,
        *,
        finish: Callable[[object, PhotoReport], None] | None = None,
    ) -> Generator[PhotoReport, None, None]:
        """Report a folder, a pattern, or any pictures, in order; a bad one is a report with its error.

        sources: a folder, a pattern, one picture, or an iterable of whatever `analyze` takes.
        finish: called with each source and its report, in the thread that made it.
        Each worker decodes a picture and runs its networks one by one, so decoding overlaps inference, and
        memory stays level: at most a few pictures a worker are held at a time.
        """
        asked = asked_findings(only, self.config.answers)
        count = workers_for(self.config.streams or cores())
        ahead: deque[Future[PhotoReport]] = deque()
        with ThreadPoolExecutor(count, thread_name_prefix="mien") as pool:
            try:
                for name, source in named_sources(sources, self.config.formats):
                    ahead.append(pool.submit(self._photo, name, source, asked, finish))
                    if len(ahead) > 2 * count:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for waiting in ahead:
                    waiting.cancel()

    def _photo(
        self,
        name: str,
        source: object,
        asked: frozenset[str],
        finish: Callable[[object, PhotoReport], None] | None,
    ) -> PhotoReport:
        try:
            picture, found = self.look(source)
            report = PhotoReport(name, picture.width, picture.height, self.describe(picture, found, asked))
        except InputError as error:
            return PhotoReport(name, 0, 0, (), error)
        if finish is not None:
            finish(source, report)
        return report


def workers_for(streams: int) -> int:
    """Pictures worked on at once: more than networks run at once, so that these never wait for Python.

    Measured on two cores: 6 workers analyse a quarter more pictures a second than 2.
    """
    return min(3 * streams, streams + 4)


def named_sources(sources: object, formats: Collection[str]) -> Iterator[tuple[str, object]]:
    """Yield (name, source): names are paths where there are any, else the position."""
    if isinstance(sources, str | bytes | np.ndarray) or not isinstance(sources, Iterable):
        sources = [sources]
    for position, source in enumerate(sources):
        if isinstance(source, str) or hasattr(source, "__fspath__"):
            for name in iter_pictures(source, formats):
                yield name, read_source(name) if name == STANDARD_INPUT else name
        else:
            yield f"#{position}", source


def source_name(source: object) -> str:
    """What to call a picture in an error."""
    return str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else "the picture"


def _detection_moved(face: Detection, old: Decoded, new: Decoded) -> Detection:
    """The same face in the same picture, decoded larger."""
    scale = new.scale / old.scale
    corners = (np.asarray(face.box, np.float64) + 0.5) * scale - 0.5
    return Detection(Box(*map(float, corners)), face.score, (face.keypoints + 0.5) * scale - 0.5)


def _detection_in_original(detection: Detection, picture: Decoded) -> Detection:
    if picture.scale == 1:
        return detection
    corners = picture.to_original(np.asarray(detection.box, np.float64))
    return Detection(
        Box(*map(float, corners)), detection.score, np.asarray(picture.to_original(detection.keypoints))
    )


def _landmarks_in_original(found: Landmarks, picture: Decoded) -> Landmarks:
    if picture.scale == 1:
        return found
    flat, depth = picture.to_original(found.points[:, :2]), found.points[:, 2:] / picture.scale
    irises = None if found.irises is None else picture.to_original(found.irises)
    return replace(found, points=np.concatenate([flat, depth], axis=1), irises=irises)

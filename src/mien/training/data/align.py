"""Find the face and move it onto a template, with mien's own pipeline; crops are kept on disk.

What a net is trained on is placed as the pipeline will place what it runs on. A crop is made once: its file
in the cache is named by the picture (path, size, time of change), the sample's box and points and the
template, so that an interrupted run goes on where it was, and another recipe starts from what is there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from mien.alignment.crop import align
from mien.alignment.templates import find_template, places, scaled
from mien.core.errors import ImageError, InputError, MienError, NoFaceFound, StoreCorrupt
from mien.core.types import Box, Detection, Image, LocatedFace, Points
from mien.geometry.boxes import iou
from mien.geometry.similarity import fit_similarity
from mien.imaging.decode import decode
from mien.imaging.sources import open_picture
from mien.imaging.warp import move_points, warp_affine
from mien.pipeline.analyze import Analyzer, workers_for
from mien.runtime.machine import cores
from mien.training.data.crops import Crop
from mien.training.data.listing import Listing, Sample
from mien.training.data.pictures import read_sample
from mien.zoo.folder import cache_folder

VERSION = 1  # of what is in the cache: a change to the crops' making makes new ones
NEAR = 0.1  # overlap from which a detection is the face that the sample's box means


class PipelineAlign:
    """Cuts a sample's face out as a template wants it; safe in threads and in worker processes.

    template: of `mien.alignment.templates`.    cache: folder of the crops; None: below mien's own cache.
    mesh: keep the 468 landmarks too, which the rendered mask of the augmentation follows.
    analyzer: finds faces; None: one of the default profile, opened when a crop is not in the cache.

    A sample with five or 68 points is placed by them and needs no network; with a box, the face that overlaps
    it is taken, else the one that is large and near the middle.
    """

    def __init__(
        self,
        template: str = "arcface",
        cache: Path | None = None,
        *,
        mesh: bool = False,
        analyzer: Analyzer | None = None,
    ) -> None:
        self.template, self.mesh = find_template(template), mesh
        self.cache = cache or cache_folder() / "crops"
        self._given = analyzer

    def __getstate__(self) -> dict[str, Any]:
        # Opened networks do not travel to other processes; each opens its own where it needs any.
        kept = {name: value for name, value in vars(self).items() if name != "analyzer"}
        return {**kept, "_given": None}

    @cached_property
    def analyzer(self) -> Analyzer:
        return self._given or Analyzer()

    def __call__(self, sample: Sample, size: int) -> Crop:
        """The crop, from the cache or made anew.

        raises: `NoFaceFound` where the pipeline sees no face (remembered, too), `ImageError`, `ModelError`.
        """
        place = self.cache / self._name(sample, size)
        if place.exists():
            return _read(place, sample)
        try:
            crop = self._make(sample, size)
        except NoFaceFound as error:
            _write(place, {"error": np.array(str(error))})
            raise
        parts: dict[str, NDArray[Any]] = {"picture": _png(crop), "matrix": crop.matrix}
        if crop.mesh is not None:
            parts["mesh"] = np.asarray(crop.mesh, np.float32)
        _write(place, parts)
        return crop

    def _name(self, sample: Sample, size: int) -> Path:
        try:
            state = sample.path.stat()
        except OSError as error:
            raise ImageError("unreadable", f"there is no file {sample.path}: check the data set") from error
        facts = [
            VERSION,
            str(sample.path.resolve()),
            state.st_size,
            state.st_mtime_ns,
            sample.span,
            sample.box,
            None if sample.points is None else np.asarray(sample.points).tolist(),
            self.template.name,
            size,
            self.mesh,
        ]
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        return Path(digest[:2], f"{digest[2:34]}.npz")

    def _make(self, sample: Sample, size: int) -> Crop:
        image, template = read_sample(sample), scaled(self.template, size)
        five = None if sample.points is None or self.mesh else five_of(sample.points)
        if five is not None:
            matrix = fit_similarity(five, places(template.keypoints))
            return Crop(warp_affine(image.pixels, matrix, (size, size), antialias=True), matrix)
        face = LocatedFace(image, self._find(image, sample))
        landmarks = self.analyzer.landmarker.locate(face)
        aligned = align(face, template, landmarks, keypoints_too=True)
        if not self.mesh:
            return Crop(aligned.pixels, aligned.matrix)
        scale = float(np.hypot(*aligned.matrix[:, 0]))
        flat = move_points(aligned.matrix, landmarks.points[:, :2])
        return Crop(aligned.pixels, aligned.matrix, np.column_stack([flat, landmarks.points[:, 2] * scale]))

    def _find(self, image: Image, sample: Sample) -> Detection:
        found = self.analyzer.find(open_picture(image))
        if sample.box is not None:
            box = sample.box
            found = [face for face in found if _overlap(face.box, box) >= NEAR]
            rank: Callable[[Detection], float] = lambda face: _overlap(face.box, box)  # noqa: E731
        else:
            rank = lambda face: _prominence(face.box, image)  # noqa: E731
        if not found:
            raise NoFaceFound(f"no face was found in {sample.path}: leave it out of the data set")
        return max(found, key=rank)


Progress = Callable[[int, int], None]
_watching: ContextVar[Progress | None] = ContextVar("_watching", default=None)


@contextmanager
def watched(progress: Progress | None) -> Iterator[None]:
    """Within the block, `acquire` tells how far it is; tasks that call it know nothing of who looks."""
    token = _watching.set(progress)
    try:
        yield
    finally:
        _watching.reset(token)


@dataclass(frozen=True, slots=True)
class Acquired:
    """A listing without the samples that gave no crop, and why those did not."""

    listing: Listing
    failures: tuple[tuple[Path, MienError], ...]


def acquire(
    listing: Listing,
    align: Callable[[Sample, int], Crop],
    size: int,
    progress: Progress | None = None,
) -> Acquired:
    """Make every crop ahead of the training; pictures that cannot be used are left out, with their errors.

    progress: called with how many are done, of how many; None: as `watched` says.
    raises: whatever is not the picture's own fault (missing weights, a full disk).
    """
    progress = progress or _watching.get()
    kept: list[Sample] = []
    failures: list[tuple[Path, MienError]] = []
    with ThreadPoolExecutor(workers_for(cores()), thread_name_prefix="mien-crops") as pool:
        outcomes = pool.map(lambda sample: _try(align, sample, size), listing.samples)
        for number, (sample, error) in enumerate(zip(listing.samples, outcomes, strict=True), 1):
            if error is None:
                kept.append(sample)
            else:
                failures.append((sample.path, error))
            if progress is not None:
                progress(number, len(listing))
    return Acquired(Listing(tuple(kept)), tuple(failures))


def _try(align: Callable[[Sample, int], Crop], sample: Sample, size: int) -> InputError | None:
    try:
        align(sample, size)
    except InputError as error:
        return error
    return None


def five_of(points: Points) -> NDArray[np.float64] | None:
    """The detector's five points out of five, or out of iBUG's 68: (5, 2); None for other sets."""
    if points.shape == (5, 2):
        return np.asarray(points, np.float64)
    if points.shape != (68, 2):
        return None
    # Eyes are rings of six (36-41, 42-47), the nose's tip is 30, the mouth's corners are 48 and 54.
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    return np.stack([*eyes, points[30], points[48], points[54]]).astype(np.float64)


def _overlap(a: Box, b: Box) -> float:
    return float(iou(np.array([a]), np.array([b]))[0, 0])


def _prominence(box: Box, image: Image) -> float:
    """Area, less where the face is far from the middle."""
    x, y = box.center
    off = np.hypot(x / image.width - 0.5, y / image.height - 0.5)
    return float(box.area / (1 + 4 * off**2))


def _png(crop: Crop) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Pictures.fromarray(crop.pixels).save(file, "PNG", compress_level=3)
    return np.frombuffer(file.getvalue(), np.uint8)


def _write(place: Path, parts: dict[str, NDArray[Any]]) -> None:
    """Write beside the place, then move there: a crop that is there is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(f".{os.getpid()}-{id(parts)}.tmp")
    with open(fresh, "wb") as file:
        np.savez(file, **parts)  # type: ignore[arg-type]  # its own keyword comes before the arrays' names
    os.replace(fresh, place)


def _read(place: Path, sample: Sample) -> Crop:
    try:
        with np.load(place, allow_pickle=False) as parts:
            if "error" in parts:
                raise NoFaceFound(str(parts["error"]))
            pixels = decode(parts["picture"].tobytes()).image.pixels
            mesh = np.asarray(parts["mesh"], np.float64) if "mesh" in parts else None
            return Crop(pixels, np.asarray(parts["matrix"], np.float64), mesh)
    except (OSError, ValueError, KeyError, ImageError) as error:
        raise StoreCorrupt(
            f"the crop of {sample.path} in {place} is damaged: delete that file, and it is made anew"
        ) from error

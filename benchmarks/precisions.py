"""What faster arithmetic costs: bf16 (and 8-bit, where a file is given) against fp32, network by network.

python -m benchmarks.precisions [--photos N] [--int8 SFACE.xml] [--json OUT]

On wild40 (largest face of each photo): boxes and keypoints of the detectors, points of the mesh and the
irises, similarity of the embeddings to their fp32 selves, and verification over all pairs of photos. Times
no call.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import Json, arguments, photos, report
from mien.core.modelcard import Precision
from mien.core.types import Detection, LocatedFace
from mien.imaging.sources import open_picture
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config, configure
from mien.pipeline.networks import Networks
from mien.runtime import openvino_engine
from mien.runtime.choose import Decision
from mien.runtime.engine import Choice, Outputs
from mien.runtime.session import OpenNetwork, readable
from mien.zoo.registry import card
from mien.zoo.store import fetch

Floats = NDArray[np.float64]
IMPOSTOR_RATES = (1e-2, 1e-3, 1e-4)


class ForcedNetworks(Networks):
    """Opens every network in fp32 but those named, whatever is fastest here."""

    def __init__(self, config: Config, forced: Mapping[str, Precision], int8: Path | None = None) -> None:
        super().__init__(config)
        self._forced, self._int8 = forced, int8

    def _load(self, name: str) -> OpenNetwork:
        wanted, precision = card(name), self._forced.get(name, "fp32")
        choice = Choice("openvino", precision)
        if precision == "int8":
            return OpenNetwork(wanted, Decision(choice, "asked for"), Quantised(str(self._int8)))
        data = readable(wanted, fetch(wanted))
        compiled = openvino_engine.compile(wanted, data, choice, 1)
        return OpenNetwork(wanted, Decision(choice, "asked for"), compiled)


class Quantised:
    """A network that NNCF wrote with 8-bit weights and activations; takes NCHW float RGB 0..255."""

    def __init__(self, path: str) -> None:
        from openvino import Core

        self._compiled = Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        rows = [self._compiled(one.transpose(2, 0, 1)[None].astype(np.float32))[0] for one in pixels]
        return {"fc1": np.concatenate(rows)}


def analyzer(
    profile: str, forced: Mapping[str, Precision] | None = None, int8: Path | None = None
) -> Analyzer:
    config = replace(configure(profile), streams=1)
    made = Analyzer(config)
    made.networks = ForcedNetworks(config, forced or {}, int8)
    return made


def span(face: Detection) -> float:
    """Distance of the eyes in pixels, the yardstick for shifts; at least a pixel (profiles)."""
    return max(float(np.hypot(*(face.keypoints[0] - face.keypoints[1]))), face.box.width / 4, 1.0)


def summary(values: Sequence[float]) -> Json:
    array = np.asarray(values, np.float64)
    return {
        "median": round(float(np.median(array)), 5),
        "p95": round(float(np.percentile(array, 95)), 5),
        "max": round(float(array.max()), 5),
    }


def overlap(a: Detection, b: Detection) -> float:
    wide = min(a.box.x2, b.box.x2) - max(a.box.x1, b.box.x1)
    tall = min(a.box.y2, b.box.y2) - max(a.box.y1, b.box.y1)
    both = max(wide, 0.0) * max(tall, 0.0)
    return both / max(a.box.area + b.box.area - both, 1e-9)


def detector_effect(profile: str, name: str, sources: Sequence[str]) -> Json:
    """How far boxes and keypoints move, in distances between the eyes, and which faces come and go."""
    plain, fast = analyzer(profile), analyzer(profile, {name: "bf16"})
    boxes, points, scores = [], [], []
    lost = gained = total = 0
    for source in sources:
        image = open_picture(source).image
        before, after = plain.detector.detect(image), fast.detector.detect(image)
        total += len(before)
        left = list(after)
        for face in before:
            match = max(left, key=lambda other: overlap(face, other), default=None)
            if match is None or overlap(face, match) < 0.5:
                lost += 1
                continue
            left.remove(match)
            boxes.append(float(np.abs(np.subtract(face.box, match.box)).max()) / span(face))
            points.append(float(np.hypot(*(face.keypoints - match.keypoints).T).max()) / span(face))
            scores.append(abs(face.score - match.score))
        gained += len(left)
    return {
        "faces": total,
        "lost": lost,
        "gained": gained,
        "box_shift_in_eye_distances": summary(boxes),
        "keypoint_shift_in_eye_distances": summary(points),
        "score_change": summary(scores),
    }


def landmark_effect(name: str, sources: Sequence[str]) -> Json:
    """How far mesh points, or iris points, move, in distances between the eyes."""
    plain, fast = analyzer("balanced"), analyzer("balanced", {name: "bf16"})
    shifts, worst = [], []
    for source in sources:
        image = open_picture(source).image
        found = plain.detector.detect(image)
        if not found:
            continue
        face = LocatedFace(image, max(found, key=lambda one: one.box.area))
        before, after = plain.landmarker.locate(face), fast.landmarker.locate(face)
        moved: Any = (
            before.points - after.points if name == "mesh468" else (before.irises - after.irises)  # type: ignore[operator]
        )
        moved = np.linalg.norm(moved.reshape(-1, moved.shape[-1])[:, :2], axis=1) / span(face.detection)
        shifts.append(float(moved.mean()))
        worst.append(float(moved.max()))
    return {
        "faces": len(shifts),
        "mean_shift_in_eye_distances": summary(shifts),
        "worst_point_in_eye_distances": summary(worst),
    }


def embeddings(made: Analyzer, sources: Sequence[str]) -> Floats:
    """(N, D) unit vectors of the largest face of each photo; NaN where there is none."""
    rows: list[Floats | None] = []
    for source in sources:
        found = made.analyze(source, ("box", "keypoints", "embedding"))
        face = max(found, key=lambda one: one.detection.box.area, default=None)
        vector = None if face is None or face.embedding is None else face.embedding.vector
        rows.append(None if vector is None else vector.astype(np.float64))
    length = next(len(row) for row in rows if row is not None)
    return np.stack([np.full(length, np.nan) if row is None else row for row in rows])


def verification(vectors: Floats, people: Sequence[str]) -> Json:
    """True match rate in percent at fixed false match rates over all pairs; no face is no match."""
    similarity = np.nan_to_num(vectors @ vectors.T, nan=-1.0)
    who = np.unique(people, return_inverse=True)[1]
    a, b = np.triu_indices(len(who), 1)
    scores, same = similarity[a, b], who[a] == who[b]
    strangers = np.sort(scores[~same])[::-1]
    found: Json = {"genuine": int(same.sum()), "impostors": int((~same).sum())}
    for rate in IMPOSTOR_RATES:
        threshold = strangers[int(rate * len(strangers))]
        found[f"tmr_at_{rate:.0e}"] = round(100 * float((scores[same] > threshold).mean()), 2)
    return found


WAYS: dict[str, dict[str, dict[str, Precision]]] = {
    "balanced": {
        "all fp32": {},
        "sface bf16": {"sface": "bf16"},
        "yunet bf16": {"yunet": "bf16"},
        "mesh468 bf16": {"mesh468": "bf16"},
        "sface int8": {"sface": "int8"},
    },
    "accurate": {
        "all fp32": {},
        "dlib_resnet bf16": {"dlib_resnet": "bf16"},
        "sface and dlib_resnet bf16": {"sface": "bf16", "dlib_resnet": "bf16"},
        "centerface bf16": {"centerface": "bf16"},
    },
}


def embedding_effects(profile: str, sources: Sequence[str], int8: Path | None) -> Json:
    people = [Path(source).parent.name for source in sources]
    ways = {
        name: forced
        for name, forced in WAYS[profile].items()
        if int8 is not None or "int8" not in forced.values()
    }
    found: Json = {}
    reference: Floats | None = None
    for name, forced in ways.items():
        vectors = embeddings(analyzer(profile, forced, int8), sources)
        reference = vectors if reference is None else reference
        cosines = (vectors * reference).sum(axis=1)
        cosines = cosines[np.isfinite(cosines)]
        found[name] = {
            "cosine_to_fp32": {
                "median": round(float(np.median(cosines)), 5),
                "p5": round(float(np.percentile(cosines, 5)), 5),
                "min": round(float(cosines.min()), 5),
            },
            **verification(vectors, people),
        }
        print(name, found[name], file=sys.stderr)
    return found


def main() -> None:
    parser = arguments("precisions", __doc__)
    parser.add_argument("--photos", type=int, default=480)
    parser.add_argument("--int8", type=Path, help="SFace as NNCF quantised it (OpenVINO .xml)")
    given = parser.parse_args()
    sources = photos("wild40", given.photos)
    figures: Json = {
        "photos": given.photos,
        "embedding": {profile: embedding_effects(profile, sources, given.int8) for profile in WAYS},
        "yunet bf16": detector_effect("balanced", "yunet", sources),
        "centerface bf16": detector_effect("accurate", "centerface", sources[: given.photos // 4]),
        "mesh468 bf16": landmark_effect("mesh468", sources),
        "iris bf16": landmark_effect("iris", sources),
    }
    report("precisions", figures, given.json)


if __name__ == "__main__":
    main()

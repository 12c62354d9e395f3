"""What faster arithmetic costs: bf16 and int8 against fp32, network by network.

python -m benchmarks.precisions [--photos N] [--json OUT]

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
from mien.pipeline.networks import Networks, wanted_card
from mien.runtime import openvino_engine
from mien.runtime.choose import Decision
from mien.runtime.engine import Choice
from mien.runtime.session import OpenNetwork, readable
from mien.zoo.registry import card
from mien.zoo.store import fetch

Floats = NDArray[np.float64]
IMPOSTOR_RATES = (1e-2, 1e-3, 1e-4)


class ForcedNetworks(Networks):
    """Opens every network in fp32 but those named, whatever is fastest here."""

    def __init__(self, config: Config, forced: Mapping[str, Precision]) -> None:
        super().__init__(config)
        self._forced = forced

    def _load(self, name: str) -> OpenNetwork:
        wanted = wanted_card(card(name), self._config.profile)
        choice = Choice("openvino", self._forced.get(name, "fp32"))
        compiled = openvino_engine.compile(wanted, readable(wanted, fetch(wanted)), choice, 1)
        return OpenNetwork(wanted, Decision(choice, "asked for"), compiled)


def analyzer(profile: str, forced: Mapping[str, Precision] | None = None) -> Analyzer:
    config = replace(configure(profile), streams=1)
    made = Analyzer(config)
    made.networks = ForcedNetworks(config, forced or {})
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


def verification(vectors: Floats, others: Floats, people: Sequence[str]) -> Json:
    """True match rate in percent at fixed false match rates over all pairs; no face is no match.

    others: of the same photos, perhaps by other arithmetic: what a gallery made elsewhere is compared with.
    """
    similarity = np.nan_to_num(vectors @ others.T, nan=-1.0)
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
    "fast": {
        "all fp32": {},
        "sface bf16": {"sface": "bf16"},
        "sface int8": {"sface": "int8"},
        "yunet bf16": {"yunet": "bf16"},
        "mesh468 bf16": {"mesh468": "bf16"},
        "sface int8, yunet and mesh468 bf16": {"sface": "int8", "yunet": "bf16", "mesh468": "bf16"},
    },
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


def embedding_effects(profile: str, sources: Sequence[str]) -> Json:
    people = [Path(source).parent.name for source in sources]
    found: Json = {}
    reference: Floats | None = None
    for name, forced in WAYS[profile].items():
        vectors = embeddings(analyzer(profile, forced), sources)
        reference = vectors if reference is None else reference
        cosines = (vectors * reference).sum(axis=1)
        cosines = cosines[np.isfinite(cosines)]
        found[name] = {
            "cosine_to_fp32": {
                "median": round(float(np.median(cosines)), 5),
                "p5": round(float(np.percentile(cosines, 5)), 5),
                "min": round(float(cosines.min()), 5),
            },
            **verification(vectors, vectors, people),
            "against_fp32": verification(vectors, reference, people),
        }
        print(name, found[name], file=sys.stderr)
    return found


def main() -> None:
    parser = arguments("precisions", __doc__)
    parser.add_argument("--photos", type=int, default=480)
    given = parser.parse_args()
    sources = photos("wild40", given.photos)
    figures: Json = {
        "photos": given.photos,
        "embedding": {profile: embedding_effects(profile, sources) for profile in WAYS},
        "yunet bf16": detector_effect("balanced", "yunet", sources),
        "yunet at 320 bf16": detector_effect("fast", "yunet", sources),
        "centerface bf16": detector_effect("accurate", "centerface", sources[: given.photos // 4]),
        "mesh468 bf16": landmark_effect("mesh468", sources),
        "iris bf16": landmark_effect("iris", sources),
    }
    report("precisions", figures, given.json)


if __name__ == "__main__":
    main()

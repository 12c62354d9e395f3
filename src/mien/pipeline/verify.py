"""Are two pictures the same person?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mien.core.errors import AmbiguousFace, NoFaceFound
from mien.core.report import FaceReport, Verification
from mien.detection.select import select
from mien.embedding.calibration import Calibration, shipped_calibration
from mien.embedding.compare import cosine, judge
from mien.pipeline.analyze import Analyzer, source_name
from mien.pipeline.config import DEFAULT_FMR

ASKED = frozenset({"box", "keypoints", "embedding"})
SHOWN = frozenset({"box", "keypoints"})


def verify(
    analyzer: Analyzer,
    a: object,
    b: object,
    *,
    fmr: float = DEFAULT_FMR,
    which: str | None = None,
    calibration: Calibration | None = None,
) -> Verification:
    """Decide whether ``a`` and ``b`` show the same person, wrong for a share ``fmr`` of strangers.

    which: the face that is meant where a picture shows several: "largest", "center" or its number; without
        it such a picture is not decided: ``same`` is None and ``error`` says why, as for a picture without a
        face.
    calibration: of the embedder; default the one that ships with it.
    raises: `ImageError` or InputError for a picture that cannot be read, `ThinData` for an ``fmr`` below what
        the calibration supports, `ModelError`.
    """
    known = calibration or shipped_calibration(analyzer.config.profile.calibrated)
    threshold = known.threshold(fmr)
    with ThreadPoolExecutor(4) as pool:
        # These open beside the detector; whatever they raise, the jobs raise again when they need them.
        pool.submit(lambda: analyzer.embedder)
        pool.submit(analyzer.networks.get, analyzer.config.landmarker)
        jobs = [pool.submit(_the_face, analyzer, source, which) for source in (a, b)]
    faces: list[FaceReport] = []
    for job in jobs:
        try:
            faces.append(job.result())
        except (NoFaceFound, AmbiguousFace) as error:
            return Verification(None, None, None, None, threshold, None, None, error)
    first, second = faces
    if first.embedding is None or second.embedding is None:
        raise AssertionError("faces were analysed without their embeddings")
    answer = judge(cosine(first.embedding, second.embedding), known, fmr)
    return Verification(
        answer.same,
        answer.similarity,
        answer.probability,
        answer.fmr,
        answer.threshold,
        first.shown(SHOWN),
        second.shown(SHOWN),
        fmr_supported=answer.fmr_supported,
    )


def _the_face(analyzer: Analyzer, source: object, which: str | None) -> FaceReport:
    picture, found = analyzer.look(source)
    chosen = select(found, which, picture.image.width, picture.image.height, source_name(source))
    return analyzer.describe(picture, [found[chosen]], ASKED)[0]

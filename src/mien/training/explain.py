"""Why two faces are alike, by every method: those of the pipeline, and the gradient of its networks."""

from __future__ import annotations

from mien.pipeline.analyze import Analyzer
from mien.pipeline.api import shared_analyzer
from mien.pipeline.config import DEFAULT_FMR, DEFAULT_PROFILE
from mien.pipeline.explain import Done, Explanation
from mien.pipeline.explain import explain as explain_with


def explain(
    a: object,
    b: object,
    *,
    method: str = "rise",
    fmr: float = DEFAULT_FMR,
    which: str | None = None,
    masks: int = 400,
    profile: str = DEFAULT_PROFILE,
    models: str | None = None,
    allow_noncommercial: bool = False,
) -> Explanation:
    """Find what makes the faces of two pictures alike.

    method: "rise" (random smooth masks), "occlusion" (a sliding square), or "gradient" (integrated gradients;
        needs ``pip install 'mien[train]'``).    masks: how many, for "rise".
    which: the face that is meant where a picture shows several: "largest", "center" or its number.
    returns: a heat map and the share of each region for both faces, beside the decision.
    raises: `NoFaceFound`, `AmbiguousFace`, InputError for a method that is none, `ModelError`.
    """
    analyzer = shared_analyzer(profile, models, allow_noncommercial)
    return explain_faces(analyzer, a, b, method=method, fmr=fmr, which=which, masks=masks)


def explain_faces(
    analyzer: Analyzer,
    a: object,
    b: object,
    *,
    method: str = "rise",
    fmr: float = DEFAULT_FMR,
    which: str | None = None,
    masks: int = 400,
    done: Done = lambda count: None,
) -> Explanation:
    """`explain` with an analyzer of one's own.    done: called with each number of embeddings made."""
    gradient = None
    if method == "gradient":
        from mien.training.torchless import require_torch

        require_torch()
        from mien.training.saliency import Gradients

        gradient = Gradients(analyzer)
    return explain_with(
        analyzer, a, b, method=method, fmr=fmr, which=which, masks=masks, done=done, gradient=gradient
    )

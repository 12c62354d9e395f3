"""What follows a run: the model file with its card and calibration, and the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import ThinData
from mien.embedding.calibration import calibration_beside
from mien.evaluation.calibrate import make_calibration
from mien.training.checkpoint import FOLDER
from mien.training.export_onnx import Exported, export_trained
from mien.training.job import Findings
from mien.training.recipe import Recipe
from mien.training.report import write_report
from mien.training.run import RECIPE, Run
from mien.training.trained import load_trained


@dataclass(frozen=True, slots=True)
class Finished:
    """What lies in the run's folder now.

    calibration: of a recognition model, None with the reason in ``uncalibrated`` where there were too few
        pairs, or the model is none.
    """

    exported: Exported
    report: Path
    calibration: Path | None
    uncalibrated: str = ""


def finish(run: Run) -> Finished:
    """Export the best weights of a run, calibrate a recognition model, write the report."""
    judged = run.tested or run.findings
    exported = export_trained(load_trained(run.out), run.out, figures(run.recipe, run.findings, run.tested))
    calibration, why = None, ""
    if judged is not None and run.recipe.task.name == "recognition":
        try:
            calibration = calibrate(run.recipe, exported, judged)
        except ThinData as error:
            why = str(error)
    files = [
        (exported.model.name, "the model"),
        (exported.card.name, "its card, for --models"),
        *([(calibration.name, "what its similarities are worth")] if calibration else []),
        (RECIPE, "the recipe with every key"),
        (FOLDER, "checkpoints"),
    ]
    report = write_report(run.out, run.recipe, run.findings, run.tested, files, run.facts)
    return Finished(exported, report, calibration, why)


def figures(recipe: Recipe, findings: Findings | None, tested: Findings | None) -> dict[str, str]:
    """What a card says of how well a model did, by the part of the data."""
    data = Path(recipe.data.root).name or "rendered heads"
    parts = (("validation (chose the weights)", findings), ("test (chose nothing)", tested))
    return {
        f"{part} part of {data}, {found.pictures} pictures": ", ".join(
            f"{name} {value:.4g}" for name, value in found.metrics.items()
        )
        for part, found in parts
        if found is not None
    }


def calibrate(recipe: Recipe, exported: Exported, judged: Findings) -> Path:
    """Write what similarities are worth beside the card; raises `ThinData` with too few pairs."""
    scores = judged.scores["verification"]
    assert judged.people is not None
    made = make_calibration(
        scores.genuine,
        scores.impostor,
        judged.people,
        embedder=recipe.name,
        models={recipe.name: exported.sha256},
        made_on=f"held-out people of the training data: {judged.subjects} people, {judged.pictures} pictures",
        command=f"mien train {recipe.name}",
        pictures=judged.pictures,
        subjects=judged.subjects,
    )
    path = calibration_beside(exported.card)
    path.write_text(made.to_json(), encoding="utf-8")
    return path

"""`mien evaluate …`: the field's protocols on any folder, one file a protocol."""

from __future__ import annotations

import typer

from mien.cli.evaluate import (
    attributes,
    detection,
    fairness,
    geometry,
    identification,
    landmarks,
    liveness,
    robustness,
    verification,
)

app = typer.Typer(name="evaluate", help="Measure mien on your own pictures.", no_args_is_help=True)
app.command("verification")(verification.verification)
app.command("identification")(identification.identification)
app.command("detection")(detection.detection)
app.command("landmarks")(landmarks.landmarks)
app.command("attributes")(attributes.attributes)
app.command("liveness")(liveness.liveness)
app.command("fairness")(fairness.fairness)
app.command("robustness")(robustness.robustness)
app.command("geometry")(geometry.geometry)


@app.callback()
def evaluate() -> None:
    """Measure mien on your own pictures, by the protocols of the field."""

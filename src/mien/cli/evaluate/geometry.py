"""`mien evaluate geometry`: a predicted head against a scan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli import options
from mien.cli.evaluate import report as page
from mien.cli.output import emit, say, table
from mien.core.errors import InputError


def geometry(
    prediction: Annotated[Path, typer.Option("--prediction", help="The predicted head: .glb, .obj or .ply.")],
    scan: Annotated[
        Path, typer.Option("--scan", help="The scan: .ply, .obj or .glb; a point cloud will do.")
    ],
    landmarks: Annotated[
        Path | None,
        typer.Option(
            "--landmarks",
            help="NoW's seven of the scan, perhaps of the prediction too: .json, .npz, .txt or .pp.",
        ),
    ] = None,
    aligned: Annotated[
        str, typer.Option("--aligned", help="The figures in front: rigid, or rigid+scale as NoW has it.")
    ] = "rigid",
    unit: Annotated[str, typer.Option("--unit", help="Unit of the prediction: mm, cm or m.")] = "mm",
    scan_unit: Annotated[str, typer.Option("--scan-unit", help="Unit of the scan: mm, cm or m.")] = "mm",
    outer: Annotated[
        bool, typer.Option("--outer/--all-points", help="Leave out what no outside view of the scan sees.")
    ] = True,
    most: Annotated[
        int, typer.Option("--points", min=0, help="Scan points measured at most, drawn evenly; 0: all.")
    ] = 20_000,
    html: page.Html = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    as_json: options.Json = False,
) -> int:
    """Measure a predicted head against a scan: the protocol of the NoW benchmark, on heads of your own.

    Aligned on seven landmarks, then by closest points; the distance from each scan point inside the face
    region to the predicted surface. Landmarks that no file gives are known (heads by mien) or looked for.
    """
    from mien.cli.session import open_analyzer
    from mien.evaluation.geometry import evaluate_geometry
    from mien.evaluation.metrics.mesh import Alignment
    from mien.pipeline.config import configure

    if aligned not in ("rigid", "rigid+scale"):
        raise InputError(f"a head is aligned rigid or rigid+scale, not {aligned}; leave --aligned out")
    analyzer = open_analyzer(configure(profile, models=models), streams=1)
    report = evaluate_geometry(
        prediction,
        scan,
        landmarks,
        unit=unit,
        scan_unit=scan_unit,
        outer=outer,
        most=most,
        analyzer=analyzer,
    )
    kind: Alignment = "rigid+scale" if aligned == "rigid+scale" else "rigid"
    answer = report.to_dict(kind)
    if html is not None:
        from mien.evaluation.pages.geometry import geometry_page

        names = (prediction.name, scan.name)
        page.write(html, geometry_page(report, kind, names, page.this_run({})))
    if as_json:
        emit(answer)
        return 0
    rows = [
        [who, name, *(f"{row[key]:.3f}" for key in ("median_mm", "mean_mm", "std_mm"))]
        for who, errors in (("this head", answer["all"]), ("mean head", answer["mean_head"]))
        for name, row in errors.items()
    ]
    table("", ["head", "alignment", ">median mm", ">mean mm", ">std mm"], rows)
    say(f"{answer['vertices']:,} of {answer['region_points']:,} scan points in the face region")
    for name, source in answer["landmarks"].items():
        say(f"landmarks of the {name}: {source}")
    return 0

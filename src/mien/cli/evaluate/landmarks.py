"""`mien evaluate landmarks`: how precise are the points of a face?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.evaluate import report as page
from mien.cli.output import emit, percent, progress, table
from mien.core.errors import MienError, NoFaceFound

if TYPE_CHECKING:
    from mien.evaluation.landmarks import LandmarksReport, Points2D
    from mien.geometry.schemes import Scheme
    from mien.pipeline.analyze import Analyzer


def landmarks(
    points: Annotated[
        Path,
        typer.Option("--points", help="A CSV `file,x,y,x,y…`, or a folder of .pts or .points.json files."),
    ],
    images: Annotated[Path, typer.Option("--images", help="The folder that holds the pictures.")],
    scheme: Annotated[
        str, typer.Option("--scheme", help="Which points they are: ibug68, frl189 or mesh468.")
    ] = "ibug68",
    limit: Annotated[
        float, typer.Option("--limit", help="An error above this share of the eye distance is a failure.")
    ] = 0.08,
    html: page.Html = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    formats: options.Formats = None,
    as_json: options.Json = False,
) -> int:
    """Measure landmarks against annotated ones: NME, error distribution, AUC and failure rate.

    Errors are shares of the distance between the outer eye corners. A face that is not found is a failure.
    """
    from mien.cli.session import open_analyzer
    from mien.evaluation.landmarks import evaluate_landmarks
    from mien.evaluation.protocols.points import read_points
    from mien.geometry.schemes import scheme as read_scheme
    from mien.pipeline.config import configure

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    wanted = read_scheme(scheme)
    truth = read_points(points, images, wanted.points)
    pictures = list(truth)
    names = config.model_names({"landmarks"})
    with open_analyzer(config) as analyzer:
        found = _found(analyzer, truth, wanted, as_json)
        report = evaluate_landmarks(pictures, list(truth.values()), found, wanted, limit)
        if html is not None:
            from mien.evaluation.pages.landmarks import landmarks_page, show_points

            pairs = dict(zip(pictures, found, strict=True))
            show = show_points(analyzer, truth, pairs, wanted)
            page.write(html, landmarks_page(report, show, page.this_run(names)))
    if as_json:
        emit({**report.to_dict(), "models": names})
    else:
        _show(report)
    return 0


def _found(
    analyzer: Analyzer, truth: dict[Path, Points2D], scheme: Scheme, quiet: bool
) -> list[Points2D | MienError]:
    from mien.evaluation.acquire import report_pictures
    from mien.evaluation.landmarks import face_of

    found: list[Points2D | MienError] = []
    with progress(quiet) as bar:
        task = bar.add_task("pictures", total=len(truth))
        reports = report_pictures(analyzer, list(truth), ("landmarks",), lambda: bar.advance(task))
        for (picture, marked), faces in zip(truth.items(), reports, strict=True):
            if isinstance(faces, MienError):
                found.append(faces)
                continue
            try:
                found.append(face_of(faces, marked, scheme, picture.name))
            except NoFaceFound as error:
                found.append(error)
    return found


def _show(report: LandmarksReport) -> None:
    from mien.evaluation.wording import between

    def share(value: float | None) -> str:
        return "–" if value is None else percent(value, 2)

    table(
        f"{report.points} points of {report.scheme}, errors in distances of the outer eye corners",
        ["measure", ">value", ">95 % interval"],
        [
            ["NME (mean)", share(report.nme), between(report.nme_interval)],
            ["NME without the outline", share(report.nme_inner), ""],
            ["NME (median face)", share(report.median), ""],
            [f"AUC up to {percent(report.limit, 0)}", share(report.auc), ""],
            [
                f"failures: above {percent(report.limit, 0)}, or not found",
                share(report.failure_rate),
                between(report.failure_interval),
            ],
            ["faces not found", f"{len(report.failures):,} of {report.faces:,}", ""],
            *([f"NME of {part}", share(value), ""] for part, value in report.parts.items()),
        ],
    )

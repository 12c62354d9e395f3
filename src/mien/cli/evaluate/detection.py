"""`mien evaluate detection`: are the faces of a picture found?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.evaluate import report as page
from mien.cli.output import emit, percent, progress, table
from mien.core.errors import InputError, MienError

if TYPE_CHECKING:
    from mien.evaluation.detection import DetectionReport
    from mien.evaluation.protocols.boxes import FoundFaces
    from mien.pipeline.config import Config


def detection(
    truth: Annotated[
        Path, typer.Option("--truth", help="A table `file,x1,y1,x2,y2[,ignore]`, or WIDER FACE's txt.")
    ],
    images: Annotated[
        Path | None, typer.Option("--images", help="The folder that holds the pictures.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Judge these boxes instead of mien's: `file,x1,y1,x2,y2,score`."),
    ] = None,
    html: page.Html = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    formats: options.Formats = None,
    as_json: options.Json = False,
) -> int:
    """Measure boxes against true ones: average precision by VOC and COCO, recall by size.

    A true box marked to be ignored (WIDER FACE: invalid) is neither to be found nor wrong to find.
    """
    from mien.evaluation.detection import NOTHING, evaluate_detection
    from mien.evaluation.protocols.boxes import read_found_boxes, read_true_boxes
    from mien.pipeline.config import configure

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    faces = read_true_boxes(truth)
    pictures = [Path(name) if images is None else images / name for name in faces]
    found: list[FoundFaces | MienError]
    if predictions is not None:
        boxes = read_found_boxes(predictions)
        page.same_pictures(faces, boxes, predictions)
        found, names = [boxes.get(name, NOTHING) for name in faces], {"detect": str(predictions)}
    elif images is not None:
        missing = next((picture for picture in pictures if not picture.is_file()), None)
        if missing is not None:
            raise InputError(f"{truth}: there is no picture {missing}; check the list and --images")
        found, names = _found(config, pictures, as_json), config.model_names({"box"})
    else:
        raise InputError("give --images DIR to look for faces in, or --predictions FILE with boxes")
    report = evaluate_detection(pictures, list(faces.values()), found)
    if html is not None:
        from mien.evaluation.pages.detection import detection_page

        page.write(html, detection_page(report, page.this_run(names)))
    if as_json:
        emit({**report.to_dict(), "models": names})
    else:
        _show(report)
    return 0


def _found(config: Config, pictures: list[Path], quiet: bool) -> list[FoundFaces | MienError]:
    import numpy as np

    from mien.cli.session import open_analyzer
    from mien.evaluation.acquire import report_pictures
    from mien.evaluation.protocols.boxes import FoundFaces

    found: list[FoundFaces | MienError] = []
    with open_analyzer(config) as analyzer, progress(quiet) as bar:
        task = bar.add_task("pictures", total=len(pictures))
        for faces in report_pictures(analyzer, pictures, ("box",), lambda: bar.advance(task)):
            if isinstance(faces, MienError):
                found.append(faces)
            else:
                boxes = np.array([face.detection.box for face in faces], np.float64).reshape(-1, 4)
                found.append(
                    FoundFaces(boxes, np.array([face.detection.score for face in faces], np.float64))
                )
    return found


def _show(report: DetectionReport) -> None:
    from mien.evaluation.wording import between

    table(
        "",
        ["measure", ">value", ">95 % interval"],
        [
            ["AP at IoU 0.5 (VOC)", percent(report.ap, 2), between(report.ap_interval)],
            ["AP at IoU 0.5, 11 points (VOC 2007)", percent(report.ap_voc07, 2), ""],
            ["AP at IoU 0.5 … 0.95 (COCO)", percent(report.ap_coco, 2), ""],
            ["recall of everything returned", percent(report.recall, 2), between(report.recall_interval)],
            ["precision of it", "–" if report.precision is None else percent(report.precision, 2), ""],
            ["false boxes a picture", f"{report.false_per_picture:.3f}", ""],
            *(
                [
                    f"recall of {size.name} faces ({size.low:g} px up)",
                    percent(size.recall, 2),
                    f"of {size.faces:,}",
                ]
                for size in report.sizes
                if size.recall is not None
            ),
            [
                "pictures / faces / ignored",
                f"{report.pictures:,} / {report.faces:,} / {report.ignored:,}",
                "",
            ],
        ],
    )

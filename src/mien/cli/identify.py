"""`mien identify PATH…`: who is it, out of the gallery."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from mien.cli import gallery_options, options
from mien.cli.output import NO_PICTURES, JsonRows, percent, pictures_task, progress, rate, say, short, table
from mien.core.answers import Candidate, PhotoIdentification
from mien.core.errors import InputError


def identify(
    paths: Annotated[list[str], typer.Argument(help="Pictures, folders, patterns; - is standard input.")],
    top: Annotated[int, typer.Option("--top", min=1, help="Show this many candidates a face.")] = 5,
    fpir: gallery_options.Fpir = 0.01,
    one: Annotated[
        bool, typer.Option("--one", help="Exit with 1 unless every picture shows somebody we know.")
    ] = False,
    where: gallery_options.Where = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    formats: options.Formats = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Say who is in each picture; "unknown" is an answer."""
    from mien.pipeline.identify import as_compared, operating_point

    rows: list[tuple[object, ...]] = []
    readable = seen = known = 0
    with gallery_options.open_gallery(
        where, profile, models, allow_noncommercial, formats, create=False
    ) as gallery:
        embedder = gallery.analyzer.config.profile.embedder
        calibration = as_compared(gallery.people, gallery.calibration)
        point = operating_point(calibration, gallery.people.searchable(embedder), fpir)
        document = JsonRows("results", {"gallery": point.to_dict()})
        with document if as_json else nullcontext(), progress(as_json) as bar:
            task = pictures_task(bar, paths, gallery.analyzer.config.formats)
            for answer in gallery.identify_many(paths, top=top, fpir=fpir):
                bar.advance(task)
                seen += 1
                readable += answer.error is None
                known += any(face.decision for face in answer.faces)
                if as_json:
                    document.row(answer.to_dict())
                else:
                    rows += _rows(answer, calibration.smallest_fmr)
            if not seen:
                raise InputError(NO_PICTURES)
    if not as_json:
        table("", ["picture", ">face", "who", ">similarity", ">strangers this alike", "next"], rows)
        say(f"{point.people:,} people; about {percent(fpir)} of strangers are given a name")
        if not point.supported:
            say("the calibration has too little data for a gallery this large: the rate is extrapolated")
    if not readable:
        return 2
    return 1 if one and known < seen else 0


def _strangers(candidate: Candidate, least: float) -> str:
    """How many strangers are this much alike, as far as the calibration knows."""
    return rate(candidate.fmr) if candidate.fmr_supported else f"under {rate(least)}"


def _rows(answer: PhotoIdentification, least: float) -> list[tuple[object, ...]]:
    if answer.error is not None or not answer.faces:
        return [(short(answer.source), "", answer.error or "no face found", "", "", "")]
    rows: list[tuple[object, ...]] = []
    for number, face in enumerate(answer.faces, 1):
        best = face.candidates[0] if face.candidates else None
        others = ", ".join(f"{c.name or '?'} {c.similarity:.2f}" for c in face.candidates[1:3])
        alike = f"{best.similarity:.3f}" if best else ""
        strangers = _strangers(best, least) if best else ""
        rows.append((short(answer.source), number, face.decision or "unknown", alike, strangers, others))
    return rows

"""`mien enrol`: add people to a gallery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import gallery_options, options
from mien.cli.output import JsonRows, progress, table
from mien.core.answers import EnrolReport
from mien.core.errors import InputError

if TYPE_CHECKING:
    from mien.core.people import Consent
    from mien.pipeline.gallery import Gallery


def enrol(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Pictures of one person: files, folders, patterns.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The person's name.")] = None,
    people: Annotated[
        Path | None, typer.Option("--people", help="A folder with one sub-folder a person, named after them.")
    ] = None,
    where: gallery_options.Where = None,
    which: gallery_options.Which = None,
    consent_by: gallery_options.ConsentBy = None,
    purpose: gallery_options.Purpose = "recognition",
    notice: gallery_options.Notice = "",
    consent_days: gallery_options.ConsentDays = None,
    protection: gallery_options.Protection = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    formats: options.Formats = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Remember people by their photos. Exit code 2 where nobody could be enrolled."""
    if (people is None) == (not paths):
        raise InputError("give either pictures of one person (with --name) or --people DIR")
    consent = gallery_options.consent_from(consent_by, purpose, notice, consent_days)
    rows: list[tuple[object, ...]] = []
    enrolled = 0
    with (
        gallery_options.open_gallery(
            where, profile, models, allow_noncommercial, formats, protection=protection
        ) as gallery,
        progress(as_json) as bar,
    ):
        task = bar.add_task("people", total=None)
        document = JsonRows("results", {"models": gallery.analyzer.config.model_names({"embedding"})})
        with document if as_json else nullcontext():
            for report in _reports(gallery, name, paths, people, consent, which):
                bar.advance(task)
                enrolled += report.person is not None
                if as_json:
                    document.row(report.to_dict())
                else:
                    rows.append(_row(report))
    if not as_json:
        table("", ["person", ">photos", "not used", "notes"], rows)
    return 0 if enrolled else 2


def _reports(
    gallery: Gallery,
    name: str | None,
    paths: list[str] | None,
    people: Path | None,
    consent: Consent | None,
    which: str | None,
) -> Iterator[EnrolReport]:
    from mien.pipeline.enrol import enrol

    if people is not None:
        yield from gallery.enrol_folders(people, consent=consent, which=which)
        return
    calibration = gallery.calibration
    yield enrol(gallery.people, gallery.analyzer, name, paths, calibration, consent=consent, which=which)


def _row(report: EnrolReport) -> tuple[object, ...]:
    notes = [str(report.error)] if report.error else []
    if report.looks_like:
        notes.append(f"looks like {report.looks_like}: merge them if they are one person")
    notes += [f"{Path(source).name}: {advice}" for source, advice in report.advice.items()]
    unused = "; ".join(f"{Path(source).name}: {error}" for source, error in report.rejected.items())
    return report.name or "(no name)", len(report.accepted), unused, "; ".join(notes)

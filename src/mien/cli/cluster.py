"""`mien cluster PATH…`: group unlabelled photos by person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import gallery_options, options
from mien.cli.output import NO_PICTURES, emit, pictures_task, progress, say, table, warn
from mien.core.errors import InputError
from mien.core.report import PhotoReport

if TYPE_CHECKING:
    from mien.core.answers import Grouped
    from mien.pipeline.analyze import Analyzer
    from mien.pipeline.cluster import Found
    from mien.pipeline.config import Config
    from mien.pipeline.index.journal import Journal


def cluster(
    paths: Annotated[list[str], typer.Argument(help="Pictures, folders, patterns, or what index made.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write one folder a person and groups.jsonl here.")
    ] = None,
    remember: Annotated[
        bool,
        typer.Option("--remember", help="Keep the groups in the gallery, to name and mend them."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same command was stopped or killed.")
    ] = False,
    where: gallery_options.Where = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    formats: options.Formats = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Group the faces of many photos by person.

    With --gallery or --remember, known people take in new photos and the groups stay for next time.
    Exit code 2 where no picture could be read.
    """
    from mien.cli.session import open_analyzer
    from mien.embedding.calibration import shipped_calibration
    from mien.pipeline.cluster import group, group_into, make_out, write_groups
    from mien.pipeline.config import configure
    from mien.pipeline.gallery import Gallery

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    reports: list[PhotoReport] = []
    if out is not None:
        make_out(out, resume=resume)  # before the long work, not after
    with _journal(paths, config, resume) as journal, open_analyzer(config) as analyzer:
        found = _look(analyzer, paths, journal, reports.append, as_json)
        if remember or where is not None:
            with Gallery(where, analyzer=analyzer) as gallery:
                groups = group_into(gallery.people, found, gallery.calibration)
        else:
            groups = group(found, shipped_calibration(config.profile.calibrated))
        copied = sum(1 for _ in write_groups(out, groups)) if out is not None else 0
    if not reports:
        raise InputError(NO_PICTURES)
    failures = [report for report in reports if report.error is not None]
    if as_json:
        _emit(groups, failures)
    else:
        _show(groups, failures)
        if out is not None:
            say(f"{copied:,} photos are in {out}")
    return 2 if reports and len(failures) == len(reports) else 0


@contextmanager
def _journal(paths: list[str], config: Config, resume: bool) -> Iterator[Journal | None]:
    """The journal of a command whose pictures are all files."""
    from mien.pipeline.index.journal import cache_takes_files, can_be_kept, journal

    if not all(map(can_be_kept, paths)):
        if resume:
            raise InputError("an index and standard input cannot be resumed: leave --resume out")
        yield None
    elif not cache_takes_files(config.cache):
        warn(f"mien: {config.cache} cannot be written, so a stopped run begins anew: set MIEN_CACHE")
        yield None
    else:
        with journal(paths, config, resume) as opened:
            try:
                yield opened
            except BaseException:
                if opened.begun():
                    warn("mien: say the same with --resume to go on")
                raise


def _look(
    analyzer: Analyzer,
    paths: list[str],
    journal: Journal | None,
    seen: Callable[[PhotoReport], None],
    quiet: bool,
) -> list[Found]:
    """The faces of all pictures; ``seen`` learns of each picture."""
    from mien.pipeline.cluster import faces_of, gather

    with progress(quiet) as bar:
        if journal is None:
            listed = pictures_task(bar, paths, analyzer.config.formats)

            def one(report: PhotoReport) -> None:
                bar.advance(listed)
                seen(report)

            return gather(analyzer, paths, one)

        task = bar.add_task("pictures", total=None)

        def begin(photos: int, before: int) -> None:
            bar.update(task, total=photos - before)
            if before:
                warn(f"mien: {before:,} of {photos:,} pictures were seen before")

        return faces_of(journal.looks(analyzer, begin, lambda report: bar.advance(task)), seen)


def _emit(groups: list[Grouped], failures: list[PhotoReport]) -> None:
    errors = [{"source": report.source, "error": report.to_dict()["error"]} for report in failures]
    count = len({face.group for face in groups})
    emit({"people": count, "faces": [face.to_dict() for face in groups], "errors": errors})


def _show(groups: list[Grouped], failures: list[PhotoReport]) -> None:
    sizes: dict[int, int] = {}
    for face in groups:
        sizes[face.group] = sizes.get(face.group, 0) + 1
    names = {face.group: face.name or "" for face in groups}
    largest = sorted(sizes, key=lambda number: -sizes[number])[:40]
    table("", [">group", ">faces", "name"], [(number, sizes[number], names[number]) for number in largest])
    for report in failures[:20]:
        say(f"  {report.source}: {report.error}")
    say(f"{len(sizes):,} people in {len(groups):,} faces; {len(failures):,} pictures could not be read")

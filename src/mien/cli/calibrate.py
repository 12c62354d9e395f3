"""`mien calibrate`: learn what a similarity is worth on one's own cameras and people."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from mien.cli import gallery_options, options
from mien.cli.output import emit, percent, progress, rate, say, table, write_private
from mien.core.errors import InputError

if TYPE_CHECKING:
    from mien.embedding.calibration import Calibration
    from mien.evaluation.own import OwnScores
    from mien.pipeline.analyze import Analyzer

SHOWN = (1e-2, 1e-3, 1e-4, 1e-5)


def calibrate(
    people: Annotated[
        Path | None, typer.Option("--people", help="A folder with one sub-folder of pictures a person.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="LFW's pairs.txt or a table path_a,path_b,same.")
    ] = None,
    images: Annotated[Path | None, typer.Option("--images", help="Where those pictures are.")] = None,
    groups: Annotated[
        Path | None, typer.Option("--groups", help="A table person,group: report each group's rate too.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write it to a file too.")] = None,
    which: Annotated[
        str, typer.Option("--which", help="Of several faces in a picture: center, largest, or its number.")
    ] = "center",
    where: gallery_options.Where = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    formats: options.Formats = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Measure false match rates on your own pictures and store them with the gallery.

    Every later answer of that gallery uses them. Refuses when the pictures are too few to support a rate.
    """
    from mien.cli.session import open_analyzer
    from mien.evaluation.calibrate import make_calibration
    from mien.pipeline.config import configure
    from mien.pipeline.stores import gallery_uri, open_people
    from mien.zoo.registry import card

    if (people is None) == (pairs is None) or (pairs is None) != (images is None):
        raise InputError("give either --people DIR, or --pairs FILE with --images DIR")
    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    embedder = config.profile.embedder
    if out is not None and not out.parent.is_dir():
        raise InputError(f"there is no folder {out.parent} to write to: make it, or choose another --out")
    uri = gallery_uri(where)
    if "://" in uri:
        open_people(uri).close()  # a server that refuses should do so before the long work
    with open_analyzer(config) as analyzer:
        scores = _scores(analyzer, people, pairs, images, groups, which, as_json)
    made = make_calibration(
        scores.genuine,
        scores.impostor,
        scores.people,
        embedder=embedder,
        models={name: card(name).sha256 for name in embedder.split("+")},
        made_on=f"the user's own pictures: {scores.subjects} people, {scores.pictures} pictures",
        command=shlex.join(["mien", *sys.argv[1:]]),
        pictures=scores.pictures,
        subjects=scores.subjects,
    )
    with open_people(uri) as opened:
        opened.set_calibration(embedder, made.to_json())
    if out is not None:
        write_private(out, made.to_json())
    if as_json:
        emit(_document(made, scores))
    else:
        _show(made, scores)
    return 0


def _scores(
    analyzer: Analyzer,
    people: Path | None,
    pairs: Path | None,
    images: Path | None,
    groups: Path | None,
    which: str,
    quiet: bool,
) -> OwnScores:
    from mien.evaluation.acquire import embed_pictures
    from mien.evaluation.own import folder_of_people, read_groups, score_listed, score_people
    from mien.evaluation.protocols import read_pairs

    with progress(quiet) as bar:
        task = bar.add_task("pictures", total=None)
        embed = embed_pictures(analyzer, which, lambda: bar.advance(task))
        if people is not None:
            found = folder_of_people(people)
            bar.update(task, total=sum(map(len, found.values())))
            return score_people(found, embed, read_groups(groups) if groups else None)
        if pairs is None or images is None:
            raise InputError("give either --people DIR, or --pairs FILE with --images DIR")
        return score_listed(read_pairs(pairs, images), embed)


def _rows(made: Calibration) -> list[tuple[float, float, float, float]]:
    """(rate, threshold, low, high) of the rates that the data support."""
    shown = [fmr for fmr in SHOWN if fmr >= made.smallest_fmr]
    if made.smallest_fmr not in shown:
        shown.append(made.smallest_fmr)
    thresholds = [made.threshold(fmr) for fmr in shown]
    bounds = [made.fmr(threshold) for threshold in thresholds]
    return [(f, t, b.low, b.high) for f, t, b in zip(shown, thresholds, bounds, strict=True)]


def _document(made: Calibration, scores: OwnScores) -> dict[str, object]:
    from mien.evaluation.own import rates_by_group

    rows = _rows(made)
    return {
        "embedder": made.embedder,
        "people": made.subjects,
        "pictures": made.pictures,
        "genuine": made.genuine,
        "impostors": made.impostors,
        "smallest_fmr": made.smallest_fmr,
        "thresholds": [{"fmr": f, "threshold": t, "low": low, "high": high} for f, t, low, high in rows],
        "tmr": {f"{f:.1e}": float(np.mean(scores.genuine >= t)) for f, t, _, _ in rows},
        "groups": {
            cell.group: {"pairs": cell.pairs, "fmr": cell.rate, "interval": list(cell.interval)}
            for cell in rates_by_group(scores, rows[-1][1], rows[-1][0])
        },
        "failures": dict(scores.failures),
    }


def _show(made: Calibration, scores: OwnScores) -> None:
    from mien.evaluation.own import rates_by_group

    rows = _rows(made)
    table(
        "",
        [">strangers called the same", ">threshold", ">95 % interval", ">same person found"],
        [
            (
                rate(f),
                f"{t:.3f}",
                f"{rate(high)} to {rate(low)}",
                percent(float((scores.genuine >= t).mean())),
            )
            for f, t, low, high in rows
        ],
    )
    groups = rates_by_group(scores, rows[-1][1], rows[-1][0])
    if groups:
        columns = [f"group, at threshold {rows[-1][1]:.3f}", ">pairs", ">strangers called the same"]
        table(
            "",
            columns,
            [(cell.group, cell.pairs, rate(cell.rate) if cell.enough else "too few") for cell in groups],
        )
    say(f"{made.subjects} people, {made.impostors:,} pairs of strangers; stored with the gallery")
    if scores.failures:
        say(f"{len(scores.failures)} pictures showed no face that could be used")

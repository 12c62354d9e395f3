"""The demonstration from first picture to finished page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien import __version__
from mien.core.errors import InputError, MienError
from mien.page.blocks import Commands, Facts, Files, Note, Page, Section, Text
from mien.page.html import save_page
from mien.pipeline.analyze import Analyzer
from mien.pipeline.demo import faces, gallery, groups, heads, people
from mien.pipeline.demo.album import make_album
from mien.pipeline.demo.stage import Chapter, Stage, Tell, Told
from mien.pipeline.networks import Progress

# The order of the page. A new chapter is a module with a CHAPTER, named here.
CHAPTERS: tuple[Chapter, ...] = (
    faces.CHAPTER,
    people.CHAPTER,
    gallery.CHAPTER,
    groups.CHAPTER,
    heads.CHAPTER,
)
REPORT, SUMMARY = "report.html", "demo.json"


@dataclass(frozen=True, slots=True)
class Demo:
    """report: the page to open.    facts: (label, value).    errors: chapter -> why it was left out."""

    report: Path
    facts: Sequence[tuple[str, str]]
    summary: Mapping[str, Any]
    errors: Mapping[str, MienError]


def run_demo(
    analyzer: Analyzer,
    out: Path,
    tell: Tell = lambda said: None,
    chapters: Sequence[Chapter] = CHAPTERS,
    progress: Callable[[str], Progress] | None = None,
) -> Demo:
    """Make pictures, analyse them, let each chapter tell its part, write everything into ``out``.

    A chapter that cannot run (an optional package is missing) says so on the page; the others go on.
    raises: InputError where ``out`` holds somebody else's files, `ModelError` where detection cannot run.
    """
    start = time.perf_counter()
    _claim(out)
    tell("fetching three public-domain portraits and varying them")
    album = make_album(out / "pictures", progress)
    names = list(dict.fromkeys(analyzer.config.model_names({"landmarks", "embedding"}).values()))
    tell(f"analysing {len(list(album))} pictures with {', '.join(names)}")
    found = analyzer.analyze_many(photo.path for photo in album)
    stage = Stage(analyzer, album, {Path(report.source).name: report for report in found}, out, tell)
    told: dict[str, Told] = {}
    errors: dict[str, MienError] = {}
    for chapter in chapters:
        try:
            told[chapter.name] = chapter.tell(stage)
        except MienError as error:
            tell(f"leaving out “{chapter.title}”: {error}")
            errors[chapter.name] = error
            told[chapter.name] = _left_out(chapter, error)
    summary = _summary(out, analyzer, told, time.perf_counter() - start)
    tell("writing the report")
    save_page(out / REPORT, _page(stage, told, names))
    (out / SUMMARY).write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Demo(out / REPORT, [fact for one in told.values() for fact in one.facts], summary, errors)


def _claim(out: Path) -> None:
    """Take an empty folder or a former demo's; never write among somebody's own files."""
    try:
        if out.exists() and not (out / SUMMARY).exists() and any(out.iterdir()):
            raise InputError(f"{out} holds other files: choose an empty folder with --out")
        (out / "annotated").mkdir(parents=True, exist_ok=True)
        (out / SUMMARY).touch()
    except OSError as error:
        raise InputError(
            f"{out} cannot be used ({error.strerror}): choose another folder with --out"
        ) from error


def _left_out(chapter: Chapter, error: MienError) -> Told:
    return Told(Section(chapter.title, [Note(f"Left out: {error}.", "bad")]), {"error": error.to_dict()})


def _summary(out: Path, analyzer: Analyzer, told: Mapping[str, Told], seconds: float) -> dict[str, Any]:
    return {
        "report": str(out / REPORT),
        "chapters": {name: dict(one.summary) for name, one in told.items()},
        "models": analyzer.config.model_names({"landmarks", "embedding"}),
        "seconds": round(seconds, 2),
        "mien": __version__,
    }


def _page(stage: Stage, told: Mapping[str, Told], names: Sequence[str]) -> Page:
    facts = [fact for one in told.values() for fact in one.facts]
    sections = [*(one.section for one in told.values()), _try(stage)]
    credits = "; ".join(stage.album.credits)
    return Page(
        "What mien sees",
        "Face recognition on your own machine: no picture left it, and this page opens without a network.",
        Facts(facts),
        sections,
        f"Made by mien {__version__} with {', '.join(names)}. Pictures: {credits}.",
    )


def _try(stage: Stage) -> Section:
    place = stage.out
    return Section(
        "Try it yourself",
        [
            Text("The pictures are in the folder of this page. Put your own in their place:"),
            Commands(
                [
                    f"mien analyze {place}/pictures --out my-faces",
                    f"mien verify {place}/pictures/astronaut.png {place}/pictures/astronaut-dark.jpg",
                    f"mien verify {place}/pictures/astronaut.png {place}/pictures/hopper.jpg --fmr 1e-3",
                    f"mien cluster {place}/pictures --out my-groups",
                    f"mien enrol --name Eileen {place}/pictures/astronaut.png --gallery my-people",
                    f"mien identify {place}/pictures/group.jpg --gallery my-people",
                ]
            ),
            Files(
                [("annotated/group.jpg", "a drawn picture, full size"), (SUMMARY, "the figures for programs")]
            ),
        ],
    )

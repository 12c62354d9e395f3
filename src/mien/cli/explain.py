"""`mien explain`: what makes two faces the same?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.output import emit, progress, say, table, warn
from mien.core.errors import InputError

if TYPE_CHECKING:
    from mien.core.types import Pixels
    from mien.page.blocks import Page
    from mien.pipeline.explain import Explanation


def explain(
    a: Annotated[str, typer.Argument(help="A picture, or - for standard input.")],
    b: Annotated[str, typer.Argument(help="Another picture.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the heat maps: a .png, .jpg or .html file.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method", help="rise: random smooth masks; occlusion: a sliding square; gradient: of the net."
        ),
    ] = "rise",
    masks: Annotated[int, typer.Option("--masks", min=20, help="How many masks a face, for rise.")] = 400,
    fmr: options.Fmr = 1e-4,
    which: Annotated[
        str | None, typer.Option("--which", help="The face that is meant: largest, center, or its number.")
    ] = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Show which parts of two faces make them alike.

    Parts are hidden and the similarity is watched; `--method gradient` asks the network itself, with PyTorch.
    """
    from mien.cli.session import open_analyzer
    from mien.pipeline.config import configure
    from mien.training.explain import explain_faces

    if out is not None and out.suffix.lower() not in (".png", ".jpg", ".jpeg", ".html"):
        raise InputError(f"{out} is no picture and no page: name a .png, .jpg or .html file")
    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial)
    with open_analyzer(config) as analyzer, progress(as_json) as bar:
        task = bar.add_task("embeddings", total=None)
        found = explain_faces(
            analyzer,
            a,
            b,
            method=method,
            fmr=fmr,
            which=which,
            masks=masks,
            done=lambda count: bar.advance(task, count),
        )
    if out is not None:
        _write(out, found, (a, b))
    if as_json:
        emit(found.to_dict())
    else:
        _show(found)
    return 0


def verdict(found: Explanation) -> str:
    """The decision in one line."""
    said = "same person" if found.answer.same else "not the same person"
    return f"{said}: similarity {found.answer.similarity:.3f}, threshold {found.answer.threshold:.3f}"


def most_telling(regions: dict[str, float]) -> str:
    """The region whose loss costs most similarity.

    >>> most_telling({"eyes": 0.25, "nose": 0.1})
    'without the eyes: 0.25 less alike'
    """
    name = max(regions, key=lambda region: regions[region])
    return f"without the {name}: {regions[name]:.2f} less alike"


def _write(out: Path, found: Explanation, names: tuple[str, str]) -> None:
    from mien.overlay.heat import heat_sheet

    faces = [(name, face.crop, face.heat) for name, face in zip(names, (found.a, found.b), strict=True)]
    notes = [most_telling(dict(face.regions)) for face in (found.a, found.b)]
    sheet = heat_sheet(faces, verdict(found), notes)
    if out.suffix.lower() == ".html":
        from mien.page.html import save_page

        save_page(out, _page(found, sheet))
    else:
        from PIL import Image

        try:
            Image.fromarray(sheet).save(out)
        except OSError as error:
            raise InputError(f"{out} cannot be written ({error.strerror}): choose another --out") from error
    warn(f"mien: the heat maps are in {out}")


def _page(found: Explanation, sheet: Pixels) -> Page:
    from mien import __version__
    from mien.page.blocks import Facts, Page, Pictures, Section, Table, Text
    from mien.page.picture import embed

    facts = [
        ("Decision", "same person" if found.answer.same else "not the same"),
        ("Similarity", f"{found.answer.similarity:.3f}"),
        ("Threshold", f"{found.answer.threshold:.3f}"),
    ]
    lead = "Orange parts of a face make the two more alike, blue parts make them less alike."
    how = f"{found.embeddings:,} times a face was changed and looked at again (method: {found.method})."
    if found.method == "gradient":
        how += " What the pixels have adds up to the similarity that they win over a blurred face."
    rows = [[name, f"{lost:+.3f}", f"{found.b.regions[name]:+.3f}"] for name, lost in found.a.regions.items()]
    picture = embed(sheet, "both faces and their heat maps", long_side=sheet.shape[1], quality=92)
    regions = Table(
        ["region", ">first face", ">second face"],
        rows,
        "Similarity lost when only this is hidden. Regions share what they tell: losses do not add up.",
    )
    sections = [
        Section("Heat maps", [Pictures([picture], "full"), Text(how)]),
        Section("Regions", [regions]),
    ]
    return Page("What makes these two alike", lead, Facts(facts), sections, f"mien {__version__}")


def _show(found: Explanation) -> None:
    say(verdict(found))
    rows = [
        (name, f"{found.a.regions[name]:+.3f}", f"{found.b.regions[name]:+.3f}")
        for name in sorted(found.a.regions, key=lambda name: -found.a.regions[name])
    ]
    table("similarity lost when only this is hidden", ["region", ">in the first", ">in the second"], rows)
    say("Regions share what they tell, so these losses do not add up.")

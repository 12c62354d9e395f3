"""`mien train head-model`: a head model from anybody's registered shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from mien.cli import options
from mien.cli.output import emit, say
from mien.core.errors import InputError


def head_model(
    shapes: Annotated[
        Path,
        typer.Argument(
            metavar="SHAPES",
            help="A folder of registered heads (.obj, .ply, .glb, .npz), or ICT's packed file.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The model file; its card stands beside it.")
    ] = Path("head.npz"),
    expressions: Annotated[
        Path | None,
        typer.Option(
            "--expressions", help="A folder of movements on the same mesh, named as ARKit names them."
        ),
    ] = None,
    indices: Annotated[
        Path | None,
        typer.Option("--indices", help="JSON of vertex numbers: regions, landmarks68, mirror; all optional."),
    ] = None,
    components: Annotated[
        int, typer.Option("--components", min=1, help="Identity components kept at most.")
    ] = 100,
    align: Annotated[
        bool, typer.Option("--align/--as-they-stand", help="Turn and shift the heads onto their mean first.")
    ] = True,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Learn from every head and its mirror image.")
    ] = False,
    unit: Annotated[str, typer.Option("--unit", help="Unit of the shapes: mm, cm or m.")] = "mm",
    licence: Annotated[
        str, typer.Option("--licence", help="Licence of the shapes, for the card.")
    ] = "unknown",
    landmarks: Annotated[
        bool,
        typer.Option("--landmarks/--no-landmarks", help="Look for the 468 landmarks on the mean head."),
    ] = True,
    embedding: Annotated[
        Path | None, typer.Option("--embedding", help="Packed file only: 468 points on these shapes (.npz).")
    ] = None,
    people: Annotated[
        Path | None, typer.Option("--people", help="Packed file only: landmarks of frontal photos (.npz).")
    ] = None,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    as_json: options.Json = False,
) -> int:
    """Train a head model: mean, orthonormal identity basis, movements, regions and landmarks in one file.

    All shapes have the same triangles. The error is measured on heads that a second model has not seen; the
    file that is written has learned from all of them.
    """
    if out.suffix != ".npz":
        raise InputError(f"a head model is an .npz file, not {out.name}: name it so with --out")
    if shapes.is_file() and shapes.suffix.lower() == ".npz":
        if expressions or indices:
            raise InputError("a packed file brings its expressions and regions; leave those options out")
        card = _packed(shapes, embedding, people, out)
    else:
        if embedding or people:
            raise InputError(
                "--embedding and --people belong to the packed file; leave them out for a folder"
            )
        card = _folder(
            shapes,
            expressions,
            indices,
            {"components": components, "aligned": align, "symmetric": symmetric, "licence": licence},
            unit,
            out,
            _analyzer(profile, models) if landmarks else None,
        )
    if as_json:
        emit(card)
    else:
        _tell(out, card)
    return 0


def _analyzer(profile: str, models: str | None) -> Any:
    from mien.cli.session import open_analyzer
    from mien.pipeline.config import configure

    return open_analyzer(configure(profile, models=models), streams=1)


def _folder(
    shapes: Path,
    expressions: Path | None,
    indices: Path | None,
    settings: dict[str, Any],
    unit: str,
    out: Path,
    analyzer: Any,
) -> dict[str, Any]:
    from mien.evaluation.geometry import UNITS
    from mien.face3d.model.arkit import ARKIT
    from mien.training.headmodel.folder import Indices, read_expressions, read_heads, read_indices
    from mien.training.headmodel.population import FolderRecipe, train_on_folder

    if unit not in UNITS:
        raise InputError(f"shapes are in mm, cm or m, not in {unit}; correct --unit")
    heads = read_heads(shapes, UNITS[unit])
    count = heads.heads.shape[1]
    known = Indices() if indices is None else read_indices(indices, count)
    moves = np.zeros((len(ARKIT), count, 3), np.float32)
    if expressions is not None:
        moves = read_expressions(expressions, heads, heads.heads.mean(axis=0), UNITS[unit])
    return train_on_folder(heads, moves, known, FolderRecipe(**settings), out, analyzer)


def _packed(shapes: Path, embedding: Path | None, people: Path | None, out: Path) -> dict[str, Any]:
    from mien.training.headmodel.build import Recipe, train_head_model
    from mien.training.headmodel.ict import read_arrays, read_registered

    if embedding is None:
        raise InputError("a packed file needs the 468 points on its shapes; give them with --embedding")
    portraits = [] if people is None else [v[:, :2].astype(float) for v in read_arrays(people).values()]
    return train_head_model(read_registered(shapes), read_arrays(embedding), Recipe(), out, portraits)


def _tell(out: Path, card: dict[str, Any]) -> None:
    say(f"{out}: {card['vertices']:,} vertices, {card['bytes'] / 1e6:.1f} MB")
    error = card["held_out_rms_mm"]
    if error is None:
        say("  too few heads to hold some out: the error on new ones is unknown")
    else:
        say(f"  error        {error['median']:.2f} mm rms on held-out heads, at most {error['max']:.2f}")
    for key in ("components", "moving_expressions", "landmarks", "licence"):
        if key in card:
            say(f"  {key.replace('_', ' '):<12} {card[key]}")

"""`mien compress quantize`: a model in int8, or with its weights in 16 bits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.compress import asked, measure
from mien.cli.output import progress
from mien.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mien.compression.quantize import Quantised
    from mien.core.modelcard import ModelCard, Precision


def quantize(
    model: Annotated[str, typer.Argument(help="The model: its name, or its card file (.toml).")],
    out: measure.Out,
    people: measure.People = None,
    pairs: measure.Pairs = None,
    labels: asked.Labels = None,
    column: asked.Column = None,
    points: asked.Points = None,
    images: asked.Images = None,
    to: Annotated[
        str,
        typer.Option("--to", help="int8 (a quarter of the size, whole numbers) or float16 (half the size)."),
    ] = "int8",
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures", help="Calibrate int8 on these; default: a fifth of those given, not measured."
        ),
    ] = None,
    method: Annotated[
        str, typer.Option("--method", help="How int8 ranges are chosen: mse, minmax or percentile.")
    ] = "mse",
    keep_float: Annotated[
        int, typer.Option("--keep-float", min=0, help="Leave this many layers in float: the most sensitive.")
    ] = 0,
    name: measure.Name = None,
    budget: asked.Budget = None,
    fmr: measure.Fmr = 1e-3,
    which: measure.Which = "center",
    profile: options.Profile = "balanced",
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Turn a model into int8 or float16, and measure what it costs and brings.

    Ends with a table of before and after. Exit code 1 if the new model loses more accuracy than the budget,
    is slower, or neither smaller nor faster: it is kept, but apart.
    """
    from typing import get_args

    from mien.cli.session import open_analyzer
    from mien.compression.calibrate import Method
    from mien.compression.guard import check_budget
    from mien.compression.result import new_card
    from mien.imaging.sources import iter_pictures
    from mien.pipeline.config import configure
    from mien.runtime.session import readable
    from mien.zoo.registry import card
    from mien.zoo.store import fetch

    if to not in ("int8", "float16"):
        raise InputError(f"nothing is made {to!r} here: choose --to int8 or --to float16")
    if method not in get_args(Method):
        raise InputError(
            f"no way to calibrate is called {method!r}: choose --method {', '.join(get_args(Method))}"
        )
    source = card(model)
    points_lost = asked.default_budget(source) if budget is None else budget
    check_budget(points_lost / 100)
    where = asked.Where(people, pairs, labels, column, points, images, fmr, which)
    extra = None if pictures is None else [Path(path) for path in iter_pictures(str(pictures))]
    plan = asked.prepare(source, where, calibrate=extra is None and to == "int8", extra=extra)
    data = fetch(source, allow_noncommercial=allow_noncommercial)
    config = configure(profile, models=model, allow_noncommercial=allow_noncommercial)
    with open_analyzer(config) as analyzer, progress(as_json) as bar:
        task = bar.add_task("cutting crops", total=plan.pictures)
        bench, crops = plan.make(analyzer, lambda: bar.advance(task))
        bar.update(task, description="quantising", total=None)
        made = _make(to, readable(source, data), source, crops.pixels, method, keep_float)
    how = f"{source.name} in {to}, made by `mien compress quantize`."
    precisions: tuple[Precision, ...] = ("int8",) if to == "int8" else source.precisions
    target = new_card(source, name or f"{source.name}_{to}", made.data, how, precisions)
    facts = {"to": to, "calibrated_on": len(crops) if to == "int8" else 0, **made.to_dict()}
    return measure.finish(bench, (source, data), (target, made.data), out, points_lost, facts, as_json)


def _make(
    to: str, data: bytes, source: ModelCard, crops: NDArray[np.uint8], method: str, keep_float: int
) -> Quantised:
    from typing import cast

    from mien.compression.calibrate import Method
    from mien.compression.quantize import to_float16, to_int8

    if to == "float16":
        return to_float16(data, source, crops)
    return to_int8(data, source, crops, method=cast(Method, method), keep_float=keep_float)

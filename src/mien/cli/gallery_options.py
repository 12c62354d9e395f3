"""Options of every command that uses a gallery, worded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mien.core.errors import StoreError
from mien.core.people import Consent

if TYPE_CHECKING:
    from mien.pipeline.gallery import Gallery

Where = Annotated[
    str | None,
    typer.Option("--gallery", help="A folder, postgresql://… or milvus://…; default: MIEN_GALLERY."),
]
Fpir = Annotated[
    float,
    typer.Option("--fpir", help="Decide at this rate: the share of strangers who may be given any name."),
]
Which = Annotated[
    str | None,
    typer.Option("--which", help="Of several faces in a picture: largest, center, or its number."),
]
Protection = Annotated[
    str | None,
    typer.Option(
        "--protection",
        help="How a new gallery keeps templates: rotation (default), biohash (32 bytes each), plain.",
    ),
]
ConsentBy = Annotated[str | None, typer.Option("--consent-by", help="Who agreed: the person, or for them.")]
Purpose = Annotated[str, typer.Option("--purpose", help="What the person agreed to.")]
Notice = Annotated[str, typer.Option("--notice", help="Version of the notice that the person was shown.")]
ConsentDays = Annotated[
    int | None, typer.Option("--consent-days", min=1, help="The agreement ends after so many days.")
]


def consent_from(by: str | None, purpose: str, notice: str, days: int | None) -> Consent | None:
    """The record that the options describe, or None."""
    import time

    if by is None:
        return None
    now = time.time()
    return Consent(by, purpose, notice, now, None if days is None else now + days * 86_400)


def open_gallery(
    where: str | None,
    profile: str = "balanced",
    models: str | None = None,
    allow_noncommercial: bool = False,
    formats: str | None = None,
    *,
    create: bool = True,
    protection: str | None = None,
) -> Gallery:
    """The gallery of one command; its downloads show on stderr.

    create: make one where there is none, as enrolment does; else `StoreError`.
    protection: of templates, where the user named one; a gallery that has another is a `StoreError`.
    """
    from mien.cli.session import open_analyzer
    from mien.pipeline.config import configure
    from mien.pipeline.gallery import Gallery

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    gallery = Gallery(
        where, analyzer=open_analyzer(config), create=create, protection=protection or "rotation"
    )
    kept = gallery.people.protection
    if protection is not None and kept != protection:
        gallery.close()
        raise StoreError(
            f"this gallery keeps its templates as {kept!r}, since it was made: leave --protection out, "
            "or name a new gallery"
        )
    return gallery

"""FairFace (Kärkkäinen and Joo, WACV 2021): a table of file, age, gender and race.  Nobody is in it twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.training.data.listing import Listing, Sample
from mien.training.data.tables import read_table
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    file: str = option("labels.csv", "the table, below the root")
    label: str = option("race", "what is to be learned", choices=("age", "gender", "race"))
    part: str = option("", "train or val: only pictures of that folder; empty: all")


def read(root: Path, config: Config) -> Listing:
    """All three facts are attributes too; the group is the picture itself: each shows another person."""
    facts = ("age", "gender", "race")
    rows = read_table(root / config.file, ",", ("file", *facts))
    return Listing(
        tuple(
            Sample(
                root / row.values["file"],
                row.values[config.label],
                row.values["file"],
                {fact: row.values[fact] for fact in facts},
            )
            for row in rows
            if not config.part or row.values["file"].startswith(f"{config.part}/")
        )
    )

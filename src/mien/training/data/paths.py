"""Pictures whose path says what they show and whom: a regular expression takes it apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError
from mien.training.data.listing import Listing, Sample
from mien.training.data.pictures import find_pictures
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    pattern: str = option(
        "(?P<label>[^/]+)/.*",
        "regular expression of paths below the root, with a group `label` and maybe `person` (whom a split "
        "never parts); any other named group becomes an attribute",
    )


def read(root: Path, config: Config) -> Listing:
    """Pictures whose path does not match are left out; without a group ``person`` it is the label."""
    try:
        pattern = re.compile(config.pattern)
    except re.error as error:
        raise InputError(f"data.pattern is no regular expression ({error}): correct it") from error
    if "label" not in pattern.groupindex:
        raise InputError("data.pattern names no group label: write (?P<label>…) around what is to be learned")
    found = ((path, pattern.fullmatch(path.relative_to(root).as_posix())) for path in find_pictures(root))
    return Listing(tuple(_sample(path, match) for path, match in found if match is not None))


def _sample(path: Path, match: re.Match[str]) -> Sample:
    named = {name: value for name, value in match.groupdict().items() if value is not None}
    label = named.pop("label", "")
    return Sample(path, label, named.pop("person", label), named)

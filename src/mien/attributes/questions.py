"""Which finding of a face report each output of a network answers: as its card says, by names and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mien.attributes.bands import years_of
from mien.core.errors import ModelError
from mien.core.modelcard import ModelCard

ASKED_BY_CARDS = ("age", "sex", "expression", "attributes", "liveness")
_NAMES = {"age": "age", "sex": "sex", "gender": "sex", "expression": "expression", "emotion": "expression"}
_SEXES = {"female": "female", "woman": "female", "f": "female", "male": "male", "man": "male", "m": "male"}


def findings_of(card: ModelCard) -> dict[str, str]:
    """Output -> finding, for a card of one of `ASKED_BY_CARDS`; "attributes" where no other finding fits.

    raises: `ModelError` for a card that does not say what its outputs mean.
    """
    if card.task == "liveness":
        return {"live": "liveness"}
    if not card.answers:
        raise ModelError(
            f"the card of {card.name} does not say what its outputs mean: add a table [answers] with the "
            'labels of each output, e.g. gender = ["female", "male"]'
        )
    only = len(card.answers) == 1 and card.task != "attributes"
    return {
        output: _fitting(card.task if only else _NAMES.get(output.lower(), "attributes"), labels)
        for output, labels in card.answers.items()
    }


def _fitting(finding: str, labels: Sequence[str]) -> str:
    """The finding, unless its labels are no ages or no sexes."""
    if finding == "age" and any(years_of(label) is None for label in labels):
        return "attributes"
    if finding == "sex" and sorted(sex_of(label) for label in labels) != ["female", "male"]:
        return "attributes"
    return finding


def sex_of(label: str) -> str:
    """ "female" or "male" for the words that data sets use, else the label.

    >>> sex_of("Woman"), sex_of("unknown")
    ('female', 'unknown')
    """
    return _SEXES.get(label.strip().lower(), label)


def sexes(chances: Mapping[str, float]) -> dict[str, float]:
    """Female and male, in this order, whatever the network's labels are.

    >>> sexes({"Male": 0.75, "Female": 0.25})
    {'female': 0.25, 'male': 0.75}
    """
    return dict(sorted((sex_of(label), chance) for label, chance in chances.items()))

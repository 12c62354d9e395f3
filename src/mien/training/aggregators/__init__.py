"""Many pictures of one face to one template: the frames of a video, a folder of photos.

Every aggregator takes (N, T, dim) features and a (N, T) mask of which are there, and answers (N, dim). A new
one is one file here and one line below; the file has a frozen ``Config`` and ``build(config, *, dim)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mien.core.errors import InputError
from mien.training.registry import Entry as AggregatorEntry
from mien.training.registry import config_of, find_entry, load_file

if TYPE_CHECKING:
    from torch import nn

AGGREGATORS: Mapping[str, AggregatorEntry] = {
    "mean": AggregatorEntry("mean", "the mean of what is there: nothing to learn"),
    "gru": AggregatorEntry("recurrent", "a GRU reads the frames in order", {"cell": "gru"}),
    "lstm": AggregatorEntry("recurrent", "an LSTM reads the frames in order", {"cell": "lstm"}),
    "attention": AggregatorEntry("attention", "frames weighed by what they show, in any order"),
}


def build_aggregator(name: str, *, dim: int, **options: Any) -> nn.Module:
    """Make an aggregator with fresh weights.

    dim: of the features.
    raises: `InputError` for an unknown aggregator, option or value; `DependencyMissing` without PyTorch.
    """
    if dim < 1:
        raise InputError(f"features of {dim} numbers cannot be aggregated: use at least 1")
    entry = find_entry(AGGREGATORS, "aggregator", name)
    module, config = config_of(__name__, entry, f"the aggregator {name}", options)
    made: nn.Module = module.build(config, dim=dim)
    return made


def aggregator_config(name: str) -> type[Any]:
    """The options of an aggregator, as a dataclass (see `mien.training.options.describe_options`)."""
    config: type[Any] = load_file(__name__, find_entry(AGGREGATORS, "aggregator", name)).Config
    return config

"""What there is to train, and every key of a recipe: for `mien train --list`, `--describe` and the docs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mien.core.errors import InputError
from mien.training.augment import AugmentConfig
from mien.training.data import SOURCES, source_config
from mien.training.losses import LOSSES, loss_config
from mien.training.nets import NETS, net_config
from mien.training.optimisers import OPTIMISERS, optimiser_config
from mien.training.options import OptionDoc, describe_options, suggestion
from mien.training.recipe import SECTIONS, Recipe
from mien.training.recipefile import parse_recipe, section_docs, shipped_recipes
from mien.training.samplers import SAMPLERS, sampler_config
from mien.training.tasks import TASKS, task_config


class Listed(NamedTuple):
    """One thing that a recipe can name."""

    name: str
    doc: str


def listed() -> dict[str, list[Listed]]:
    """Everything that there is, by what it is; needs no PyTorch."""
    recipes = {name: path.read_text(encoding="utf-8") for name, path in shipped_recipes().items()}
    return {
        "recipes": [Listed(name, parse_recipe(text, name).about) for name, text in recipes.items()],
        "tasks": _entries(TASKS),
        "nets": _entries(NETS),
        "losses": _entries(LOSSES),
        "data sources": _entries(SOURCES),
        "samplers": _entries(SAMPLERS),
        "optimisers": _entries(OPTIMISERS),
    }


def sections() -> dict[str, list[OptionDoc]]:
    """The keys of a recipe by section; "" has those that stand before the first one."""
    docs = {"": section_docs(Recipe), **{name: section_docs(kind) for name, kind in SECTIONS.items()}}
    docs["augment"] = list(describe_options(AugmentConfig))
    return docs


_CONFIGS: Mapping[str, tuple[Mapping[str, Any], Callable[[str], type[Any]]]] = {
    "task": (TASKS, task_config),
    "net": (NETS, net_config),
    "loss": (LOSSES, loss_config),
    "data source": (SOURCES, source_config),
    "sampler": (SAMPLERS, sampler_config),
    "optimiser": (OPTIMISERS, optimiser_config),
}


def described(name: str) -> list[tuple[str, list[OptionDoc]]]:
    """The keys of a section, or the options of whatever has that name (title, keys); "all": every section.

    raises: `InputError` for a name that nothing has, `DependencyMissing` without PyTorch.
    """
    found = []
    if name == "all":
        return [(f"[{section}]" if section else "recipe", docs) for section, docs in sections().items()]
    if name in SECTIONS:
        found.append((f"[{name}]", sections()[name]))
    for kind, (things, config_of) in _CONFIGS.items():
        if name in things:
            found.append((f"{kind} {name}", list(describe_options(config_of(name)))))
    if not found:
        known = ["all", *SECTIONS, *(thing for things, _ in _CONFIGS.values() for thing in things)]
        raise InputError(
            f"nothing is called {name!r}: {suggestion(name, known)}`mien train --list` shows every name"
        )
    return found


def range_text(doc: OptionDoc) -> str:
    """The values that a key takes, as people read it.

    >>> range_text(OptionDoc("x", "float", 0.0, "", 0, 1, ()))
    '0 to 1'
    """
    if doc.choices:
        return ", ".join(map(str, doc.choices))
    if doc.low is not None and doc.high is not None:
        return f"{doc.low:g} to {doc.high:g}"
    if doc.low is not None:
        return f"{doc.low:g} or more"
    return "" if doc.high is None else f"at most {doc.high:g}"


def _entries(entries: Mapping[str, Any]) -> list[Listed]:
    return [Listed(name, getattr(entry, "doc", entry.__doc__)) for name, entry in entries.items()]

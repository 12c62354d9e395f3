"""Recipe files: what is read, what is refused, and what an error says."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.training.recipe import SECTIONS, Recipe
from mien.training.recipefile import format_recipe, parse_recipe, read_recipe, section_docs

SHORT = """
name = "tiny"
[net]
name = "cnn"
width = 8
[run]
epochs = 3
"""


def test_reads_keys_and_leaves_the_rest_at_their_defaults() -> None:
    recipe = parse_recipe(SHORT, "tiny.toml")
    assert (recipe.net.name, recipe.net.options, recipe.run.epochs) == ("cnn", {"width": 8}, 3)
    assert recipe.data == Recipe().data


@given(
    epochs=st.integers(1, 10**6),
    ema=st.floats(0, 0.99999),
    root=st.text(max_size=20),
    milestones=st.lists(st.floats(0, 1), max_size=4).map(tuple),
    width=st.integers(),
)
def test_what_is_saved_reads_back_the_same(
    epochs: int, ema: float, root: str, milestones: tuple[float, ...], width: int
) -> None:
    recipe = parse_recipe(SHORT, "tiny.toml")
    changed = dataclasses.replace(
        recipe,
        run=dataclasses.replace(recipe.run, epochs=epochs, ema=ema),
        data=dataclasses.replace(recipe.data, root=root),
        schedule=dataclasses.replace(recipe.schedule, milestones=milestones),
        net=dataclasses.replace(recipe.net, options={"width": width}),
    )
    assert parse_recipe(format_recipe(changed), "saved") == changed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[run]\nepoch = 3", "[run] has no key 'epoch': did you mean epochs?"),
        ("[nets]\nname = 'cnn'", "no place for 'nets': did you mean net?"),
        ("[run]\nprecision = 'fp8'", "choose fp32, bf16, fp16"),
        ("[run]\nepochs = 'ten'", "[run]: epochs must be int"),
        ("[run]\nepochs = 0", "epochs is 0"),
        ("run = 3", "[run] must be a table"),
        ("name = 'My Model'", "name cannot be 'My Model'"),
        ("[run", "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_cure(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_recipe(text, "bad.toml")
    assert str(caught.value).startswith("bad.toml")
    assert said in str(caught.value)


def test_set_takes_toml_values_and_plain_text() -> None:
    sets = ["run.epochs=7", "net.name=resnet18", "schedule.milestones=[0.3]", "name=other"]
    recipe = parse_recipe(SHORT, "tiny.toml", sets)
    assert (recipe.run.epochs, recipe.net.name, recipe.schedule.milestones) == (7, "resnet18", (0.3,))
    assert recipe.name == "other"


@pytest.mark.parametrize("override", ["run.epochs", "a.b.c=1", "=1", "name.x=2"])
def test_a_set_without_key_and_value_is_refused(override: str) -> None:
    with pytest.raises(InputError, match="--set"):
        parse_recipe(SHORT, "tiny.toml", [override])


def test_every_key_has_a_line_of_documentation() -> None:
    kinds: list[type[Any]] = [Recipe, *SECTIONS.values()]
    for kind in kinds:
        assert kind.__doc__
        assert [doc.name for doc in section_docs(kind) if not doc.doc] == []


def test_finds_the_data_beside_the_recipe_or_in_the_test_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "elsewhere" / "orl").mkdir(parents=True)
    file = tmp_path / "one.toml"
    file.write_text('[data]\nroot = "faces"\n', encoding="utf-8")
    assert read_recipe(file).data.root == str(tmp_path / "faces")
    monkeypatch.setenv("MIEN_SHARED", str(tmp_path / "elsewhere"))
    assert read_recipe(file, ["data.root=orl"]).data.root == str(tmp_path / "elsewhere" / "orl")


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="no recipe is called"):
        read_recipe("nothing")

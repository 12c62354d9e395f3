"""A factored network answers like the whole one, the more so the larger it may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from tests.compression.wide import build_wide

from mien.compression.factor import factorise, solve, stored
from mien.compression.factor_graph import find_factorable, rewire
from mien.compression.factored import load_factored, save_factored
from mien.compression.flow import values_of
from mien.compression.graph import prepare
from mien.compression.quantize import embed_with
from mien.core.errors import InputError, ThinData
from mien.core.modelcard import ModelCard

CardFor = Callable[..., ModelCard]


@pytest.fixture(scope="module")
def wide() -> bytes:
    return build_wide()


def test_ungrouped_convolutions_and_full_layers_are_found(wide: bytes) -> None:
    layers = find_factorable(prepare(wide))
    # The depthwise layer has nothing to share.
    assert [layer.name for layer in layers] == ["c0", "c1", "c3", "embedding"]
    assert [(layer.inner, layer.outer) for layer in layers] == [(27, 32), (288, 32), (32, 64), (64, 16 * 16)]
    for layer in layers:
        assert all(layer.stored_at(int(rank)) < layer.stored for rank in layer.ranks)
        assert layer.stored_at(0) == layer.stored


@pytest.mark.parametrize(("name", "rank"), [("c1", 32), ("c3", 32), ("embedding", 64)])
def test_at_full_rank_the_answers_are_the_same(
    wide: bytes, card_for: CardFor, crops: NDArray[np.uint8], name: str, rank: int
) -> None:
    card, model = card_for(wide), prepare(wide)
    layer = next(one for one in find_factorable(model) if one.name == name)
    made = rewire(model, layer, solve(layer, rank, model, model, card, crops))
    onnx.checker.check_model(made)
    np.testing.assert_allclose(embed_with(card, made, crops), embed_with(card, model, crops), atol=1e-4)


@pytest.mark.parametrize("name", ["c1", "c3", "embedding"])
def test_the_error_of_one_layer_falls_with_its_rank(
    wide: bytes, card_for: CardFor, crops: NDArray[np.uint8], name: str
) -> None:
    card, model = card_for(wide), prepare(wide)
    layer = next(one for one in find_factorable(model) if one.name == name)
    wanted = embed_with(card, model, crops)
    errors = []
    for rank in (2, 8, 16):
        made = rewire(model, layer, solve(layer, rank, model, model, card, crops))
        errors.append(np.abs(embed_with(card, made, crops) - wanted).mean())
    assert errors[0] > errors[1] > errors[2]


def test_a_smaller_file_is_as_small_as_asked_and_costs_more(
    wide: bytes, card_for: CardFor, crops: NDArray[np.uint8]
) -> None:
    seen: list[int] = []
    made = [factorise(wide, card_for(wide), crops, times=t, done=lambda: seen.append(1)) for t in (1.3, 2.2)]
    for times, one in zip((1.3, 2.2), made, strict=True):
        assert len(one.data) <= len(wide) / times
        assert one.weights == (stored(prepare(wide)), stored(onnx.load_from_string(one.data)))
    assert made[0].parity.mean > made[1].parity.mean > 0.9
    assert len(seen) == 2 * 2 * 4


def test_later_layers_make_good_what_earlier_ones_lost(
    wide: bytes, card_for: CardFor, crops: NDArray[np.uint8]
) -> None:
    card, model = card_for(wide), prepare(wide)
    _, first, second, _ = find_factorable(model)
    thin = rewire(model, first, solve(first, 8, model, model, card, crops))
    mended = rewire(thin, second, solve(second, 0, model, thin, card, crops))

    def said(network: onnx.ModelProto) -> NDArray[np.float32]:
        return np.concatenate([seen["c3"] for seen in values_of(network, card, ["c3"], crops)])

    lost = [np.square(said(one) - said(model)).mean() for one in (thin, mended)]
    assert lost[1] < lost[0]


def test_a_network_without_wide_layers_is_refused(
    embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8]
) -> None:
    with pytest.raises(InputError, match="many channels"):
        factorise(embedder, card_for(embedder), crops)


def test_what_cannot_become_so_small_says_so(
    wide: bytes, card_for: CardFor, crops: NDArray[np.uint8]
) -> None:
    with pytest.raises(InputError, match="--times"):
        factorise(wide, card_for(wide), crops, times=50)


def test_a_few_crops_show_too_little(wide: bytes, card_for: CardFor, crops: NDArray[np.uint8]) -> None:
    with pytest.raises(ThinData, match="pictures or more"):
        factorise(wide, card_for(wide), crops[:7])


def test_a_kept_network_is_read_again_only_for_what_it_was_made_of(
    wide: bytes, card_for: CardFor, crops: NDArray[np.uint8], tmp_path: Path
) -> None:
    ranks = {"c1": 8, "embedding": 16}
    made = factorise(wide, card_for(wide), crops, ranks=ranks)
    assert load_factored(tmp_path, wide, 2.0) is None
    save_factored(tmp_path, wide, 2.0, made)
    assert load_factored(tmp_path, wide, 2.0) == made
    assert load_factored(tmp_path, wide, 3.0) is None
    assert load_factored(tmp_path, build_wide(1), 2.0) is None
    (tmp_path / "factored.onnx").write_bytes(b"torn")
    assert load_factored(tmp_path, wide, 2.0) is None

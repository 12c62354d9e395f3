from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.core.types import Embedding
from mien.embedding.compare import cosine
from mien.embedding.fuse import SHARES, Fusion, Share, fusion_of
from mien.embedding.pool import pool

PARTS = ("a", "b")
SHARE = {"a": Share(0.7, 0.09), "b": Share(0.3, 0.04)}


def unit(rng: np.random.Generator, size: int, model: str) -> Embedding:
    vector = rng.normal(size=size)
    return Embedding((vector / np.linalg.norm(vector)).astype(np.float32), model)


def test_the_fused_cosine_is_the_z_score_sum_up_to_scale_and_shift() -> None:
    rng = np.random.default_rng(0)
    fusion = Fusion(PARTS, SHARE)
    scores, fused = [], []
    for _ in range(50):
        left, right = ([unit(rng, 8, "a"), unit(rng, 16, "b")] for _ in range(2))
        z = [
            SHARE[x.model].weight * (cosine(x, y) - 0.3) / SHARE[x.model].spread
            for x, y in zip(left, right, strict=True)
        ]
        scores.append(sum(z))
        fused.append(cosine(fusion.fuse(left), fusion.fuse(right)))
    slope, shift = np.polyfit(scores, fused, 1)
    assert slope > 0
    np.testing.assert_allclose(np.array(scores) * slope + shift, fused, atol=1e-6)


def test_the_fused_vector_has_unit_length_and_a_face_is_like_itself() -> None:
    rng = np.random.default_rng(1)
    fused = Fusion(PARTS, SHARE).fuse([unit(rng, 8, "a"), unit(rng, 16, "b")])
    assert np.linalg.norm(fused.vector) == pytest.approx(1, abs=1e-6)
    assert cosine(fused, fused) == pytest.approx(1, abs=1e-6)
    assert fused.model == "a+b"
    assert fused.vector.shape == (24,)


def test_the_shipped_fusion_is_known_by_its_name() -> None:
    fusion = fusion_of("sface+dlib_resnet")
    assert fusion.parts == ("sface", "dlib_resnet")
    assert set(fusion.parts) <= set(SHARES)
    assert (fusion.scales**2).sum() == pytest.approx(1)


@pytest.mark.parametrize("name", ["sface", "sface+sface", "sface+nobody"])
def test_a_name_that_is_no_fusion_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="fus"):
        fusion_of(name)


def test_parts_in_another_order_are_refused() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match=r"a\+b needs one embedding a part in this order, not b, a"):
        Fusion(PARTS, SHARE).fuse([unit(rng, 16, "b"), unit(rng, 8, "a")])


def test_pooling_averages_the_similarities() -> None:
    rng = np.random.default_rng(2)
    looks = [unit(rng, 16, "a") for _ in range(3)]
    probes = [unit(rng, 16, "a") for _ in range(20)]
    together = np.array([cosine(pool(looks), probe) for probe in probes])
    each = np.array([np.mean([cosine(look, probe) for look in looks]) for probe in probes])
    ratio = together / each
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)
    assert ratio[0] > 1


def test_a_weight_of_zero_leaves_a_look_out() -> None:
    rng = np.random.default_rng(3)
    looks = [unit(rng, 16, "a") for _ in range(2)]
    np.testing.assert_allclose(pool(looks, np.array([1.0, 0.0])).vector, looks[0].vector, atol=1e-7)


def test_embeddings_of_two_models_are_not_pooled() -> None:
    rng = np.random.default_rng(4)
    with pytest.raises(InputError, match="of a and b cannot be pooled"):
        pool([unit(rng, 4, "a"), unit(rng, 4, "b")])
    with pytest.raises(InputError, match="no embeddings cannot be pooled"):
        pool([])

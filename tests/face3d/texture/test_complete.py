"""What was not seen goes on from what was: leaks dropped, edges soft, grain and strands as strong."""

import numpy as np
import pytest

from mien.core.mesh import Camera, Placement, TextureMap
from mien.core.types import HeadPose
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.render.shade import render_textured
from mien.face3d.texture.anatomy import Anatomy, anatomy_of, hair_likelihood, hollow_likelihood
from mien.face3d.texture.atlas import SKIN, atlas_of, mirrored_tiles, region_mask
from mien.face3d.texture.background import background_probability, flooded
from mien.face3d.texture.complete import hair_cover, strand_tones
from mien.face3d.texture.leaks import belonging
from mien.face3d.texture.segment import segment
from mien.face3d.texture.skin import skin_texture
from mien.face3d.texture.spread import softened_over_surface
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose

SKIN_COLOUR = (190, 150, 130)
CAMERA, SIDE = Camera(900.0, 900.0, 191.5, 191.5), 384


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return load_head_model()


def standing(yaw: float = 0.0) -> Placement:
    return Placement(rotation_from_pose(HeadPose(yaw, 0, 0)) @ HEAD_TO_CAMERA, np.array([0.0, 20.0, 900.0]))


def places(model: HeadModel, size: int = 512) -> np.ndarray:
    """Where each texel lies on the mean head, (S, S, 3) mm."""
    atlas = atlas_of(model, size)
    where = np.full((size, size, 3), np.nan, np.float32)
    covered = atlas.fragments.covered
    where[covered] = atlas.fragments.interpolate(model.mean, model.levels[0][0])
    return where


def textured(model: HeadModel, colours: np.ndarray, yaw: float = 0.0) -> TextureMap:
    truth = TextureMap(colours, np.ones(colours.shape[:2], np.float32))
    photo = render_textured(model.mesh(), truth, standing(yaw), CAMERA, SIDE, SIDE, background=245)
    return skin_texture(model, model.mean.astype(np.float64), standing(yaw), CAMERA, photo, size=512)


def test_a_dark_patch_that_leaks_in_at_the_edge_of_the_face_is_dropped(model: HeadModel) -> None:
    colours = np.full((512, 512, 3), SKIN_COLOUR, np.uint8)
    where = places(model)
    edge = (np.abs(where[..., 0]) > 60) & (np.abs(where[..., 1] + 10) < 14) & (where[..., 2] > 30)
    colours[edge] = (60, 66, 72)
    found = textured(model, colours).pixels.astype(int)
    inside = edge & region_mask(model, atlas_of(model, 512), *SKIN)
    assert inside.sum() > 200
    assert np.quantile(np.abs(found[inside] - SKIN_COLOUR).max(axis=1), 0.9) < 30


def test_a_mole_on_the_cheek_stays(model: HeadModel) -> None:
    colours = np.full((512, 512, 3), SKIN_COLOUR, np.uint8)
    where = places(model)
    mole = (np.hypot(where[..., 0] + 35, where[..., 1] + 10) < 5) & (where[..., 2] > 50)
    assert mole.sum() > 40
    colours[mole] = (90, 60, 50)
    found = textured(model, colours).pixels.astype(int)
    assert np.median(found[mole][:, 0]) < 130


def test_the_filled_is_as_rough_as_the_seen(model: HeadModel) -> None:
    noise = np.random.default_rng(0).standard_normal((256, 256)).repeat(2, axis=0).repeat(2, axis=1)
    rough = np.array(SKIN_COLOUR) * (1 + 0.06 * noise[..., None])
    texture = textured(model, np.clip(rough, 0, 255).astype(np.uint8))
    where = places(model)
    y, z = where[..., 1], where[..., 2]
    seen = anatomy_of(model, 512).bare & (texture.seen > 0.8)
    filled = (y > -60) & (y < 0) & (z < 40) & (z > 24) & (texture.seen < 0.02) & np.isfinite(z)
    assert filled.sum() > 1000
    grey = texture.pixels.astype(float).mean(axis=2)
    around = sum(np.roll(np.roll(grey, i, 0), j, 1) for i in range(-3, 4) for j in range(-3, 4)) / 49
    detail = grey / around - 1
    assert detail[filled].std() == pytest.approx(detail[seen].std(), rel=0.25)


def test_a_symmetric_head_stays_symmetric(model: HeadModel) -> None:
    where = places(model)
    colours = np.full((512, 512, 3), SKIN_COLOUR, np.uint8)
    known = np.isfinite(where[..., 0])
    hairy = np.zeros(known.shape, bool)
    hairy[known] = hair_likelihood(where[known].astype(np.float64)) > 0.5
    colours[hairy] = (70, 50, 35)
    found = textured(model, colours).pixels.astype(np.float32)
    skin = region_mask(model, atlas_of(model, 512), *SKIN)
    both = skin & mirrored_tiles(skin[..., None].astype(np.float32))[..., 0].astype(bool)
    gap = np.abs(found - mirrored_tiles(found))[both].max(axis=1)
    assert np.median(gap) < 4
    assert np.quantile(gap, 0.95) < 40  # strands and grain differ, colours do not


def test_the_same_photo_gives_the_same_skin(model: HeadModel) -> None:
    colours = np.random.default_rng(1).integers(120, 200, (512, 512, 3)).astype(np.uint8)
    np.testing.assert_array_equal(textured(model, colours).pixels, textured(model, colours).pixels)


def plain(shape: tuple[int, int], value: float = 0.0) -> np.ndarray:
    return np.full(shape, value, np.float32)


def test_what_is_seen_askance_must_match_and_what_is_seen_squarely_may_differ() -> None:
    around = np.full((20, 40, 3), SKIN_COLOUR, np.float32)
    colours = around.copy()
    colours[8:12, 8:12] = colours[8:12, 28:32] = (110, 100, 100)
    weights = plain((20, 40), 0.05)
    weights[:, 20:] = 1
    kept = belonging(colours, weights, around, plain((20, 40)), plain((20, 40)))
    assert kept[9:11, 9:11].max() == 0
    assert kept[9:11, 29:31].min() > 0.5
    assert kept[0, 0] == 1
    shaded = belonging(around * np.float32(0.85), weights, around, plain((20, 40)), plain((20, 40)))
    assert shaded.min() == 1  # a little less light is no other thing


def test_a_collar_must_match_even_where_it_is_seen_squarely() -> None:
    around = np.full((10, 10, 3), SKIN_COLOUR, np.float32)
    colours, ones, none = around * 0 + np.float32(230), plain((10, 10), 1), plain((10, 10))
    assert belonging(colours, ones, around, none, ones).max() == 0
    assert belonging(colours, ones, around, none, none).min() > 0


def test_strands_get_the_contrast_of_the_hair_that_was_seen() -> None:
    rng = np.random.default_rng(0)
    hair = plain((256, 256), 1)
    calm = np.repeat((100 + 2 * rng.standard_normal((256, 256)))[..., None], 3, axis=2).astype(np.float32)
    wild = np.repeat((100 + 25 * rng.standard_normal((256, 256)))[..., None], 3, axis=2).astype(np.float32)
    low, high = strand_tones(calm, hair), strand_tones(wild, hair)
    assert (np.diff(high) >= 0).all()
    assert np.ptp(high) > 4 * np.ptp(low)
    assert low[8] == pytest.approx(1, abs=0.02)
    assert np.ptp(strand_tones(calm, 0 * hair)) > 0.2  # nothing seen: an ordinary head of hair


def test_hair_gives_way_to_skin_strand_by_strand(model: HeadModel) -> None:
    whole: Anatomy = anatomy_of(model, 256)
    assert hair_cover(plain((256, 256), 0), whole).max() == 0
    assert hair_cover(plain((256, 256), 1), whole).min() == 1
    half = hair_cover(plain((256, 256), 0.5), whole)[whole.skin & (whole.hair > 0.9)]
    assert half.std() > 0.1
    assert 0.35 < half.mean() < 0.65


def test_hair_ends_around_the_ear_and_before_it() -> None:
    above, before, cheek, behind = [72, 45, 2], [72, 14, 30], [66, -12, 34], [70, 10, -40]
    found = hair_likelihood(np.array([above, before, cheek, behind], float))
    assert found.round().tolist() == [1, 1, 0, 1]


def test_softening_runs_over_the_seams_of_the_atlas(model: HeadModel) -> None:
    where = places(model, 256)
    top = np.asarray(np.nan_to_num(where[..., 1]) > 60, np.float32)
    soft, valid = softened_over_surface(model, top, 4)
    at = np.isfinite(where[..., 0]) & (valid > 0)
    heights = where[..., 1][at]
    assert soft[at][heights > 110].min() > 0.6
    assert soft[at][heights < 10].max() < 0.1


def test_background_is_only_what_can_be_reached_from_outside() -> None:
    open_ = np.ones((40, 40), bool)
    open_[10:30, 10:30] = False
    open_[15:20, 15:20] = True  # a hole
    seeds = np.zeros((40, 40), bool)
    seeds[0, 0] = True
    reached = flooded(open_, seeds)
    assert reached[39, 39]
    assert not reached[17, 17]
    assert reached.sum() == 40 * 40 - 20 * 20


def test_a_colour_of_the_hair_is_doubted_less() -> None:
    pixels = np.full((60, 60, 3), (30, 90, 200), np.uint8)
    pixels[20:40, 20:40] = (200, 150, 130)
    pixels[:20, 20:40] = (20, 20, 20)  # hair
    pixels[:, :4] = (20, 20, 20)  # and a curtain of its colour
    core, outside, hair = (np.zeros((60, 60), bool) for _ in range(3))
    core[25:35, 25:35], outside[:, :15], hair[5:18, 22:38] = True, True, True
    assert background_probability(pixels, core, outside)[10, 30] > 0.9
    assert background_probability(pixels, core, outside, hair)[10, 30] < 0.4
    assert background_probability(pixels, core, outside, hair)[50, 10] > 0.9


def test_a_gleam_on_a_bald_head_is_no_hair(model: HeadModel) -> None:
    whole = anatomy_of(model, 256)
    seen = np.where(whole.skin, 1, 0).astype(np.float32)
    colours = np.full((256, 256, 3), SKIN_COLOUR, np.float32)
    colours[whole.hair > 0.5] = (225, 200, 190)
    smooth = plain((256, 256), 0.01)
    assert not segment(colours, seen, whole, smooth).has_hair
    rough = np.where(whole.hair > 0.5, 0.06, 0.01).astype(np.float32)
    assert segment(colours, seen, whole, rough).has_hair


def haired(model: HeadModel, fringe: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours of a head with dark hair and a lock over the left brow, or both; places; the lock."""
    where = places(model)
    known = np.isfinite(where[..., 0])
    colours = np.full((512, 512, 3), SKIN_COLOUR, np.uint8)
    hairy = np.zeros(known.shape, bool)
    hairy[known] = hair_likelihood(where[known].astype(np.float64)) > 0.5
    x, y, z = np.moveaxis(np.nan_to_num(where), -1, 0)
    lock = known & (np.abs(x - 38) < 12) & (y > 38) & (z > 40)
    colours[hairy | lock] = (50, 35, 25)
    if fringe:
        colours[known & (np.abs(x + 38) < 12) & (y > 38) & (z > 40)] = (50, 35, 25)
    return colours, where, lock & ~hairy & (y < 70) & region_mask(model, atlas_of(model, 512), *SKIN)


def test_a_lock_over_one_brow_is_taken_away_and_a_fringe_stays(model: HeadModel) -> None:
    colours, where, lock = haired(model, False)
    assert lock.sum() > 300
    found = textured(model, colours).pixels.astype(int)
    core = lock & (np.abs(where[..., 0] - 38) < 8) & (where[..., 1] > 44) & (where[..., 1] < 62)
    assert np.median(found[core][:, 0]) > 140
    colours, _, _ = haired(model, True)
    found = textured(model, colours).pixels.astype(int)
    assert np.median(found[core][:, 0]) < 90


def test_a_skin_coloured_badge_on_a_cap_is_no_bald_spot(model: HeadModel) -> None:
    where = places(model)
    known = np.isfinite(where[..., 0])
    colours = np.full((512, 512, 3), SKIN_COLOUR, np.uint8)
    cap = np.zeros(known.shape, bool)
    cap[known] = hair_likelihood(where[known].astype(np.float64)) > 0.5
    colours[cap] = (30, 30, 40)
    x, y, z = np.moveaxis(np.nan_to_num(where), -1, 0)
    badge = cap & (np.abs(x) < 22) & (np.abs(y - 112) < 9) & (z > 40)
    colours[badge] = SKIN_COLOUR
    found = textured(model, colours).pixels.astype(int)
    assert badge.sum() > 100
    behind = cap & (np.abs(x) < 30) & (y > 110) & (z < 20)
    assert np.median(found[behind][:, 0]) < 70


def test_nostrils_and_the_bowl_of_the_ear_are_dark_and_the_rest_is_not(model: HeadModel) -> None:
    inside, bowl, lip = [7.5, 0, 105], [68, 4, 8], [0, -36, 108]
    outside = [
        [0, -5, 122],
        [18, 0, 105],
        [85, 10, 0],
        [40, 0, 80],
        [0, 60, 100],
        [0, -28, 117],
        [17, -28, 112],
    ]
    assert hollow_likelihood(np.array([inside, bowl, lip], float)).min() > 0.4
    assert hollow_likelihood(np.array(outside, float)).max() == 0
    colours = np.full((512, 512, 3), SKIN_COLOUR, np.uint8)
    texture = textured(model, colours)
    nostril = (anatomy_of(model, 512).hollow > 0.75) & (texture.seen < 0.05)
    assert nostril.sum() > 15
    assert np.median(texture.pixels[nostril][:, 1]) < 0.55 * SKIN_COLOUR[1]

"""Skin: what the photo shows comes back at the right place, holes are filled without inventing colours."""

import numpy as np
import pytest

from mien.core.mesh import Camera, Placement, TextureMap
from mien.core.types import HeadPose
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.render.light import harmonics
from mien.face3d.render.shade import render_textured
from mien.face3d.texture.anatomy import anatomy_of, hair_likelihood
from mien.face3d.texture.atlas import SKIN, atlas_of, mirrored_tiles, region_mask
from mien.face3d.texture.background import background_probability, grown
from mien.face3d.texture.delight import light_gain
from mien.face3d.texture.fill import blur, enlarged, push_pull, reduced
from mien.face3d.texture.paint import (
    EyeColours,
    eye_colours,
    eyeball,
    iris_colour,
    paint_insides,
    tooth_colour,
)
from mien.face3d.texture.segment import colour_features, learn_colours, segment
from mien.face3d.texture.skin import skin_texture
from mien.face3d.texture.spread import spread_over_surface
from mien.face3d.texture.unwrap import INNER_LIPS, LIDS, OUTER_LIPS, landmark_shift, openings_of, unwrap
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose

CAMERA = Camera(700.0, 700.0, 127.5, 127.5)


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return load_head_model()


def standing(yaw: float) -> Placement:
    return Placement(rotation_from_pose(HeadPose(yaw, 0, 0)) @ HEAD_TO_CAMERA, np.array([0.0, 20.0, 1000.0]))


def test_known_colours_stay_and_unknown_ones_lie_between() -> None:
    colours, weights = np.zeros((33, 40, 3), np.float32), np.zeros((33, 40), np.float32)
    colours[:, :5], colours[:, -5:] = 40, 200
    weights[:, :5] = weights[:, -5:] = 1
    filled = push_pull(colours, weights)
    np.testing.assert_allclose(filled[:, :5], 40, atol=1e-3)
    np.testing.assert_allclose(filled[:, -5:], 200, atol=1e-3)
    assert filled.min() > 39
    assert filled.max() < 201
    assert 60 < float(filled[16, 20, 0]) < 180


def test_a_blur_keeps_a_constant_and_the_sum_of_an_impulse() -> None:
    np.testing.assert_allclose(blur(np.full((20, 20), 7, np.float32), 3), 7, rtol=1e-5)
    impulse = np.zeros((41, 41), np.float32)
    impulse[20, 20] = 1
    assert blur(impulse, 3).sum() == pytest.approx(1, rel=1e-5)


def test_mirroring_twice_is_nothing_inside_the_skin_tiles() -> None:
    picture = np.random.default_rng(0).random((100, 100, 1)).astype(np.float32)
    twice = mirrored_tiles(mirrored_tiles(picture))
    np.testing.assert_array_equal(twice[:72, :72], picture[:72, :72])


def test_the_mirrored_texel_is_the_mirrored_point_of_the_face(model: HeadModel) -> None:
    atlas = atlas_of(model, 256)
    face = region_mask(model, atlas, "face")
    where = np.zeros((256, 256, 3), np.float32)
    covered = atlas.fragments.covered
    where[covered] = atlas.fragments.interpolate(model.mean, model.levels[0][0])
    other = mirrored_tiles(where) * (-1, 1, 1)
    both = face & mirrored_tiles(face[..., None].astype(np.float32))[..., 0].astype(bool)
    gap = np.linalg.norm((where - other)[both], axis=1)
    assert np.quantile(gap, 0.95) < 2.5


def test_a_rendered_head_gets_its_own_colours_back(model: HeadModel) -> None:
    vertices = model.mean.astype(np.float64)
    atlas = atlas_of(model, 256)
    colours = np.zeros((256, 256, 3), np.uint8)
    colours[atlas.fragments.covered] = np.clip(
        atlas.fragments.interpolate(model.mean, model.levels[0][0]) + 128, 0, 255
    ).astype(np.uint8)
    truth = TextureMap(colours, np.ones((256, 256), np.float32))
    photo = render_textured(model.mesh(vertices), truth, standing(0.2), CAMERA, 256, 256)
    found, weights, _ = unwrap(model, atlas, vertices, standing(0.2), CAMERA, photo)
    sure = (weights > 0.9) & region_mask(model, atlas, *SKIN)
    assert sure.sum() > 5000
    gap = np.abs(found[sure] - colours[sure].astype(np.float32)).max(axis=1)
    assert np.median(gap) < 4


def test_the_far_side_of_a_turned_head_is_not_smeared(model: HeadModel) -> None:
    atlas = atlas_of(model, 256)
    _, weights, _ = unwrap(
        model, atlas, model.mean.astype(np.float64), standing(1.2), CAMERA, np.zeros((256, 256, 3), np.uint8)
    )
    x = np.zeros((256, 256), np.float32)
    x[atlas.fragments.covered] = atlas.fragments.interpolate(model.mean, model.levels[0][0])[:, 0]
    # the nose points to the picture's right, so the person's left side is hidden
    assert weights[(x > 45) & region_mask(model, atlas, "face")].max() == 0
    assert weights[(x < -45) & region_mask(model, atlas, "face")].max() > 0.9


def test_a_whole_texture_has_no_hole_and_keeps_plain_skin_plain(model: HeadModel) -> None:
    photo = np.full((256, 256, 3), (190, 150, 130), np.uint8)
    texture = skin_texture(model, model.mean.astype(np.float64), standing(0.5), CAMERA, photo, size=256)
    skin = region_mask(model, atlas_of(model, 256), *SKIN) & (anatomy_of(model, 256).hollow == 0)
    assert np.abs(texture.pixels[skin].astype(int) - (190, 150, 130)).max() < 6
    assert texture.seen.max() == 1


def test_nothing_seen_gives_a_plain_head_not_an_error(model: HeadModel) -> None:
    nothing = np.zeros((128, 128), np.float32)
    colours, valid = spread_over_surface(model, np.zeros((128, 128, 3), np.float32), nothing)
    assert np.isfinite(colours).all()
    assert valid.max() == 1


def test_colour_flows_over_the_surface_and_stays_within_what_was_seen(model: HeadModel) -> None:
    atlas = atlas_of(model, 128)
    colours = np.full((128, 128, 3), 90, np.float32)
    colours[:, :46] = 180
    weights = region_mask(model, atlas, "face").astype(np.float32)
    spread, valid = spread_over_surface(model, colours, weights)
    inside = spread[valid > 0]
    assert inside.min() > 89
    assert inside.max() < 181


def painted(model: HeadModel, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """An atlas of one skin colour, and where each texel lies on the mean head (S, S, 3) mm."""
    atlas = atlas_of(model, size)
    where = np.full((size, size, 3), np.nan, np.float32)
    covered = atlas.fragments.covered
    where[covered] = atlas.fragments.interpolate(model.mean, model.levels[0][0])
    return np.full((size, size, 3), (190, 150, 130), np.uint8), where


def photo_of(model: HeadModel, colours: np.ndarray, yaw: float) -> np.ndarray:
    truth = TextureMap(colours, np.ones(colours.shape[:2], np.float32))
    return render_textured(model.mesh(), truth, standing(yaw), CAMERA, 256, 256, background=40)


def test_what_is_hidden_comes_from_the_other_side(model: HeadModel) -> None:
    colours, where = painted(model)
    mark = np.abs(where - (-36, 0, 88)).max(axis=2) < 14  # on the person's right cheek
    colours[mark] = (90, 60, 50)
    photo = photo_of(model, colours, 0.9)
    texture = skin_texture(model, model.mean.astype(np.float64), standing(0.9), CAMERA, photo, size=256)
    left = np.abs(where - (36, 0, 88)).max(axis=2) < 7
    assert texture.seen[left].max() < 0.1
    assert np.median(texture.pixels[left].astype(int)[:, 0]) < 130


def test_hair_goes_on_where_nothing_was_seen_and_a_bald_head_stays_bald(model: HeadModel) -> None:
    colours, where = painted(model)
    hairy = np.zeros(where.shape[:2], bool)
    known = np.isfinite(where[..., 0])
    hairy[known] = hair_likelihood(where[known].astype(np.float64)) > 0.5
    hairy &= region_mask(model, atlas_of(model, 256), *SKIN)
    back = region_mask(model, atlas_of(model, 256), "scalp") & (where[..., 1] > 40) & (where[..., 2] < -60)
    neck = region_mask(model, atlas_of(model, 256), *SKIN) & (where[..., 1] < -110)
    for colour in ((40, 30, 25), (190, 150, 130)):
        colours[hairy] = colour
        photo = photo_of(model, colours, 0.0)
        texture = skin_texture(model, model.mean.astype(np.float64), standing(0.0), CAMERA, photo, size=256)
        found = np.median(texture.pixels[back].astype(int), axis=0)
        np.testing.assert_allclose(found, colour, atol=18)
        np.testing.assert_allclose(np.median(texture.pixels[neck], axis=0), (190, 150, 130), atol=15)


def test_a_collar_is_not_skin(model: HeadModel) -> None:
    colours, where = painted(model)
    colours[where[..., 1] < -105] = (30, 60, 160)
    photo = photo_of(model, colours, 0.0)
    texture = skin_texture(model, model.mean.astype(np.float64), standing(0.0), CAMERA, photo, size=256)
    collar = region_mask(model, atlas_of(model, 256), *SKIN) & (where[..., 1] < -125)
    assert np.abs(np.median(texture.pixels[collar].astype(int), axis=0) - (190, 150, 130)).max() < 15


def test_light_from_one_side_is_taken_out(model: HeadModel) -> None:
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(64, 64, 3))
    normals[..., 2] = np.abs(normals[..., 2])
    normals = (normals / np.linalg.norm(normals, axis=2, keepdims=True)).astype(np.float32)
    light = np.array([0.3, 0, 0.05, 0.08, 0, 0, 0, 0, 0])
    shade = (harmonics(normals.reshape(-1, 3)) @ light).reshape(64, 64)
    colours = (150 * shade[..., None] * np.ones(3)).astype(np.float32)
    ones = np.ones((64, 64), np.float32)
    gained = (colours * light_gain(colours, ones, normals, ones)[..., None])[..., 0]
    assert gained.std() / gained.mean() < 0.35 * colours[..., 0].std() / colours[..., 0].mean()
    nothing = light_gain(colours, 0 * ones, normals, ones)
    np.testing.assert_array_equal(nothing, ones)


def test_a_colour_model_is_not_led_astray_by_a_few_others() -> None:
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(5, 0.05, (900, 3)), rng.normal(1, 0.05, (100, 3))])
    model = learn_colours(features, np.ones(1000))
    np.testing.assert_allclose(model.mean, 5, atol=0.02)
    deviation = model.deviation(features)
    assert np.median(deviation[:900]) < 3
    assert deviation[900:].min() > 100
    grey = colour_features(np.full((1, 3), 90.0))
    np.testing.assert_allclose(grey[0, 1:], 0)


def test_without_a_seen_face_everything_counts_as_skin(model: HeadModel) -> None:
    nothing = np.zeros((256, 256), np.float32)
    segments = segment(np.zeros((256, 256, 3), np.float32), nothing, anatomy_of(model, 256))
    assert not segments.has_hair
    assert segments.skin.min() == 1


def test_the_maps_of_a_head_are_symmetric_and_know_where_hair_grows(model: HeadModel) -> None:
    spots = np.array(
        [[0, 145, 0], [0, 20, -88], [0, 70, 105], [0, -80, -57], [82, 10, 0], [70, 60, 10]], float
    )
    assert hair_likelihood(spots).round().tolist() == [1, 1, 0, 0, 0, 1]
    maps = anatomy_of(model, 256)
    both = (maps.skin & mirrored_tiles(maps.skin[..., None].astype(np.float32))[..., 0].astype(bool))[
        :184, :184
    ]
    for part in (maps.core, maps.hair, maps.below):
        square = part[:184, :184]
        assert np.quantile(np.abs(square - square[:, ::-1])[both], 0.998) < 0.25


def test_smaller_pictures_ignore_what_has_no_weight_and_larger_ones_keep_ramps() -> None:
    colours, weights = np.full((8, 8, 3), 50, np.float32), np.ones((8, 8), np.float32)
    colours[::2], weights[::2] = 200, 0
    small, known = reduced(colours, weights, 4)
    np.testing.assert_allclose(small, 50)
    np.testing.assert_allclose(known, 0.5)
    ramp = np.repeat(np.arange(6, dtype=np.float32)[:, None], 6, axis=1)
    large = enlarged(ramp, 4)
    assert large.shape == (24, 24)
    np.testing.assert_allclose(np.diff(large[2:-2, 0]), 0.25, atol=1e-5)
    assert enlarged(ramp[..., None], 1).shape == (6, 6, 1)


def test_only_what_lies_between_the_lids_is_eye() -> None:
    marks = np.zeros((468, 2))
    for ring, middle in ((LIDS[0], (30, 30)), (LIDS[1], (90, 30)), (INNER_LIPS, (60, 80))):
        turn = np.linspace(0, 2 * np.pi, len(ring), endpoint=False)
        marks[list(ring)] = np.array(middle) + 12 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    mask = openings_of(marks, 120, 110)
    assert mask.shape == (110, 120)
    assert mask[30, 30] == mask[30, 90] == 255
    assert mask[30, 60] == mask[60, 60] == mask[80, 60] == 0
    assert openings_of(marks, 120, 110, (INNER_LIPS,))[80, 60] == 255
    pixels = np.full((110, 120, 3), (150, 110, 90), np.uint8)
    pixels[mask > 200] = (200, 190, 185)
    cross = np.array([[0.0, 0], [4, 0], [0, 4], [-4, 0], [0, -4]])
    for column in (30, 90):
        pixels[26:35, column - 4 : column + 5] = (60, 90, 120)
    irises = np.stack([np.add(cross, (30, 30)), np.add(cross, (90, 30))])
    found = eye_colours(pixels, irises, marks)
    np.testing.assert_allclose(found.iris, (60, 90, 120))
    np.testing.assert_allclose(found.white, (205, 196, 191), atol=14)
    assert eye_colours(pixels, None, marks).white == EyeColours((0, 0, 0)).white


def mouth(teeth: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture of lips around an opening of one colour, and its landmarks."""
    marks = np.zeros((468, 2))
    for ring, radius in ((INNER_LIPS, 14), (OUTER_LIPS, 28)):
        turn = np.linspace(0, 2 * np.pi, len(ring), endpoint=False)
        marks[list(ring)] = np.array((50, 50)) + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    rows, columns = np.mgrid[:100, :100]
    pixels = np.full((100, 100, 3), (190, 110, 105), np.uint8)
    pixels[np.hypot(rows - 50, columns - 50) < 14] = teeth
    return pixels, marks


def test_teeth_have_the_colour_that_the_photo_shows_between_the_lips() -> None:
    np.testing.assert_allclose(tooth_colour(*mouth((205, 195, 170))), (205, 195, 170), atol=3)


def test_behind_closed_lips_and_in_a_dark_mouth_teeth_are_the_usual_ones_in_shade() -> None:
    hidden = tooth_colour(*mouth((190, 110, 105)))
    assert hidden == tooth_colour(*mouth((40, 20, 20))) == tooth_colour(np.zeros((9, 9, 3), np.uint8), None)
    assert 70 < hidden[0] < 150
    assert hidden[0] > hidden[1] > hidden[2]


def test_teeth_are_darker_at_the_back(model: HeadModel) -> None:
    atlas = atlas_of(model, 256)
    blank = np.zeros((256, 256, 3), np.float32)
    painted = paint_insides(model, atlas, blank, EyeColours((90, 70, 50)), teeth=(200.0, 190.0, 180.0))
    z = np.full((256, 256), np.nan, np.float32)
    z[atlas.fragments.covered] = atlas.fragments.interpolate(model.mean, model.levels[0][0])[:, 2]
    teeth = region_mask(model, atlas, "teeth")
    front = teeth & (z > z[teeth].max() - 4)
    back = teeth & (z < z[teeth].min() + 4)
    np.testing.assert_allclose(
        painted[front], np.broadcast_to((200, 190, 180), painted[front].shape), rtol=0.01
    )
    assert painted[back, 0].max() < 130


def test_the_background_is_told_from_the_person_by_its_colour() -> None:
    pixels = np.full((60, 60, 3), (30, 90, 200), np.uint8)
    pixels[20:40, 20:40] = (200, 150, 130)
    core, outside = np.zeros((60, 60), bool), np.zeros((60, 60), bool)
    core[25:35, 25:35] = True
    outside[:10] = True
    doubt = background_probability(pixels, core, outside)
    assert doubt[50, 50] > 0.9
    assert doubt[22, 22] < 0.1
    assert background_probability(pixels, core, np.zeros((60, 60), bool)).max() == 0


def test_growing_a_mask_grows_it_by_that_much() -> None:
    mask = np.zeros((20, 20), bool)
    mask[10, 10] = True
    assert grown(mask, 3).sum() == 49


def test_an_eyeball_has_a_dark_pupil_a_coloured_iris_and_a_light_sclera() -> None:
    ball = eyeball(200, EyeColours((60.0, 120.0, 180.0)))
    assert ball[100, 100].max() < 40
    assert ball[100, 128, 2] > ball[100, 128, 0] + 30
    assert ball[100, 142].min() > 180
    assert ball[100, 142].min() > ball[100, 165].min() > 120  # corners lie in the lids' shade


def test_the_iris_colour_is_read_from_the_photo() -> None:
    pixels = np.full((60, 60, 3), (70, 110, 150), np.uint8)
    iris = np.array([[30, 30], [40, 30], [30, 40], [20, 30], [30, 20]], float)
    assert iris_colour(pixels, np.stack([iris, iris])) == (70, 110, 150)
    assert iris_colour(pixels, None)[0] > iris_colour(pixels, None)[2]


def test_the_skin_is_sampled_where_the_landmarks_are(model: HeadModel) -> None:
    offsets = np.zeros((468, 2))
    offsets[:, 0] = 4.0
    shift = landmark_shift(model, offsets)
    nose = model.points68[30]
    np.testing.assert_allclose(shift[nose], [4, 0], atol=0.8)
    back = np.argmin(model.mean[:, 2])
    np.testing.assert_allclose(shift[back], 0, atol=1e-3)

"""Local edits: the inside changes, and the outside only as far as allowed."""

import keras
import numpy as np
import pytest

from keras_synth import editing, models, networks


@pytest.fixture(scope="module")
def mask():
    mask = np.zeros((8, 8, 1), "float32")
    mask[:, :4] = 1.0
    return mask


@pytest.fixture(scope="module")
def known(vae):
    latents = editing.sample_vectors(vae, 2, seed=1)
    return editing.as_projection(vae, latents)


def test_the_inside_comes_nearer_and_the_outside_stays(known, mask):
    color = [0.9]
    edit = editing.edit_region(
        known, mask, color, steps=40, blend="composite", verbose=0
    )
    inside = mask[..., 0] == 1
    before, after = known.images, edit.images
    assert np.abs(after[:, inside] - 0.9).mean() < (
        np.abs(before[:, inside] - 0.9).mean()
    )
    assert after[:, ~inside].tobytes() == before[:, ~inside].tobytes()
    assert edit.seams.shape == (2,)
    made = edit.projection.images
    np.testing.assert_array_equal(after[:, inside], made[:, inside])
    assert np.abs(made - before)[:, ~inside].max() > 0


@pytest.mark.slow
def test_the_weight_outside_holds_it(known, mask):
    outside = mask[..., 0] == 0

    def change(weight):
        edit = editing.edit_region(
            known,
            mask,
            [0.9],
            steps=40,
            outside_weight=weight,
            blend=None,
            verbose=0,
        )
        np.testing.assert_array_equal(edit.images, edit.projection.images)
        return np.abs(edit.images - known.images)[:, outside].mean()

    assert change(100.0) < 0.5 * change(0.0)


def test_targets_are_images_colors_and_directions(vae, known, mask):
    direction = editing.closed_form_directions(vae, 1)[0]
    moved = editing.move(known.styles, direction, 2.0)
    targets = editing.render(vae, moved)
    edits = [
        editing.edit_region(
            known, mask, target, amount=2.0, steps=3, verbose=0
        ).images
        for target in (direction, targets)
    ]
    np.testing.assert_allclose(edits[0], edits[1], atol=1e-6)
    same = editing.edit_region(
        known, mask, known.images, steps=3, learning_rate=1e-6, verbose=0
    )
    np.testing.assert_allclose(same.images, known.images, atol=1e-4)


def test_a_real_image_stays_outside(known, mask):
    originals = np.full((2, 8, 8, 1), 0.123, "float32")
    edit = editing.edit_region(
        known, mask, [1.0], originals=originals, steps=2, verbose=0
    )
    assert (edit.images[:, mask[..., 0] == 0] == np.float32(0.123)).all()
    blended = editing.poisson_blend(
        originals[0], edit.projection.images[0], mask
    )
    np.testing.assert_allclose(edit.images[0], np.clip(blended, 0, 1))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"mask": np.ones((4, 8, 1))}, "`mask` must be"),
        ({"mask": np.zeros((8, 8, 1))}, "`mask` must have an edge"),
        ({"mask": np.full((8, 8, 1), 255)}, "`mask` must lie in"),
        ({"target": [0.1, 0.2]}, "`target` must be"),
        ({"target": [2.0]}, "Targets"),
        ({"outside_weight": np.nan}, "`outside_weight` must be a number of"),
        ({"outside_weight": -1.0}, "`outside_weight` must be a number of"),
        ({"blend": "glue"}, "`blend` must be one of"),
        ({"originals": np.zeros((1, 4, 4, 1))}, "must be of shape"),
        ({"originals": np.zeros((1, 8, 8, 1))}, "projected, 2. Received: 1"),
        ({"originals": np.zeros((3, 8, 8, 1))}, "projected, 2. Received: 3"),
    ],
)
def test_mistakes_are_refused(known, mask, options, message):
    arguments = {"mask": mask, "target": [0.5]} | options
    with pytest.raises(ValueError, match=message):
        editing.edit_region(known, **arguments)


# Feature maps ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["style_gan", "vae"])
def test_a_full_mask_gives_the_part_and_an_empty_one_the_base(kind, request):
    model = request.getfixturevalue(kind)
    height, width, _ = model.image_shape
    one, other = editing.sample_vectors(model, 4, seed=2).reshape(2, 2, -1)
    ones = np.ones((height, width, 1))
    blended = editing.blend_features(model, one, other, 0.0 * ones)
    np.testing.assert_allclose(blended, editing.render(model, one), atol=1e-5)
    blended = editing.blend_features(model, one, other, ones, max_side=height)
    np.testing.assert_allclose(blended, editing.render(model, other), atol=1e-5)


def test_an_array_is_no_projection(mask):
    with pytest.raises(TypeError, match="must be a `Projection`"):
        editing.edit_region(np.zeros((1, 8, 8, 1)), mask, 0.5)


def test_masks_of_8_bits_are_refused(vae):
    mask = np.zeros((8, 8, 1), "uint8")
    mask[:4] = 255
    vectors = editing.sample_vectors(vae, 2)[:, None]
    with pytest.raises(ValueError, match="`mask` must lie in .0, 1.*0 to 255"):
        editing.blend_features(vae, *vectors, mask)
    frames = editing.edit_frames(
        vae,
        np.zeros((1, 8, 8, 1)),
        editing.Direction("x", np.ones(vae.latent_dim), space="z"),
        1.0,
        steps=1,
        mask=mask,
        verbose=0,
    )
    with pytest.raises(ValueError, match="`mask` must lie in .0, 1.*0 to 255"):
        next(frames)


def test_frames_are_not_projected_for_a_mask_of_another_shape(vae):
    frames = editing.edit_frames(
        vae,
        np.zeros((1, 8, 8, 1)),
        editing.Direction("x", np.ones(vae.latent_dim), space="z"),
        1.0,
        first_steps=0,  # which the projection would refuse
        mask=np.zeros((8, 8)),
        verbose=0,
    )
    with pytest.raises(ValueError, match="`mask` must be"):
        next(frames)


def test_half_a_mask_blends(style_gan):
    one, other = editing.sample_vectors(style_gan, 2, seed=2)[:, None]
    mask = np.zeros((16, 16, 1))
    mask[:, :8] = 1.0
    before = [np.array(w) for w in style_gan.weights]
    whole = editing.blend_features(style_gan, one, other, mask, max_side=16)
    a, b = (editing.render(style_gan, x) for x in (one, other))
    # Blended to the last layer, the inside is that of the part.
    np.testing.assert_allclose(whole[:, :, :8], b[:, :, :8], atol=1e-5)
    half = editing.blend_features(style_gan, one, other, mask)
    assert np.abs(half - a)[:, :, :8].max() > 1e-3
    assert np.abs(half - whole).max() > 1e-4
    for weight, old in zip(style_gan.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_maps_are_blended_in_a_network_that_was_loaded():
    """Its layers may have the names that operations would get next."""
    made = [keras.layers.Add().name for _ in range(2)][1]
    number = int(made.removeprefix("add_"))
    latents = keras.Input((3,))
    x = keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16)(latents))
    for step in range(1, 4):
        x = keras.layers.Add(name=f"add_{number + step}")([x, x])
    decoder = keras.Model(latents, keras.layers.UpSampling2D()(x))
    encoder = networks.dense_encoder((8, 8, 1), 3, (4,))
    model = models.VAE(encoder, decoder)
    one, other = np.float32([[1, 2, 3]]), np.float32([[-2, 1, 0]])
    blended = editing.blend_features(model, one, other, np.ones((8, 8, 1)))
    np.testing.assert_allclose(blended, model.generate(other), atol=1e-6)


def test_a_generator_without_feature_maps_is_refused(gan):
    z = np.zeros((1, 3))
    with pytest.raises(ValueError, match="no feature maps of at most 4"):
        editing.blend_features(gan, z, z, np.ones((8, 8, 1)), labels=0)


@pytest.mark.parametrize("value", [1.0, 0.4])
@pytest.mark.parametrize("blend", ["poisson", "composite", None])
def test_masks_without_an_edge_are_refused_at_once(known, mask, value, blend):
    masks = np.stack([mask, np.full_like(mask, value)])
    with pytest.raises(ValueError, match="must have an edge"):
        # What is optimized has a positive number of steps.
        editing.edit_region(known, masks, [0.9], steps=0, blend=blend)


def test_the_part_has_noise_of_its_own(style_gan):
    """Blended everywhere, it is the second image but for the last layer."""
    images = np.random.default_rng(0).uniform(size=(2, *style_gan.image_shape))
    found = editing.project(style_gan, images, steps=1, verbose=0)
    errors = []
    for part_noise in (found.noise[::-1], None):
        made = editing.blend_features(
            style_gan,
            found.styles,
            found.styles[::-1],
            np.ones((*style_gan.image_shape[:2], 1)),
            max_side=max(style_gan.image_shape),
            noise=found.noise,
            part_noise=part_noise,
        )
        errors.append(np.abs(made - found.images[::-1]).mean())
    assert errors[0] < 0.5 * errors[1]

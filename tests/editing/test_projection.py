"""Projection: what the styles make is the image, whatever the batch."""

import keras
import numpy as np
import pytest

from keras_synth import editing, losses, models, networks
from keras_synth.editing import noise as module
from keras_synth.editing.noise import noise_sides
from keras_synth.editing.projection import Projector
from keras_synth.editing.spaces import latent_space


def images_of(model, count=2, labels=None):
    return np.asarray(model.sample(count, seed=3, labels=labels))


@pytest.fixture(scope="module")
def projected(style_gan):
    """Two images in w+, from the mean."""
    images = images_of(style_gan)
    found = editing.project(
        style_gan, images, "w+", start="mean", steps=60, verbose=0
    )
    return images, found


def test_styles_make_the_image(style_gan, projected):
    images, found = projected
    assert found.styles.shape == (2, style_gan.num_layers, 5)
    assert found.losses.shape == (60, 2)
    assert (found.losses[-1] < 0.2 * found.losses[0]).all()
    made = style_gan.synthesize(found.styles, found.noise)
    np.testing.assert_allclose(found.images, made, atol=1e-6)
    error = np.square(found.images - images).mean((1, 2, 3))
    assert (error < 2 * found.losses[-1]).all()


@pytest.mark.slow
def test_an_image_of_a_batch_is_projected_as_if_alone(style_gan, projected):
    images, found = projected
    alone = editing.project(
        style_gan, images[1:], start="mean", steps=60, verbose=0
    )
    np.testing.assert_allclose(alone.styles, found.styles[1:], atol=0.02)
    np.testing.assert_allclose(alone.images, found.images[1:], atol=0.01)


def test_noise_stays_white(style_gan, projected):
    noise = projected[1].noise
    sides = noise_sides(style_gan)
    assert sides == [4, 8, 8, 16, 16] and noise.shape == (2, 656)
    for each in module.noise_maps(noise, sides):
        np.testing.assert_allclose(np.mean(each, (1, 2)), 0.0, atol=1e-5)
        np.testing.assert_allclose(np.std(each, (1, 2)), 1.0, atol=1e-4)
    assert np.abs(noise[0] - noise[1]).max() > 0.01


def test_noise_correlations_are_those_of_numpy():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2, 16, 16, 1)).astype("float32")
    half = noise.reshape(2, 8, 2, 8, 2, 1).mean((2, 4)) * 2
    expected = sum(
        np.square((x * np.roll(x, 1, axis)).mean((1, 2, 3)))
        for x in (noise, half)
        for axis in (1, 2)
    )
    ours = module.noise_correlations(noise)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


@pytest.mark.slow
def test_w_has_one_style_and_the_penalty_pulls_to_the_mean(style_gan):
    images = images_of(style_gan, 1)
    mean, deviation = latent_space(style_gan, "w+").statistics()

    def distance(**options):
        found = editing.project(
            style_gan, images, steps=20, noise="fixed", verbose=0, **options
        )
        return found, np.linalg.norm(found.styles - mean, axis=-1).mean()

    in_w, _ = distance(space="w", mean_weight=0.0, start="mean")
    assert in_w.styles.shape == (1, 5)
    np.testing.assert_array_equal(
        in_w.noise, keras.random.normal((1, 656), seed=0)
    )
    _, free = distance(mean_weight=0.0)
    _, pulled = distance(mean_weight=10.0)
    assert pulled < 0.5 * free and deviation > 0


def test_latents_of_a_gan_and_a_vae(gan, vae):
    images = images_of(gan, 2, labels=[1, 2])
    found = editing.project(gan, images, steps=20, labels=[1, 2], verbose=0)
    assert found.space == "z" and found.styles.shape == (2, 3)
    assert found.noise is None
    np.testing.assert_allclose(
        found.images, gan.generate(found.styles, [1, 2]), atol=1e-6
    )
    images = images_of(vae)
    start = np.square(vae(images) - images).mean((1, 2, 3))
    found = editing.project(vae, images, steps=1, learning_rate=1e-6, verbose=0)
    # The first loss is that of the encoder's latents.
    np.testing.assert_allclose(found.losses[0], start, rtol=1e-4)


@pytest.mark.parametrize("labels", [None, [1, 2]])
def test_the_start_is_the_nearest_of_256_a_few_at_a_time(gan, vae, labels):
    model = gan if labels else vae
    images = images_of(model, 2, labels)
    sizes = []

    def distance(target, made):
        sizes.append(len(made))
        return np.square(target - made).mean((1, 2, 3))

    projector = Projector(model, distance=distance)
    found = projector._nearest(images, labels)
    assert max(sizes) <= 16
    drawn = latent_space(model).draw(256)
    for index, image in enumerate(images):
        one = labels[index] if labels else None
        made = np.asarray(model.generate(drawn, one))
        nearest = np.square(image - made).mean((1, 2, 3)).argmin()
        np.testing.assert_array_equal(found[index], drawn[nearest])


@pytest.mark.parametrize(
    "kind", ["gan", "vae", pytest.param("style_gan", marks=pytest.mark.slow)]
)
def test_pivotal_tuning_comes_nearer_and_leaves_the_model(kind, request):
    model = request.getfixturevalue(kind)
    labels = 1 if kind == "gan" else None
    images = images_of(model, 2, labels)[:, ::-1].copy()
    found = editing.project(model, images, labels=labels, steps=5, verbose=0)
    before = [np.array(w) for w in model.weights]
    tuned = editing.tune_generator(
        found, images, steps=15, learning_rate=0.01, verbose=0
    )
    np.testing.assert_array_equal(tuned.styles, found.styles)
    errors = [np.square(x.images - images).mean() for x in (tuned, found)]
    assert errors[0] < 0.7 * errors[1]
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert type(tuned.model) is type(model)
    np.testing.assert_allclose(
        tuned.model.generate(np.ones((1, 3)), labels).shape,
        model.generate(np.ones((1, 3)), labels).shape,
    )
    if kind != "vae":  # what samples, and what could be trained on
        for one, other in zip(
            tuned.model.generator.weights,
            tuned.model.generator_average.weights,
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_no_steps_of_tuning_leave_the_model_as_it_is(vae):
    known = editing.as_projection(vae, np.zeros((1, 3)))
    tuned = editing.tune_generator(known, known.images, steps=0, verbose=0)
    np.testing.assert_array_equal(tuned.images, known.images)
    assert tuned.losses.shape == (0, 1)


@pytest.mark.parametrize("steps", [-1, True, 2.0, "3"])
def test_tuning_takes_a_number_of_steps(vae, steps):
    known = editing.as_projection(vae, np.zeros((1, 3)))
    with pytest.raises(ValueError, match="`steps` must be an int"):
        editing.tune_generator(known, known.images, steps=steps, verbose=0)


@pytest.mark.parametrize("name", ["locality_weight", "pixel_weight"])
@pytest.mark.parametrize("weight", [np.nan, -0.1])
def test_weights_of_tuning_are_numbers_of_at_least_0(vae, name, weight):
    known = editing.as_projection(vae, np.zeros((1, 3)))
    with pytest.raises(ValueError, match=f"`{name}` must be a number of"):
        editing.tune_generator(
            known, known.images, steps=1, verbose=0, **{name: weight}
        )


def test_a_distance_of_features_refuses_weights_below_0():
    image = keras.Input((4, 4, 1))
    network = keras.Model(image, keras.layers.Flatten()(image))
    with pytest.raises(ValueError, match="`pixel_weight` must be a number of"):
        editing.image_distance(network, pixel_weight=-1.0)


def test_it_is_saved_and_loaded(style_gan, projected, tmp_path):
    _, found = projected
    path = tmp_path / "new" / "styles.npz"
    found.save(path)
    again = editing.load_projection(path, style_gan)
    for name in ("styles", "noise", "losses", "images"):
        np.testing.assert_array_equal(
            getattr(again, name), getattr(found, name)
        )
    assert again.space == "w+" and again.labels is None
    with pytest.raises(FileExistsError, match="overwrite"):
        found.save(path)
    other = tmp_path / "other.npz"
    np.savez(other, a=1)
    whole = path.read_bytes()
    for broken in (other.read_bytes(), b"no", whole[: len(whole) // 2]):
        other.write_bytes(broken)
        with pytest.raises(ValueError, match="holds no projection"):
            editing.load_projection(other, style_gan)


def test_the_reference_averages_large_images():
    ones = np.ones((1, 512, 512, 1), "float32")
    image = keras.Input((None, None, 1))
    network = keras.Model(image, {"differences": image[:, 1:] - image[:, :-1]})
    distance = editing.image_distance(network, pixel_weight=0.0)
    board = np.indices((512, 512)).sum(0)[None, ..., None] % 2
    # Averaged, a fine checkerboard is flat.
    assert float(distance(ones, board.astype("float32"))[0]) == 0.0
    small, ones = board[:, :256, :256].astype("float32"), ones[:, :256, :256]
    assert float(distance(ones, small)[0]) > 0.5


def test_a_vector_network_compares_directions():
    image = keras.Input((4, 4, 1))
    network = keras.Model(image, keras.layers.Flatten()(image))
    distance = editing.image_distance(network, pixel_weight=0.0)
    rng = np.random.default_rng(0)
    one, other = rng.uniform(size=(2, 3, 4, 4, 1)).astype("float32")
    np.testing.assert_allclose(distance(one, 2 * one), 0.0, atol=1e-6)
    flat = [x.reshape(3, -1) for x in (one, other)]
    cosine = (flat[0] * flat[1]).sum(1) / np.prod(
        [np.linalg.norm(x, axis=1) for x in flat], axis=0
    )
    np.testing.assert_allclose(distance(one, other), 2 - 2 * cosine, atol=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"space": "z"}, "edited in w"),
        ({"steps": 0}, "`steps` must be"),
        ({"noise": "loud"}, "`noise` must be one of"),
        ({"start": "end"}, "`start` must be one of"),
        ({"features": None, "pixel_weight": 0.0}, "`pixel_weight`"),
        ({"pixel_weight": np.inf}, "`pixel_weight` must be a number of"),
        ({"noise_weight": np.nan}, "`noise_weight` must be a number of"),
        ({"noise_weight": "1"}, "`noise_weight` must be a number of"),
        ({"mean_weight": -1}, "`mean_weight` must be a number of"),
        ({"mean_weight": np.nan}, "`mean_weight` must be a number of"),
    ],
)
def test_mistakes_are_refused(style_gan, options, message):
    with pytest.raises(ValueError, match=message):
        editing.project(
            style_gan, np.zeros((1, 16, 16, 1), "float32"), **options
        )


def test_what_is_no_generator_or_no_image_is_refused(style_gan, gan):
    with pytest.raises(TypeError, match="must be a generator"):
        editing.project(style_gan.mapping, np.zeros((1, 16, 16, 1)))
    with pytest.raises(ValueError, match="must be of shape"):
        editing.project(style_gan, np.zeros((1, 8, 8, 1)))
    with pytest.raises(ValueError, match="label"):
        editing.project(gan, np.zeros((1, 8, 8, 1)))
    with pytest.raises(TypeError, match="`features` must be"):
        editing.project(style_gan, np.zeros((1, 16, 16, 1)), features=3)


@pytest.mark.parametrize(
    "likelihood", [losses.Gaussian(), losses.DiscretizedLogistic()]
)
def test_what_a_vae_overshoots_is_projected_and_tuned(likelihood):
    """Clipped images would have no gradient there."""
    latents = keras.Input((3,))
    count = likelihood.parameters_per_channel
    low = keras.layers.Dense(
        64 * count,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(-0.5),
    )(latents)
    decoder = keras.Model(latents, keras.layers.Reshape((8, 8, count))(low))
    model = models.VAE(
        networks.dense_encoder((8, 8, 1), latent_dim=3, hidden=(4,)),
        decoder,
        likelihood=likelihood,
    )
    image = np.full((1, 8, 8, 1), 0.3, "float32")
    projection = editing.project(model, image, steps=2, seed=0, verbose=0)
    np.testing.assert_array_equal(projection.images, 0.0)
    tuned = editing.tune_generator(
        projection, image, steps=40, learning_rate=0.1, verbose=0
    )
    np.testing.assert_allclose(tuned.images, image, atol=0.05)


@pytest.mark.parametrize("seed", [-1, None, 1.5])
def test_seeds_that_are_none_are_refused_before_any_work(vae, seed):
    with pytest.raises(ValueError, match="`seed` must be an int"):
        editing.project(vae, np.zeros((1, *vae.image_shape)), seed=seed)


def test_no_images_are_refused(vae):
    with pytest.raises(ValueError, match="must hold an image"):
        editing.project(vae, np.zeros((0, *vae.image_shape)), steps=1)

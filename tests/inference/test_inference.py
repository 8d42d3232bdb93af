"""Tiled inference equals the whole image; self-ensemble is a mean."""

import keras
import numpy as np
import pytest

from keras_synth.inference import restore_tiled, run_restorer, self_ensemble
from keras_synth.networks import autoencoder, ffdnet, unet


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def randomized(network):
    """Random kernels, so that every layer uses its whole receptive field."""
    for seed, weight in enumerate(network.trainable_weights):
        scale = 1.5 / np.sqrt(max(1, np.prod(weight.shape[:-1])))
        values = np.random.default_rng(seed).normal(size=weight.shape) * scale
        weight.assign(values)
    return network


def three_convolutions(channels=1):
    """A network whose receptive field has a radius of 3 + 1 + 1 = 5 pixels."""
    return randomized(
        keras.Sequential(
            [
                keras.Input((None, None, channels)),
                keras.layers.Conv2D(4, 7, padding="same", activation="relu"),
                keras.layers.Conv2D(4, 3, padding="same"),
                keras.layers.Conv2D(channels, 3, padding="same"),
            ]
        )
    )


def difference(model, images, **options):
    options = {"verbose": 0, "multiple": 1, **options}
    tiled = restore_tiled(model, images, **options)
    whole = run_restorer(model, images)
    assert tiled.shape == whole.shape and tiled.dtype == "float32"
    return np.abs(tiled - whole).max()


def test_tiles_equal_the_whole_if_the_overlap_covers_the_receptive_field():
    network, images = three_convolutions(), random_images(2, 61, 83, 1)
    assert difference(network, images, tile=24, overlap=5) < 1e-5
    # With one pixel less there are seams.
    assert difference(network, images, tile=24, overlap=4) > 1e-3
    assert difference(network, images, tile=24, overlap=0) > 1e-2


@pytest.mark.parametrize(
    "size", [(1, 1), (3, 50), (24, 24), (25, 23), (40, 41), (64, 31)]
)
def test_images_of_any_size(size):
    images = random_images(1, *size, 3)
    network = three_convolutions(3)
    assert difference(network, images, tile=24, overlap=6) < 1e-5


def test_every_pixel_is_written_once():
    for length in range(1, 90):
        images = np.arange(length, dtype="float32").reshape(1, 1, -1, 1) + 1
        seen = []

        def shift(batch, seen=seen):
            seen.append(batch.shape[2])
            return batch + 0.5

        for multiple in (1, 4):
            tiled = restore_tiled(
                shift, images, 20, 5, multiple=multiple, verbose=0
            )
            np.testing.assert_array_equal(tiled, images + 0.5)
        assert max(seen) <= 20 and len(set(seen)) <= 2


@pytest.mark.parametrize(
    "network, multiple, overlap",
    [
        # Half resolution, three 3 x 3: a radius of 6, and the block's one.
        (ffdnet(channels=1, num_layers=3, width=4), 2, 8),
        (unet(channels=1, widths=(4, 8), num_blocks=1), 4, 30),
        (autoencoder(channels=1, widths=(4, 8)), 4, 16),
    ],
    ids=["ffdnet", "unet", "autoencoder"],
)
def test_networks_leave_no_seams(network, multiple, overlap):
    images = random_images(1, 157, 175, 1)
    if isinstance(network.input, dict):
        images = {"image": images, "noise_level": np.full((1, 1, 1, 1), 0.1)}
    options = {"tile": 88, "overlap": overlap}
    randomized(network)
    tiled = restore_tiled(
        network, images, multiple=multiple, verbose=0, **options
    )
    whole = run_restorer(network, images)
    scale = np.abs(whole).max()
    np.testing.assert_allclose(tiled, whole, atol=1e-5 * scale)
    # Offsets off the network's stride are seen.
    odd = restore_tiled(network, images, multiple=1, verbose=0, **options)
    assert np.abs(odd - whole).max() > 1e-3 * scale


def upscaler():
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(12, 3, padding="same")(image)
    x = keras.ops.depth_to_space(x, 2)
    return randomized(keras.Model(image, x))


@pytest.mark.parametrize("scale", [None, 2])
def test_outputs_may_be_larger(scale):
    images = random_images(2, 37, 45, 1)
    options = {"tile": 16, "overlap": 2, "scale": scale}
    assert difference(upscaler(), images, **options) < 1e-5
    assert run_restorer(upscaler(), images).shape == (2, 74, 90, 3)


def test_maps_are_cut_into_tiles_and_other_inputs_are_not():
    inputs = {
        "image": random_images(3, 33, 47, 1),
        "noise_level": random_images(3, 33, 47, 1, seed=1),
        "mask": np.round(random_images(3, 33, 47, 1, seed=2)),
        "strength": random_images(3, 1, 1, 1, seed=3),
        "index": np.arange(3.0),
    }

    def restore(x):
        whole = x["image"] * x["noise_level"] + 10 * x["mask"]
        return whole + x["strength"] + 100 * x["index"].reshape(-1, 1, 1, 1)

    tiled = restore_tiled(restore, inputs, 16, 2, multiple=1, verbose=0)
    np.testing.assert_array_equal(tiled, restore(inputs).astype("float32"))
    turned = self_ensemble(restore, inputs)
    np.testing.assert_allclose(turned, restore(inputs), rtol=1e-6)


def test_arrays_on_disk(tmp_path):
    shape = (1, 50, 60, 1)
    given, output = (
        np.memmap(tmp_path / name, "float32", "w+", shape=shape)
        for name in ("in", "out")
    )
    given[:] = random_images(*shape)
    largest = []

    def double(batch):
        largest.append(batch.size)
        return 2 * batch

    result = restore_tiled(
        double,
        given,
        16,
        2,
        batch_size=2,
        multiple=2,
        output=output,
        verbose=0,
    )
    assert result is output and max(largest) <= 2 * 16 * 16
    np.testing.assert_array_equal(output, 2 * given)


def test_progress(capsys):
    images = random_images(1, 40, 40, 1)
    restore_tiled(lambda x: x, images, 24, 2, verbose=0)
    assert capsys.readouterr() == ("", "")
    restore_tiled(lambda x: x, images, 24, 2, verbose=1)
    assert "4/4 tiles" in capsys.readouterr().err


def test_the_ensemble_of_a_symmetric_function_is_that_function():
    images = random_images(2, 5, 8, 3)

    def laplacian(x):
        neighbors = [np.roll(x, by, axis) for by in (1, -1) for axis in (1, 2)]
        return sum(neighbors) - 4 * x

    np.testing.assert_allclose(
        self_ensemble(laplacian, images), laplacian(images), atol=1e-6
    )


@pytest.mark.parametrize("network", [three_convolutions(), upscaler()])
def test_the_ensemble_is_the_mean_of_eight_versions(network):
    images = random_images(1, 9, 14, 1)
    views = []
    for transpose in (False, True):
        for down in (1, -1):
            for right in (1, -1):
                view = images[:, ::down, ::right]
                view = view.swapaxes(1, 2) if transpose else view
                back = run_restorer(network, np.ascontiguousarray(view))
                back = back.swapaxes(1, 2) if transpose else back
                views.append(back[:, ::down, ::right])
    mean = self_ensemble(network, images)
    np.testing.assert_allclose(mean, np.mean(views, axis=0), atol=1e-5)
    assert mean.dtype == "float32"

    def in_place(x):
        x += 1
        return x

    untouched = images.copy()
    moved = self_ensemble(in_place, images)
    np.testing.assert_allclose(moved, images + 1, atol=1e-6)
    np.testing.assert_array_equal(images, untouched)
    assert np.abs(mean - views[0]).max() > 1e-2


def test_bad_arguments_are_refused():
    good = random_images(2, 20, 20, 1)

    def identity(x):
        return x

    for images, message in (
        (good[0], r"Received: shape \(20, 20, 1\)"),
        (np.zeros((1, 4, 4, 1), "uint8"), "dtype uint8"),
        (good * np.nan, "'image' must be finite"),
        ({"mask": good}, r"Received: \['mask'\]"),
        ({"image": good, "mask": good[:, :9]}, "'mask' must go with"),
        ({"image": good, "noise_level": np.ones((1, 1, 1, 1))}, "must go with"),
    ):
        with pytest.raises(ValueError, match=message):
            restore_tiled(identity, images, verbose=0)
        with pytest.raises(ValueError, match=message):
            self_ensemble(identity, images)
    for options, message in (
        ({"tile": 0}, "tile=0"),
        ({"overlap": -1}, "overlap=-1"),
        ({"batch_size": 1.5}, "batch_size=1.5"),
        ({"multiple": True}, "multiple=True"),
        ({"scale": 0}, "scale=0"),
        ({"tile": 64, "overlap": 32}, r"multiple = 80. Received: tile=64"),
        ({"output": np.empty((2, 20, 21, 1))}, r"\(2, 20, 20, 1\)"),
        ({"scale": 2}, r"\(2\). Received: \(20, 20\) for"),
    ):
        with pytest.raises(ValueError, match=message):
            restore_tiled(identity, good, verbose=0, **options)
    for function in (
        lambda x: x[:, 1:],
        lambda x: x[:, :, :0],
        lambda x: np.repeat(x, 2, 1),
    ):
        with pytest.raises(ValueError, match="integer times larger"):
            restore_tiled(function, good, verbose=0)
    for function in (np.mean, lambda x: x[:1], lambda x: x[..., 0]):
        with pytest.raises(ValueError, match=r"must return \(batch"):
            self_ensemble(function, good)


# Networks of one's own -------------------------------------------------------


def of_fixed_size(height, width, scale=1):
    """The same convolutions as `three_convolutions`, for one size alone."""
    image = keras.Input((height, width, 1))
    x = three_convolutions().layers
    made = image
    for layer in x:
        made = layer(made)
    if scale > 1:
        made = keras.layers.UpSampling2D(scale)(made)
    return keras.Model(image, made)


def test_a_network_of_fixed_size_restores_any_size_in_tiles():
    images = random_images(2, 70, 45, 1)
    whole = run_restorer(three_convolutions(), images)
    network = of_fixed_size(32, 24)
    tiled = restore_tiled(network, images, verbose=0)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    doubled = restore_tiled(of_fixed_size(32, 24, 2), images, verbose=0)
    np.testing.assert_allclose(doubled[:, ::2, ::2], whole, atol=1e-5)


def test_images_below_a_fixed_size_are_mirrored_at_their_borders():
    images = random_images(1, 20, 40, 1)
    network = of_fixed_size(32, 24)
    mirrored = np.pad(
        images, ((0, 0), (0, 12), (0, 0), (0, 0)), mode="symmetric"
    )
    expected = run_restorer(three_convolutions(), mirrored)[:, :20]
    tiled = restore_tiled(network, images, verbose=0)
    np.testing.assert_allclose(tiled, expected, atol=1e-5)
    output = np.zeros_like(images)
    assert restore_tiled(network, images, output=output, verbose=0) is output
    np.testing.assert_array_equal(output, tiled)
    masked = restore_tiled(
        network, {"image": images, "mask": images > 0.5}, verbose=0
    )
    np.testing.assert_array_equal(masked, tiled)


@pytest.mark.parametrize("size", [(20, 40), (70, 45)])
def test_an_output_of_another_shape_is_refused_and_left_as_it_is(size):
    images = random_images(1, *size, 1)
    output = np.full((3, *size, 1), 7.0)
    with pytest.raises(ValueError, match="`output` must be of shape"):
        restore_tiled(of_fixed_size(32, 24), images, output=output, verbose=0)
    assert np.all(output == 7.0)


def test_another_size_than_the_only_one_is_refused_in_words():
    with pytest.raises(ValueError, match="32x24 pixels alone.*20x40"):
        run_restorer(of_fixed_size(32, 24), random_images(1, 20, 40, 1))


def test_tiles_of_a_fixed_size_are_of_that_size_whatever_is_asked():
    images = random_images(1, 40, 45, 1)
    network = of_fixed_size(32, 24)
    expected = restore_tiled(network, images, verbose=0)
    tiled = restore_tiled(network, images, tile=8, multiple=64, verbose=0)
    np.testing.assert_array_equal(tiled, expected)


def test_other_channels_than_those_taken_are_refused_in_words():
    images = random_images(1, 40, 40, 3)
    for restore in (run_restorer, restore_tiled):
        with pytest.raises(ValueError, match="'image' of 1 channel. Received"):
            restore(three_convolutions(), images)

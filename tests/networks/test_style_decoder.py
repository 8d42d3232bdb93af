"""Style decoder: the mirror of a feature network."""

import keras
import numpy as np
import pytest

from keras_synth import networks
from keras_synth.networks import style_decoder


def chain(decoder):
    """Convolutions as (in, out) and upscalings as "x2", in order."""
    found = []
    for layer in decoder.layers:
        if isinstance(layer, keras.layers.Conv2D):
            found.append(layer.kernel.shape[2:])
            assert layer.kernel.shape[:2] == (3, 3)
        elif isinstance(layer, keras.layers.UpSampling2D):
            found.append(f"x{layer.size[0]}")
            assert layer.interpolation == "nearest"
    return found


def test_the_decoder_of_vgg_19_is_that_of_the_paper():
    features = networks.vgg19_features(None, ("block1_conv1", "block4_conv1"))
    assert chain(style_decoder(features)) == [
        (512, 256),
        "x2",
        *3 * [(256, 256)],
        (256, 128),
        "x2",
        (128, 128),
        (128, 64),
        "x2",
        (64, 64),
        (64, 3),
    ]
    assert chain(style_decoder(features, "block1_conv1")) == [(64, 3)]


def test_parallel_branches_of_squeezenet_are_one_step():
    features = networks.squeezenet_features(None, ("fire3", "fire5"))
    assert chain(style_decoder(features)) == [
        (256, 256),
        (256, 128),
        "x2",
        (128, 128),
        (128, 64),
        "x2",
        (64, 64),
        "x2",
        (64, 3),
    ]


def test_decoders_of_gray_images():
    features = networks.vgg16_features(None, ("block2_conv1",), channels=1)
    decoder = style_decoder(features, name="mine")
    assert chain(decoder) == [(128, 64), "x2", (64, 64), (64, 1)]
    assert decoder.name == "mine"


def test_maps_of_any_size_and_scale_are_decoded():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, 2, padding="same")(image)
    y = keras.layers.Conv2D(8, 3, padding="same")(x)
    features = keras.Model(image, {"deep": y})
    keras.config.set_dtype_policy("mixed_float16")
    decoder = style_decoder(features)
    keras.config.set_dtype_policy("float32")
    assert chain(decoder) == [(8, 4), "x2", (4, 3)]
    maps = features(keras.random.uniform((1, 20, 14, 3), seed=1))["deep"]
    made = decoder(maps)
    assert made.shape == (1, 20, 14, 3) and made.dtype == "float32"
    # What comes out at the start does not depend on how large maps are.
    features.layers[-1].kernel.assign(1e4 * features.layers[-1].kernel)
    keras.utils.set_random_seed(0)
    large = style_decoder(features)
    features.layers[-1].kernel.assign(1e-4 * features.layers[-1].kernel)
    keras.utils.set_random_seed(0)
    small = style_decoder(features)
    np.testing.assert_allclose(large(1e4 * maps), small(maps), rtol=1e-3)
    assert 0.01 < np.std(small(maps)) < 100


def test_weights_hold_the_size_of_the_maps(tmp_path):
    """Those of another encoder load, and the decoder does the same."""
    image = keras.Input((None, None, 3))

    def decoder(scale):
        x = keras.layers.Conv2D(4, 3, 2, padding="same")(scale * image)
        return style_decoder(keras.Model(image, {"deep": x}))

    first, second = decoder(1.0), decoder(7.0)
    first.save_weights(tmp_path / "decoder.weights.h5")
    second.load_weights(tmp_path / "decoder.weights.h5")
    maps = np.random.default_rng(0).normal(size=(1, 5, 6, 4))
    np.testing.assert_array_equal(second(maps), first(maps))


def test_edges_are_reflected():
    """A constant map becomes an image that is constant up to its edges."""
    features = networks.squeezenet_features(None, ("fire2",))
    made = np.asarray(style_decoder(features)(np.ones((1, 4, 5, 128))))
    np.testing.assert_allclose(
        made, np.broadcast_to(made[:, :1, :1], made.shape), rtol=1e-4, atol=1e-6
    )


def test_it_can_be_saved(tmp_path):
    features = networks.squeezenet_features(None, ("fire2",))
    decoder = style_decoder(features)
    decoder.save(tmp_path / "decoder.keras")
    loaded = keras.saving.load_model(tmp_path / "decoder.keras")
    maps = np.ones((1, 3, 3, 128), "float32")
    np.testing.assert_array_equal(loaded(maps), decoder(maps))


def test_bad_arguments_are_refused():
    features = networks.squeezenet_features(None, ("fire2",))
    with pytest.raises(ValueError, match="`layer` must be one of .'fire2'."):
        style_decoder(features, "fire3")
    image = keras.Input((None, None, 3))
    pixels = keras.Model(image, {"pixels": image * 2.0})
    with pytest.raises(ValueError, match="no convolution before 'pixels'"):
        style_decoder(pixels)

"""Cost card: multiply-adds counted by hand, known times and memory."""

import sys
import time

import keras
import numpy as np
import pytest
from keras import layers

from keras_synth.evaluation import cost_card
from keras_synth.layers import PadToMultiple, SpectralNormalization
from keras_synth.models import RestorationGAN
from keras_synth.networks import (
    dncnn,
    ffdnet,
    gated_inpainter,
    patch_discriminator,
)

SHAPE = (16, 20, 3)
PIXELS = 16 * 20


def stack(*members):
    return keras.Sequential([keras.Input((None, None, 3)), *members])


@pytest.mark.parametrize(
    "members, expected",
    [
        ([layers.Conv2D(8, 3, padding="same")], PIXELS * 8 * 9 * 3),
        ([layers.Conv2D(8, 3)], 14 * 18 * 8 * 9 * 3),
        ([layers.Conv2D(8, 5, 2, "same")], PIXELS // 4 * 8 * 25 * 3),
        ([layers.Conv2D(6, 3, groups=3)], 14 * 18 * 6 * 9 * 1),
        ([layers.Conv2DTranspose(8, 4, 2, "same")], PIXELS * 8 * 16 * 3),
        (
            [layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)],
            PIXELS * 9 * 6,
        ),
        (
            [layers.SeparableConv2D(8, 3, padding="same")],
            PIXELS * (9 * 3 + 3 * 8),
        ),
        ([layers.Dense(8, use_bias=False)], PIXELS * 3 * 8),
        (
            [SpectralNormalization(layers.Conv2D(8, 1))],
            PIXELS * 3 * 8,
        ),
        (
            [
                layers.Conv2D(8, 3, padding="same"),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.MaxPooling2D(2),
                layers.Conv2D(3, 1),
                layers.UpSampling2D(2),
            ],
            PIXELS * 8 * 9 * 3 + PIXELS // 4 * 3 * 8,
        ),
    ],
)
def test_multiply_adds_equal_those_counted_by_hand(members, expected):
    network = stack(*members)
    card = cost_card(network, SHAPE, repeats=1, memory=False)
    assert card.multiply_adds == expected
    assert card.parameters == network.count_params()
    for layer in network.layers:  # nothing remains
        assert "call" not in vars(layer)


def test_nested_and_shared_layers_count_at_each_call():
    shared = layers.Conv2D(3, 3, padding="same")
    inner = stack(shared, layers.ReLU())
    image = keras.Input((None, None, 3))
    network = keras.Model(image, shared(inner(inner(image))))
    card = cost_card(network, SHAPE, repeats=1, memory=False)
    assert card.multiply_adds == 3 * PIXELS * 9 * 3 * 3
    assert card.parameters == 9 * 3 * 3 + 3


def test_denoising_networks():
    card = cost_card(
        dncnn(channels=1, num_layers=4, width=8),
        (20, 30, 1),
        repeats=1,
        memory=False,
    )
    assert card.multiply_adds == 600 * 9 * (8 + 8 * 8 + 8 * 8 + 8)
    assert card.name == "dncnn" and card.image_shape == (20, 30, 1)
    # Half resolution; four channels and the noise level go in.
    card = cost_card(
        ffdnet(channels=1, num_layers=3, width=8),
        (20, 30, 1),
        repeats=1,
        memory=False,
    )
    assert card.multiply_adds == 150 * 9 * (5 * 8 + 8 * 8 + 8 * 4)


def test_the_generator_of_a_restoration_gan_is_measured():
    network = gated_inpainter(channels=1, widths=(4,), dilations=(2,))
    gan = RestorationGAN(
        network, patch_discriminator(out_channels=1, widths=(4,))
    )
    cards = [
        cost_card(each, (20, 30, 1), repeats=1, memory=False)
        for each in (gan, network)
    ]
    assert cards[0].name == gan.name
    assert cards[0].parameters == cards[1].parameters
    assert cards[0].multiply_adds == cards[1].multiply_adds > 0


def test_the_mask_has_the_size_of_the_image():
    inputs = {
        name: keras.Input((None, None, 1), name=name)
        for name in ("image", "mask")
    }
    x = layers.Concatenate()(list(inputs.values()))
    network = keras.Model(inputs, layers.Conv2D(1, 1)(x))
    card = cost_card(network, (20, 30, 1), repeats=1, memory=False)
    assert card.multiply_adds == 600 * 2


def test_subclassed_models():
    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.inside = layers.Conv2D(3, 1)

        def call(self, images):
            return self.inside(self.inside(images))

    card = cost_card(Twice(), SHAPE, repeats=1, memory=False, name="twice")
    assert (card.name, card.parameters) == ("twice", 12)
    assert card.multiply_adds == 2 * PIXELS * 9

    class Nothing(keras.Model):
        def call(self, images):
            return images

    assert (
        cost_card(Nothing(), SHAPE, repeats=1, memory=False).multiply_adds
        is None
    )


def test_video_networks_get_as_many_images_as_they_take():
    frames = keras.Input((3, None, None, 1))
    x = layers.Conv3D(2, (3, 1, 1))(frames)  # one frame is left
    network = keras.Model(frames, x[:, 0])
    card = cost_card(network, (20, 30, 1), repeats=1, memory=False)
    assert card.multiply_adds == 600 * 3 * 2


def test_time_is_the_median_of_the_runs():
    card = cost_card(slow_function, (100, 100, 1), repeats=3)
    # 0.02 s for 0.01 megapixels; other processes may be in the way.
    assert 2.0 <= card.seconds_per_megapixel < 40.0
    assert card.name == "slow_function"
    assert (card.parameters, card.multiply_adds) == (None, None)
    assert card.peak_memory is None


def slow_function(images):
    time.sleep(0.02)
    return images


@pytest.mark.skipif(sys.platform != "linux", reason="Linux keeps the count")
@pytest.mark.slow
def test_memory_is_that_of_the_activations():
    # Two neighboring maps of 512 x 512 x 32 floats at a time, and what a
    # fresh process compiles; weights, 0.1 MB here, do not count. A layer of
    # ours, so that its class is found there.
    network = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            PadToMultiple(2),
            *[layers.Conv2D(32, 3, padding="same") for _ in range(3)],
            layers.Conv2D(1, 3, padding="same"),
        ]
    )
    network(np.zeros((1, 512, 512, 1), "float32"))  # what is kept here
    card = cost_card(network, (512, 512, 1), repeats=1)
    two_maps = 2 * 512 * 512 * 32 * 4
    assert two_maps < card.peak_memory < 1.5 * two_maps


def test_models_that_cannot_be_saved_have_no_memory():
    class Stubborn(keras.Model):
        def __init__(self, factor):
            super().__init__()

        def call(self, images):
            return images

        def save(self, path):
            raise NotImplementedError("not to be saved")

    with pytest.warns(UserWarning, match="not measured: not to be saved"):
        card = cost_card(Stubborn(2), SHAPE, repeats=1)
    assert card.peak_memory is None


def test_the_card_is_a_markdown_table():
    card = cost_card(
        dncnn(channels=1, num_layers=3, width=8),
        (16, 16, 1),
        repeats=1,
        memory=False,
    )
    lines = card.to_markdown().splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    assert cells[0][1:4] == ["method", "image", "parameters"]
    assert cells[2][1:5] == ["dncnn", "16x16x1", "761", "184 k"]
    assert {len(line) for line in cells} == {8}
    assert card.to_markdown(header=False) == lines[2]
    plain = cost_card(np.copy, (4, 4, 1), repeats=1, memory=False).to_markdown(
        header=False
    )
    assert plain.startswith("| copy | 4x4x1 | - | - |")


def test_bad_arguments_are_refused():
    for arguments, message in (
        ((3,), "Received: 3"),
        ((np.copy, (4, 4)), r"image_shape=\(4, 4\)"),
        ((np.copy, (4, 0, 1)), r"image_shape=\(4, 0, 1\)"),
    ):
        with pytest.raises(ValueError, match=message):
            cost_card(*arguments)
    with pytest.raises(ValueError, match="repeats=0"):
        cost_card(np.copy, repeats=0)

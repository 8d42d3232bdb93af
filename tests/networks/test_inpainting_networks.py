"""Inpainting networks: any size, masks, training, and cost."""

import keras
import numpy as np
import pytest

from keras_synth import networks
from keras_synth.evaluation import cost_card
from keras_synth.layers import (
    GatedConv2D,
    PadToMultiple,
    PartialConv2D,
    PullPush,
)

RNG = np.random.default_rng(0)
SMALL = {
    "gated_inpainter": {"widths": (8, 16), "dilations": (2,)},
    "partial_inpainter": {"widths": (8, 16)},
    "unet_inpainter": {"widths": (8, 16), "num_blocks": 1},
}


MADE = ("gated_inpainter", "partial_inpainter")  # from gray, not from a fill


def build(name, **options):
    arguments = {"channels": 1, **SMALL[name], **options}
    network = getattr(networks, name)(**arguments)
    if name not in MADE:  # its last layer starts at 0
        kernel = network.trainable_variables[-2]
        kernel.assign(RNG.normal(scale=0.1, size=kernel.shape))
    return network


def degraded(height=12, width=18, channels=1, hole=6):
    """Noise, and a hole in its middle."""
    mask = np.zeros((2, height, width, 1), "float32")
    rows = slice((height - hole) // 2, (height + hole) // 2)
    columns = slice((width - hole) // 2, (width + hole) // 2)
    mask[:, rows, columns] = 1.0
    image = RNG.uniform(size=(2, height, width, channels)).astype("float32")
    return {"image": image, "mask": mask}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (7, 10), (16, 16)])
def test_images_of_any_size_are_taken(name, channels, size):
    network = build(name, channels=channels)
    data = degraded(*size, channels, hole=1)
    output = network(data)
    assert output.shape == data["image"].shape and np.isfinite(output).all()
    assert network.name == name


@pytest.mark.parametrize("name", SMALL)
def test_masked_pixels_do_not_matter(name):
    network = build(name)
    data = degraded(11, 18)
    expected = np.asarray(network(data))
    image, mask = data["image"], data["mask"]
    other = network({**data, "image": image + 50 * mask})
    np.testing.assert_array_equal(other, expected)
    seen = network({**data, "image": image + 50 * (1 - mask)})
    assert np.abs(seen - expected)[mask == 1].max() > 0.1


@pytest.mark.parametrize("name", SMALL)
def test_the_mask_matters(name):
    """A known mid-gray pixel differs from a missing one."""
    network = build(name)
    data = degraded()
    data["image"][data["mask"] == 1] = 0.5
    with_mask = network(data)
    without_mask = network({**data, "mask": 0 * data["mask"]})
    assert np.abs(with_mask - without_mask).max() > 1e-3


@pytest.mark.parametrize("name", MADE)
def test_untrained_networks_return_about_mid_gray(name):
    output = np.asarray(
        getattr(networks, name)(channels=1)(degraded(64, 64, hole=32))
    )
    assert np.abs(output - 0.5).mean() < 0.35
    assert 1e-3 < output.std() < 0.4


@pytest.mark.parametrize("name", MADE)
def test_outputs_are_not_clipped(name):
    network = build(name)
    network.layers[-2].offset = 7.0
    assert np.min(network(degraded())) > 5.0


def test_an_untrained_unet_interpolates_and_keeps_what_is_known():
    data = degraded(30, 41, channels=3, hole=9)
    network = networks.unet_inpainter(widths=(8,), num_blocks=1)
    filled = np.array(network(data))
    known = data["mask"][..., 0] == 0
    np.testing.assert_array_equal(filled[known], data["image"][known])
    padded = [PadToMultiple(32)(data[name]) for name in ("image", "mask")]
    expected = np.asarray(PullPush(5)(padded))[:, :30, :41]
    np.testing.assert_allclose(filled, expected, atol=1e-6)
    network.trainable_variables[-1].assign(np.full(12, -7.0))
    assert np.min(network(data)[~known]) > 5.0  # not clipped


@pytest.mark.parametrize("name", SMALL)
def test_compile_and_fit_train_them(name):
    network = build(name)
    data = degraded()
    ramp = np.linspace(0, 1, 18, dtype="float32")[:, None]
    clean = np.stack([np.tile(ramp, (12, 1, 1)), np.tile(1 - ramp, (12, 1, 1))])
    data["image"] = clean * (1 - data["mask"])
    network.compile(keras.optimizers.Adam(1e-2), "mae")
    many = {key: np.tile(each, (80, 1, 1, 1)) for key, each in data.items()}
    network.fit(many, np.tile(clean, (80, 1, 1, 1)), batch_size=2, verbose=0)
    error = np.abs(network(data) - clean)[data["mask"] == 1]
    assert error.mean() < 0.05


@pytest.mark.parametrize("name", SMALL)
def test_saved_networks_predict_the_same(name, tmp_path):
    network = build(name)
    data = degraded(11, 18)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(again(data), network(data))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_outputs_stay_in_float32_under_mixed_precision(name, policy):
    keras.config.set_dtype_policy(policy)
    network = build(name)
    low = {layer.compute_dtype for layer in network.layers if layer.weights}
    assert low == {policy.removeprefix("mixed_"), "float32"}
    data = degraded()
    output = np.asarray(network(data))
    assert network.output.dtype == output.dtype == "float32"
    keras.config.set_dtype_policy("float32")
    full = build(name)
    full.set_weights(network.get_weights())
    difference = np.abs(output - full(data)).max()
    assert 0 < difference < 0.05


@pytest.mark.parametrize("name", SMALL)
def test_nearest_upsampling_leaves_no_checkerboard(name):
    network = build(name)
    data = degraded(64, 64)
    data["image"][:], data["mask"][:] = 0.3, 0.0
    inside = np.asarray(network(data))[:, 28:36, 28:36]
    assert np.ptp(inside, axis=(1, 2)).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "kind", "parameters", "multiply_adds"),
    [
        ("gated_inpainter", GatedConv2D, 1_546_225, 0.31e9),
        ("partial_inpainter", PartialConv2D, 839_050, 0.107e9),
    ],
)
def test_numbers_of_parameters_and_multiply_adds(
    name, kind, parameters, multiply_adds
):
    network = getattr(networks, name)(channels=1)
    card = cost_card(network, (64, 64, 1), memory=False, repeats=1)
    assert card.parameters == parameters
    assert card.multiply_adds == pytest.approx(multiply_adds, rel=0.01)
    with_weights = [layer for layer in network.layers if layer.weights]
    others = [layer for layer in with_weights if not isinstance(layer, kind)]
    assert len(others) == (kind is GatedConv2D)  # the last convolution


def test_dilations_propagate_known_pixels_into_the_hole():
    mask = np.ones((1, 64, 64, 1), "float32")
    mask[:, :, :8] = 0.0
    image = RNG.uniform(size=(1, 64, 64, 1)).astype("float32")

    def reach(dilations):
        """The farthest column that hears of the known ones."""
        network = build("gated_inpainter", dilations=dilations)
        first = np.asarray(network({"image": image, "mask": mask}))
        second = np.asarray(network({"image": 1 - image, "mask": mask}))
        return np.flatnonzero((first != second).any(axis=(0, 1, 3)))[-1]

    near, far, farther = reach((1,)), reach((4,)), reach((4, 4))
    assert far - near == 3 * 4  # at a quarter of the sides
    assert farther - far == 4 * 4


def holes_left(widths, hole):
    """Pixels that stay mid gray when everything else is white."""
    network = networks.partial_inpainter(channels=1, widths=widths)
    for layer in network.layers:
        if isinstance(layer, PartialConv2D):
            layer.convolution.kernel.assign(
                np.abs(layer.convolution.kernel) + 0.01
            )
    data = degraded(128, 128, hole=hole)
    data["image"][:] = 1.0
    return int(np.sum(np.asarray(network(data)) == 0.5)) // 2


def test_partial_convolutions_close_holes_as_wide_as_stated():
    for depth in (2, 3, 4):
        assert holes_left((4,) * depth, 2 ** (depth + 1)) == 0
    assert holes_left((4, 4), 40) > 0
    assert holes_left((4, 4, 4, 4), 40) == 0


def test_averages_of_white_are_white_or_missing():
    """True only if no missing pixel enters any sum."""
    network = build("partial_inpainter")
    for layer in network.layers:
        if isinstance(layer, PartialConv2D):
            kernel = layer.convolution.kernel
            size = np.prod(kernel.shape[:3])
            kernel.assign(np.full(kernel.shape, 1 / size))
    data = degraded(48, 64, hole=36)
    scattered = np.round(RNG.uniform(size=data["mask"].shape))
    data["mask"] = np.maximum(data["mask"], scattered)
    data["image"][:] = 1.0
    output = np.asarray(network(data))
    known = output > 0.5
    np.testing.assert_allclose(output, np.where(known, 1.0, 0.5), atol=1e-5)
    assert 0.5 < known.mean() < 0.99


def test_a_fully_masked_image_is_mid_gray():
    network = build("partial_inpainter")
    data = degraded()
    data["mask"][:] = 1.0
    np.testing.assert_array_equal(network(data), np.full((2, 12, 18, 1), 0.5))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gated_inpainter", {"channels": 2}, "`channels` must be 1 or 3"),
        ("gated_inpainter", {"widths": ()}, "`widths` must hold ints"),
        ("gated_inpainter", {"dilations": (0,)}, "`dilations` must hold ints"),
        ("partial_inpainter", {"channels": 4}, "`channels` must be 1 or 3"),
        ("partial_inpainter", {"widths": (8, 0)}, "`widths` must hold ints"),
    ],
)
def test_bad_arguments_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)

"""Video networks: against SRCNN on one frame, and their formulas."""

import keras
import numpy as np
import pytest
from scipy import signal

from keras_synth import networks
from keras_synth.networks import video_edsr, vsrnet, vsrnet_from_srcnn

FUSIONS = ("early", "slow", "late")
SMALL = {"widths": (6, 4), "kernel_sizes": (5, 1, 3)}


def clips(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def convolve(x, kernel, bias):
    """A Keras convolution, by SciPy: (height, width, channels)."""
    return bias + sum(
        np.stack(
            [
                signal.correlate2d(x[..., i], kernel[..., i, o], "same")
                for o in range(kernel.shape[-1])
            ],
            axis=-1,
        )
        for i in range(kernel.shape[-2])
    )


def randomized(network, seed=0):
    """Random values for biases and the last layer, which start at 0."""
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        weight.assign(rng.normal(0, 0.2, weight.shape))
    return network


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("filter_symmetry", [True, False])
def test_frames_of_any_size_are_taken(fusion, filter_symmetry):
    network = vsrnet(3, 3, fusion, filter_symmetry=filter_symmetry, **SMALL)
    assert network.output_shape == (None, None, None, 3)
    assert network(clips(2, 3, 7, 10, 3)).shape == (2, 7, 10, 3)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_folded_frames_of_any_size_are_taken(scale):
    """Also sides that the scale does not divide; untrained, the identity."""
    network = video_edsr(scale, 3, 3, width=8, num_blocks=1)
    assert network.output_shape == (None, None, None, 3)
    frames = clips(2, 3, 7, 10, 3)
    np.testing.assert_array_equal(network(frames), frames[:, 1])
    assert not np.array_equal(randomized(network)(frames), frames[:, 1])


@pytest.mark.parametrize(
    "build",
    [
        lambda: vsrnet(3, 1, **SMALL),
        lambda: video_edsr(2, 3, channels=1, width=8, num_blocks=1),
    ],
)
def test_saved_networks_predict_the_same_in_half_precision(build, tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = randomized(build())
    finally:
        keras.config.set_dtype_policy("float32")
    frames = clips(1, 3, 8, 8, 1)
    result = network(frames)
    assert result.dtype == "float32" and np.isfinite(result).all()
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(again(frames), result)


@pytest.mark.parametrize("filter_symmetry", [True, False])
@pytest.mark.parametrize(
    ("num_frames", "fusion", "sizes"),
    [
        (1, "slow", None),
        (3, "early", (9, 5, 5)),
        (3, "slow", (9, 5, 5)),
        (3, "late", (9, 5, 5)),
        (5, "early", None),
        (5, "slow", None),
        (5, "late", None),
    ],
)
def test_equal_frames_give_the_result_of_the_image_network(
    num_frames, fusion, sizes, filter_symmetry
):
    """The network that `vsrnet_from_srcnn` starts from."""
    srcnn = randomized(networks.srcnn(2, 3, widths=(6, 4)))
    small = clips(1, 5, 6, 3)
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    frames = np.repeat(large[:, None], num_frames, axis=1)
    network = vsrnet_from_srcnn(
        srcnn, num_frames, fusion, filter_symmetry, sizes
    )
    expected = np.asarray(srcnn(small))
    np.testing.assert_allclose(network(frames), expected, atol=2e-5)
    other = frames + 0.1 * clips(*frames.shape, seed=1)
    other[:, num_frames // 2] = large
    changed = np.abs(network(other) - expected).max()
    assert (changed > 1e-3) == (num_frames > 1)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_filter_symmetry_ignores_the_direction_of_time(fusion):
    """With filter symmetry nothing changes; without, it does."""
    frames = clips(1, 5, 8, 9, 1)
    for filter_symmetry in (True, False):
        network = randomized(
            vsrnet(5, 1, fusion, filter_symmetry=filter_symmetry, **SMALL)
        )
        change = np.abs(network(frames) - network(frames[:, ::-1])).max()
        assert (change < 1e-6) == filter_symmetry


def test_vsrnet_equals_its_formula():
    """By hand: slow fusion of three frames with filters of their own."""
    network = randomized(vsrnet(3, 1, filter_symmetry=False, **SMALL))
    frames = clips(1, 3, 6, 7, 1)
    weights = {
        layer.name: [np.array(w) for w in layer.weights]
        for layer in network.layers
        if layer.weights
    }
    maps = [
        np.maximum(convolve(frame, *weights[f"convolution_0_{i}"]), 0)
        for i, frame in enumerate(frames[0])
    ]
    x = np.concatenate(maps, axis=-1)
    x = np.maximum(convolve(x, *weights["convolution_1_0"]), 0)
    expected = frames[0, 1] + convolve(x, *weights["convolution_2_0"])
    np.testing.assert_allclose(network(frames)[0], expected, atol=1e-4)


def test_video_edsr_equals_its_formula():
    """By hand: squares folded into channels, blocks, squares laid out."""
    network = randomized(video_edsr(2, 3, channels=1, width=4, num_blocks=1))
    frames = clips(1, 3, 6, 8, 1)
    kernels = [np.array(weight) for weight in network.weights]
    layers = [kernels[i : i + 2] for i in range(0, len(kernels), 2)]
    squares = [(row, column) for row in range(2) for column in range(2)]
    folded = [
        frames[0, :, row::2, column::2, 0].transpose(1, 2, 0)
        for row, column in squares
    ]
    first = convolve(np.concatenate(folded, axis=-1), *layers[0])
    block = np.maximum(convolve(first, *layers[1]), 0)
    block = first + convolve(block, *layers[2])
    values = convolve(first + convolve(block, *layers[3]), *layers[4])
    expected = frames[0, 1].copy()
    for index, (row, column) in enumerate(squares):
        expected[row::2, column::2, 0] += values[..., index]
    np.testing.assert_allclose(network(frames)[0], expected, atol=1e-4)


def test_numbers_of_weights_are_those_of_the_figure():
    """Kernels of figure 3's architectures for five frames, 9-5-5, and what
    filter symmetry leaves of them: three groups instead of five frames."""

    def kernels(fusion, filter_symmetry):
        network = vsrnet(5, 1, fusion, filter_symmetry=filter_symmetry)
        return sum(
            int(np.prod(w.shape)) for w in network.weights if len(w.shape) == 4
        )

    first, second, third = 81 * 64, 25 * 64 * 32, 25 * 32
    for groups, symmetry in ((5, False), (3, True)):
        early = groups * first + second + third
        assert kernels("early", symmetry) == early
        assert kernels("slow", symmetry) == groups * (first + second) + third
        late = groups * (first + second + third)
        assert kernels("late", symmetry) == late


@pytest.mark.parametrize(
    "build",
    [
        lambda: vsrnet(3, 1, **SMALL),
        lambda: video_edsr(2, 3, channels=1, width=8, num_blocks=1),
    ],
)
def test_they_learn_from_the_other_frames(build):
    """The target is the mean of the first and last frame, which the middle
    one does not show."""
    frames = clips(4, 3, 12, 12, 1)
    target = 0.5 * (frames[:, 0] + frames[:, 2])
    network = build()
    network.compile(keras.optimizers.Adam(1e-2), "mse")
    losses = network.fit(frames, target, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("build", [vsrnet, video_edsr])
@pytest.mark.parametrize("num_frames", [0, 2, 4, 5.0, None])
def test_numbers_of_frames_without_a_middle_are_refused(build, num_frames):
    with pytest.raises(ValueError, match="`num_frames` must be an odd int"):
        build(num_frames=num_frames)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: vsrnet(channels=1, fusion="mid"),
            "`fusion` must be one of early",
        ),
        (lambda: vsrnet(channels=1, widths=(8,)), "`widths` must be two ints"),
        (lambda: vsrnet(channels=2), "`channels` must be 1 or 3"),
        (lambda: vsrnet(channels=1, kernel_sizes=(9, 4, 5)), "three odd ints"),
        (lambda: video_edsr(5, channels=1), "`scale` must be 1, 2, 3 or 4"),
        (
            lambda: video_edsr(channels=1, num_blocks=0),
            "`num_blocks` must be an int",
        ),
        (
            lambda: vsrnet_from_srcnn(
                networks.edsr(2, channels=1, width=4, num_blocks=1)
            ),
            "`srcnn` must have three convolutions",
        ),
        (
            lambda: vsrnet_from_srcnn(vsrnet(3, 1, **SMALL)),
            "`srcnn` must have three convolutions",
        ),
        (
            lambda: vsrnet_from_srcnn(
                vsrnet(1, 1, **SMALL), kernel_sizes=(3, 1, 3)
            ),
            r"`kernel_sizes` must be at least \(5, 1, 3\)",
        ),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""AdaptiveAugment against the paper's matrices, SciPy and arithmetic."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats

from keras_synth import models, networks
from keras_synth.layers import AdaptiveAugment
from tests.helpers import check_layer

COLUMNS = AdaptiveAugment.COLUMNS
GROUPS = ("blit", "geometric", "color")


def random_images(shape=(4, 12, 16, 3), seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=shape).astype("float32")


def smooth_image(height=48, width=48):
    """Waves at least 12 pixels long, and not symmetric in any way."""
    y, x = np.mgrid[:height, :width]
    waves = np.sin(0.31 * x + 0.2 * y) + np.cos(0.37 * y + 0.1) + 0.01 * x
    return (0.5 + 0.2 * waves).astype("float32")


def drawn(count=1, **columns):
    """A draw of the given transformations only."""
    draw = np.zeros((count, len(COLUMNS)), "float32")
    for name, value in columns.items():
        draw[:, COLUMNS.index(name)] = value
    return draw


def augment(*groups, **arguments):
    groups = {group: group in (groups or GROUPS) for group in GROUPS}
    return AdaptiveAugment(**groups, **arguments)


@pytest.mark.parametrize("groups", [(group,) for group in GROUPS] + [GROUPS])
@pytest.mark.parametrize("channels", [1, 3])
def test_layer_contract(groups, channels):
    layer = augment(*groups, initial_strength=0.7, target=0.5, interval=3)
    images = random_images((4, 12, 16, channels))
    check_layer(layer, images, draw=layer.draw(4, seed=0))


@pytest.mark.parametrize("channels", [1, 3])
def test_at_strength_zero_images_are_unchanged(channels):
    layer, images = AdaptiveAugment(), random_images((50, 9, 8, channels))
    draw = layer.draw(50, seed=0)
    np.testing.assert_array_equal(draw, 0.0)
    np.testing.assert_allclose(layer(images, draw=draw), images, atol=2e-7)
    moved = augment("blit", "geometric")
    np.testing.assert_array_equal(moved(images, draw=draw), images)


def test_flips_quarter_turns_and_whole_shifts_are_exact():
    layer, images = AdaptiveAugment(), random_images((1, 16, 16, 1))

    def moved(**columns):
        return layer(images, draw=drawn(**columns))[0]

    np.testing.assert_allclose(moved(flip=1), images[0, :, ::-1], atol=2e-7)
    for turns in (1, 2, 3):
        np.testing.assert_allclose(
            moved(quarter_turns=turns), np.rot90(images[0], turns), atol=2e-7
        )
    padded = np.pad(images[0], ((4, 4), (4, 4), (0, 0)), "reflect")
    for down, right in ((2, -1), (-2, 0), (1, 2)):
        # In sixteenths of the side, a little off.
        out = moved(shift_down=down / 16.4, shift_right=right / 15.7)
        expected = padded[4 - down : 20 - down, 4 - right : 20 - right]
        np.testing.assert_allclose(out, expected, atol=2e-7)
    out = moved(flip=1, quarter_turns=1, shift_down=0.125)
    expected = np.rot90(images[0, :, ::-1])
    np.testing.assert_allclose(out[2:], expected[:-2], atol=2e-7)


def test_a_rotation_equals_scipy():
    image = smooth_image()
    for name in ("first_turn", "second_turn"):
        draw = drawn(**{name: np.radians(25)})
        out = AdaptiveAugment()(image[None, :, :, None], draw=draw)[0, :, :, 0]
        expected = ndimage.rotate(
            image, 25, reshape=False, order=3, mode="mirror"
        )
        # Only where the mirror makes a crease do they differ by so much.
        np.testing.assert_allclose(out, expected, atol=1e-2)
        assert np.mean(np.abs(out - expected)) < 1e-3


def forward_matrix(part, height, width):
    """The paper's G, from the image to the result; (x, y, 1), y down."""

    def scale(x, y):
        return np.diag([x, y, 1.0])

    def move(x, y):
        return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])

    def turn(angle):
        c, s = np.cos(angle), np.sin(angle)
        return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])

    steps = (
        scale(1 - 2 * part["flip"], 1),
        turn(np.pi / 2 * part["quarter_turns"]),
        move(
            np.round(part["shift_right"] * width),
            np.round(part["shift_down"] * height),
        ),
        scale(2 ** part["scale"], 2 ** part["scale"]),
        turn(part["first_turn"]),
        scale(2 ** part["stretch"], 2 ** -part["stretch"]),
        turn(part["second_turn"]),
        move(part["slide_right"] * width, part["slide_down"] * height),
    )
    matrix = np.eye(3)
    for step in steps:
        matrix = step @ matrix
    return matrix


@pytest.mark.parametrize("size", [(48, 48), (40, 54)])
def test_all_geometric_transformations_are_one_affine_map(size):
    height, width = size
    image = smooth_image(height, width)
    layer = augment("blit", "geometric", initial_strength=1.0)
    draw = np.asarray(layer.draw(12, seed=1))
    images = np.repeat(image[None, :, :, None], 12, axis=0)
    out = np.asarray(layer(images, draw=draw))[..., 0]
    y, x = np.mgrid[:height, :width]
    center = np.array([(width - 1) / 2, (height - 1) / 2])[:, None]
    pixels = np.stack([x.ravel(), y.ravel()]) - center
    for row, moved in zip(draw, out, strict=True):
        part = dict(zip(COLUMNS, row.astype("float64"), strict=True))
        inverse = np.linalg.inv(forward_matrix(part, height, width))
        source = (inverse @ [*pixels, np.ones(len(x.ravel()))])[:2] + center
        expected = ndimage.map_coordinates(
            image.astype("float64"), source[::-1], order=3, mode="mirror"
        )
        np.testing.assert_allclose(
            moved, expected.reshape(size), atol=1e-2, err_msg=str(part)
        )


def color_matrix(part):
    """The paper's C: homogeneous 4x4, step by step, in units of [-1, 1]."""
    axis = np.ones(3) / np.sqrt(3)
    gray = np.outer(axis, axis)
    cross = np.cross(np.eye(3), axis)  # cross @ x = axis × x
    angle, steps = part["hue"], [np.eye(4) for _ in range(5)]
    steps[0][:3, 3] = part["brightness"]
    steps[1][:3, :3] *= 2 ** part["contrast"]
    steps[2][:3, :3] -= 2 * gray * part["luma_flip"]
    steps[3][:3, :3] = (  # Rodrigues
        np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    )
    steps[4][:3, :3] = gray + (np.eye(3) - gray) * 2 ** part["saturation"]
    matrix = np.eye(4)
    for step in steps:
        matrix = step @ matrix
    return matrix


SINGLE_COLORS = [
    {"brightness": 0.3},
    {"contrast": 0.6},
    {"luma_flip": 1.0},
    {"hue": 2.1},
    {"saturation": -1.3},
]


@pytest.mark.parametrize("columns", [*SINGLE_COLORS, None], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_colors_change_by_the_papers_matrix(columns, channels):
    layer = augment("color", initial_strength=1.0)
    images = random_images((8, 6, 5, channels))
    draw = (
        np.asarray(layer.draw(8, seed=2))
        if columns is None
        else drawn(8, **columns)
    )
    out = np.asarray(layer(images, draw=draw))
    for row, image, changed in zip(draw, images, out, strict=True):
        part = dict(zip(COLUMNS, row.astype("float64"), strict=True))
        x = np.repeat(2.0 * image - 1, 3 // channels, axis=-1)
        matrix = color_matrix(part)
        y = x @ matrix[:3, :3].T + matrix[:3, 3]
        expected = (y[..., :channels] + 1) / 2
        np.testing.assert_allclose(changed, expected, atol=1e-5)


def test_hue_and_saturation_of_a_pure_color():
    layer, red = augment("color"), np.zeros((1, 2, 2, 3), "float32")
    red[..., 0] = 1.0
    third = drawn(hue=2 * np.pi / 3)
    np.testing.assert_allclose(
        layer(red, draw=third)[0, 0, 0], [0, 1, 0], atol=1e-6
    )
    doubled = layer(red, draw=drawn(saturation=1.0))[0, 0, 0]
    np.testing.assert_allclose(doubled, [5 / 3, -1 / 3, -1 / 3], atol=1e-6)


# Of the paper's appendix B, in the units of a draw.
EVEN = {
    "shift_down": 0.125,
    "shift_right": 0.125,
    "first_turn": np.pi,
    "second_turn": np.pi,
    "hue": np.pi,
}
NORMAL = {
    "scale": 0.2,
    "stretch": 0.2,
    "slide_down": 0.125,
    "slide_right": 0.125,
    "brightness": 0.2,
    "contrast": 0.5,
    "saturation": 1.0,
}
CHOICES = {"flip": 2, "quarter_turns": 4, "luma_flip": 2}


def test_draws_are_distributed_as_in_the_paper():
    assert set(EVEN) | set(NORMAL) | set(CHOICES) == set(COLUMNS)
    layer = AdaptiveAugment(initial_strength=1.0)
    draw = np.asarray(layer.draw(4000, seed=0))
    assert draw.dtype == "float32"
    columns = dict(zip(COLUMNS, draw.T, strict=True))
    for name, most in EVEN.items():
        even = stats.uniform(-most, 2 * most)
        assert stats.kstest(columns[name], even.cdf).pvalue > 0.01, name
    for name, deviation in NORMAL.items():
        normal = stats.norm(scale=deviation)
        assert stats.kstest(columns[name], normal.cdf).pvalue > 0.01, name
    for name, count in CHOICES.items():
        values, seen = np.unique(columns[name], return_counts=True)
        np.testing.assert_array_equal(values, np.arange(count))
        assert stats.chisquare(seen).pvalue > 0.01, name
    correlation = np.corrcoef(draw.T) - np.eye(len(COLUMNS))
    assert np.abs(correlation).max() < 4 / np.sqrt(4000)


def test_each_transformation_has_probability_p_independently():
    count, p = 6000, 0.4
    layer = AdaptiveAugment(initial_strength=p)
    happened = np.asarray(layer.draw(count, seed=0)) != 0
    seen = dict(zip(COLUMNS, happened.T, strict=True))
    for way in ("shift", "slide"):
        np.testing.assert_array_equal(
            seen[f"{way}_down"], seen.pop(f"{way}_right")
        )
    either = seen["first_turn"] | seen["second_turn"]
    expected = dict.fromkeys(seen, p) | {
        # Among the choices is that of doing nothing.
        "flip": p / 2,
        "quarter_turns": 3 * p / 4,
        "luma_flip": p / 2,
        "first_turn": 1 - np.sqrt(1 - p),
        "second_turn": 1 - np.sqrt(1 - p),
        "either_turn": p,
    }
    for name, values in (seen | {"either_turn": either}).items():
        share = stats.binomtest(int(values.sum()), count, expected[name])
        assert share.pvalue > 0.005, name
    correlation = np.corrcoef(np.stack(list(seen.values())))
    off_diagonal = correlation - np.eye(len(seen))
    assert np.abs(off_diagonal).max() < 4 / np.sqrt(count)


def test_disabled_transformations_are_never_drawn():
    for arguments, silent in (
        ({"flips": False}, {"flip"}),
        (
            {"rotations": False},
            {"quarter_turns", "first_turn", "second_turn"},
        ),
        ({"blit": False}, set(COLUMNS[:4])),
        ({"geometric": False}, set(COLUMNS[4:10])),
        ({"color": False}, set(COLUMNS[10:])),
    ):
        layer = AdaptiveAugment(initial_strength=1.0, **arguments)
        draw = np.asarray(layer.draw(40, seed=0))
        happens = {
            name
            for name, values in zip(COLUMNS, draw.T, strict=True)
            if np.any(values)
        }
        assert happens == set(COLUMNS) - silent


def test_a_seed_generator_gives_a_new_draw_each_time():
    layer = AdaptiveAugment(initial_strength=1.0)
    seed = keras.random.SeedGenerator(0)
    first, second = (np.asarray(layer.draw(3, seed)) for _ in range(2))
    assert np.abs(first - second)[:, COLUMNS.index("hue")].min() > 0


def test_one_draw_transforms_real_and_fake_images_alike():
    layer = AdaptiveAugment(initial_strength=1.0)
    draw = layer.draw(4, seed=0)
    real, fake = random_images(), random_images(seed=1)
    # Each outcome is affine in its image: what is mixed stays mixed.
    mixed = layer(0.3 * real + 0.7 * fake, draw=draw)
    apart = 0.3 * layer(real, draw=draw) + 0.7 * layer(fake, draw=draw)
    np.testing.assert_allclose(mixed, apart, atol=1e-5)
    for i in range(4):
        alone = layer(real[i : i + 1], draw=draw[i : i + 1])[0]
        np.testing.assert_allclose(layer(real, draw=draw)[i], alone, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_flow_to_the_images(channels):
    layer = AdaptiveAugment(initial_strength=0.8)
    images = tf.Variable(random_images((4, 10, 8, channels)))
    draw = layer.draw(4, seed=0)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.square(layer(images, draw=draw)))
    gradient = np.asarray(tape.gradient(value, images), "float64")
    direction = random_images((4, 10, 8, channels), seed=4) - 0.5
    ends = [
        float(np.sum(np.square(layer(images + sign * direction, draw=draw))))
        for sign in (1, -1)
    ]  # exact, of a quadratic
    assert np.sum(gradient * direction) == pytest.approx(
        (ends[0] - ends[1]) / 2, rel=1e-4
    )


def test_a_graph_takes_any_batch_and_follows_the_strength():
    layer = AdaptiveAugment()

    @tf.function(input_signature=[tf.TensorSpec((None, 12, 16, 3))])
    def function(images):
        draw = layer.draw(tf.shape(images)[0], seed=0)
        return layer(images, draw=draw), draw

    for count, strength in ((4, 0.0), (2, 1.0), (3, 0.5)):
        images = random_images()[:count]
        layer.strength.assign(strength)
        augmented, draw = function(images)
        np.testing.assert_array_equal(draw, layer.draw(count, seed=0))
        np.testing.assert_allclose(
            augmented, layer(images, draw=draw), atol=1e-5
        )
        assert np.any(draw) == (strength > 0)


def test_it_computes_in_float32_whatever_the_policy():
    images = random_images()
    layer = AdaptiveAugment(initial_strength=1.0)
    draw = layer.draw(4, seed=0)
    expected = layer(images.astype("float16").astype("float32"), draw=draw)
    keras.config.set_dtype_policy("mixed_float16")
    half = AdaptiveAugment(initial_strength=1.0)
    out = half(images.astype("float16"), draw=draw)
    assert out.dtype == "float32"
    np.testing.assert_array_equal(out, expected)
    assert {weight.dtype for weight in half.weights} == {"float32"}


def strengths(layer, batches):
    out = []
    for logits in batches:
        layer.adapt(np.asarray(logits, "float32"))
        out.append(float(layer.strength))
    return out


def test_strength_changes_by_the_images_seen_within_its_limits():
    def batch(positive, count=10):
        return np.where(np.arange(count) < positive, 2.5, -0.1)[:, None]

    layer = AdaptiveAugment(target=0.5, ramp=0.1, interval=2)
    # 20 images of 100 move p by 0.2; r = 1 or 0.8 is too much.
    sure = [batch(10), batch(10), batch(8), batch(10)]
    np.testing.assert_allclose(
        strengths(layer, sure), [0, 0.2, 0.2, 0.4], atol=1e-6
    )
    # r = 0.4 in both steps together, though 0.8 in the first alone.
    np.testing.assert_allclose(
        strengths(layer, [batch(9), batch(5)]), [0.4, 0.2], atol=1e-6
    )
    # At the target p rests: 30 of 40 images right.
    np.testing.assert_allclose(
        strengths(layer, [batch(20, 20), batch(10, 20)]), [0.2, 0.2], atol=1e-6
    )
    down = strengths(layer, [batch(0, 15)] * 6)
    np.testing.assert_array_equal(down[1:], 0.0)
    up = strengths(layer, [batch(26, 26)] * 6)
    np.testing.assert_allclose(up[1::2], [0.52, 1.0, 1.0], atol=1e-6)
    # A batch of another size counts with its images.
    down = strengths(layer, [batch(0, 3), batch(0, 7), np.zeros((0, 1))])
    np.testing.assert_allclose(down, [1, 0.9, 0.9], atol=1e-6)


def test_defaults_are_those_of_the_paper():
    layer = AdaptiveAugment()
    # 4 steps of 16 images; 500 thousand from 0 to 1.
    moved = strengths(layer, [np.ones((16, 1))] * 4)
    np.testing.assert_allclose(moved, [0, 0, 0, 64 / 500_000], rtol=1e-5)
    # (84 - 16) / 100 is above 0.6, (78 - 22) / 100 is not.
    for right, sign in ((84, 1), (78, -1)):
        layer = AdaptiveAugment(initial_strength=0.5)
        logits = np.where(np.arange(100) < right, 1.0, -1.0)
        moved = strengths(layer, [logits] * 4)[-1] - 0.5
        assert np.sign(moved) == sign


def test_a_map_of_logits_counts_as_one_and_nan_as_none():
    layer = AdaptiveAugment(ramp=0.1, interval=1, target=0.3)
    maps = np.ones((10, 3, 4, 1))
    maps[:, 0] = -1  # the mean sign is a third
    np.testing.assert_allclose(strengths(layer, [maps]), [0.1], atol=1e-6)
    broken = np.full((10, 1), np.nan)
    np.testing.assert_allclose(strengths(layer, [broken]), [0.0], atol=1e-6)
    infinite = np.full((10, 1), np.inf)
    np.testing.assert_allclose(strengths(layer, [infinite]), [0.1], atol=1e-6)


def test_without_a_target_the_strength_is_constant():
    layer = AdaptiveAugment(initial_strength=0.25, target=None, interval=1)
    assert strengths(layer, [np.ones((50, 1))] * 3) == [0.25] * 3


def test_no_gradient_flows_through_the_rule():
    layer, logits = AdaptiveAugment(interval=1), tf.Variable([[1.0], [-2.0]])
    with tf.GradientTape() as tape:
        layer.adapt(logits)
        value = tf.reduce_sum(logits) + tf.convert_to_tensor(layer.strength)
    np.testing.assert_array_equal(tape.gradient(value, logits), [[1], [1]])
    assert layer.trainable_variables == []


def test_two_replicas_adapt_it_as_one_would(two_replicas):
    arguments = {"ramp": 0.1, "interval": 2, "target": 0.1}
    rng = np.random.default_rng(0)
    batches = rng.normal(0.3, 1.0, (9, 8, 1)).astype("float32")
    alone = AdaptiveAugment(**arguments)
    expected = strengths(alone, batches)
    assert len(set(np.round(expected, 3))) > 3
    with two_replicas.scope():
        layer = AdaptiveAugment(**arguments)

    @tf.function
    def step(logits):
        def replica():
            index = tf.distribute.get_replica_context()
            index = index.replica_id_in_sync_group
            # Five images here, three there.
            mine = logits[:5] if index == 0 else logits[5:]
            with tf.GradientTape():
                layer.adapt(mine)
            return layer.draw(200, seed=0)

        return two_replicas.run(replica)

    for logits, strength in zip(batches, expected, strict=True):
        draws = step(logits)
        for copy in two_replicas.experimental_local_results(
            layer.strength.value
        ):
            assert float(copy) == pytest.approx(strength, abs=1e-6)
        first, second = two_replicas.experimental_local_results(draws)
        np.testing.assert_array_equal(first, second)


def gan(augmentation):
    model = models.GAN(
        networks.dcgan_generator((8, 8, 1), latent_dim=4, width=4),
        networks.dcgan_discriminator((8, 8, 1), width=4),
        seed=0,
    )
    model.compile(augmentation=augmentation)
    return model


def test_its_counters_are_saved_with_a_model(tmp_path):
    model = gan(AdaptiveAugment(ramp=0.1, interval=3, rotations=False))
    sure = np.ones((8, 1), "float32")
    for _ in range(5):
        model.augmentation.adapt(sure)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.augmentation.get_config() == model.augmentation.get_config()
    other = gan(AdaptiveAugment(ramp=0.1, interval=3, rotations=False))
    other.load_weights(tmp_path / "model.weights.h5")
    for each in (model, loaded, other):
        assert float(each.augmentation.strength) == pytest.approx(0.24)
        each.augmentation.adapt(sure)  # the sixth
        assert float(each.augmentation.strength) == pytest.approx(0.48)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict.fromkeys(GROUPS, False), "needs at least one of"),
        ({"initial_strength": 1.2}, r"lie in \[0, 1\]. Received: initial"),
        ({"initial_strength": float("nan")}, "`initial_strength` must"),
        ({"target": 1.0}, "`target` must lie between -1 and 1"),
        ({"ramp": 0}, "`ramp` must be positive, in thousands"),
        ({"interval": 0}, "`interval` must be a positive int"),
        ({"interval": 2.0}, "Received: interval=2.0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveAugment(**arguments)


@pytest.mark.parametrize(
    "shape", [(1, 8, 8, 2), (1, 8, 8), (1, 1, 8, 1), (1, 8, 8, 0)]
)
def test_images_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="`images` must be"):
        AdaptiveAugment()(np.zeros(shape, "float32"), draw=drawn())


def test_the_draw_of_another_layer_is_refused():
    with pytest.raises(ValueError, match="`draw` must come from the layer's"):
        AdaptiveAugment()(random_images(), draw=np.zeros((4, 7), "float32"))

"""Directions: closed forms against definitions, boundaries against truth."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_synth import editing, models, networks
from keras_synth.editing.directions import Direction, _sides
from keras_synth.editing.spaces import image_network
from keras_synth.layers import ModulatedConv2D


def unit(*values):
    return np.array(values, "float32") / np.linalg.norm(values)


def test_closed_form_is_the_singular_vector_of_the_affine_layers(style_gan):
    first, second = editing.closed_form_directions(style_gan, 2)
    network = style_gan.sampling_generator.get_layer("synthesis")
    found = [x for x in network.layers if isinstance(x, ModulatedConv2D)]
    # Layer by layer: those with demodulation, and the last to the image.
    layers = [x for x in found if x.demodulate] + found[-1:]
    assert len(layers) == style_gan.num_layers
    kernels = [np.asarray(x.style_to_scales.kernel) for x in layers]
    matrix = np.concatenate(kernels, axis=1)
    matrix /= np.linalg.norm(matrix, axis=0)
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    for direction, expected in (
        (first, vectors[:, -1]),
        (second, vectors[:, -2]),
    ):
        assert abs(direction.vector @ expected) == pytest.approx(1, abs=1e-4)
    gains = [np.square(matrix.T @ d.vector).sum() for d in (first, second)]
    assert gains == pytest.approx(values[:-3:-1], rel=1e-3)


def test_a_layer_is_that_of_its_style(style_gan):
    """Styles that its affine layer does not see do not change the image."""
    styles = editing.sample_vectors(style_gan, 1, seed=1)
    last = style_gan.num_layers - 1
    for layer in (0, 3, last):
        network = style_gan.sampling_generator.get_layer("synthesis")
        found = [x for x in network.layers if isinstance(x, ModulatedConv2D)]
        read = ([x for x in found if x.demodulate] + found[-1:])[layer]
        kept = np.array(read.style_to_scales.kernel)
        direction = Direction(
            "x", np.eye(5)[0], layers=(layer,), num_layers=last + 1
        )
        before = editing.render(style_gan, styles)
        changed = editing.render(style_gan, editing.move(styles, direction, 1))
        # The same layer but for one row, which reads this direction.
        silenced = kept.copy()
        silenced[0] = 0.0
        read.style_to_scales.kernel.assign(silenced)
        same = [
            editing.render(style_gan, editing.move(styles, direction, amount))
            for amount in (0, 5)
        ]
        read.style_to_scales.kernel.assign(kept)
        assert np.abs(changed - before).max() > 1e-4
        if layer == last:  # nothing else reads the last style
            np.testing.assert_allclose(same[0], same[1], atol=1e-6)


@pytest.mark.parametrize("kind", ["gan", "vector_gan", "relu_vae"])
def test_closed_form_of_latents_reads_the_kernel_that_they_enter(kind, request):
    if kind == "relu_vae":
        model = models.VAE(
            networks.dense_encoder((8, 8, 1), 3, (6,)),
            networks.dense_decoder((8, 8, 1), 3, (6,), activation="relu"),
        )
    else:
        model = request.getfixturevalue(kind)
    found = editing.closed_form_directions(model, 3)
    (kernel,) = [
        np.asarray(x.kernel)[:3]
        for x in image_network(model).layers
        if getattr(x, "units", None) == 6
    ]
    kernel = kernel / np.linalg.norm(kernel, axis=0)
    left = np.linalg.svd(kernel)[0]
    for direction, vector in zip(found, left.T, strict=True):
        assert abs(direction.vector @ vector) == pytest.approx(1, abs=1e-4)
        assert direction.space == "z" and direction.scale == 1.0


def test_closed_forms_need_a_dense_layer_that_reads_the_latents(vae):
    assert len(editing.closed_form_directions(vae, 3)) == 3
    with pytest.raises(ValueError, match="no styles of layers"):
        editing.closed_form_directions(vae, layers=[0])
    latents = keras.Input((3,))
    x = keras.layers.Reshape((1, 1, 3))(latents)
    x = keras.layers.Conv2DTranspose(1, 8)(x)
    decoder = keras.Model(latents, keras.layers.Dense(1)(x))
    other = models.VAE(networks.dense_encoder((8, 8, 1), 3, (6,)), decoder)
    with pytest.raises(ValueError, match="No dense layer"):
        editing.closed_form_directions(other)


def test_layers_are_read_from_any_list_of_ints(style_gan):
    (expected,) = editing.closed_form_directions(style_gan, 1, [0, 2])
    for layers in (np.array([0, 2]), (2 * i for i in range(2)), {0, 2}):
        (found,) = editing.closed_form_directions(style_gan, 1, layers)
        assert found.layers == (0, 2)
        np.testing.assert_array_equal(found.vector, expected.vector)


def test_principal_directions_are_those_of_numpy(style_gan):
    found = editing.principal_directions(style_gan, 3, num_samples=500, seed=2)
    styles = editing.sample_vectors(style_gan, 500, seed=2)
    left = np.linalg.svd(styles - styles.mean(0), full_matrices=False)[2]
    for direction, vector in zip(found, left, strict=False):
        assert abs(direction.vector @ vector) == pytest.approx(1, abs=1e-3)
    assert found[0].scale >= found[1].scale >= found[2].scale
    many = editing.sample_vectors(style_gan, 4096, seed=0)
    assert found[0].scale == pytest.approx(
        (many @ found[0].vector).std(), rel=1e-4
    )


def test_principal_directions_of_latents_are_refused(vae):
    with pytest.raises(ValueError, match="vary equally"):
        editing.principal_directions(vae)


@pytest.mark.parametrize("kind", ["bools", "numbers"])
def test_a_boundary_is_found(style_gan, kind):
    styles = editing.sample_vectors(style_gan, 600, seed=4)
    normal = unit(1.0, -2.0, 0.0, 0.5, 1.0)
    scores = styles @ normal
    scores = scores > np.median(scores) if kind == "bools" else scores
    found = editing.boundary_direction(style_gan, styles, scores, "side")
    assert found.name == "side"
    correlation = np.corrcoef(styles @ found.vector, styles @ normal)
    assert correlation[0, 1] > 0.95


def test_a_boundary_is_orthogonal_to_others(style_gan):
    styles = editing.sample_vectors(style_gan, 200, seed=4)
    others = editing.closed_form_directions(style_gan, 2)
    found = editing.boundary_direction(
        style_gan, styles, styles[:, 0], "first", orthogonal_to=others
    )
    for other in others:
        assert abs(found.vector @ other.vector) < 1e-5
    assert np.linalg.norm(found.vector) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ValueError, match="Nothing is left"):
        others[0].orthogonal_to(others[0])
    assert found.orthogonal_to() is found
    # One that comes twice, or the other way round, is left out once.
    np.testing.assert_allclose(
        found.orthogonal_to(others[0], -others[0], others[0]).vector,
        found.orthogonal_to(others[0]).vector,
        atol=1e-6,
    )


@pytest.mark.parametrize("kind", [int, "float32"])
def test_two_numbers_are_labels(style_gan, kind):
    """Also where one of them is rarer than `share`."""
    styles = editing.sample_vectors(style_gan, 400, seed=3)
    labels = styles[:, 0] > np.quantile(styles[:, 0], 0.95)
    bools, numbers = (
        editing.boundary_direction(style_gan, styles, given, "rare")
        for given in (labels, labels.astype(kind))
    )
    np.testing.assert_array_equal(bools.vector, numbers.vector)


@pytest.mark.parametrize(
    "scores",
    [
        np.maximum(np.arange(40) - 34, 0),  # 35 of the least
        np.minimum(np.arange(40), 5),  # 35 of the largest
        np.repeat([0, 1, 2], [1, 38, 1]),
        np.arange(40) // 8,  # equal ones at the edges of the shares
        np.arange(40),
    ],
)
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_equal_scores_are_labeled_alike_in_any_order(style_gan, scores, share):
    styles = editing.sample_vectors(style_gan, 40, seed=5)
    rng = np.random.default_rng(0)
    first, *others = (
        editing.boundary_direction(
            style_gan, styles[order], scores[order], "x", share=share
        )
        for order in (np.arange(40), *(rng.permutation(40) for _ in range(3)))
    )
    for other in others:
        assert other.source == first.source
        np.testing.assert_allclose(other.vector, first.vector, atol=1e-3)


def test_the_sides_are_the_lowest_and_the_highest_scores():
    for scores, size, low, high in (
        ([3, 1, 2, 0], 1, [3], [0]),
        ([3, 1, 2, 0], 2, [1, 3], [0, 2]),
        ([0, 1, 1, 1, 2, 3], 2, [0], [4, 5]),  # 1 is left out
        ([0, 0, 0, 0, 1, 2], 2, [0, 1, 2, 3], [4, 5]),
        ([0, 0, 0, 0, 0, 1, 2], 3, [0, 1, 2, 3, 4], [5, 6]),
        ([0, 1, 2, 2, 2, 2], 1, [0], [2, 3, 4, 5]),
    ):
        found = _sides(np.array(scores), size)
        assert [np.flatnonzero(each).tolist() for each in found] == [low, high]


def test_move_is_the_sum():
    direction = Direction("x", [3.0, 4.0], scale=2.0, num_layers=3)
    styles = np.arange(8.0).reshape(4, 2)
    step = np.float32([1.2, 1.6])
    np.testing.assert_allclose(
        editing.move(styles, direction, 0.5), styles + 0.5 * step, rtol=1e-6
    )
    amounts = np.arange(4.0)
    np.testing.assert_allclose(
        editing.move(styles, direction, amounts),
        styles + amounts[:, None] * step,
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        editing.move(editing.move(styles, direction, 2), -direction, 2),
        styles,
        atol=1e-5,
    )
    moved = editing.move(styles, direction, 1, layers=[1])
    assert moved.shape == (4, 3, 2)
    np.testing.assert_array_equal(moved[:, [0, 2]], styles[:, None][:, [0, 0]])
    np.testing.assert_allclose(moved[:, 1], styles + step, rtol=1e-6)
    own = dataclasses.replace(direction, layers=(1,))
    np.testing.assert_array_equal(editing.move(styles, own, 1), moved)


@pytest.mark.parametrize("ending", [".npz", ".json"])
def test_a_direction_is_saved_with_its_name(tmp_path, ending):
    direction = Direction(
        "älter", unit(1, 2, 3), 2.5, "w", (0, 2), 4, "by hand"
    )
    path = tmp_path / f"one{ending}"
    direction.save(path)
    again = editing.load_direction(path)
    np.testing.assert_array_equal(again.vector, direction.vector)
    fields = dataclasses.asdict(direction)
    assert fields.pop("vector") is not None
    for name, value in fields.items():
        assert getattr(again, name) == value, name
    with pytest.raises(FileExistsError, match="overwrite"):
        direction.save(path)
    whole = path.read_bytes()
    for broken in (b"nothing", b"", whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="holds no direction"):
            editing.load_direction(path)
    with pytest.raises(ValueError, match="must end in"):
        direction.save(tmp_path / "one.txt")


@pytest.mark.parametrize("ending", [".npz", ".json"])
def test_numbers_of_numpy_are_saved(tmp_path, ending):
    scale, layers = np.float32(2.5), np.array([0, 2])
    direction = Direction(
        "x", unit(1, 2), scale, layers=layers, num_layers=np.int64(3)
    )
    direction.save(tmp_path / f"one{ending}")
    again = editing.load_direction(tmp_path / f"one{ending}")
    assert (again.scale, again.layers, again.num_layers) == (2.5, (0, 2), 3)
    with pytest.raises(ValueError, match="`scale` must be finite"):
        Direction("x", unit(1, 2), np.nan)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"layers": [7]}, "layers 0 to 2"),
        (
            {"layers": [1], "styles": np.zeros((3, 4, 2))},
            "for 3 layers. Received: styles of 4",
        ),
        ({"amount": [1.0, 2.0]}, "`amount` must be"),
        ({"styles": np.zeros((2, 5))}, "`styles` must be"),
    ],
)
def test_moves_that_do_not_fit_are_refused(options, message):
    arguments = {"styles": np.zeros((3, 2)), "amount": 1.0} | options
    direction = Direction("x", [1.0, 0.0], num_layers=3)
    with pytest.raises(ValueError, match=message):
        editing.move(direction=direction, **arguments)


@pytest.mark.parametrize("layers", [[0.7], [True], ["1"], "1", 1])
def test_layers_that_are_no_ints_are_refused(style_gan, layers):
    direction = Direction("x", np.ones(5), num_layers=6)
    styles = editing.sample_vectors(style_gan, 8)
    for use in (
        lambda: Direction("x", np.ones(5), layers=layers, num_layers=6),
        lambda: editing.move(styles, direction, 1.0, layers),
        lambda: editing.boundary_direction(
            style_gan, styles, styles[:, 0], "x", layers=layers
        ),
        lambda: editing.closed_form_directions(style_gan, 1, layers),
    ):
        with pytest.raises(ValueError, match="`layers` must be a list of ints"):
            use()


def test_layers_that_a_model_does_not_have_are_refused(style_gan, vae):
    styles = editing.sample_vectors(style_gan, 8)
    for layers in ([99], [0, 6], [-1], []):
        with pytest.raises(ValueError, match="`layers` must be at least one"):
            editing.boundary_direction(
                style_gan, styles, styles[:, 0], "x", layers=layers
            )
    latents = editing.sample_vectors(vae, 8)
    with pytest.raises(ValueError, match="A VAE has no styles of layers"):
        editing.boundary_direction(vae, latents, latents[:, 0], "x", layers=[1])
    with pytest.raises(ValueError, match="`layers` must be of 0 to 5"):
        Direction("x", np.ones(5), layers=[6], num_layers=6)
    assert editing.boundary_direction(
        style_gan, styles, styles[:, 0], "x", layers=np.array([0, 5])
    ).layers == (0, 5)


def test_a_direction_in_another_space_is_refused(style_gan):
    styles = editing.sample_vectors(style_gan, 2)
    in_z, in_w = (Direction(x, np.ones(5), space=x) for x in "zw")
    with pytest.raises(ValueError, match="same space"):
        in_z.orthogonal_to(in_w)
    with pytest.raises(ValueError, match="moves latents"):
        editing.move(styles[:, None], in_z, 1.0)
    known = editing.as_projection(style_gan, styles)
    mask = np.zeros((16, 16, 1))
    mask[:8] = 1.0
    for use in (
        lambda: editing.direction_strip(style_gan, styles, in_z),
        lambda: editing.direction_effect(style_gan, styles, in_z, 1.0, {}),
        lambda: editing.edit_region(known, mask, in_z),
        lambda: next(editing.edit_frames(style_gan, known.images, in_z, 1.0)),
    ):
        with pytest.raises(ValueError, match="is moved along directions in w"):
            use()


@pytest.mark.parametrize(
    "dim, num_layers, message",
    [
        (5, 8, "dimension 5 for 8 layers. This StyleGAN2 has dimension 5 and"),
        (4, None, "dimension 4. This StyleGAN2 has dimension 5 and 6 layers"),
    ],
)
def test_a_direction_of_another_model_is_refused(
    style_gan, dim, num_layers, message
):
    other = Direction("x", np.ones(dim), num_layers=num_layers)
    styles = editing.sample_vectors(style_gan, 2)
    with pytest.raises(ValueError, match=message):
        editing.direction_strip(style_gan, styles, other)


def test_principal_directions_need_styles_that_vary(style_gan):
    for count in (1, 2):
        with pytest.raises(ValueError, match="`num_samples` must be an int a"):
            editing.principal_directions(style_gan, 2, num_samples=count)


def test_moves_of_another_kind_are_refused(style_gan):
    styles = editing.sample_vectors(style_gan, 2)
    (direction,) = editing.closed_form_directions(style_gan, np.int64(1))
    for amount in ("x", np.nan, [1.0, np.inf], [1.0, 2.0, 3.0], None):
        with pytest.raises(ValueError, match="`amount` must be a finite"):
            editing.move(styles, direction, amount)
    with pytest.raises(TypeError, match="`Direction`s. Received: 'smile'"):
        editing.move(styles, "smile", 1.0)
    with pytest.raises(TypeError, match="`Direction`s. Received: 'smile'"):
        editing.direction_strip(style_gan, styles, "smile")
    for amounts in ((), 1.0):
        with pytest.raises(ValueError, match="`amounts` must be a list"):
            editing.direction_strip(style_gan, styles, direction, amounts)
    with pytest.raises(TypeError, match="`scorers` must be a dict"):
        editing.direction_effect(style_gan, styles, direction, 1.0, [np.mean])


def test_directions_are_compared_and_hashed(style_gan):
    one, other = editing.closed_form_directions(style_gan, 2)
    assert one == one and one != other
    assert len({one, other, one}) == 2


def test_styles_without_a_boundary_are_refused(style_gan):
    styles, scores = editing.sample_vectors(style_gan, 8), np.arange(8) > 3
    for wrong in (np.zeros_like(styles), np.full_like(styles, np.nan)):
        with pytest.raises(ValueError, match="finite, and not all the same"):
            editing.boundary_direction(style_gan, wrong, scores, "x")
    with pytest.raises(ValueError, match="`share` must be a finite number"):
        editing.boundary_direction(
            style_gan, styles, np.arange(8), "x", share="x"
        )


def test_scores_need_images_and_a_score_for_each(style_gan, vae):
    images = np.zeros((2, 4, 4, 1), "float32")
    for scorer in (lambda x: 1.0, lambda x: x, lambda x: x[:1, 0, 0, 0]):
        with pytest.raises(ValueError, match="one score an image"):
            editing.score_images(scorer, images)
    with pytest.raises(ValueError, match="must hold an image"):
        editing.score_images(np.mean, images[:0])
    with pytest.raises(ValueError, match="divide 8-bit ones by 255"):
        editing.score_images(np.mean, images.astype("uint8"))
    with pytest.raises(ValueError, match="must be of shape"):
        editing.render(style_gan, np.zeros((0, style_gan.style_dim)))
    with pytest.raises(ValueError, match="has no noise"):
        editing.render(vae, editing.sample_vectors(vae, 2), noise=3)


def test_mistakes_are_refused(style_gan):
    styles = editing.sample_vectors(style_gan, 8)
    some = np.where(np.arange(8) == 3, np.nan, np.arange(8))
    for scores in (np.ones(8, bool), np.ones(8), np.full(8, np.nan), some):
        with pytest.raises(ValueError, match="two sides"):
            editing.boundary_direction(style_gan, styles, scores, "x")
    with pytest.raises(ValueError, match="must be numbers or bools. Received"):
        editing.boundary_direction(style_gan, styles, [*"abcdefgh"], "x")
    with pytest.raises(TypeError, match="`Direction`s. Received: 'smile'"):
        editing.boundary_direction(
            style_gan, styles, np.arange(8), "x", orthogonal_to=["smile"]
        )
    with pytest.raises(ValueError, match="`noise` must be of shape"):
        editing.render(style_gan, styles, noise=np.zeros(3))
    np.testing.assert_array_equal(
        editing.render(style_gan, styles, noise=None),
        editing.render(style_gan, styles),
    )
    with pytest.raises(ValueError, match="`share`"):
        editing.boundary_direction(
            style_gan, styles, np.arange(8), "x", share=0.7
        )
    with pytest.raises(ValueError, match="must be \\(n, dim\\)"):
        editing.boundary_direction(style_gan, styles, np.arange(7), "x")
    with pytest.raises(ValueError, match="`count`"):
        editing.closed_form_directions(style_gan, 9)
    for layers in ([6], []):
        with pytest.raises(ValueError, match="`layers` must be at least one"):
            editing.closed_form_directions(style_gan, layers=layers)
    with pytest.raises(ValueError, match="`layers` must hold a layer"):
        Direction("x", [1.0], layers=[])
    with pytest.raises(ValueError, match="finite and not 0"):
        Direction("x", [0.0, 0.0])


# Effects ---------------------------------------------------------------------


def test_effect_is_the_mean_change(style_gan):
    styles = editing.sample_vectors(style_gan, 5)
    direction = editing.closed_form_directions(style_gan, 1)[0]
    before = editing.render(style_gan, styles)
    after = editing.render(style_gan, editing.move(styles, direction, 2.0))
    effect = editing.direction_effect(
        style_gan,
        styles,
        direction,
        2.0,
        {
            "brightness": lambda x: x.mean((1, 2, 3)),
            "none": lambda x: x[:, 0, 0] * 0,
        },
    )
    changes = (after - before).mean((1, 2, 3))
    assert effect.change["brightness"] == pytest.approx(changes.mean())
    assert effect.absolute_change["brightness"] == pytest.approx(
        np.abs(changes).mean()
    )
    assert effect.change["none"] == 0.0
    with pytest.raises(ValueError, match="one score an image"):
        editing.score_images(lambda x: x, before)


def test_strip_has_a_row_for_each_style(style_gan):
    styles = editing.sample_vectors(style_gan, 2)
    direction = editing.closed_form_directions(style_gan, 1)[0]
    strip = editing.direction_strip(style_gan, styles, direction, (-1, 0, 1))
    assert strip.shape == (2 * 17 + 1, 3 * 17 + 1, 1)
    np.testing.assert_array_equal(
        strip[18:34, 18:34], editing.render(style_gan, styles)[1]
    )


def test_render_takes_any_number_and_noise_for_each(style_gan):
    styles = editing.sample_vectors(style_gan, 60)
    noise = np.random.default_rng(0).normal(size=(60, 656))
    images = editing.render(style_gan, styles, noise)
    np.testing.assert_allclose(
        images[55:57],
        style_gan.synthesize(styles[55:57], noise[55:57]),
        atol=1e-5,
    )

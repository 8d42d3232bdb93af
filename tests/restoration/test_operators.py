"""Operators: adjoints, proximal steps against dense solves, degradations."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from keras_synth import degradations, ops
from keras_synth.restoration import (
    BicubicDownsampling,
    Blur,
    ColorFilterArray,
    Mask,
    Operator,
    Product,
)

RNG = np.random.default_rng(0)
KERNEL = RNG.uniform(size=(3, 5))
EVEN = RNG.uniform(size=(4, 2))
MASK = np.float32(RNG.uniform(size=(1, 6, 8, 1)) < 0.4)

# Name: (operator, shape of x).
OPERATORS = {
    "circular": (Blur(KERNEL, borders="circular"), (6, 8, 1)),
    "unknown": (Blur(KERNEL), (8, 12, 2)),
    "even": (Blur(EVEN, 2), (12, 16, 1)),
    "thirds": (Blur(KERNEL, 3), (12, 15, 1)),
    "thirds, circular": (Blur(KERNEL, 3, "circular"), (9, 12, 2)),
    "mask": (Mask(MASK), (6, 8, 3)),
    "bicubic": (BicubicDownsampling(2), (8, 12, 1)),
    "bicubic by 3": (BicubicDownsampling(3), (9, 12, 2)),
    "color filter array": (ColorFilterArray("GRBG"), (5, 7, 3)),
    "masked blur": (Product(Mask(MASK), Blur(KERNEL)), (8, 12, 1)),
}
every_operator = pytest.mark.parametrize(
    "operator, shape", OPERATORS.values(), ids=OPERATORS
)


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Conjugate gradients go on to the end."""
    module = importlib.import_module("keras_synth.restoration.operators.base")
    monkeypatch.setattr(module, "_TOLERANCE", 1e-5)


def uniform(*shape):
    return RNG.uniform(size=shape).astype("float32")


def dense(operator, shape):
    """The matrix of an operator, column by column."""
    points = np.eye(np.prod(shape), dtype="float32").reshape(-1, *shape)
    return operator.forward(points).numpy().reshape(len(points), -1).T


def test_conjugate_gradients_equal_their_twin(monkeypatch):
    """The textbook's, stopped at 1 % as well."""
    base = importlib.import_module("keras_synth.restoration.operators.base")
    monkeypatch.setattr(base, "_TOLERANCE", 0.01)
    random = np.random.default_rng(1)
    root = random.normal(size=(24, 24))
    matrix = root @ root.T + 4.0 * np.eye(24)
    diagonal = np.diag(matrix)
    right = random.normal(size=24)
    found, residual = np.zeros(24), right.copy()
    near = direction = residual / diagonal
    count = 0
    while np.linalg.norm(residual) > 0.01 * np.linalg.norm(right):
        energy, applied = residual @ near, matrix @ direction
        length = energy / (direction @ applied)
        found = found + length * direction
        residual = residual - length * applied
        near = residual / diagonal
        direction = near + residual @ near / energy * direction
        count += 1
    assert 3 < count < 24

    def apply(u):
        product = tf.reshape(u, (-1, 24)) @ np.float32(matrix)
        return tf.reshape(product, u.shape)

    shape = (1, 2, 3, 4)
    ours = base.conjugate_gradients(
        apply,
        tf.constant(np.float32(right).reshape(shape)),
        lambda r: r / np.float32(diagonal).reshape(shape),
    )
    np.testing.assert_allclose(ours[0].numpy().ravel(), found, atol=1e-5)


@every_operator
def test_the_adjoint_is_the_transposed_matrix(operator, shape):
    x = uniform(2, *shape)
    degraded = operator.forward(x).numpy()
    y = uniform(*degraded.shape)
    back = operator.adjoint(y).numpy()
    assert back.shape == x.shape
    np.testing.assert_allclose(
        np.sum(degraded * y), np.sum(x * back), rtol=1e-5
    )


@every_operator
@pytest.mark.parametrize("rho", [0.01, 1.0])
def test_the_proximal_step_equals_a_dense_solve(operator, shape, rho):
    matrix = dense(operator, shape).astype("float64")
    z = uniform(2, *shape)
    y = uniform(*operator.forward(z).shape)
    gram = matrix.T @ matrix + rho * np.eye(matrix.shape[1])
    right = y.reshape(2, -1) @ matrix + rho * z.reshape(2, -1)
    expected = np.linalg.solve(gram, right.T).T.reshape(z.shape)
    each = np.full((2, 1, 1, 1), rho, "float32")
    for given in (rho, each):
        found = operator.prox(z, y, given)
        np.testing.assert_allclose(found, expected, atol=2e-4)


@every_operator
def test_conjugate_gradients_find_what_the_closed_form_does(operator, shape):
    z = uniform(1, *shape)
    y = uniform(*operator.forward(z).shape)
    found = Operator.prox(operator, z, y, 0.1)
    np.testing.assert_allclose(found, operator.prox(z, y, 0.1), atol=2e-4)


@every_operator
def test_images_that_fit_stay(operator, shape):
    x = uniform(1, *shape)
    stay = operator.prox(x, operator.forward(x), 0.1)
    np.testing.assert_allclose(stay, x, atol=1e-5)


@every_operator
def test_starts_are_as_large_as_x_and_keep_even_images(operator, shape):
    even = np.full((1, *shape), 0.25, "float32")
    start = operator.start(operator.forward(even)).numpy()
    assert start.shape == even.shape
    if operator.input_names == () and not isinstance(operator, Product):
        np.testing.assert_allclose(start, even, atol=1e-4)


@every_operator
def test_operators_survive_saving(operator, shape):
    config = keras.saving.serialize_keras_object(operator)
    again = keras.saving.deserialize_keras_object(config)
    x = uniform(1, *shape)
    np.testing.assert_array_equal(operator.forward(x), again.forward(x))


@pytest.mark.parametrize("borders", ["unknown", "circular"])
def test_a_kernel_of_one_pixel_changes_nothing(borders):
    x, y = uniform(1, 5, 6, 3), uniform(1, 5, 6, 3)
    blur = Blur([[1.0]], borders=borders)
    np.testing.assert_allclose(blur.forward(x), x, atol=1e-6)
    expected = (y + 0.5 * x) / 1.5
    np.testing.assert_allclose(blur.prox(x, y, 0.5), expected, atol=1e-5)


def test_blurs_are_those_of_the_degradations():
    x = uniform(1, 24, 30, 1)
    gauss = ops.gaussian_kernels(tf.constant([1.3]), 1.3)[0].numpy()
    line = ops.line_kernels(tf.constant([7.0]), tf.constant([30.0]), 7.0)[0]
    for kernel, degradation in (
        (np.outer(gauss, gauss), degradations.GaussianBlur(1.3)),
        (line, degradations.MotionBlur(7.0, 30.0)),
    ):
        blur = Blur(kernel)
        found = blur.forward(x).numpy()
        expected = blur.visible(degradation(x, seed=0)).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_blur_convolves_where_its_kernel_is_not_symmetric():
    point = np.zeros((1, 9, 9, 1), "float32")
    point[0, 4, 4] = 1.0
    kernel = np.arange(1.0, 10.0).reshape(3, 3)
    blurred = Blur(kernel, borders="circular").forward(point)[0, 3:6, 3:6, 0]
    np.testing.assert_allclose(blurred, kernel / kernel.sum(), atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_that_of_the_degradation(scale):
    x = uniform(1, 6 * scale, 8 * scale, 3)
    expected = degradations.Downsample(scale)(x, seed=0).numpy()
    inside = (expected > 0) & (expected < 1)
    found = BicubicDownsampling(scale).forward(x).numpy()
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_pixels_lie_in_the_middle_of_those_that_they_replace(scale):
    ramp = np.arange(16 * scale, dtype="float32") * np.ones((1, 60, 1, 1))
    ramp = np.swapaxes(ramp, 2, 3).astype("float32")
    size = 4 if scale % 2 == 0 else 5
    blur = Blur(np.ones((size, size)), scale)
    small = blur.forward(ramp)[0, 0, :, 0].numpy()
    middles = ramp.reshape(60, -1, scale).mean(-1)[0]
    margin = blur.margin[1]
    middles = middles[margin : len(middles) - margin]
    np.testing.assert_allclose(small, middles, rtol=1e-5)


def test_colors_and_masks_are_selected():
    x = uniform(1, 4, 4, 3)
    mosaic = ColorFilterArray("BGGR").forward(x)[0, ..., 0]
    np.testing.assert_array_equal(mosaic[0::2, 0::2], x[0, 0::2, 0::2, 2])
    np.testing.assert_array_equal(mosaic[1::2, 1::2], x[0, 1::2, 1::2, 0])
    np.testing.assert_array_equal(mosaic[0::2, 1::2], x[0, 0::2, 1::2, 1])
    mask = MASK[:, :4, :4]
    with pytest.raises(ValueError, match="`mask` is missing"):
        Mask().forward(x)
    hidden = Mask().given({"mask": mask}).forward(x)
    np.testing.assert_array_equal(hidden, x * (1 - mask))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Blur(np.ones(3)), "`kernel` must be a matrix"),
        (lambda: Blur([[1.0, -1.0]]), "sum above 0"),
        (lambda: Blur([[1.0]], 1.5), "`scale` must be an int"),
        (lambda: Blur([[1.0]], borders="mirror"), "`borders` must be"),
        (lambda: BicubicDownsampling(0), "`scale` must be an int"),
        (lambda: ColorFilterArray("RGB"), "`pattern` must be one of"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_periodic_blur_goes_around_a_small_image():
    kernel = np.random.default_rng(0).uniform(size=(15, 9))
    x = np.random.default_rng(1).uniform(size=(1, 6, 4, 1)).astype("float32")
    expected = ndimage.convolve(
        x[0, ..., 0].astype("float64"), kernel / kernel.sum(), mode="wrap"
    )
    found = Blur(kernel, borders="circular").forward(x)
    np.testing.assert_allclose(found[0, ..., 0], expected, atol=1e-6)


def test_sides_that_are_no_multiples_are_refused():
    with pytest.raises(ValueError, match="must be multiples of the scale, 2"):
        BicubicDownsampling(2).forward(tf.zeros((1, 6, 5, 1)))

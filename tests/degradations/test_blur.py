"""Blur against SciPy's, and against means of shifted images."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.special

from keras_synth.degradations import (
    AnisotropicBlur,
    GaussianBlur,
    MotionBlur,
    Ringing,
)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, 21, 34, 2), "float32")


@pytest.mark.parametrize("sigma", [0.4, (0.3, 3.0), 9.0])
def test_gaussian_blur_equals_scipy(sigma, images):
    # 9 pixels reach beyond the image, and back from its other side.
    result, record = GaussianBlur(sigma)(images, 0, return_record=True)
    drawn = record["parameters"]["sigma"].numpy()[:, 0, 0, 0]
    for blurred, image, width in zip(result, images, drawn, strict=True):
        expected = scipy.ndimage.gaussian_filter(
            image, (width, width, 0), mode="reflect", truncate=4.0
        )
        np.testing.assert_allclose(blurred, expected, atol=2e-6)


@pytest.mark.parametrize("angle", [0.0, 37.0, 90.0, -120.0])
def test_motion_blur_is_the_mean_of_shifted_images(angle, images):
    length = 7.3
    count = 4 * 8 + 1
    steps = length * ((np.arange(count) + 0.5) / count - 0.5)
    up = np.sin(np.radians(angle)) * steps
    right = np.cos(np.radians(angle)) * steps
    expected = np.mean(
        [
            scipy.ndimage.shift(images, (0, -u, r, 0), order=1, mode="reflect")
            for u, r in zip(up, right, strict=True)
        ],
        axis=0,
    )
    result = MotionBlur(length, angle)(images, 0)
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 135.0])
def test_a_point_becomes_a_line_of_that_length_and_angle(angle):
    point = np.zeros((1, 41, 41, 1), "float32")
    point[0, 20, 20] = 1.0
    line = MotionBlur(16.0, angle)(point, 0).numpy()[0, ..., 0]
    assert abs(line.sum() - 1.0) < 1e-5
    y, x = np.mgrid[20:-21:-1, -20:21]  # y upwards
    moments = np.array(
        [
            [np.sum(line * x * x), np.sum(line * x * y)],
            [np.sum(line * x * y), np.sum(line * y * y)],
        ]
    )
    across, along = np.linalg.eigvalsh(moments)
    # An even line's variance is L²/12; a pixel adds up to 1/4.
    assert 16**2 / 12 - 0.1 < along < 16**2 / 12 + 0.3
    assert across < 0.25
    direction = np.linalg.eigh(moments)[1][:, 1]
    wanted = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    assert abs(direction @ wanted) > 0.999


def test_each_image_has_its_own_kernel(images):
    same = np.repeat(images[:1], 3, axis=0)
    result, record = MotionBlur((1.0, 9.0))(same, 0, return_record=True)
    drawn = record["parameters"]
    for index in range(3):
        alone = MotionBlur(
            float(drawn["length"][index, 0, 0, 0]),
            float(drawn["angle"][index, 0, 0, 0]),
        )
        # Another number of points along the line, hence not to the last bit.
        np.testing.assert_allclose(result[index], alone(same[0], 0), atol=5e-3)


def test_blur_keeps_constant_images():
    flat = np.full((1, 9, 9, 1), 0.3, "float32")
    for degradation in (GaussianBlur(2.0), MotionBlur(5.0, 20.0)):
        np.testing.assert_allclose(degradation(flat, 0), flat, rtol=1e-6)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: GaussianBlur(-1), "`sigma` must be a number"),
        (lambda: MotionBlur((4, 2)), "`length` must be a number"),
        (lambda: MotionBlur(4, angle=400), "`angle` must be a number"),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def point_of(degradation, side=61):
    """The kernel of a degradation, and its parameters."""
    point = np.zeros((1, side, side, 1), "float32")
    point[0, side // 2, side // 2] = 1.0
    kernel, record = degradation(point, 3, return_record=True)
    return kernel.numpy()[0, ..., 0], record["parameters"]


@pytest.mark.parametrize("beta", [0.7, 1.0, 2.5])
def test_anisotropic_blur_is_the_formula(beta):
    kernel, drawn = point_of(AnisotropicBlur((1.0, 4.0), beta))
    turn = np.radians(drawn["angle"].numpy().item())
    axes = np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    covariance = axes @ np.diag(drawn["sigma"].numpy().ravel() ** 2) @ axes.T
    y, x = np.mgrid[-16:17, -16:17]
    offsets = np.stack([x, y], axis=-1)
    distance = np.einsum(
        "yxi,ij,yxj->yx", offsets, np.linalg.inv(covariance), offsets
    )
    expected = np.exp(-0.5 * distance**beta)
    np.testing.assert_allclose(
        kernel[14:47, 14:47], expected / expected.sum(), atol=1e-6
    )
    assert kernel.sum() == pytest.approx(1.0, abs=1e-5)


def test_ringing_is_a_low_pass_of_a_bessel_function():
    cutoff, radius = 1.2, 14
    # Away from 0 and 1, where overshoot would be clipped.
    point = np.full((1, 61, 61, 1), 0.5, "float32")
    point[0, 30, 30] += 0.4
    kernel = Ringing(cutoff, radius)(point, 0).numpy()[0, ..., 0]
    kernel = (kernel - 0.5) / 0.4
    y, x = np.mgrid[-30:31, -30:31]
    r = np.maximum(np.hypot(x, y), 1e-3)
    expected = cutoff * scipy.special.j1(cutoff * r) / (2 * np.pi * r)
    expected[r > radius] = 0.0
    np.testing.assert_allclose(kernel, expected / expected.sum(), atol=1e-5)
    spectrum = np.abs(np.fft.fft2(kernel))
    frequency = 2 * np.pi * np.hypot(*np.meshgrid(*[np.fft.fftfreq(61)] * 2))
    assert spectrum[frequency < 0.7 * cutoff].min() > 0.7
    assert spectrum[frequency > 1.4 * cutoff].max() < 0.1
    step = np.zeros((1, 20, 40, 1), "float32") + 0.3
    step[:, :, 20:] = 0.7
    halo = Ringing(cutoff)(step, 0).numpy()
    assert halo.max() > 0.72 and halo.min() < 0.28


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AnisotropicBlur(0.0), "`sigma` must be above 0"),
        (lambda: AnisotropicBlur(1.0, (0.0, 1.0)), "`beta` must be above 0"),
        (lambda: Ringing(0.0), "`cutoff` must be above 0"),
        (lambda: Ringing(4.0), "`cutoff` must be"),
        (lambda: Ringing(1.0, 0), "`radius` must be an int"),
    ],
)
def test_kernels_that_are_none_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

"""`deblur`, and plug-and-play in `upscale` and `inpaint`."""

import importlib

import numpy as np
import pytest
from PIL import Image

from keras_synth import degradations, ops, restoration
from keras_synth.cli.main import main
from keras_synth.io import read_image, write_image
from keras_synth.tasks import deblur, inpaint, upscale

RESTORERS = importlib.import_module("keras_synth.tasks.restorers")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def prior(monkeypatch):
    """A denoiser that takes no time: total variation."""
    denoiser = restoration.total_variation_denoiser(0.01)
    monkeypatch.setattr(RESTORERS, "_denoiser", lambda: denoiser)
    return denoiser


@pytest.fixture(scope="module")
def photo():
    """(96, 112, 3), smooth areas and edges."""
    rows, columns = np.mgrid[:96, :112]
    image = 0.3 + 0.4 * ((rows // 16 + columns // 20) % 2)
    return np.stack([image, 0.9 * image, 1 - image], -1).astype("float32")


def gaussian(sigma):
    line = np.asarray(ops.gaussian_kernels(np.float32([sigma]), sigma))[0]
    return np.outer(line, line)


def deblurred(directory, image, **options):
    source, target = directory / "in.png", directory / "out.png"
    write_image(source, image, 16)
    (done,) = deblur(source, target, overwrite=True, verbose=0, **options)
    return read_image(target, alpha="keep"), done


def write_jpeg(path, image, quality):
    pixels = np.uint8(np.rint(255 * np.clip(image, 0, 1)))
    Image.fromarray(pixels).save(path, quality=quality)


def error(image, clean):
    return np.sqrt(np.mean((image - clean) ** 2))


def test_a_given_blur_is_removed_in_all_three_ways(photo, tmp_path):
    kernel = gaussian(1.2)
    write_image(tmp_path / "kernel.png", kernel[..., None] / kernel.max(), 16)
    blurred = np.asarray(degradations.GaussianBlur(1.2)(photo, seed=0))
    by_sigma, done = deblurred(tmp_path, blurred, sigma=1.2, noise_level=0.004)
    assert error(by_sigma, photo) < 0.5 * error(blurred, photo)
    assert done.blur == "Gaussian blur of σ = 1.2 pixels"
    assert not done.estimated and done.noise_level == 0.004
    by_kernel, _ = deblurred(
        tmp_path, blurred, kernel=tmp_path / "kernel.png", noise_level=0.004
    )
    np.testing.assert_allclose(by_kernel, by_sigma, atol=0.01)
    moved = np.asarray(degradations.MotionBlur(7.0, 30.0)(photo, seed=0))
    sharp, done = deblurred(
        tmp_path, moved, motion=(7.0, 30.0), noise_level=0.004, iterations=12
    )
    assert error(sharp, photo) < 0.5 * error(moved, photo)
    assert done.blur == "motion of 7 pixels at 30°"


def test_it_is_plug_and_play_with_the_noise_estimated(photo, prior, tmp_path):
    noise = 0.03 * RNG.normal(size=photo.shape).astype("float32")
    image = np.clip(photo + noise, 0, 1)
    found, done = deblurred(tmp_path, image, sigma=0.8)
    image = read_image(tmp_path / "in.png")[None]
    assert abs(done.noise_level - 0.03) < 0.01
    blur = restoration.Blur(gaussian(0.8))
    restorer = restoration.PlugAndPlay(prior, blur, done.noise_level)
    np.testing.assert_allclose(found, restorer(image)[0], atol=2e-3)


def test_jpeg_compression_is_noise(photo, tmp_path):
    """Also that of an image which was a JPEG file once."""
    photo = photo[..., :1]  # its colors would be subsampled
    blurred = np.asarray(degradations.GaussianBlur(1.2)(photo, seed=0))
    source, again = tmp_path / "in.jpg", tmp_path / "again.png"
    write_jpeg(source, blurred[..., 0], 60)
    stored = read_image(source)
    write_image(again, stored)
    done = [
        deblur(path, tmp_path / f"{i}.png", sigma=1.2, verbose=0)[0]
        for i, path in enumerate((source, again))
    ]
    levels = [255 * each.noise_level for each in done]
    assert 3 < levels[0] < 9
    np.testing.assert_allclose(levels[1], levels[0], rtol=0.1)
    assert done[0].jpeg_quality == 60
    assert abs(done[1].jpeg_quality - 60) <= 2
    restored = read_image(done[0].target)
    assert error(restored, photo) < 0.8 * error(stored, photo)
    (given,) = deblur(
        source, tmp_path / "2.png", sigma=1.2, noise_level=0.01, verbose=0
    )
    assert given.noise_level == 0.01 and given.jpeg_quality is None


def test_the_estimate_is_given_the_quantization_table(
    photo, monkeypatch, tmp_path
):
    seen = []

    def estimate(images, noise_level, luma_table):
        seen.append(luma_table)
        return restoration.BlurEstimate(gaussian(1.0), 1.0, None, None, 1.0)

    monkeypatch.setattr(restoration, "estimate_blur", estimate)
    write_jpeg(tmp_path / "in.jpg", photo, 60)
    deblur(tmp_path / "in.jpg", tmp_path / "out.png", verbose=0)
    np.testing.assert_array_equal(seen[0], ops.luma_table(60))


def test_transparency_and_gray_stay(photo, tmp_path):
    alpha = RNG.uniform(size=(96, 112, 1)).astype("float32")
    image = np.concatenate([photo[..., :1], alpha], axis=-1)
    found, _ = deblurred(tmp_path, image, sigma=0.5, noise_level=0.01)
    assert found.shape == image.shape
    np.testing.assert_allclose(found[..., 1:], alpha, atol=1e-4)


def test_tiles_do_not_show(photo, monkeypatch, tmp_path):
    blurred = np.asarray(degradations.GaussianBlur(1.0)(photo, seed=0))
    options = {"sigma": 1.0, "noise_level": 0.01}
    whole, _ = deblurred(tmp_path, blurred, **options)
    monkeypatch.setattr(RESTORERS, "_SOLVED_TILE", 64)
    monkeypatch.setattr(RESTORERS, "_SOLVED_OVERLAP", 16)
    tiled, _ = deblurred(tmp_path, blurred, **options)
    assert np.abs(tiled - whole).max() > 0
    np.testing.assert_allclose(tiled, whole, atol=0.02)


def test_an_image_without_a_trace_of_blur_is_refused(photo, tmp_path):
    flat = np.full((140, 140, 1), 0.5, "float32")
    flat += 0.02 * RNG.normal(size=flat.shape).astype("float32")
    with pytest.raises(ValueError, match="does not show clearly how"):
        deblurred(tmp_path, flat)
    assert not (tmp_path / "out.png").exists()
    with pytest.raises(ValueError, match="at least 64x64"):
        deblurred(tmp_path, photo[:60])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"sigma": 1, "motion": (3, 0)}, "Give the blur in one way"),
        ({"sigma": 0}, "`sigma` must be a number of pixels above 0"),
        ({"sigma": 99}, "up to 12"),
        ({"motion": (0, 20)}, "`motion` must be a length"),
        ({"motion": (5, 999)}, "an angle in degrees"),
        ({"sigma": 1, "noise_level": 25}, "`noise_level` must be"),
        ({"sigma": 1, "iterations": 0}, "`iterations` must be an int"),
    ],
)
def test_wrong_options_are_named(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        deblur(tmp_path / "in.png", tmp_path / "out.png", **options)


@pytest.mark.parametrize("task", [deblur, upscale])
def test_the_kernel_is_not_replaced(task, tmp_path):
    kernel = tmp_path / "kernel.png"
    for path in (tmp_path / "in.png", kernel):
        write_image(path, np.eye(9)[..., None])
    options = {"method": "pnp"} if task is upscale else {}
    with pytest.raises(ValueError, match="kernel.png is read as well"):
        task(
            tmp_path / "in.png",
            kernel,
            kernel=kernel,
            overwrite=True,
            **options,
        )


def test_wrong_kernels_are_named(photo, tmp_path):
    with pytest.raises(FileNotFoundError):
        deblurred(tmp_path, photo, kernel=tmp_path / "missing.png")
    path = tmp_path / "kernel.png"
    for image, message in (
        (np.ones((5, 5, 1), "float32"), "must be a bright point"),
        (np.zeros((1, 1, 1), "float32"), "must be a bright point"),
        (photo, "at most 101x101"),
    ):
        write_image(path, image)
        with pytest.raises(ValueError, match=message):
            deblurred(tmp_path, photo, kernel=path)


def test_the_command_says_what_was_done(photo, tmp_path, capsys):
    write_image(tmp_path / "in.png", photo)
    words = ["deblur", str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    assert main([*words, "--motion", "5", "20", "--noise-level", "0.01"]) == 0
    out = capsys.readouterr().out
    assert "motion of 5 pixels at 20° removed, noise of 2." in out
    write_jpeg(tmp_path / "in.jpg", photo, 70)
    words = ["deblur", str(tmp_path / "in.jpg"), str(tmp_path / "out.jpg")]
    assert main([*words, "--sigma", "1"]) == 0
    assert "gray levels with that of JPEG quality 70" in capsys.readouterr().out


@pytest.mark.parametrize("scale", [2, 3])
def test_upscaling_inverts_blur_and_decimation(scale, photo, tmp_path):
    sigma = 0.5 * scale
    line = np.asarray(
        ops.gaussian_kernels(np.float32([sigma]), sigma, scale == 2)
    )[0]
    blur = restoration.Blur(np.outer(line, line), scale, "circular")
    small = np.asarray(blur.forward(photo[None, :, :108]))[0]
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    write_image(source, np.clip(small, 0, 1), 16)
    scores = {}
    for name, options in (
        ("bicubic", {"method": "bicubic"}),
        ("pnp", {"method": "pnp", "sigma": sigma, "noise_level": 0.004}),
        ("pnp of bicubic", {"method": "pnp", "noise_level": 0.004}),
    ):
        upscale(source, target, scale=scale, overwrite=True, **options)
        large = read_image(target)
        assert large.shape == (96, 108, 3)
        inside = np.s_[8:-8, 8:-8]
        scores[name] = error(large[inside], photo[:, :108][inside])
    assert scores["pnp"] < 0.8 * scores["bicubic"]
    assert scores["pnp"] < scores["pnp of bicubic"]
    with pytest.raises(ValueError, match="are for the method 'pnp'"):
        upscale(source, target, method="bicubic", sigma=1.0)


def test_kernels_of_odd_sides_keep_the_middle_at_even_scales(tmp_path):
    path = tmp_path / "kernel.png"
    kernel = gaussian(1.5)
    write_image(path, kernel[..., None] / kernel.max(), 16)
    module = importlib.import_module("keras_synth.tasks.deblur")
    _, even = module.known_blur(None, None, path, even=True)
    assert all(side % 2 == 0 for side in even.shape)
    place = np.arange(even.shape[0])
    middle = np.sum(even.sum(1) * place) / even.sum()
    np.testing.assert_allclose(middle, (even.shape[0] - 1) / 2, atol=1e-3)
    width = np.sum(even.sum(1) * (place - middle) ** 2) / even.sum()
    np.testing.assert_allclose(np.sqrt(width), 1.5, atol=0.03)


def test_inpainting_keeps_what_is_known(photo, tmp_path):
    missing = np.float32(RNG.uniform(size=(96, 112, 1)) < 0.5)
    write_image(tmp_path / "in.png", photo * (1 - missing), 16)
    write_image(tmp_path / "mask.png", missing)
    inpaint(
        tmp_path / "in.png",
        tmp_path / "mask.png",
        tmp_path / "out.png",
        method="pnp",
    )
    found = read_image(tmp_path / "out.png")
    known = missing[..., 0] == 0
    np.testing.assert_allclose(found[known], photo[known], atol=1e-4)
    start = np.asarray(
        restoration.Mask(missing[None]).start(photo[None] * (1 - missing))
    )[0]
    assert error(found, photo) < 0.8 * error(start, photo)

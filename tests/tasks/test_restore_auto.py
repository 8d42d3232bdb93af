"""`restore` without options: what is wrong is estimated, and said."""

import importlib
import os
import pathlib

import numpy as np
import pytest
import skimage.data
from PIL import Image

from keras_synth import ops
from keras_synth.cli.main import main
from keras_synth.degradations import CameraNoise
from keras_synth.io import read_image, write_image
from keras_synth.tasks import restore

MODULE = importlib.import_module("keras_synth.tasks.restore")


@pytest.fixture(scope="module")
def photo():
    """A photograph with hardly any noise, uint8."""
    return skimage.data.chelsea()[:200, :200]


@pytest.mark.parametrize("name", ["in.png", "in.jpg"])
def test_where_nothing_is_found_the_file_is_copied(photo, tmp_path, name):
    Image.fromarray(photo).save(tmp_path / name, quality=95)
    (result,) = restore(tmp_path / name, tmp_path / f"out-{name}")
    assert result.noise_level == 0.0 and result.jpeg_quality is None
    assert result.method is None
    written = (tmp_path / f"out-{name}").read_bytes()
    assert written == (tmp_path / name).read_bytes()


def test_texture_that_is_taken_for_noise_stays(tmp_path):
    write_image(tmp_path / "in.png", skimage.data.coffee()[200:, :200] / 255.0)
    (result,) = restore(tmp_path / "in.png", tmp_path / "a.png")
    assert result.method is None and result.noise_level == 0.0
    written = (tmp_path / "a.png").read_bytes()
    assert written == (tmp_path / "in.png").read_bytes()
    # Whoever asks for the denoiser gets it.
    (result,) = restore(tmp_path / "in.png", tmp_path / "b.png", method="unet")
    assert result.noise_level > 1 / 255 and result.method == "unet"
    assert np.any(
        read_image(tmp_path / "b.png") != read_image(tmp_path / "a.png")
    )


def test_what_the_restorer_of_photos_hardly_changes_is_copied(
    tmp_path, monkeypatch
):
    # As if noise that neighbors share had been found in a clean photograph.
    monkeypatch.setattr(MODULE, "_suited", lambda *_: (0.02, "photo"))
    photo = skimage.data.astronaut()[:200, :200] / 255.0
    write_image(tmp_path / "in.png", photo)
    assert np.max(ops.opponent_noise_levels(np.float32(photo[None]))) > 1 / 255
    for strength in (1.0, 0.5):
        (result,) = restore(
            tmp_path / "in.png",
            tmp_path / "a.png",
            strength=strength,
            overwrite=True,
        )
        assert result.method is None and result.noise_level == 0.0
        written = (tmp_path / "a.png").read_bytes()
        assert written == (tmp_path / "in.png").read_bytes()


@pytest.mark.parametrize(
    "level, denoiser, photo, method",
    [
        # Size in gray levels, structure and correlation of what is removed.
        (10, (10, 2.0, -0.1), (9, 3.0, 0.0), "unet"),  # white noise
        (10, (8, 5.0, 0.2), (20, 6.0, 0.3), "photo"),  # that of a camera
        (10, (8, 3.0, 0.2), (20, 6.0, 0.3), "photo"),
        (10, (8, 3.0, -0.1), (3, 9.0, 0.0), None),  # leaves
        (4, (3, 3.0, 0.0), (2.5, 24.0, 0.0), None),  # edges alone
        (4, (3, 3.0, 0.1), (2.5, 6.0, 0.0), "photo"),
        (2, (3, 4.0, 0.0), (3.7, 9.0, 0.2), None),  # edges, made smaller
        (2, (3, 4.0, 0.0), (3.7, 9.0, 0.4), "photo"),
        (35, (34, 4.2, 0.2), (1.5, 7.0, 0.0), None),  # grass
        (35, (34, 2.0, 0.0), (31, 3.0, 0.0), "unet"),  # heavy white noise
        (35, (34, 4.0, 0.2), (60, 4.0, 0.3), "unet"),  # heavy, of a camera
    ],
)
def test_what_both_networks_would_remove_decides(
    level, denoiser, photo, method, monkeypatch
):
    def removed(network, images):
        size, *rest = denoiser if images.shape[-1] == 1 else photo
        return size / 255, *rest

    monkeypatch.setattr(MODULE, "_removed", removed)
    image = np.random.default_rng(0).uniform(size=(20, 30, 3))
    assert MODULE._suited(image, level / 255, None, image)[1] == method
    # JPEG is removed in any case; what was inpainted is not looked at.
    jpeg = MODULE._suited(image, level / 255, 50, image)[1]
    assert jpeg == ("photo" if level < 30 else method or "photo")
    assert MODULE._suited(image, level / 255, None, 1 - image)[1] == "unet"


@pytest.mark.parametrize(
    "level, structure, shared, method",
    [
        (10, 2.0, -0.1, "unet"),
        (10, 2.0, 0.2, "unet"),  # grain, which neighbors share
        (10, 4.0, 0.2, None),
        (12, 3.2, -0.1, "unet"),
        (5, 3.2, -0.1, None),  # texture of a small picture
        (70, 2.4, 0.4, None),  # denim
        (70, 2.4, 0.0, "unet"),
    ],
)
def test_of_gray_images_the_denoiser_decides(
    level, structure, shared, method, monkeypatch
):
    removed = (level / 255, structure, shared)
    monkeypatch.setattr(MODULE, "_removed", lambda *_: removed)
    image = np.random.default_rng(0).uniform(size=(20, 30, 1))
    assert MODULE._suited(image, level / 255, None, image)[1] == method


def test_what_was_inpainted_is_not_looked_at():
    """A few pixels do not matter; else another part is looked at."""
    image = np.random.default_rng(0).uniform(size=(400, 900, 3))
    middle = image[None, 8:392, 258:642]
    np.testing.assert_array_equal(MODULE._part(image, image), middle)
    before = image.copy()
    before[200, 500:600] += 0.5
    np.testing.assert_array_equal(
        MODULE._part(image, before)[0, 0], image[8, :384]
    )
    before = image.copy()
    before[200, 500:600] += 0.5
    before[200, ::30] += 0.5
    assert MODULE._part(image, before) is not None
    assert (
        MODULE._part(image, before + (np.arange(900) % 50 == 0)[:, None])
        is None
    )


@pytest.mark.parametrize(
    "name", ["cid22_3571065", "cid22_pexels-photo-4210863"]
)
def test_grass_and_denim_stay(name, tmp_path):
    """They look like noise of 35 and 71 gray levels to the estimate."""
    if "KERAS_SYNTH_DATA" not in os.environ:
        pytest.skip("needs the photographs: KERAS_SYNTH_DATA is not set")
    folder = pathlib.Path(os.environ["KERAS_SYNTH_DATA"]) / "photos/train"
    (result,) = restore(folder / f"{name}.jpg", tmp_path / "out.jpg")
    assert result.method is None and result.noise_level == 0.0
    written = (tmp_path / "out.jpg").read_bytes()
    assert written == (folder / f"{name}.jpg").read_bytes()


def test_the_noise_of_cameras_is_removed_by_the_restorer_of_photos(tmp_path):
    clean = skimage.data.rocket()[:256, 100:356].astype("float32") / 255.0
    noisy = np.asarray(CameraNoise((0.05, 0.05))(clean, (0, 0)))
    write_image(tmp_path / "in.png", noisy)
    (result,) = restore(tmp_path / "in.png", tmp_path / "a.png")
    assert result.method == "photo" and result.noise_level > 0.03
    restore(tmp_path / "in.png", tmp_path / "b.png", method="unet")
    errors = [
        np.square(read_image(tmp_path / f"{name}.png") - clean).mean()
        for name in ("in", "b", "a")
    ]
    assert errors[2] < 0.7 * errors[1] < 0.5 * errors[0]
    # As much as was removed.
    assert abs(result.noise_level**2 / (errors[0] - errors[2]) - 1) < 0.1


def test_the_level_that_photo_reports_is_that_of_what_is_seen(tmp_path):
    clean = skimage.data.rocket()[:256, 100:356].astype("float32") / 255.0
    noisy = np.asarray(CameraNoise((0.05, 0.05))(clean, (0, 0)))
    cutout = np.concatenate([noisy, np.zeros_like(noisy[..., :1])], axis=-1)
    cutout[40:168, 60:188, 3] = 1.0
    write_image(tmp_path / "part.png", noisy[40:168, 60:188])
    write_image(tmp_path / "cutout.png", cutout)
    part, seen = (
        restore(tmp_path / f"{name}.png", tmp_path / f"out-{name}.png")[0]
        for name in ("part", "cutout")
    )
    assert part.method == seen.method == "photo"
    assert seen.noise_level == pytest.approx(part.noise_level, rel=1e-4)


def test_jpeg_is_found_in_tables_and_in_pixels(photo, tmp_path, capsys):
    Image.fromarray(photo).save(tmp_path / "in.jpg", quality=33)
    write_image(tmp_path / "in.png", read_image(tmp_path / "in.jpg"))
    (result,) = restore(tmp_path / "in.jpg", tmp_path / "a.png")
    assert result.jpeg_quality == 33 and result.method == "photo"
    before, after = (
        np.abs(read_image(tmp_path / name) - photo / 255).mean()
        for name in ("in.jpg", "a.png")
    )
    assert after < 0.97 * before
    (result,) = restore(tmp_path / "in.png", tmp_path / "b.png")
    assert abs(result.jpeg_quality - 33) <= 2
    words = [str(tmp_path / name) for name in ("in.jpg", "c.png")]
    assert main(["restore", *words]) == 0
    assert "JPEG of quality 33" in capsys.readouterr().out


@pytest.mark.parametrize("quality", [92, 99])
def test_a_coarse_jpeg_that_was_saved_again_is_found(photo, tmp_path, quality):
    Image.fromarray(photo).save(tmp_path / "first.jpg", quality=20)
    with Image.open(tmp_path / "first.jpg") as image:
        image.save(tmp_path / "in.jpg", quality=quality, subsampling=0)
    (result,) = restore(tmp_path / "in.jpg", tmp_path / "out.png")
    assert abs(result.jpeg_quality - 20) <= 2 and result.method == "photo"


def test_the_noise_of_a_cutout_is_that_of_what_is_seen(photo, tmp_path):
    """Not of the colors that are spread around it."""
    rng = np.random.default_rng(0)
    image = np.ones((200, 200, 4))
    image[..., :3] = photo / 255 + 0.1 * rng.normal(size=photo.shape)
    image[..., 3] = 0.0
    image[60:150, 50:140, 3] = 1.0  # a fifth
    write_image(tmp_path / "in.png", image)
    (result,) = restore(tmp_path / "in.png", tmp_path / "out.png")
    assert result.noise_level == pytest.approx(0.1, rel=0.15)
    assert result.method == "unet"
    image[..., 3] = 0.0
    image[0, 0, 3] = 1.0  # too little to estimate anything
    write_image(tmp_path / "in.png", image)
    restore(tmp_path / "in.png", tmp_path / "dot.png")


def test_the_page_that_was_restored_is_reported(photo, tmp_path):
    noise = np.random.default_rng(0).normal(scale=20, size=photo.shape)
    noisy = np.uint8(np.clip(photo + noise, 0, 255))
    pages = [Image.fromarray(page) for page in (photo, noisy)]
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    (result,) = restore(tmp_path / "in.tif", tmp_path / "out.tif")
    assert result.method == "unet"
    assert result.noise_level == pytest.approx(20 / 255, rel=0.15)


def test_noise_without_jpeg_is_removed_by_the_denoiser(photo, tmp_path):
    rng = np.random.default_rng(0)
    for sigma in (10, 50):
        noisy = photo / 255 + sigma / 255 * rng.normal(size=photo.shape)
        write_image(tmp_path / f"{sigma}.png", noisy)
        target = tmp_path / f"out-{sigma}.png"
        (result,) = restore(tmp_path / f"{sigma}.png", target)
        assert result.method == "unet"
        error = np.abs(read_image(target) - photo / 255).mean()
        assert error < 0.6 * np.abs(noisy - photo / 255).mean()


def test_noise_below_jpeg_is_removed_by_the_restorer_of_photos(photo, tmp_path):
    """In gray images, which it was not trained on, by the denoiser."""
    noise = 20 / 255 * np.random.default_rng(0).normal(size=photo.shape)
    for name, method, image in (
        ("color.jpg", "photo", photo / 255 + noise),
        ("gray.jpg", "unet", (photo / 255 + noise)[..., :1].repeat(3, -1)),
    ):
        values = np.rint(255 * np.clip(image, 0, 1)).astype("uint8")
        Image.fromarray(values).save(tmp_path / name, quality=70)
        (result,) = restore(tmp_path / name, tmp_path / f"{name}.png")
        assert result.method == method and result.jpeg_quality == 70


@pytest.mark.parametrize("method", ["auto", "unet"])
def test_noise_that_nobody_sees_is_left_by_auto_alone(photo, tmp_path, method):
    rng = np.random.default_rng(0)
    noisy = 0.2 + 0.6 * photo / 255 + 0.5 / 255 * rng.normal(size=photo.shape)
    write_image(tmp_path / "in.png", noisy, bits=16)
    (result,) = restore(
        tmp_path / "in.png", tmp_path / "out.png", method=method
    )
    same = read_image(tmp_path / "in.png") == read_image(tmp_path / "out.png")
    assert same.all() == (method == "auto")
    assert (result.noise_level == 0) == (method == "auto")


def test_the_strength_is_a_share_of_the_change(photo, tmp_path):
    rng = np.random.default_rng(0)
    noisy = photo / 255 + 15 / 255 * rng.normal(size=photo.shape)
    write_image(tmp_path / "in.png", noisy, bits=16)
    results = []
    for strength in (0.0, 0.25, 1.0):
        out = tmp_path / f"{strength}.png"
        restore(tmp_path / "in.png", out, strength=strength)
        results.append(read_image(out))
    none, quarter, whole = results
    np.testing.assert_array_equal(none, read_image(tmp_path / "in.png"))
    assert np.abs(whole - none).max() > 0.1
    expected = 0.75 * none + 0.25 * whole
    np.testing.assert_allclose(quarter, expected, atol=1e-4)


@pytest.mark.parametrize("strength", [-0.1, 1.1, np.nan])
def test_a_strength_out_of_range_is_refused(tmp_path, strength):
    write_image(tmp_path / "in.png", np.zeros((8, 8)))
    with pytest.raises(ValueError, match="`strength` must be from 0 to 1"):
        restore(tmp_path / "in.png", tmp_path / "out.png", strength=strength)

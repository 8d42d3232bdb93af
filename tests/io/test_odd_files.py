"""Image files with odd metadata, sizes and profiles come out all the same."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_synth import io as ks_io
from keras_synth import tasks
from keras_synth.io.encoding import check_holds
from keras_synth.io.header import image_header

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (12, 16, 3), "uint8")


def restored(source, target, **options):
    """Restores one file by the median, and returns the notes."""
    files = ks_io.FileOptions(**options)
    (one,) = tasks.restore(source, target, method="median", files=files)
    return " ".join(one.notes)


@pytest.mark.parametrize("ending", [".tif", ".png", ".jpg", ".bmp"])
@pytest.mark.parametrize("resolution", [(0, 0), (77, 0), (1_000_000, 1)])
def test_resolutions_of_no_image_are_left_out(tmp_path, resolution, ending):
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, IMAGE, resolution=(77, 77), photometric="rgb")
    data = file.read_bytes()
    old = struct.pack("<2I", 77, 1)
    assert data.count(old) == 2
    file.write_bytes(data.replace(old, struct.pack("<2I", *resolution)))
    restored(file, tmp_path / f"b{ending}")
    assert ks_io.open_decoded(file).metadata.resolution is None


def test_a_gamma_of_0_is_none(tmp_path):
    file = tmp_path / "a.png"
    Image.fromarray(IMAGE).save(file)
    data = file.read_bytes()
    gamma = b"gAMA" + bytes(4)
    chunk = struct.pack(">I", 4) + gamma + struct.pack(">I", zlib.crc32(gamma))
    file.write_bytes(data[:33] + chunk + data[33:])
    restored(file, tmp_path / "b.webp")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_images_of_whole_numbers_are_written_as_they_are(tmp_path, dtype):
    top = np.iinfo(dtype).max
    image = np.array([[[0], [top // 3]], [[top // 2], [top]]], dtype)
    path = ks_io.write_image(tmp_path / "a.png", image)
    np.testing.assert_allclose(ks_io.read_image(path), image / top, atol=2e-3)


def test_images_of_other_numbers_are_refused(tmp_path):
    for dtype in ("int64", "complex64"):
        with pytest.raises(ValueError, match=f"Received: dtype {dtype}"):
            ks_io.write_image(tmp_path / "a.png", np.ones((4, 4), dtype))
        with pytest.raises(ValueError, match=f"Received: dtype {dtype}"):
            ks_io.write_animation(tmp_path / "a.gif", [np.ones((4, 4), dtype)])
    path = ks_io.write_image(tmp_path / "a.png", np.eye(4) > 0)
    np.testing.assert_array_equal(ks_io.read_image(path)[..., 0], np.eye(4))


def animation(path, **options):
    first, *others = [Image.fromarray(np.roll(IMAGE, n, 0)) for n in range(3)]
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.mark.parametrize("ending", [".png", ".webp", ".gif"])
def test_what_is_shown_once_is_shown_once(tmp_path, ending):
    for source in (
        animation(tmp_path / "a.gif", duration=40),
        animation(tmp_path / "a.png", duration=40, loop=1),
    ):
        target = tmp_path / f"{source.suffix[1:]}{ending}"
        restored(source, target)
        with Image.open(target) as image:
            wanted = None if ending == ".gif" else 1
            assert image.n_frames == 3
            assert image.info.get("loop") == wanted


def test_what_is_lost_is_noted(tmp_path):
    source = animation(tmp_path / "a.gif", duration=40)
    assert "no durations" in restored(source, tmp_path / "a.tif")
    source = animation(tmp_path / "a.png", duration=40, default_image=True)
    assert "its first frame" in restored(source, tmp_path / "a.webp")
    alpha = np.full((12, 16, 1), 100, "uint8")
    rgba = np.concatenate([IMAGE, alpha], -1)
    Image.fromarray(rgba).save(tmp_path / "b.png")
    notes = restored(tmp_path / "b.png", tmp_path / "b.gif")
    assert "seen or transparent" in notes
    alpha[:] = np.where(np.arange(16) > 7, 255, 0)[None, :, None]
    rgba = np.concatenate([IMAGE, alpha], -1)
    Image.fromarray(rgba).save(tmp_path / "c.png")
    notes = restored(tmp_path / "c.png", tmp_path / "c.gif")
    assert "seen or transparent" not in notes


def test_pages_of_several_sizes_are_refused_before_any_work(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(IMAGE, photometric="rgb")
        file.write(IMAGE[:8], photometric="rgb")

    decoded = ks_io.open_decoded(tmp_path / "a.tif")
    options = ks_io.FileOptions()
    check_holds(tmp_path / "a.tif", decoded, options)
    with pytest.raises(ValueError, match="several sizes"):
        check_holds(tmp_path / "a.webp", decoded, options)


def test_a_colored_ground_is_refused_for_pgm(tmp_path):
    Image.new("LA", (4, 4), (9, 9)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="the image has color"):
        restored(tmp_path / "a.png", tmp_path / "a.pgm", background="red")
    restored(tmp_path / "a.png", tmp_path / "b.pgm", background="gray")


def test_metadata_too_long_for_jpeg_are_left_out(tmp_path):
    image = Image.fromarray(IMAGE)
    image.save(tmp_path / "a.gif", comment=b"x" * 70_000)
    assert "comment is too long" in restored(
        tmp_path / "a.gif", tmp_path / "a.jpg"
    )


@pytest.mark.parametrize("profile", [b"garbage", "sRGB"])
def test_cmyk_is_read_without_a_profile_that_does_not_fit(tmp_path, profile):
    from PIL import ImageCms

    if profile == "sRGB":
        made = ImageCms.createProfile("sRGB")
        profile = ImageCms.ImageCmsProfile(made).tobytes()
    cmyk = Image.fromarray(IMAGE).convert("CMYK")
    cmyk.save(tmp_path / "a.jpg", icc_profile=profile, quality=99)
    decoded = ks_io.open_decoded(tmp_path / "a.jpg")
    assert "profile cannot be used" in " ".join(decoded.notes)
    values, _ = decoded.read(0)
    assert values.shape == (12, 16, 3)
    assert "converted to sRGB" in restored(
        tmp_path / "a.jpg", tmp_path / "b.png"
    )


def test_a_broken_profile_is_left_out_where_colors_are_converted(tmp_path):
    from PIL import ImageCms

    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(IMAGE)
    image.save(tmp_path / "a.png", icc_profile=made[:200])
    notes = restored(tmp_path / "a.png", tmp_path / "a.bmp")
    assert "the color profile is left out" in notes


@pytest.mark.parametrize("ending", [".gif", ".jpg", ".avif", ".webp"])
def test_images_too_wide_for_a_format_are_refused(tmp_path, ending):
    with pytest.raises(ValueError, match="The longer side of"):
        ks_io.write_image(tmp_path / f"a{ending}", np.zeros((1, 70_000)))


def test_comments_among_the_values_of_a_pgm(tmp_path):
    file = tmp_path / "a.pgm"
    file.write_bytes(b"P2\n2 1\n1000\n1000 # white\n500")
    np.testing.assert_allclose(ks_io.read_image(file)[0, :, 0], [1.0, 0.5])
    file.write_bytes(b"P5 0 0 1023 ")
    with pytest.raises(ValueError, match="it has no pixels: 0x0"):
        ks_io.read_image(file)


def test_a_deep_ppm_that_lacks_its_end(tmp_path):
    file = tmp_path / "a.pgm"
    ks_io.write_image(file, np.full((4, 4), 0.5), bits=16)
    file.write_bytes(file.read_bytes()[:-8])
    options = ks_io.FileOptions(accept_truncated=True)
    values, _ = ks_io.open_decoded(file, options).read(0)
    np.testing.assert_allclose(values[:3, :, 0], 0.5, atol=1e-4)
    np.testing.assert_array_equal(values[3], 0.0)
    with pytest.raises(ValueError, match="not a readable image"):
        ks_io.open_decoded(file).read(0)


def test_a_header_whose_orientation_stands_behind_the_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(IMAGE).save(buffer, "PNG", exif=exif)
    data = buffer.getvalue()
    start = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[start : start + 4])
    chunk, rest = data[start : start + length], data[start + length :]
    path = tmp_path / "a.png"
    path.write_bytes(data[:start] + rest[:-12] + chunk + rest[-12:])
    assert ks_io.read_image(path).shape == (16, 12, 3)
    assert image_header(path)[1:3] == (16, 12)


@pytest.mark.parametrize(
    "options",
    [
        {"suffix": None},
        {"format": 5},
        {"max_megapixels": "5"},
        {"max_megapixels": None},
        {"white": "x"},
        {"white": True},
        {"background": (255, 255, 255)},
        {"background": "foo"},
        {"background": "#ff000080"},
        {"quality": True},
    ],
)
def test_options_of_another_kind_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        ks_io.FileOptions(**options)


def test_options_may_be_numbers_of_numpy():
    ks_io.FileOptions(quality=np.int64(90), white=np.float32(2.0))


def test_sizes_of_grids_and_crops_are_checked():
    images = np.zeros((4, 5, 5, 1))
    for options in ({"columns": -1}, {"columns": 2.5}, {"padding": -1}):
        (name,) = options
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            ks_io.image_grid(images, **options)
    for size in ((-1, 4), (0, 0), (2.5, 2)):
        with pytest.raises(ValueError, match="must be positive ints"):
            ks_io.center_crop(images, *size)

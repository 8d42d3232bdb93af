"""Image files: what is written comes back, and bad files are named."""

import struct
import sys
import zlib

import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from PIL import Image

from keras_synth.io import (
    bit_depth,
    center_crop,
    check_target,
    image_grid,
    image_header,
    modulo_crop,
    read_image,
    write_animation,
    write_image,
)

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, section 2.5.1


def _levels(*shape, top=255, seed=0):
    """Random whole numbers that use the whole range."""
    values = np.random.RandomState(seed).randint(0, top + 1, shape)
    values.flat[:2] = 0, top
    return values


def _save(path, values, mode=None, **options):
    image = Image.fromarray(values.astype("uint8"))
    image = image.convert(mode) if mode else image
    image.save(path, **options)
    return path


def _save_png16(path, values):
    """A 16-bit PNG by the letter of the specification (ISO 15948)."""
    height, width, channels = values.shape
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        data += struct.pack(">I", len(body)) + kind + body + checksum
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ending", ["png", "PNG", "tif", "bmp"])
def test_8_bit_files_come_back_exactly(tmp_path, channels, ending):
    values = _levels(7, 5, channels)
    path = tmp_path / f"new/folder/a.{ending}"
    assert write_image(path, values / 255) == path
    image = read_image(path)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, np.float32(values) / 255)
    with Image.open(path) as file:
        np.testing.assert_array_equal(np.asarray(file), values.squeeze())


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_reads_with_all_its_bits(tmp_path, channels):
    values = _levels(7, 5, channels, top=65535)
    if channels == 2:
        values[..., 1] = 65535
    path = _save_png16(tmp_path / "a.png", values)
    image = read_image(path, alpha="drop" if channels == 4 else "white")
    expected = values[..., : 3 if channels > 2 else 1] / 65535
    np.testing.assert_allclose(image, expected, atol=1e-7)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ending", ["png", "PNG"])
def test_16_bit_png_writes_all_its_bits(tmp_path, channels, ending):
    values = _levels(7, 5, channels, top=65535)
    path = write_image(tmp_path / f"a.{ending}", values / 65535, bits=16)
    decoded = tf.io.decode_png(path.read_bytes(), dtype=tf.uint16)
    np.testing.assert_array_equal(decoded, values)
    np.testing.assert_allclose(read_image(path), values / 65535, atol=1e-7)


def test_writing_rounds_to_the_nearest_level_and_clips(tmp_path):
    row = np.array([[-3.0, 0.4 / 255, 0.6 / 255, 0.5, 254.6 / 255, np.inf]])
    path = write_image(tmp_path / "a.png", row)  # (height, width) is gray
    with Image.open(path) as image:
        assert np.asarray(image).tolist() == [[0, 0, 1, 128, 255, 255]]
    deep = write_image(tmp_path / "b.png", row, bits=16)
    ends = read_image(deep)[0, [0, -1], 0]
    assert ends.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "orientation, turn",
    [
        (1, lambda x: x),
        (2, np.fliplr),
        (3, lambda x: np.rot90(x, 2)),
        (4, np.flipud),
        (5, lambda x: x.transpose(1, 0, 2)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: np.rot90(x, 2).transpose(1, 0, 2)),
        (8, np.rot90),
    ],
)
def test_exif_orientation_is_applied(tmp_path, orientation, turn):
    # Exif 2.3, tag 0x0112: 6 means that row 0 is the visual right side.
    values = np.zeros((16, 24, 3))
    values[:4], values[:, :4, 0], values[12:, 20:, 1] = 255, 128, 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = read_image(_save(tmp_path / "a.jpg", values))
    turned = read_image(_save(tmp_path / "b.jpg", values, exif=exif))
    np.testing.assert_array_equal(turned, turn(plain))


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("colors", [1, 3])
def test_transparency_on_white_dropped_or_kept(tmp_path, colors, deep):
    top = 65535 if deep else 255
    values = _levels(4, 6, colors + 1, top=top)
    path = tmp_path / "a.png"
    _save_png16(path, values) if deep else _save(path, values)
    color = values[..., :-1] / top
    opacity = values[..., -1:] / top
    on_white = color * opacity + (1 - opacity)
    for alpha, expected in (
        ("white", on_white),
        ("drop", color),
        ("keep", values / top),
    ):
        image = read_image(path, alpha=alpha)
        np.testing.assert_allclose(image, expected, atol=1e-6)
    both = read_image(path, channels=3, alpha="white")
    np.testing.assert_allclose(both, on_white + np.zeros(3), atol=1e-6)


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_palette_with_a_transparent_color(tmp_path, ending):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], "uint8"), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    path = tmp_path / f"a.{ending}"
    image.save(path, transparency=1)
    red, blue, white = [1, 0, 0], [0, 0, 1], [1, 1, 1]
    assert read_image(path).tolist() == [[red, white], [blue, white]]
    kept = read_image(path, alpha="keep")
    assert kept[..., 3].tolist() == [[1, 0], [1, 0]]


def _seen_by_pillow(path, frame=0):
    with Image.open(path) as image:
        image.seek(frame)
        return np.asarray(image.convert("RGBA"))


def test_transparent_gif_files_keep_their_colors(tmp_path):
    """Few of them exactly; of many, as many as an opaque file has."""
    photo = skimage.data.astronaut()[:128, 100:228].astype("float32") / 255
    rows, columns = np.mgrid[:128, :128]
    alpha = np.hypot(rows - 64, columns - 64)[..., None] < 60
    alpha = alpha.astype("float32")
    few = np.round(4 * photo[..., :1] + 0 * photo) / 4
    path = write_image(tmp_path / "few.gif", np.concatenate([few, alpha], -1))
    seen = _seen_by_pillow(path)
    inside = alpha[..., 0] > 0
    np.testing.assert_array_equal(seen[..., 3], 255 * alpha[..., 0])
    np.testing.assert_array_equal(seen[inside, :3], np.rint(255 * few[inside]))
    both = np.concatenate([photo, alpha], axis=-1)
    errors = []
    for name, image in (("opaque", photo), ("transparent", both)):
        path = write_image(tmp_path / f"{name}.gif", image)
        seen = _seen_by_pillow(path)[inside, :3] / 255
        errors.append(np.mean((seen - photo[inside]) ** 2))
    assert errors[1] < 1.1 * errors[0]
    nothing = write_image(tmp_path / "nothing.gif", 0 * both)
    assert _seen_by_pillow(nothing)[..., 3].max() == 0
    frames = [both, both[:, ::-1]]
    film = write_animation(tmp_path / "film.gif", frames)
    for index, frame in enumerate(frames):
        seen = _seen_by_pillow(film, index)
        np.testing.assert_array_equal(seen[..., 3], 255 * frame[..., 3])
        there = frame[..., 3] > 0
        error = np.mean((seen[there, :3] / 255 - frame[there, :3]) ** 2)
        assert error < 1.1 * errors[0]


def test_gray_of_color_is_luma_and_color_of_gray_repeats(tmp_path):
    values = _levels(9, 8, 3)
    path = _save(tmp_path / "a.png", values)
    gray = read_image(path, channels=1)
    assert gray.shape == (9, 8, 1)
    np.testing.assert_allclose(gray[..., 0], values / 255 @ LUMA, atol=1e-6)
    with Image.open(path) as image:
        library = np.asarray(image.convert("L")) / 255
    np.testing.assert_allclose(gray[..., 0], library, atol=1 / 255)

    path = _save(tmp_path / "b.png", values[..., 0])
    color = read_image(path, channels=3)
    expected = np.repeat(values[..., :1] / 255, 3, axis=-1)
    np.testing.assert_allclose(color, expected, atol=1e-7)


@pytest.mark.parametrize(
    "inks, color",
    [
        ((0, 0, 0, 0), (1, 1, 1)),
        ((255, 0, 0, 0), (0, 1, 1)),
        ((0, 255, 255, 0), (1, 0, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
    ],
)
def test_cmyk_jpeg_is_read_as_color(tmp_path, inks, color):
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (16, 8), inks).save(path, quality=95)
    image = read_image(path)
    assert image.shape == (8, 16, 3)
    np.testing.assert_allclose(image, np.broadcast_to(color, image.shape))


def test_black_and_white_and_deep_gray_files(tmp_path):
    bits = _levels(5, 7, top=1)
    _save(tmp_path / "a.png", 255 * bits, "1")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), bits[..., None]
    )
    deep = _levels(5, 7, 1, top=65535)
    (tmp_path / "a.pgm").write_bytes(
        b"P5 7 5 65535\n" + deep.astype(">u2").tobytes()
    )
    np.testing.assert_allclose(
        read_image(tmp_path / "a.pgm"), deep / 65535, atol=1e-7
    )


def test_of_an_animation_the_first_image_is_read(tmp_path):
    frames = [Image.new("L", (6, 4), gray) for gray in (40, 200)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    image = read_image(path, channels=1)
    np.testing.assert_allclose(image, np.full((4, 6, 1), 40 / 255), atol=1e-6)


@pytest.mark.parametrize("ending, bits", [("png", 8), ("png", 16), ("jpg", 8)])
@pytest.mark.parametrize("part", [0.0, 0.03, 0.5, 0.9])
def test_a_file_cut_short_is_named(tmp_path, ending, bits, part):
    path = tmp_path / f"cut.{ending}"
    write_image(path, _levels(20, 30, 3) / 255, bits)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(ValueError, match=f"cut.{ending} is not a readable"):
        read_image(path)


def test_a_deep_png_with_a_degraded_byte_is_named(tmp_path):
    path = _save_png16(tmp_path / "a.png", _levels(9, 9, 3, top=65535))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(ValueError, match="a.png is not a readable"):
        read_image(path)


@pytest.mark.parametrize(
    "header",
    [
        b"P5 2 1 65535\n",
        b"P5\n# by hand\n#\n2 \t# wide\n1\r\n \n65535 ",
        b"P5#2 9\n2#\n1\n65535\n",
    ],
)
def test_blanks_and_comments_of_a_deep_pgm_file_are_skipped(tmp_path, header):
    path = tmp_path / "a.pgm"
    path.write_bytes(header + np.array([7, 65535], ">u2").tobytes())
    assert bit_depth(path) == 16
    expected = np.array([[[7], [65535]]]) / 65535
    np.testing.assert_allclose(read_image(path), expected, atol=1e-7)


@pytest.mark.parametrize("blank", [b" ", b"\n", b"#\n"])
def test_a_pgm_file_of_blanks_is_refused_at_once(tmp_path, blank):
    path = tmp_path / "blank.pgm"
    path.write_bytes(b"P5" + 50_000 * blank + b"x")
    with pytest.raises(ValueError, match=r"blank.pgm is not a readable image"):
        read_image(path)


def test_text_missing_files_and_folders_are_named(tmp_path):
    (tmp_path / "text.png").write_text("no image at all")
    with pytest.raises(ValueError, match="text.png .* of no known format$"):
        read_image(tmp_path / "text.png")
    for missing in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(FileNotFoundError, match=missing.name):
            read_image(missing)


def test_options_without_meaning_are_refused(tmp_path):
    path = write_image(tmp_path / "a.png", np.zeros((2, 2)))
    with pytest.raises(ValueError, match="`channels` must be .* Received: 2"):
        read_image(path, channels=2)
    with pytest.raises(ValueError, match="`alpha` must be .*'black'"):
        read_image(path, alpha="black")


@pytest.mark.parametrize(
    "shape", [(4,), (4, 4, 5), (1, 4, 4, 3), (0, 4, 3), (4, 0)]
)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_wrong_shape_is_not_written(tmp_path, shape, bits):
    with pytest.raises(ValueError, match=r"Received: shape \("):
        write_image(tmp_path / "a.png", np.zeros(shape), bits)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name, bits, channels, message",
    [
        ("a.xyz", 8, 3, "a.xyz must end in one of"),
        ("a", 8, 3, "a must end in one of"),
        ("a.jpg", 8, 4, "holds no transparency"),
        ("a.jpg", 16, 3, "one of 8 for .jpg"),
        ("a.png", 12, 3, "one of 8, 16 for .png"),
    ],
)
def test_what_a_format_cannot_hold_is_not_written(
    tmp_path, name, bits, channels, message
):
    with pytest.raises(ValueError, match=message):
        write_image(tmp_path / name, np.zeros((4, 4, channels)), bits)
    assert not list(tmp_path.iterdir())


def test_nan_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="NaN"):
        write_image(tmp_path / "a.png", np.full((2, 2, 3), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        write_animation(tmp_path / "a.gif", [np.full((2, 2, 3), np.nan)])
    assert not list(tmp_path.iterdir())


def test_frames_of_other_shapes_are_refused(tmp_path):
    for frame in (np.zeros(4), np.zeros((0, 2, 3)), np.zeros((2, 2, 5))):
        with pytest.raises(ValueError, match="An image must be"):
            write_animation(tmp_path / "a.gif", [frame])
    assert not list(tmp_path.iterdir())
    gray = write_animation(tmp_path / "a.gif", 2 * [np.full((3, 4), 0.2)])
    np.testing.assert_allclose(read_image(gray), 0.2, atol=0.5 / 255)


def test_grid_is_the_one_laid_by_hand():
    images = np.reshape([1, 2, 3, 4, 5, 6], (3, 2, 1, 1)) / 10
    grid = image_grid(images, columns=2, padding=1, background=0.9)
    by_hand = [
        [0.9, 0.9, 0.9, 0.9, 0.9],
        [0.9, 0.1, 0.9, 0.3, 0.9],
        [0.9, 0.2, 0.9, 0.4, 0.9],
        [0.9, 0.9, 0.9, 0.9, 0.9],
        [0.9, 0.5, 0.9, 0.9, 0.9],
        [0.9, 0.6, 0.9, 0.9, 0.9],
        [0.9, 0.9, 0.9, 0.9, 0.9],
    ]
    np.testing.assert_array_equal(grid[..., 0], np.float32(by_hand))


def test_grid_without_padding_is_a_reshape():
    images = np.random.RandomState(0).rand(6, 3, 4, 3).astype("float32")
    grid = image_grid(images, columns=2, padding=0)
    rows = images.reshape(3, 2, 3, 4, 3).transpose(0, 2, 1, 3, 4)
    np.testing.assert_array_equal(grid, rows.reshape(9, 8, 3))


def test_grid_is_about_square_by_default():
    sides = {
        n: image_grid(np.zeros((n, 1, 1, 1)), None, 0).shape[:2]
        for n in (1, 2, 4, 5, 7)
    }
    assert sides == {1: (1, 1), 2: (1, 2), 4: (2, 2), 5: (2, 3), 7: (3, 3)}


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (4, 4, 3)])
def test_grid_of_nothing_is_refused(shape):
    with pytest.raises(ValueError, match="n at least 1"):
        image_grid(np.zeros(shape))


def test_center_crop_leaves_equal_margins():
    rows = np.arange(9)[:, None, None] + np.zeros((1, 6, 1))
    assert center_crop(rows, 3, 6)[:, 0, 0].tolist() == [3, 4, 5]
    # An odd margin: the extra row goes at the bottom.
    assert center_crop(rows, 4, 6)[:, 0, 0].tolist() == [2, 3, 4, 5]
    columns = rows.transpose(1, 0, 2)
    assert center_crop(columns, 6, 4)[0, :, 0].tolist() == [2, 3, 4, 5]


def test_center_crop_treats_images_of_a_batch_alike():
    batch = np.random.RandomState(0).rand(2, 5, 9, 8, 3)
    cropped = center_crop(batch, 4, 3)
    for clip, cropped_clip in zip(batch, cropped, strict=True):
        for one, expected in zip(clip, cropped_clip, strict=True):
            np.testing.assert_array_equal(center_crop(one, 4, 3), expected)
    tensor = center_crop(tf.constant(batch), 4, 3)
    np.testing.assert_array_equal(tensor, cropped)
    np.testing.assert_array_equal(center_crop(batch, 9, 8), batch)


@pytest.mark.parametrize("size", [(10, 4), (4, 9)])
def test_center_crop_larger_than_the_image_is_refused(size):
    with pytest.raises(ValueError, match="9x8 .* {}x{}".format(*size)):
        center_crop(np.zeros((9, 8, 3)), *size)


def test_modulo_crop_cuts_the_bottom_and_the_right():
    batch = np.random.RandomState(0).rand(2, 9, 8, 3)
    np.testing.assert_array_equal(modulo_crop(batch, 3), batch[:, :, :6])
    np.testing.assert_array_equal(modulo_crop(batch, 4), batch[:, :8])
    np.testing.assert_array_equal(modulo_crop(batch[0], 1), batch[0])
    tensor = modulo_crop(tf.constant(batch[0]), 5)
    np.testing.assert_array_equal(tensor, batch[0, :5, :5])
    for multiple in (0, 2.0):
        with pytest.raises(ValueError, match=f"multiple={multiple}"):
            modulo_crop(batch, multiple)
    with pytest.raises(ValueError, match="9x8 is smaller than `multiple=9`"):
        modulo_crop(batch, 9)


@pytest.mark.parametrize(
    ("name", "bits", "depth"),
    [("a.png", 8, 8), ("a.png", 16, 16), ("a.jpg", 8, 8)],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_bit_depth_of_files(name, bits, depth, channels, tmp_path):
    write_image(tmp_path / name, np.ones((4, 4, channels)), bits)
    assert bit_depth(tmp_path / name) == depth


def test_bit_depth_of_16_bit_tiff_and_of_what_is_no_image(tmp_path):
    deep = np.arange(16, dtype="uint16").reshape(4, 4)
    Image.fromarray(deep).save(tmp_path / "a.tif")
    assert bit_depth(tmp_path / "a.tif") == 16
    (tmp_path / "b.png").write_text("no")
    with pytest.raises(ValueError, match="not a readable image"):
        bit_depth(tmp_path / "b.png")
    with pytest.raises(FileNotFoundError, match="There is no image"):
        bit_depth(tmp_path / "c.png")


def test_targets_are_checked_before_the_work(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((2, 2)))
    check_target(tmp_path / "new" / "a.png")
    check_target(tmp_path / "new" / "newer" / "a.png")
    assert not (tmp_path / "new").exists()
    check_target(tmp_path / "a.png", overwrite=True)
    with pytest.raises(FileExistsError, match="exists already"):
        check_target(tmp_path / "a.png")
    with pytest.raises(ValueError, match="must end in one of"):
        check_target(tmp_path / "a.txt")
    with pytest.raises(PermissionError, match="cannot be a folder"):
        check_target(tmp_path / "a.png" / "b.png")


def test_heif_files_are_written_and_read_first_of_all(tmp_path, monkeypatch):
    """In a process that has not yet registered Pillow's plugin."""
    pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    image = np.full((16, 20, 3), 0.5, "float32")
    for step in (
        lambda: write_image(path, image),
        lambda: image_header(path),
        lambda: read_image(path),
    ):
        with monkeypatch.context() as unregistered:
            others = [name for name in Image.ID if name != "HEIF"]
            unregistered.setattr(Image, "ID", others)
            for table in (Image.OPEN, Image.SAVE):
                unregistered.delitem(table, "HEIF", raising=False)
            made = step()
    np.testing.assert_allclose(made, image, atol=2 / 255)


@pytest.mark.parametrize("ending", [".heic", ".HEIF"])
def test_heif_without_its_package_is_refused(ending, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / f"a{ending}"
    with pytest.raises(ValueError, match=r"pip install 'keras_synth\[heif\]'"):
        write_image(path, np.zeros((8, 8, 3)))
    assert not path.exists()


def test_a_single_image_has_no_frame():
    image = np.random.default_rng(0).uniform(size=(5, 7, 3)).astype("float32")
    np.testing.assert_array_equal(image_grid(image[None]), image)
    # With empty places beside it, it is a grid.
    assert image_grid(image[None], columns=2).shape == (9, 20, 3)

"""Image files of any depth and mode: 16 bits, floats, few bits, palettes."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from keras_synth.io import (
    FileOptions,
    open_decoded,
    read_image,
    write_image,
)
from tests.tasks.image_files import (
    ICC,
    SWAPPED_ICC,
    deep,
    photo,
    png16,
    psnr,
    through,
    tiff,
)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("order", "<>")
def test_16_bits_stay_16(channels, ending, order, tmp_path):
    values = deep(channels)
    source = tmp_path / f"a{ending}"
    if ending == ".png":
        png16(source, values, 0 if channels == 1 else 2)
    else:
        kind = 1 if channels == 1 else 2
        tiff(source, values.astype(f"{order}u2"), 16, kind, order=order)
    for end in (".png", ".tif", ".pgm" if channels == 1 else ".ppm"):
        target = tmp_path / f"b{end}"
        through(source, target)
        assert open_decoded(target).depth == 16
        np.testing.assert_array_equal(
            np.rint(65535 * read_image(target)), values
        )
        # And from there again.
        through(target, tmp_path / f"c{end}")
        np.testing.assert_array_equal(
            np.rint(65535 * read_image(tmp_path / f"c{end}")), values
        )
    assert "16 bits become 8" in through(source, tmp_path / "d.jpg")


def test_netpbm_files_hold_what_their_ending_says(tmp_path):
    color, gray = tmp_path / "color.png", tmp_path / "gray.png"
    Image.fromarray(photo(3)).save(color)
    Image.fromarray(photo(1)).save(gray)
    for write in (
        lambda: through(color, tmp_path / "a.pgm"),
        lambda: write_image(tmp_path / "a.pgm", read_image(color)),
    ):
        with pytest.raises(ValueError, match=r"\.pgm files hold gray: write"):
            write()
    through(gray, tmp_path / "b.pgm")
    assert (tmp_path / "b.pgm").read_bytes()[:2] == b"P5"
    for bits in (8, 16):
        write_image(tmp_path / "c.ppm", read_image(gray), bits)
        assert (tmp_path / "c.ppm").read_bytes()[:2] == b"P6"
        np.testing.assert_array_equal(
            read_image(tmp_path / "c.ppm", channels=1).round(4),
            read_image(gray).round(4),
        )


def test_planes_and_white_is_zero(tmp_path):
    values = deep(3)
    tiff(tmp_path / "planes.tif", values, 16, 2, planar=2)
    np.testing.assert_allclose(
        read_image(tmp_path / "planes.tif"), values / 65535, atol=1e-6
    )
    gray = deep(1)
    tiff(tmp_path / "white.tif", gray, 16, 0)
    np.testing.assert_allclose(
        read_image(tmp_path / "white.tif"), 1 - gray / 65535, atol=1e-6
    )
    tiff(tmp_path / "white8.tif", (gray // 257).astype("uint8"), 8, 0)
    np.testing.assert_allclose(
        read_image(tmp_path / "white8.tif"), 1 - (gray // 257) / 255, atol=1e-6
    )


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits_reach_white(bits, tmp_path):
    top = 2**bits - 1
    values = (np.arange(48) * top // 47).astype("uint16").reshape((2, 24))
    path, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(path, values, bitspersample=bits, photometric="minisblack")
    np.testing.assert_allclose(
        read_image(path)[..., 0], values / top, atol=1e-6
    )
    through(path, target)  # in 16 bits
    np.testing.assert_array_equal(
        np.rint(top * read_image(target)[..., 0]), values
    )


@pytest.mark.parametrize("compression", ["lzw", "zlib", "jpeg2000"])
def test_compressed_tiff_of_16_bits(compression, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, deep(3), photometric="rgb", compression=compression, tile=(16, 16)
    )
    np.testing.assert_array_equal(np.rint(65535 * read_image(path)), deep(3))


def test_without_imagecodecs_its_line_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, deep(3), photometric="rgb", compression="lzw")

    def fails(self):
        raise ValueError("<COMPRESSION.LZW: 5> requires 'imagecodecs'")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", fails)
    with pytest.raises(ValueError, match=r"pip install 'keras_synth\[tiff\]'"):
        read_image(path)


def test_numbers_without_a_white_are_refused(tmp_path):
    ramp = np.tile(np.arange(64), (8, 1))
    Image.fromarray((4.0 * ramp).astype("float32")).save(tmp_path / "f.tif")
    Image.fromarray((4 * ramp).astype("int32")).save(tmp_path / "i.tif")
    for name in "fi":
        path = tmp_path / f"{name}.tif"
        with pytest.raises(ValueError, match=r"white.*\(`white`\)"):
            read_image(path)
        note = through(path, tmp_path / f"{name}.png", white=252)
        np.testing.assert_allclose(
            read_image(tmp_path / f"{name}.png")[0, :, 0],
            np.arange(64) / 63,
            atol=1e-3,
        )
        assert "bits" in note
    through(tmp_path / "f.tif", tmp_path / "g.tif", white=252)
    with Image.open(tmp_path / "g.tif") as written:
        assert written.mode == "F"
        np.testing.assert_allclose(np.asarray(written), 4 * ramp, atol=1e-3)
    nan = np.full((8, 8), np.nan, "float32")
    Image.fromarray(nan).save(tmp_path / "n.tif")
    with pytest.raises(ValueError, match="NaN"):
        read_image(tmp_path / "n.tif")


def test_transparent_colors_of_16_bits(tmp_path):
    values = deep(3)
    key = values[3, 4]
    png16(tmp_path / "a.png", values, 2, key.astype(">u2").tobytes())
    image = read_image(tmp_path / "a.png", alpha="keep")
    expected = np.any(values != key, axis=-1)
    np.testing.assert_array_equal(image[..., 3], expected)
    assert not expected.all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_gray_of_few_bits(bits, tmp_path):
    """By the letter of ISO 15948, section 11.3.2.1."""
    source = tmp_path / "a.png"
    values = np.arange(128).reshape(8, 16) * 5 % 2**bits
    shifts = np.arange(0, 8, bits)[::-1]
    packed = (values.reshape(8, -1, 8 // bits) << shifts).sum(-1)
    png16(source, packed.astype("uint8"), 0, struct.pack(">H", 1))
    data = bytearray(source.read_bytes())
    rows = b"".join(b"\0" + row.astype("uint8").tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", 16, 8, bits, 0, 0, 0, 0)
    body = zlib.compress(rows)
    start = data.index(b"IDAT") - 4
    data[16:29] = header
    data[29:33] = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data[start:] = struct.pack(">I", len(body)) + b"IDAT" + body
    data += struct.pack(">I", zlib.crc32(b"IDAT" + body))
    data += struct.pack(">I", 0) + b"IEND\xae\x42\x60\x82"
    source.write_bytes(data)
    image = read_image(source, alpha="keep")
    np.testing.assert_allclose(image[..., 0], values / (2**bits - 1), atol=1e-6)
    np.testing.assert_array_equal(image[..., 1], values != 1)


@pytest.mark.parametrize("channels", [4, 5])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_channels_that_are_no_transparency_are_named(channels, kind, tmp_path):
    values = np.repeat(deep(3), 2, axis=-1)[..., :channels]
    values = (values >> (8 if kind == "uint8" else 0)).astype(kind)
    tifffile.imwrite(
        tmp_path / "a.tif",
        values,
        photometric="rgb",
        extrasamples=["unspecified"] * (channels - 3),
    )
    note = through(tmp_path / "a.tif", tmp_path / "b.tif")
    assert "channels besides color and transparency are left out" in note
    with Image.open(tmp_path / "b.tif") as image:
        assert image.mode == "RGB"
    top = np.iinfo(kind).max
    np.testing.assert_allclose(
        read_image(tmp_path / "b.tif"), values[..., :3] / top, atol=1e-6
    )


def test_big_tiff_and_a_white_of_its_own(tmp_path):
    source = tmp_path / "a.tif"
    for big in (False, True):
        tifffile.imwrite(source, deep(3), photometric="rgb", bigtiff=big)
        np.testing.assert_allclose(read_image(source), deep(3) / 65535)
    options = {"photometric": "minisblack"}
    tifffile.imwrite(source, deep(1, 4095)[..., 0], **options)
    decoded = open_decoded(source, FileOptions(white=4095))
    np.testing.assert_allclose(
        decoded.read(0)[0], deep(1, 4095) / 4095, atol=1e-6
    )
    tifffile.imwrite(source, (deep(1)[..., 0] >> 9).astype("int8"), **options)
    with pytest.raises(ValueError, match="int8 numbers.*`white`"):
        read_image(source)


@pytest.mark.parametrize("end", [".tif", ".png"])
def test_a_white_of_16_bits_stays_that_of_the_file(tmp_path, end):
    """As in the camera's 12 bits; PNG files have no other white than 65535."""
    values, target = deep(3, 4095), tmp_path / f"b{end}"
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    through(tmp_path / "a.tif", target, white=4095)
    top = 4095 if end == ".tif" else 65535
    wanted = np.rint(values / 4095 * top)
    np.testing.assert_array_equal(np.rint(65535 * read_image(target)), wanted)


def test_a_profile_in_jpeg_2000_is_found(tmp_path):
    path = tmp_path / "a.jp2"
    Image.fromarray(photo(3)).save(path)
    data = path.read_bytes()
    place = data.index(b"colr") - 4
    (old,) = struct.unpack_from(">I", data, place)
    box = b"colr\2\0\0" + ICC
    box = struct.pack(">I", len(box) + 4) + box
    whole = data.index(b"jp2h") - 4
    (length,) = struct.unpack_from(">I", data, whole)
    data = bytearray(data[:place] + box + data[place + old :])
    struct.pack_into(">I", data, whole, length + len(box) - old)
    path.write_bytes(data)
    through(path, tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["icc_profile"] == ICC


def test_one_bit_and_palettes(tmp_path):
    bits = photo(1) > 100
    Image.fromarray(bits).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], bits)
    Image.fromarray(bits).save(tmp_path / "a.tif", compression="group4")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], bits)
    palette = Image.fromarray(photo(3)).quantize(16)
    palette.save(tmp_path / "p.png", transparency=3)
    image = read_image(tmp_path / "p.png", alpha="keep")
    np.testing.assert_array_equal(
        image[..., :3], np.asarray(palette.convert("RGB")) / np.float32(255)
    )
    np.testing.assert_array_equal(image[..., 3], np.asarray(palette) != 3)


def test_inks_and_lab_become_srgb(tmp_path):
    color = Image.fromarray(photo(3))
    color.convert("CMYK").save(tmp_path / "c.jpg", quality=95)
    assert "CMYK converted to sRGB" in through(
        tmp_path / "c.jpg", tmp_path / "c.png"
    )
    assert psnr(read_image(tmp_path / "c.png"), photo(3) / 255) > 25
    lab = ImageCms.profileToProfile(
        color,
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    lab.save(tmp_path / "l.tif")
    assert "LAB converted" in through(tmp_path / "l.tif", tmp_path / "l.png")
    assert psnr(read_image(tmp_path / "l.png"), photo(3) / 255) > 30
    # A TIFF file's pages have metadata of their own.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    lab.save(tmp_path / "p.tif", icc_profile=profile.tobytes())
    through(tmp_path / "p.tif", tmp_path / "o.tif")
    with Image.open(tmp_path / "o.tif") as image:
        assert image.mode == "RGB"
        assert "icc_profile" not in image.info


def shown(path):
    """The colors on a screen."""
    with Image.open(path) as image:
        profile = image.info.get("icc_profile")
        image = image.convert("RGB")
    if profile:
        image = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
        )
    return np.asarray(image) / 255.0


@pytest.mark.parametrize(
    "ending", [".png", ".jpg", ".tif", ".webp", ".bmp", ".ppm", ".tga", ".jp2"]
)
def test_colors_look_alike_in_every_format(ending, tmp_path):
    source, target = tmp_path / "a.png", tmp_path / f"b{ending}"
    Image.fromarray(photo(3)).save(source, icc_profile=SWAPPED_ICC)
    note = through(source, target)
    assert psnr(shown(source), shown(target)) > 30
    keeps = ending in (".png", ".jpg", ".tif", ".webp")
    assert ("converted to sRGB" in note) != keeps


def test_gamma_stays_or_is_applied(tmp_path):
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"gAMA", struct.pack(">I", 100000))  # linear light
    light = (photo(3) / 255.0) ** 2.2
    linear = Image.fromarray(np.rint(255 * light).astype("uint8"))
    linear.save(tmp_path / "a.png", pnginfo=chunks)
    assert not through(tmp_path / "a.png", tmp_path / "b.png")
    assert open_decoded(tmp_path / "b.png").metadata.gamma == 1.0
    assert "gamma" in through(tmp_path / "a.png", tmp_path / "c.jpg")
    assert psnr(read_image(tmp_path / "c.jpg"), photo(3) / 255) > 25

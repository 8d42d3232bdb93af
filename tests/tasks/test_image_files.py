"""Image files come out as they went in: pixels and metadata, by format."""

import importlib.util
import io
import pathlib
import struct
import zlib

import numpy as np
import pytest
import skimage.data
import tifffile
from PIL import Image, ImageCms, PngImagePlugin, features

from keras_synth.cli.main import main
from keras_synth.io import (
    FORMATS,
    FileOptions,
    open_decoded,
    read_image,
    write_image,
)
from keras_synth.tasks.image_files import restore_files

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_ICC = ICC[:16] + b"GRAY" + ICC[20:]
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="1" '
    b'dc:creator="Ada"/></x:xmpmeta>'
)
FORMAT = {format.name: format for format in FORMATS}
NEEDS = {
    "AVIF": pytest.mark.skipif(
        not features.check("avif"), reason="Pillow without AVIF"
    ),
    "HEIF": pytest.mark.skipif(
        importlib.util.find_spec("pillow_heif") is None,
        reason="no pillow-heif",
    ),
}


def exif(orientation=1):
    block = Image.Exif()
    block[0x010F] = "Maker"
    block[0x8298] = "Copyright Ada"
    if orientation != 1:
        block[0x0112] = orientation
    block.get_ifd(0x8769)[0x9003] = "1999:12:31 23:59:59"
    block.get_ifd(0x8769)[0xA002] = 1
    block.get_ifd(0x8825)[1] = "N"
    return block


def photo(channels, height=24, width=40):
    y, x = np.mgrid[:height, :width]
    values = np.stack([5 * x, 9 * y, 255 - 3 * (x + y), 40 + 3 * x + 2 * y], -1)
    values = values.astype("uint8")
    if channels == 2:
        return values[..., [0, 3]]
    return values[..., 0] if channels == 1 else values[..., :channels]


def through(source, target, change=lambda color: color + 0.0, **options):
    """Through the loop of all tasks; the result's notes."""
    options = FileOptions(**options)

    def restore(image, progress):
        return change(image.color), image.alpha, {}

    (result,) = restore_files(
        [(source, target)],
        restore,
        lambda **facts: facts,
        title="",
        compare=False,
        files=options,
    )
    return " ".join(result["notes"])


def psnr(a, b):
    return -10 * np.log10(np.mean((a - b) ** 2) + 1e-12)


CASES = [
    pytest.param(
        format,
        channels,
        marks=NEEDS.get(format.name, ()),
        id=f"{format.name}-{channels}",
    )
    for format in FORMATS
    for channels in (1, 2, 3, 4)
    if format.alpha or channels in (1, 3)
]


@pytest.mark.parametrize("format, channels", CASES)
def test_round_trip_keeps_pixels_and_metadata(format, channels, tmp_path):
    ending = format.endings[0]
    if format.name == "PPM" and channels == 1:
        ending = ".pgm"
    source, target = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    image = Image.fromarray(photo(channels))
    gray = channels < 3 and format.name not in ("WEBP", "AVIF", "HEIF")
    profile = GRAY_ICC if gray else ICC
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "Täst")
    options = {"icc_profile": profile, "exif": exif(), "dpi": (300, 200)}
    options |= {"comment": b"note", "quality": 95}
    if format.name == "PNG":
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = text
    elif format.name == "TIFF":
        options["exif"][700] = XMP
        options["exif"] = options["exif"].tobytes()
    elif "XMP" in format.keeps:
        options["xmp"] = XMP
    kept = {"exif": format.keeps >= {"EXIF"}}
    if format.name == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
        options["chroma"] = 444
    image.save(source, **options)
    before = open_decoded(source)
    through(source, target)
    after = open_decoded(target)
    a, b = before.read(0)[0], after.read(0)[0]
    assert a.shape == b.shape
    if format.lossless:
        np.testing.assert_array_equal(a, b)
    elif format.name == "GIF":
        assert psnr(a, b) > 30  # 256 colors
    else:
        assert psnr(a, b) >= 45 or channels in (2, 4)
    assert after.metadata.names() == before.metadata.names() & format.keeps
    for name in ("profile", "resolution", "comment", "text"):
        if name in format.keeps:
            new, old = (getattr(d.metadata, name) for d in (after, before))
            if name == "resolution":
                np.testing.assert_allclose(new, old, rtol=1e-3)
            else:
                assert new == old
    if kept["exif"]:
        with Image.open(target) as written:
            block = written.getexif()
            assert block[0x010F] == "Maker" and block[0x8298] == "Copyright Ada"
            assert block.get_ifd(0x8769)[0x9003] == "1999:12:31 23:59:59"
            assert block.get_ifd(0x8769)[0xA002] == 40  # the width
            assert block.get_ifd(0x8825)[1] == "N"
    if "XMP" in format.keeps:
        assert b'dc:creator="Ada"' in after.metadata.xmp
        assert b"Orientation" not in after.metadata.xmp


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
def test_rotation_is_applied_once(ending, tmp_path):
    source, target = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    Image.fromarray(photo(3)).save(source, exif=exif(6), quality=95)
    through(source, target)
    with Image.open(target) as written:
        assert written.size == (24, 40)
        assert written.getexif().get(0x0112, 1) == 1
    turned = np.rot90(photo(3), -1) / 255
    assert psnr(read_image(target), turned) > 30


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
def test_strip_leaves_out_who_where_and_when(ending, tmp_path):
    source, target = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    Image.fromarray(photo(3)).save(
        source, exif=exif(), icc_profile=ICC, comment=b"secret"
    )
    through(source, target, change=lambda color: color, strip=True)
    metadata = open_decoded(target).metadata
    assert metadata.names() <= {"profile", "resolution"}
    assert metadata.profile == ICC
    assert b"Maker" not in target.read_bytes()


# Depth and mode --------------------------------------------------------------


def png16(path, values, color_type, extra=b""):
    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (chunk(b"tRNS", extra) if extra else b"")
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff(path, values, bits, photometric=1, planar=1, kind=1, order="<"):
    """One strip a plane, without compression."""
    height, width, channels = values.shape
    planes = [values] if planar == 1 else np.moveaxis(values, -1, 0)
    blobs = [plane.tobytes() for plane in planes]
    data = (b"II*\0" if order == "<" else b"MM\0*") + b"\0\0\0\0"
    starts = []
    for blob in blobs:
        starts.append(len(data))
        data += blob
    tags = {
        256: width,
        257: height,
        258: (bits,) * channels,
        259: 1,
        262: photometric,
        273: tuple(starts),
        277: channels,
        278: height,
        279: tuple(len(blob) for blob in blobs),
        284: planar,
        339: (kind,) * channels,
    }
    directory, extra = [], b""
    at = len(data) + 2 + 12 * len(tags) + 4
    for tag, value in tags.items():
        value = value if isinstance(value, tuple) else (value,)
        code, size = ("I", 4) if tag in (273, 279) else ("H", 3)
        raw = struct.pack(f"{order}{len(value)}{code}", *value)
        if len(raw) > 4:
            place = struct.pack(f"{order}I", at + len(extra))
            extra += raw
        else:
            place = raw.ljust(4, b"\0")
        directory.append(
            struct.pack(f"{order}HHI", tag, size, len(value)) + place
        )
    offset = struct.pack(f"{order}I", len(data))
    count = struct.pack(f"{order}H", len(tags))
    data += count + b"".join(directory) + b"\0\0\0\0" + extra
    path.write_bytes(data[:4] + offset + data[8:])


def deep(channels, top=65535):
    y, x = np.mgrid[:12, :20]
    values = np.stack([top * x // 19, top * y // 11, top - top * x // 19], -1)
    return values[..., :channels].astype("uint16")


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


def wide_profile():
    """sRGB's profile with red and green exchanged."""
    data = bytearray(ICC)
    (count,) = struct.unpack(">I", data[128:132])
    at = {}
    for index in range(count):
        entry = data[132 + 12 * index : 144 + 12 * index]
        at[bytes(entry[:4])] = struct.unpack(">I", entry[4:8])[0]
    red, green = (slice(at[k] + 8, at[k] + 20) for k in (b"rXYZ", b"gXYZ"))
    data[red], data[green] = data[green], data[red]
    return bytes(data)


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
    Image.fromarray(photo(3)).save(source, icc_profile=wide_profile())
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


# Transparency ----------------------------------------------------------------


def test_transparency_is_refused_or_flattened_where_it_is_not_held(tmp_path):
    Image.fromarray(photo(4)).save(tmp_path / "a.png")
    for ending in (".jpg", ".bmp", ".ppm"):
        target = tmp_path / f"b{ending}"
        worked = []
        with pytest.raises(
            ValueError, match=r"transparent in parts.*background"
        ):
            through(tmp_path / "a.png", target, change=worked.append)
        assert not worked and not target.exists()
        through(tmp_path / "a.png", target, background="#0000ff")
        alpha = photo(4)[..., 3:] / 255
        expected = alpha * photo(3) / 255 + (1 - alpha) * [0, 0, 1]
        assert psnr(read_image(target), expected) > 30
    with pytest.raises(ValueError, match="`background` must be a color"):
        through(tmp_path / "a.png", tmp_path / "c.jpg", background="colour")


@pytest.mark.parametrize("ending", [".jpg", ".bmp", ".ppm"])
def test_a_transparency_that_is_opaque_does_no_harm(ending, tmp_path):
    image = Image.fromarray(photo(3)).convert("RGBA")
    image.save(tmp_path / "a.png")
    through(tmp_path / "a.png", tmp_path / f"b{ending}")
    assert psnr(read_image(tmp_path / f"b{ending}"), photo(3) / 255) > 45


def test_there_is_no_fringe_around_what_is_transparent(tmp_path):
    """A red disk, black where it cannot be seen."""
    y, x = np.mgrid[:40, :40] - 20
    inside = np.hypot(x, y) < 12
    image = np.zeros((40, 40, 4), "uint8")
    image[inside] = (255, 0, 0, 255)
    Image.fromarray(image).save(tmp_path / "a.png")
    words = ["upscale", tmp_path / "a.png", tmp_path / "b.png"]
    assert main([*map(str, words), "--method", "bicubic", "--scale", "2"]) == 0
    large = read_image(tmp_path / "b.png", alpha="keep")
    seen = large[..., 3] > 0.02
    assert large[seen][:, 0].min() > 0.98 and large[seen][:, 1].max() < 0.02


def test_hidden_colors_stay(tmp_path):
    image = photo(4)
    image[:8, ..., 3] = 0
    Image.fromarray(image).save(tmp_path / "a.png")
    through(tmp_path / "a.png", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as written:
        np.testing.assert_array_equal(written, image)


# Frames ----------------------------------------------------------------------


def frames(count=3, channels=3):
    return [
        Image.fromarray(np.roll(photo(channels), 7 * index, axis=1))
        for index in range(count)
    ]


@pytest.mark.parametrize("new", [".gif", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("old", [".gif", ".png", ".webp", ".tif"])
def test_every_frame_is_kept(old, new, tmp_path):
    source, target = tmp_path / f"a{old}", tmp_path / f"b{new}"
    options = {"save_all": True, "append_images": frames()[1:]}
    if old != ".tif":
        options |= {"duration": [40, 100, 250], "loop": 2}
    if old == ".webp":
        options["lossless"] = True
    frames()[0].save(source, **options)
    through(source, target)
    before, after = open_decoded(source), open_decoded(target)
    assert after.num_frames == before.num_frames == 3
    for index in range(3):
        (a, duration), (b, kept) = before.read(index), after.read(index)
        assert psnr(a[..., :3], b[..., :3]) > (25 if new == ".gif" else 35)
        if ".tif" not in (old, new):
            assert kept == duration == [40, 100, 250][index]
    if ".tif" not in (old, new):
        assert after.metadata.loop == 2


@pytest.mark.parametrize("old", [".gif", ".tif"])
@pytest.mark.parametrize("new", [".jpg", ".bmp", ".jp2"])
def test_several_images_are_never_made_one(old, new, tmp_path):
    source, target = tmp_path / f"a{old}", tmp_path / f"b{new}"
    frames()[0].save(source, save_all=True, append_images=frames()[1:])
    with pytest.raises(ValueError, match=r"holds 3 images, and .* hold one"):
        through(source, target)
    assert not target.exists()


def test_pages_of_16_bits(tmp_path):
    pages = np.stack([deep(3), deep(3)[::-1], deep(3)[:, ::-1]])
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in pages:
            writer.write(page, photometric="rgb", metadata=None)
    through(tmp_path / "a.tif", tmp_path / "b.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as written:
        again = np.stack([page.asarray() for page in written.pages])
    np.testing.assert_array_equal(again, pages)


def test_the_first_image_of_a_stereo_photograph_is_kept(tmp_path):
    frames()[0].save(
        tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames()[1:]
    )
    note = through(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert "2 further images" in note


def test_a_panorama_of_several_images_is_refused(tmp_path):
    source = tmp_path / "a.jpg"
    frames()[0].save(source, "MPO", save_all=True, append_images=frames()[1:])
    data = bytearray(source.read_bytes())
    first = data.index(b"\0\0\x03\0", data.index(b"MPF\0") + 50)
    data[first + 16 : first + 20] = struct.pack("<I", 0x020001)
    source.write_bytes(data)
    with pytest.raises(ValueError, match="a.jpg holds 3 images, of a panorama"):
        through(source, tmp_path / "b.jpg")


def test_the_first_image_of_a_png_may_be_no_part_of_its_animation(tmp_path):
    images = frames()
    images[0].save(
        tmp_path / "a.png",
        save_all=True,
        append_images=images[1:],
        default_image=True,
        duration=[70, 90],
    )
    through(tmp_path / "a.png", tmp_path / "b.png")
    for name in "ab":
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.info["default_image"] and image.n_frames == 3
            image.seek(2)
            assert image.info["duration"] == 90


def test_pages_keep_their_own_depth_and_metadata(tmp_path):
    pages = [np.uint8(deep(3) >> 8), deep(3), photo(3, 8, 30)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for number, page in enumerate(pages):
            file.write(
                page,
                photometric="rgb",
                description=f"page {number}",
                resolution=(100 + number, 100),
                metadata=None,
            )
    through(tmp_path / "a.tif", tmp_path / "b.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        for number, page in enumerate(file.pages):
            assert page.description == f"page {number}"
            assert page.tags["XResolution"].value == (100 + number, 1)
            top = np.iinfo(pages[number].dtype).max
            values = np.rint(page.asarray() / 65535 * top)
            np.testing.assert_array_equal(values, pages[number])
    for ending in (".gif", ".png", ".webp"):
        with pytest.raises(ValueError, match="of several sizes"):
            through(tmp_path / "a.tif", tmp_path / f"b{ending}")
    through(tmp_path / "a.tif", tmp_path / "c.tif", strip=True)
    with tifffile.TiffFile(tmp_path / "c.tif") as file:
        assert not any(page.description for page in file.pages)


# Quality, size, what is cut --------------------------------------------------


def tables(path):
    with Image.open(path) as image:
        return image.quantization


@pytest.mark.parametrize(
    "ending",
    [".jpg", ".webp", pytest.param(".avif", marks=NEEDS["AVIF"])],
)
def test_lossy_files_are_of_high_quality(ending, tmp_path):
    clean = skimage.data.astronaut()[:128, :128]
    noise = np.random.RandomState(0).normal(0, 8, clean.shape)
    clean = np.uint8(np.clip(clean + noise, 0, 255))
    Image.fromarray(clean).save(tmp_path / "a.png")
    through(tmp_path / "a.png", tmp_path / f"b{ending}")
    through(tmp_path / "a.png", tmp_path / f"c{ending}", quality=30)
    high, low = (
        psnr(read_image(tmp_path / f"{name}{ending}"), clean / 255)
        for name in "bc"
    )
    assert high > 45 and low < high - 5
    if ending == ".jpg":
        with Image.open(tmp_path / "b.jpg") as written:
            assert written.layer[1][1:3] == (1, 1)  # 4:4:4


def test_a_finer_jpeg_keeps_its_tables(tmp_path):
    image = Image.fromarray(photo(3))
    image.save(tmp_path / "a.jpg", quality=100)
    through(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert tables(tmp_path / "b.jpg") == tables(tmp_path / "a.jpg")
    image.save(tmp_path / "c.jpg", quality=60)
    through(tmp_path / "c.jpg", tmp_path / "d.jpg")
    assert sum(tables(tmp_path / "d.jpg")[0]) < sum(
        tables(tmp_path / "c.jpg")[0]
    )


def test_an_untouched_file_is_copied_only_within_its_format(tmp_path):
    Image.fromarray(photo(3)).save(tmp_path / "a.png")
    png = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.jpg").write_bytes(png)  # a PNG by another name
    through(tmp_path / "b.jpg", tmp_path / "c.png", change=lambda x: x)
    assert (tmp_path / "c.png").read_bytes() == png
    through(tmp_path / "b.jpg", tmp_path / "d.jpg", change=lambda x: x)
    assert (tmp_path / "d.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_an_enormous_image_is_refused_before_it_is_read(tmp_path):
    Image.new("1", (20000, 11000)).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"220 megapixels.*max_megapixels"):
        open_decoded(tmp_path / "bomb.png")
    Image.fromarray(photo(3)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="megapixels, more than the 0.0005"):
        open_decoded(tmp_path / "a.png", FileOptions(max_megapixels=5e-4))


def test_a_jpeg_without_its_end_is_read_when_asked(tmp_path):
    Image.fromarray(photo(3, 64, 64)).save(tmp_path / "a.jpg", quality=95)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[:-40])
    with pytest.raises(ValueError, match="not a readable image"):
        through(tmp_path / "cut.jpg", tmp_path / "b.jpg")
    through(tmp_path / "cut.jpg", tmp_path / "b.jpg", accept_truncated=True)
    whole, cut = (read_image(tmp_path / f"{name}.jpg")[:32] for name in "ab")
    assert psnr(whole, cut) > 40


@pytest.mark.parametrize(
    "options, message",
    [
        ({"quality": 0}, "`quality` must be an int from 1 to 100"),
        ({"quality": 95.5}, "`quality` must be an int"),
        ({"white": -1.0}, "`white` must be a number above 0"),
        ({"max_megapixels": float("nan")}, "`max_megapixels` must be a number"),
        ({"suffix": "a/b"}, "`suffix` must be a part of a name"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FileOptions(**options)


def test_the_table_of_the_docs_is_that_of_the_formats():
    page = pathlib.Path(__file__).parents[2] / "docs" / "files.md"
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.read_text("utf-8").splitlines()
        if line.startswith("| ") and line.count("|") == 8
    ][1:]

    def yes(holds):
        return "yes" if holds else ""

    assert rows == [
        [
            format.name,
            " ".join(format.endings),
            " ".join(map(str, format.depths)),
            yes(format.alpha),
            yes(format.frames),
            yes(format.lossless),
            " ".join(sorted(format.keeps)),
        ]
        for format in FORMATS
    ]

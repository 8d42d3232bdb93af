"""Image files come out as they went in: pixels and metadata, by format."""

import pathlib
import struct

import numpy as np
import pytest
import skimage.data
import tifffile
from PIL import Image, PngImagePlugin

from keras_synth.cli.main import main
from keras_synth.io import (
    FORMATS,
    FileOptions,
    open_decoded,
    read_image,
)
from keras_synth.tasks import upscale
from tests.tasks.image_files import (
    GRAY_ICC,
    ICC,
    NEEDS,
    XMP,
    exif,
    photo,
    psnr,
    through,
)

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


def test_a_rotation_in_a_text_of_a_png_file_is_applied_once(tmp_path):
    """As ImageMagick writes EXIF."""
    raw = exif(6).tobytes()
    digits = "\n".join(
        raw.hex()[i : i + 72] for i in range(0, 2 * len(raw), 72)
    )
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(raw):8}\n{digits}\n")
    text.add_text("Title", "a boat")
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    Image.fromarray(photo(3)).save(source, pnginfo=text)
    through(source, target)
    with Image.open(target) as written:
        assert written.size == (24, 40) and written.text["Title"] == "a boat"
        assert written.getexif().get(0x0112, 1) == 1
    assert read_image(target).shape == (40, 24, 3)


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
    with pytest.raises(
        ValueError, match="`background` must be an opaque color"
    ):
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


def test_a_copy_lacks_nothing_and_says_nothing(tmp_path):
    Image.new("CMYK", (16, 16)).save(tmp_path / "a.jpg")
    image = Image.new("RGB", (16, 16))
    image.save(tmp_path / "b.jpg", "MPO", save_all=True, append_images=[image])
    for name in "a.jpg", "b.jpg":
        source, target = tmp_path / name, tmp_path / f"copy-{name}"
        assert through(source, target, lambda color: color) == ""
        assert target.read_bytes() == source.read_bytes()
        assert through(source, tmp_path / f"new-{name}") != ""


def test_an_enormous_image_is_refused_before_it_is_read(tmp_path):
    Image.new("1", (20000, 11000)).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"220 megapixels.*max_megapixels"):
        open_decoded(tmp_path / "bomb.png")
    Image.fromarray(photo(3)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="megapixels, more than the 0.0005"):
        open_decoded(tmp_path / "a.png", FileOptions(max_megapixels=5e-4))


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_an_enormous_page_behind_a_small_one_is_refused(kind, tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for shape in (8, 8), (1000, 1500):
            file.write(np.zeros(shape, kind), metadata=None)
    with pytest.raises(ValueError, match=r"a.tif .* it has 1.5 megapixels"):
        open_decoded(tmp_path / "a.tif", FileOptions(max_megapixels=1.0))
    files = FileOptions(max_megapixels=2.0)
    assert open_decoded(tmp_path / "a.tif", files).num_frames == 2
    with pytest.raises(ValueError, match=r"b.tif would have 6 megapixels"):
        upscale(
            tmp_path / "a.tif",
            tmp_path / "b.tif",
            method="bicubic",
            scale=2,
            files=files,
        )
    assert not (tmp_path / "b.tif").exists()


def test_an_animation_that_becomes_enormous_is_refused(tmp_path):
    first, second = Image.new("L", (8, 8), 40), Image.new("L", (8, 8), 200)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    data = bytearray((tmp_path / "a.gif").read_bytes())
    start = data.rindex(struct.pack("<BHHHH", 0x2C, 0, 0, 8, 8))
    data[start + 5 : start + 9] = struct.pack("<HH", 1500, 1000)
    (tmp_path / "a.gif").write_bytes(data)
    files = FileOptions(max_megapixels=1.0, accept_truncated=True)
    decoded = open_decoded(tmp_path / "a.gif", files)
    assert decoded.read(0)[0].shape[:2] == (8, 8)
    with pytest.raises(ValueError, match=r"a.gif .* it has 1.5 megapixels"):
        decoded.read(1)


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

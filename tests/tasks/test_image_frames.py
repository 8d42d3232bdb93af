"""Image files of several images: animations, pages, stereo pairs."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_synth.io import (
    open_decoded,
)
from tests.tasks.image_files import (
    deep,
    photo,
    psnr,
    through,
)


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


def test_pages_of_16_bits_become_an_animation_of_8(tmp_path):
    pages = np.stack([deep(3), deep(3)[::-1]])
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in pages:
            writer.write(page, photometric="rgb", metadata=None)
    note = through(tmp_path / "a.tif", tmp_path / "b.png")
    assert "16 bits become 8 (.png)" in note
    written = open_decoded(tmp_path / "b.png")
    assert written.num_frames == 2 and written.depth == 8
    for index, page in enumerate(pages):
        values, _ = written.read(index)
        assert np.abs(values - page / 65535).max() < 0.51 / 255


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

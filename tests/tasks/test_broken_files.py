"""Files with flipped and cut bytes: an error in words, or an image."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_synth import tasks
from keras_synth.io import read_image
from keras_synth.tasks.image_files import FilesError

_EXIF = Image.Exif()
_EXIF[0x010F], _EXIF[0x0112], _EXIF[0x8298] = "Maker", 6, "(c) nobody"
_EXIF.get_ifd(0x8769)[0x829A] = 0.01
_META = {"exif": _EXIF, "dpi": (300, 300), "comment": b"a comment"}


def sound_files():
    """Small files of every format: ending and bytes."""
    numbers = np.random.default_rng(0)
    color = numbers.integers(0, 256, (12, 16, 4)).astype("uint8")
    images = [Image.fromarray(color[..., :3]), Image.fromarray(color)]
    frames = {"save_all": True, "append_images": []}
    for name, ending, options in (
        ("PNG", "png", _META),
        ("PNG", "png", frames),
        ("JPEG", "jpg", _META),
        ("MPO", "jpg", {**_META, **frames}),
        ("TIFF", "tif", _META),
        ("TIFF", "tif", {**frames, "compression": "tiff_lzw"}),
        ("WEBP", "webp", _META),
        ("AVIF", "avif", _META),
        ("GIF", "gif", {**frames, "comment": b"a comment"}),
        ("JPEG2000", "jp2", {}),
        ("BMP", "bmp", {}),
        ("TGA", "tga", {}),
        ("PPM", "ppm", {}),
    ):
        for image in images[: 1 if name in ("JPEG", "MPO", "BMP") else 2]:
            file, more = io.BytesIO(), dict(options)
            if "append_images" in more:  # Pillow leaves things in an image
                more["append_images"] = [image.rotate(180)]
            image.copy().save(file, name, **more)
            yield ending, file.getvalue()
    deep = (color.astype("uint16") * 257)[..., :3]
    for values in (deep, (deep / 65535).astype("float32")):
        file = io.BytesIO()
        tifffile.imwrite(file, values, photometric="rgb", compression="zlib")
        yield "tif", file.getvalue()
    yield "ppm", b"P6 16 12 65535\n" + deep.astype(">u2").tobytes()


def broken(data, numbers):
    """Bytes of which some are flipped, cut, doubled or cut off."""
    data = bytearray(data)
    # Most of what matters stands at the beginning.
    last = len(data) if numbers.random() < 0.5 else min(len(data), 200)
    for _ in range(numbers.integers(1, 5)):
        place = int(numbers.integers(0, last))
        kind = numbers.integers(4)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << int(numbers.integers(8))
        elif kind == 1:
            data[place : place + 2] = numbers.bytes(2)
        elif kind == 2:
            del data[place : place + int(numbers.integers(1, 9))]
        elif numbers.random() < 0.3:
            del data[place:]
    return bytes(data)


@pytest.mark.parametrize(
    "seeds",
    [range(60), pytest.param(range(60, 2060), marks=pytest.mark.slow)],
    ids=["60", "2000"],
)
def test_broken_files_are_named_and_stay(tmp_path, seeds):
    folder, target = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    sound, written = list(sound_files()), {}
    for seed in seeds:
        numbers = np.random.default_rng(seed)
        ending, data = sound[seed % len(sound)]
        path = folder / f"{seed:04}.{ending}"
        written[path] = broken(data, numbers)
        path.write_bytes(written[path])
    done = []
    with pytest.raises(FilesError) as caught:
        tasks.restore(
            folder, target, method="median", on_file=done.append, verbose=0
        )
    errors = caught.value.errors
    for path, error in errors.items():
        # Others would be a traceback, or a line that helps nobody.
        assert isinstance(error, ValueError | OSError), (path, repr(error))
        assert not (target / path.name).exists()
    assert len(done) + len(errors) == len(written)
    assert min(len(done), len(errors)) > len(written) / 10
    for path, data in written.items():
        assert path.read_bytes() == data
    for result in done:
        assert read_image(result.target).size

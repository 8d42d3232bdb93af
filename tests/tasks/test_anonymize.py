"""`anonymize`: faces hidden, the rest equal, metadata gone, regions kept."""

import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from keras_synth import tasks
from keras_synth.__main__ import main
from keras_synth.io import read_image, write_image

ASTRONAUT = skimage.data.astronaut()[:256, 96:352]
FACE = (110, 128)


@pytest.fixture
def photo(tmp_path):
    """With a name and a place in its EXIF block."""
    exif = Image.Exif()
    exif[0x013B] = "A. Name"
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    Image.fromarray(ASTRONAUT).save(path, exif=exif)
    return path


@pytest.mark.parametrize("method", ["fill", "pixelate", "blur", "inpaint"])
def test_faces_go_and_the_rest_stays(photo, tmp_path, method):
    target = tmp_path / "out.png"
    (done,) = tasks.anonymize(
        photo, target, method=method, smallest=0.2, verbose=0
    )
    (boxes,) = done.regions
    mask = np.zeros(ASTRONAUT.shape[:2], bool)
    for top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = True
    assert mask[FACE] and mask.mean() < 0.6
    after = np.asarray(Image.open(target))
    np.testing.assert_array_equal(after[~mask], ASTRONAUT[~mask])
    difference = after[mask].astype(float) - ASTRONAUT[mask]
    assert np.abs(difference).mean() > 10
    for path, count in ((target, 0), (photo, 1)):
        with Image.open(path) as image:
            assert len(image.getexif()) == count


def test_regions_are_printed_corrected_and_given_back(photo, tmp_path, capsys):
    write_image(tmp_path / "in/plain.png", np.full((40, 50, 3), 0.5))
    words = ["anonymize", str(tmp_path / "in"), "--smallest", "0.2"]
    assert main([*words[:2], str(tmp_path / "a"), *words[2:], "--json"]) == 0
    entries = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [bool(entry["regions"][0]) for entry in entries] == [True, False]
    entries[0]["regions"] = [[[0, 0, 5, 7]]]
    lines = "\n".join(json.dumps(entry) for entry in entries)
    (tmp_path / "regions.jsonl").write_text(lines)
    options = ["--regions", str(tmp_path / "regions.jsonl")]
    assert main([*words[:2], str(tmp_path / "b"), *options]) == 0
    out = capsys.readouterr().out
    assert "1 region hidden by fill" in out and "no face found: look" in out
    after = np.asarray(Image.open(tmp_path / "b/photo.png"))
    changed = (after != ASTRONAUT).any(axis=-1)
    assert changed[:5, :7].mean() > 0.9 and not changed[5:, 7:].any()
    np.testing.assert_array_equal(
        read_image(tmp_path / "b/plain.png"),
        read_image(tmp_path / "in/plain.png"),
    )


def test_every_frame_is_searched(tmp_path):
    frames = [ASTRONAUT, ASTRONAUT[:, ::-1], np.full_like(ASTRONAUT, 80)]
    first, *others = map(Image.fromarray, frames)
    first.save(tmp_path / "in.png", save_all=True, append_images=others)
    (done,) = tasks.anonymize(
        tmp_path / "in.png", tmp_path / "out.png", smallest=0.2, verbose=0
    )
    assert [bool(boxes) for boxes in done.regions] == [True, True, False]


def test_a_detector_of_ones_own(photo, tmp_path):
    (done,) = tasks.anonymize(
        photo,
        tmp_path / "out.png",
        detector=lambda image: [[10, 20, 10, 10]],
        margin=0.5,
        verbose=0,
    )
    assert done.regions == [[(5, 15, 20, 20)]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--smallest 0", "--smallest must be above 0"),
        ("--cells 0", "--cells must be an int of at least 1"),
        ("--cascade no.xml", "There is no such cascade: no.xml"),
        ("--regions no.jsonl", "There is no such file of regions: no.jsonl"),
        ("--regions bad.jsonl", "Line 1 of bad.jsonl must be a JSON object"),
        ("--regions none.jsonl", "does not say what to hide"),
        ("--method hat", "hat"),
    ],
)
def test_mistakes_are_one_line(photo, words, message, capsys, monkeypatch):
    monkeypatch.chdir(photo.parent)
    (photo.parent / "bad.jsonl").write_text('{"source": "photo.png"}')
    (photo.parent / "none.jsonl").write_text("")
    assert main(["anonymize", "photo.png", "out.png", *words.split()]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (photo.parent / "out.png").exists()


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ("[[[NaN, 1, 5, 5]]]", "with sides above 0"),
        ("[[[9, 9, -5, 5]]]", "with sides above 0"),
        ("[[9, 9, 5, 5], [20, 20, 5, 5]]", "for each image of the file a li"),
        ("[[[9, 9, 5, 5], [9, 999, 5, 5]]]", "lies outside of the image"),
    ],
)
def test_no_region_is_silently_left_as_it_is(photo, regions, message, tmp_path):
    line = f'{{"source": "{photo}", "regions": {regions}}}'
    (tmp_path / "regions.jsonl").write_text(line)
    with pytest.raises(ValueError, match=message):
        tasks.anonymize(
            photo,
            tmp_path / "out.png",
            regions=tmp_path / "regions.jsonl",
            verbose=0,
        )
    assert not (tmp_path / "out.png").exists()


def test_what_lies_under_transparent_pixels_is_not_kept(tmp_path):
    """A cut-out may hold a whole photograph."""
    alpha = np.full((*ASTRONAUT.shape[:2], 1), 255, "uint8")
    alpha[60:160, 80:180] = 0  # the face
    alpha[200:] = 100
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(np.concatenate([ASTRONAUT, alpha], axis=-1)).save(source)
    tasks.anonymize(source, target, smallest=0.2, verbose=0)
    after = np.asarray(Image.open(target))
    np.testing.assert_array_equal(after[..., 3:], alpha)
    seen = alpha[..., 0] > 0
    np.testing.assert_array_equal(after[seen][:, :3], ASTRONAUT[seen])
    assert (after[110, 128, :3].astype(int) != ASTRONAUT[110, 128]).any()
    hidden = np.abs(after[~seen][:, :3].astype(float) - ASTRONAUT[~seen])
    assert hidden.mean() > 10


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
def test_place_thumbnail_and_texts_go_without_faces_too(tmp_path, ending):
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    exif[0x010E] = "SECRET place"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0SECRET comment"
    source, target = tmp_path / f"in{ending}", tmp_path / f"out{ending}"
    image = Image.new("RGB", (40, 50), "teal")
    image.save(source, exif=exif, comment=b"SECRET", xmp=b"<x>SECRET</x>")
    assert b"SECRET" in source.read_bytes()
    # A preview, as cameras append it.
    source.write_bytes(source.read_bytes() + b"SECRET preview")
    (done,) = tasks.anonymize(source, target, verbose=0)
    assert done.regions == [[]]
    assert b"SECRET" not in target.read_bytes()
    with Image.open(target) as written:
        assert not written.getexif().get_ifd(0x8825)


def test_sixteen_bits_stay_outside_of_the_face(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (60, 50, 1)) / 65535
    source = write_image(tmp_path / "in.png", values, bits=16)
    (done,) = tasks.anonymize(
        source,
        tmp_path / "out.png",
        detector=lambda image: [[10, 10, 20, 20]],
        margin=0,
        verbose=0,
    )
    before, after = read_image(source), read_image(done.target)
    inside = np.zeros((60, 50), bool)
    inside[10:30, 10:30] = True
    np.testing.assert_array_equal(after[~inside], before[~inside])
    assert np.ptp(after[inside]) < 1e-4

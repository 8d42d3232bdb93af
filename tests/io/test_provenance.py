"""Provenance: what files say about how they were made."""

import pathlib
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import keras_synth
from keras_synth import io, models, networks, tasks
from keras_synth.__main__ import main
from keras_synth.io.formats import FORMATS
from keras_synth.io.provenance import labeled

EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
SCHEME = "http://cv.iptc.org/newscodes/digitalsourcetype/"
RESTORED = io.Provenance("restored", "a < b")
OTHER = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    '"http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</rdf:RDF></x:xmpmeta>'
)
IMAGE = np.random.default_rng(0).uniform(size=(16, 20, 3)).astype("float32")


def read(xmp):
    """Source type, system and version that a packet names, and its text."""
    text = xmp.decode("utf-8")
    inner = text[text.index("<x:xmpmeta") : text.index("</x:xmpmeta>")]
    root = ElementTree.fromstring(inner + "</x:xmpmeta>")
    found = [
        (
            each.get(f"{EXTENSION}DigitalSourceType"),
            each.get(f"{EXTENSION}AISystemUsed"),
            each.findtext(f"{EXTENSION}AISystemVersionUsed"),
        )
        for each in root.iter(f"{RDF}Description")
        if each.get(f"{EXTENSION}DigitalSourceType")
    ]
    assert len(found) == 1
    return found[0], inner


@pytest.mark.parametrize(
    "inside",
    [
        "",
        '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'dc:format="image/jpeg"/>',
        "<rdf:Description xmlns:Iptc4xmpExt="
        '"http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'Iptc4xmpExt:DigitalSourceType="{SCHEME}digitalCapture"/>',
        "<rdf:Description xmlns:e="
        '"http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<e:DigitalSourceType>{SCHEME}digitalCapture</e:DigitalSourceType>"
        "</rdf:Description>",
    ],
    ids=["nothing", "other", "attribute", "element"],
)
def test_a_packet_gets_one_label_and_keeps_the_rest(inside):
    xmp = OTHER.format(inside).encode()
    for _ in range(2):  # a second label replaces the first
        xmp = labeled(xmp, RESTORED)
        (source, system, version), text = read(xmp)
        assert source == f"{SCHEME}algorithmicallyEnhanced"
        assert system == "keras_synth"
        assert version == f"{keras_synth.__version__}, a < b"
        assert ("image/jpeg" in text) == ("image/jpeg" in inside)


def test_without_a_packet_there_is_a_new_one():
    (source, *_), _ = read(labeled(None, io.Provenance("generated")))
    assert source == f"{SCHEME}trainedAlgorithmicMedia"
    single = OTHER.format("").replace("></rdf:RDF>", "/>").encode()
    assert read(labeled(single, RESTORED))
    assert labeled(b"no XML", RESTORED) == b"no XML"
    with pytest.raises(ValueError, match="`kind` must be one of restored"):
        io.Provenance("dreamt")


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif", ".avif"])
def test_files_say_it_unless_stripped(ending, tmp_path):
    provenance = io.Provenance("edited", "model.keras")
    path = io.write_image(tmp_path / f"a{ending}", IMAGE, provenance=provenance)
    (source, _, version), _ = read(io.open_decoded(path).metadata.xmp)
    assert source.endswith("compositeWithTrainedAlgorithmicMedia")
    assert version.endswith("model.keras")
    plain = io.write_image(tmp_path / f"b{ending}", IMAGE)
    assert io.open_decoded(plain).metadata.xmp is None


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
def test_formats_with_xmp_hold_a_label_and_no_others(format, tmp_path):
    if format.name == "HEIF":
        pytest.importorskip("pillow_heif")
    path = tmp_path / f"a{format.endings[0]}"
    io.write_image(path, IMAGE, provenance=RESTORED)
    assert (SCHEME.encode() in path.read_bytes()) == ("XMP" in format.keeps)


def test_the_docs_say_which_formats_hold_a_label():
    page = pathlib.Path(__file__).parents[2] / "docs" / "files.md"
    text = " ".join(page.read_text("utf-8").split())
    for words, holds in (
        ("where the format holds one", True),
        ("Files of the other formats", False),
    ):
        (listed,) = re.findall(rf"{words} \((.*?)\)", text)
        names = listed.upper().replace("JPEG 2000", "JPEG2000").split(", ")
        assert sorted(names) == sorted(
            format.name
            for format in FORMATS
            if ("XMP" in format.keeps) == holds
        )


def test_restored_files_say_it_and_untouched_ones_do_not(tmp_path):
    io.write_image(tmp_path / "in.png", IMAGE)
    options = {"method": "median", "verbose": 0}
    paths = [tmp_path / name for name in ("in.png", "out.png", "bare.png")]
    tasks.restore(*paths[:2], **options)
    (source, _, version), _ = read(io.open_decoded(paths[1]).metadata.xmp)
    assert source.endswith("algorithmicallyEnhanced")
    assert version.endswith("median")
    files = io.FileOptions(strip=True)
    tasks.restore(paths[0], paths[2], files=files, **options)
    assert io.open_decoded(paths[2]).metadata.xmp is None
    mask = io.write_image(tmp_path / "mask.png", np.zeros((16, 20)))
    tasks.inpaint(paths[0], mask, tmp_path / "same.png", verbose=0)
    same = (tmp_path / "same.png").read_bytes()
    assert same == paths[0].read_bytes()


def test_bit_depth_and_transparency_stay(tmp_path):
    """A label changes no pixel, in 16 bits and with alpha either."""
    image = np.concatenate([IMAGE, IMAGE[..., :1]], axis=-1)
    for bits in (8, 16):
        bare = io.write_image(tmp_path / "a.png", image, bits)
        told = io.write_image(tmp_path / "b.png", image, bits, RESTORED)
        np.testing.assert_array_equal(
            *(io.read_image(path, alpha="keep") for path in (bare, told))
        )
        assert io.bit_depth(told) == bits


def test_samples_say_it(tmp_path):
    gan = models.GAN(
        networks.dense_generator((8, 8, 1), 2),
        networks.dense_discriminator((8, 8, 1)),
    )
    gan.save(tmp_path / "gan.keras")
    target = tmp_path / "samples.png"
    assert main(["sample", str(tmp_path / "gan.keras"), str(target)]) == 0
    (source, _, version), _ = read(io.open_decoded(target).metadata.xmp)
    assert source == f"{SCHEME}trainedAlgorithmicMedia"
    assert version.endswith("gan.keras")
    with Image.open(target) as image:
        assert image.mode == "L"

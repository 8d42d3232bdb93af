"""Files of ncnn become the RRDB network that they are, or are refused."""

import numpy as np
import pytest

from keras_synth.networks import rrdb_from_ncnn
from keras_synth.networks.ncnn_weights import read_graph, read_kernels
from tests.ncnn_helpers import SIZES, run_ncnn, write_rrdb

IMAGES = np.random.default_rng(1).uniform(size=(2, 6, 5, 3)).astype("float32")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.param"
    write_rrdb(path)
    return path


@pytest.mark.parametrize("half", [False, True])
def test_the_network_computes_what_the_files_say(half, tmp_path):
    """15 kernels and more of odd sizes: filled up to four bytes in float16."""
    path = tmp_path / "tiny.param"
    written = write_rrdb(path, half)
    network = rrdb_from_ncnn(path)
    large = np.asarray(network(IMAGES))
    assert large.shape == (2, 24, 20, 3) and large.std() > 0.01
    np.testing.assert_allclose(large, run_ncnn(path, IMAGES), atol=1e-5)
    read = read_kernels(path.with_suffix(".bin"), read_graph(path))
    assert len(read) == len(written) == 21
    for (kernel, bias), (ours, our_bias) in zip(read, written, strict=True):
        np.testing.assert_array_equal(kernel, ours.transpose(2, 3, 1, 0))
        np.testing.assert_array_equal(bias, our_bias)


def test_numbers_of_blocks_and_widths_are_those_of_the_file(tmp_path):
    path = tmp_path / "other.param"
    sizes = {"channels": 1, "width": 4, "growth": 2, "num_blocks": 2}
    assert sizes.keys() == SIZES.keys()
    write_rrdb(path, **sizes)
    network = rrdb_from_ncnn(path)
    image = IMAGES[:1, ..., :1]
    np.testing.assert_allclose(network(image), run_ncnn(path, image), atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("9=2 -23310=1,2.000000e-01", "9=2 -23310=1,1.0e-01", r"10=0\.1\)"),
        ("9=2 -23310=1,2.000000e-01", "9=1", r"layer 2 should .*9=1\)"),
        ("2,2.000000e-01,1.0", "2,1.0,1.0", r"Eltwise .*Received.*1=1,1\)"),
        ("0=1 1=2.000000e+00", "0=2 1=2.000000e+00", "Interp of .*0=2 1=2"),
        (" 1=3 ", " 1=1 ", "layer 1 should be Convolution"),
        ("BinaryOp ", "BinaryOp2 ", "Received: BinaryOp2"),
        ("Interp ", "PixelShuffle ", "Received: PixelShuffle"),
        ("Convolution ", "Deconvolution ", "Received: 0 convolutions"),
    ],
)
def test_other_layers_are_refused(old, new, message, file):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        rrdb_from_ncnn(file)


def test_layers_that_take_others_are_refused(file):
    """The order of joined features, and layers at the end."""
    text = file.read_text()
    joined = next(x for x in text.splitlines() if x.startswith("Concat"))
    *words, first, second, made = joined.split()
    swapped = " ".join([*words, second, first, made])
    file.write_text(text.replace(joined, swapped))
    with pytest.raises(ValueError, match="should be Concat of 1, 2 .*of 2, 1"):
        rrdb_from_ncnn(file)
    last = text.splitlines()[-1].split()[5]
    file.write_text(text + f"ReLU last 1 1 {last} output\n")
    with pytest.raises(ValueError, match="of 41 layers. Received: 42"):
        rrdb_from_ncnn(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-4], "does not fit its .param"),
        (lambda content: content[:-2], "does not fit its .param"),
        (lambda content: content + bytes(4), "4 bytes are left over"),
        (
            lambda content: 0x000D4B38.to_bytes(4, "little") + content[4:],
            "float32 or float16, and number 0 has the flag 0x000d4b38",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(change, message, file):
    weights = file.with_suffix(".bin")
    weights.write_bytes(change(weights.read_bytes()))
    with pytest.raises(ValueError, match=message):
        rrdb_from_ncnn(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\0\0",
        b"7767516\n1 1\nInput in 0 1 x\n",
        b"7767517\n1 1\nReLU act 1 1 unknown out\n",
        b"7767517\n1 1\nInput in many 1 x\n",
        b"7767517\n1 1\nInput\n",
        b"7767517\n2 2\nInput in 0 1 x\nConvolution c 1 1 x y 0=a\n",
        b"7767517\n2 2\nInput in 0 1 x\nConvolution c 1 1 x y 0=inf\n",
    ],
)
def test_broken_files_are_refused(content, file):
    file.write_bytes(content)
    with pytest.raises(ValueError, match="is no .param file of ncnn"):
        rrdb_from_ncnn(file)


def test_missing_files_are_named(file):
    file.with_suffix(".bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"tiny\.bin"):
        rrdb_from_ncnn(file)

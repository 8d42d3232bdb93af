"""Weights of every network predict the same on Keras' other backends."""

import importlib.util
import inspect
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_synth import networks

PARTS = ("encoder", "decoder", "generator", "discriminator")
ARGUMENTS = dict(
    image_shape=(8, 8, 1), latent_dim=3, width=4, widths=(4, 8), num_classes=4
)
STYLEGAN2 = {"image_shape": (16, 16, 1), "channel_max": 4}
VARIANTS = [
    *(
        (name, STYLEGAN2 if name.startswith("stylegan2") else {})
        for name in networks.__all__
        if name.endswith(PARTS) and name != "style_decoder"  # mirrors another
    ),
    ("stylegan2_mapping", {"style_dim": 5, "num_layers": 2}),
    ("stylegan2_synthesis", {"style_dim": 5, **STYLEGAN2}),
    ("dcgan_generator", {"upsampling": "nearest"}),
    ("dcgan_discriminator", {"minibatch_deviation": True}),
    ("dcgan_discriminator", {"normalization": "batch"}),
    ("dcgan_discriminator", {"normalization": "layer"}),
    ("autoencoder", {"widths": (4, 8)}),
    ("dncnn", {"num_layers": 3, "width": 4}),
    ("ffdnet", {"num_layers": 3, "width": 4}),
    ("unet", {"widths": (4, 8), "num_blocks": 1, "noise_conditional": True}),
    ("mask_unet", {"widths": (4, 4, 8, 8)}),
    ("unet_inpainter", {"widths": (4, 8), "num_blocks": 1}),
    ("gated_inpainter", {}),
    ("resnet_translator", {"num_blocks": 1}),
    ("srcnn", {"scale": 3}),
    ("edsr", {"scale": 2, "num_blocks": 1}),
    ("srresnet", {"scale": 2, "num_blocks": 1}),
    ("rrdb", {"scale": 2, "growth": 4, "num_blocks": 1}),
    ("small_classifier", {"num_classes": 10}),
    ("partial_inpainter", {}),
    ("vsrnet", {"num_frames": 3}),
    ("video_edsr", {"scale": 2, "num_frames": 3, "num_blocks": 1}),
    ("diffusion_unet", {"num_blocks": 1, "head_width": 4}),
    ("diffusion_unet", {"num_classes": None, "condition_shape": (3, 5)}),
    ("dit", {"num_blocks": 2}),
    ("dit", {"num_classes": None, "condition_shape": (3,)}),
    ("text_encoder", {"length": 5, "num_heads": 2}),
    ("ngram_encoder", {"length": 6, "num_buckets": 50}),
    ("dense_generator", {"num_classes": None, "condition_shape": (3, 5)}),
    ("dense_discriminator", {"num_classes": None, "condition_shape": (3,)}),
]

SCRIPT = """
import json, sys
import numpy as np, keras
from keras_synth import layers, losses, metrics, networks
backend, folder = sys.argv[1:]
assert keras.backend.backend() == backend
for index, (name, arguments) in enumerate(json.load(open(folder + "/cases"))):
    network = getattr(networks, name)(**arguments)
    network.load_weights(f"{folder}/{index}.weights.h5")
    *data, expected = np.load(f"{folder}/{index}.npz").values()
    data = keras.tree.pack_sequence_as(network.input, data)
    predicted = keras.tree.flatten(network.predict(data, verbose=0))
    np.testing.assert_allclose(
        np.concatenate(predicted), expected, rtol=1e-4, atol=1e-5, err_msg=name
    )
assert "tensorflow" not in sys.modules
"""


def cases():
    """Names of builders, and arguments that each of them takes."""
    for name, options in VARIANTS:
        known = inspect.signature(getattr(networks, name)).parameters
        yield name, {k: v for k, v in ARGUMENTS.items() if k in known} | options


# They need what they say, or a file of published weights.
OTHERS = {
    "FEATURE_NETWORKS",
    "FeatureNetwork",
    "PerceptualNetwork",
    "convert_torchvision",
    "gray_unet",
    "inception_features",
    "interpolate_networks",
    "projection_head",
    "rescaled_edsr",
    "rrdb_from_ncnn",
    "squeezenet_features",
    "style_decoder",
    "transfer_unet",
    "unet_features",
    "vgg16_features",
    "vgg19_features",
    "vsrnet_from_srcnn",
    "with_text",
}


def test_no_network_is_left_out():
    assert {name for name, _ in VARIANTS} | OTHERS == set(networks.__all__)


# In `make test-all`, which installs JAX; PyTorch where it is installed.
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_weights_predict_the_same_on_other_backends(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    rng = np.random.default_rng(0)
    for index, (name, arguments) in enumerate(cases()):
        network = getattr(networks, name)(**arguments)
        data = [
            np.array([1, 2, 0, 3])
            if len(each.shape) == 1
            else rng.integers(0, 4, (4, *each.shape[1:]))
            if "int" in each.dtype
            else rng.uniform(size=(4, *(side or 9 for side in each.shape[1:])))
            for each in network.inputs
        ]
        packed = keras.tree.pack_sequence_as(network.input, data)
        outputs = keras.tree.flatten(network(packed))
        np.savez(tmp_path / f"{index}.npz", *data, np.concatenate(outputs))
        network.save_weights(tmp_path / f"{index}.weights.h5")
    (tmp_path / "cases").write_text(json.dumps(list(cases())))
    subprocess.run(
        [sys.executable, "-c", SCRIPT, backend, str(tmp_path)],
        check=True,
        env=os.environ | {"KERAS_BACKEND": backend},
    )

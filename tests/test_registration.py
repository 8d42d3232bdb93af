"""`import keras, keras_synth` registers what `.keras` files need."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

import keras_synth
from keras_synth import training

PACKAGE = pathlib.Path(keras_synth.__file__).parent
LOAD = """
import json, sys
import keras, keras_synth
import numpy as np
folder, names, files = sys.argv[1], *map(json.loads, sys.argv[2:])
for name in names:
    if keras.saving.get_registered_object(f"keras_synth>{name}") is None:
        print(name)
for name in files:
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    np.savez(f"{folder}/{name}.npz", *model.get_weights())
"""
LIGHT = """
import sys
import keras_synth
print(*sorted({"keras", "numpy", "tensorflow"} & set(sys.modules)))
import keras
from keras_synth import models
print(keras.saving.get_registered_object("keras_synth>VAE") is models.VAE)
"""


def run(code, *arguments):
    """What a Python process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def registered_names():
    """Classes and functions of the package that are decorated so."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for decorator in getattr(node, "decorator_list", ()):
                if "register_keras_serializable" in ast.unparse(decorator):
                    yield node.name


def test_import_after_keras_registers_every_class_and_models_load(tmp_path):
    vae = training.build_vae((8, 8, 1), 2, architecture="dense")
    vae.compile("adam")
    stylegan2 = training.build_stylegan2((16, 16, 1), 4, 4, 2, channel_max=2)
    training.compile_stylegan2(stylegan2, augmentation="adaptive")
    pix2pix = training.build_pix2pix(1, 1, width=2)
    training.compile_pix2pix(pix2pix)
    saved = {"vae": vae, "stylegan2": stylegan2, "pix2pix": pix2pix}
    for name, model in saved.items():
        model.save(tmp_path / f"{name}.keras")
    names = sorted(registered_names())
    assert {"VAE", "GaussianNoise", "R1", "PSNR", "BM3D"} <= set(names)
    assert run(LOAD, tmp_path, json.dumps(names), json.dumps([*saved])) == ""
    for name, model in saved.items():
        loaded = np.load(tmp_path / f"{name}.npz").values()
        for ours, theirs in zip(loaded, model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_import_alone_is_light_and_a_later_import_registers():
    assert run(LIGHT).splitlines() == ["", "True"]

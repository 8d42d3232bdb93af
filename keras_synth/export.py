"""Export: SavedModel with named endpoints, ONNX and LiteRT.

An exported model gives the same images as the trained one, and needs neither
keras_synth nor Keras. A SavedModel holds everything that a model is used for,
one endpoint each; ONNX and LiteRT hold one function: of a VAE or GAN the image
decoder, from latents to images, of other models what their `call` computes.

Endpoints of a SavedModel, called as `served.NAME(...)` on what
`tf.saved_model.load` returns. All numbers of images are free.

VAE
    - `encode(images)` → mean and log-variance of the latents
    - `decode(latents)` → images
    - `reconstruct(images)` → images
    - `sample(num_images)`, `sample_seeded(num_images, seed)` → images

GAN
    - `generate(latents)` → images
    - `discriminate(images)` → logits
    - `sample(num_images)`, `sample_seeded(num_images, seed)` → images

StyleGAN2: those of a GAN, and
    - `map_latents(latents, truncation)` → styles w
    - `synthesize(styles)` → images, from styles w+, one for each layer

FlowMatching
    - `generate(latents)` → images, with the model's sampler and guidance
    - `encode(images)` → latents
    - `sample(num_images)`, `sample_seeded(num_images, seed)` → images

RestorationGAN
    - `restore(images)` or, for inpainting, `restore(images, masks)` → images

CycleGAN
    - `a_to_b(images)`, `b_to_a(images)` → images

CUT
    - `translate(images)` → images

AdaINTransfer
    - `stylize(content, style)`, `stylize_partly(content, style, alpha)` →
      images

Networks, such as those of `presets`
    - `serve(inputs)`, the network's call

BM3D
    - `restore(images)` for gray and `restore_color(images)` for color images

Images are float32 (batch, height, width, channels) in [0, 1], masks float32
(batch, height, width, 1) with 1 where a pixel is missing, latents float32
(batch, latent_dim), and numbers and seeds int32 scalars. A class-conditional
model takes `labels`, int32 (batch,), as well: after images, latents, or
num_images and seed, and before truncation. Of another condition (see
`models.conditions`) they are vectors, token ids or `(tokens, mask)`. `sample`
draws new latents with each call, `sample_seeded` the same latents for the same
seed.
"""

import importlib.util
import pathlib
import warnings

import keras
import tensorflow as tf
from keras import ops

from keras_synth.io import folder_written_whole, written_whole
from keras_synth.layers.nested import network_input

# What Keras and TensorFlow write into the folder of a SavedModel.
_SAVED_MODEL = {
    "assets",
    "fingerprint.pb",
    "keras_metadata.pb",
    "saved_model.pb",
    "variables",
}

# tf2onnx 1.17 leaves an axis too many in one U-Net of 30, and not when the same
# network is converted again.
_ATTEMPTS = 5


def export_saved_model(model, directory):
    """Exports a model as a SavedModel with named endpoints.

    The endpoints are listed at the top of `keras_synth.export`. The SavedModel
    needs TensorFlow alone:

        served = tf.saved_model.load(directory)
        images = served.sample_seeded(16, 7)

    Args:
        model: A network, a functional `keras.Model`; or a model with a method
            `export_endpoints`, which returns a dict, name → (function, input
            signature). All models of `keras_synth.models` that have weights
            have it, but `PrivateNetwork`, whose `network` is exported; and
            `restoration.BM3D`.
        directory: Path of the folder to write, whole or not at all. A
            SavedModel that it holds is replaced.

    Returns:
        The directory, a `pathlib.Path`.

    Raises:
        OSError: The folder cannot be written.
        TypeError: The model is no network, and has no method
            `export_endpoints`.
        ValueError: The folder holds files that belong to no SavedModel.
    """
    if hasattr(model, "export_endpoints"):
        endpoints = model.export_endpoints()
    else:
        _check_exportable(model)
        specs = keras.tree.map_structure(_spec, network_input(model))
        endpoints = {"serve": (model, [specs])}
    directory = pathlib.Path(directory)
    check_saved_model_folder(directory)
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, signature) in endpoints.items():
        archive.add_endpoint(name, function, input_signature=signature)
    with folder_written_whole(directory) as unfinished:
        archive.write_out(str(unfinished), verbose=False)
    return directory


def check_saved_model_folder(directory):
    """Refuses to replace a folder that holds more than a SavedModel.

    Args:
        directory: Path of the folder, which may be missing.

    Raises:
        NotADirectoryError: The path is that of a file.
        ValueError: The folder holds other files.
    """
    directory = pathlib.Path(directory)
    if not directory.exists():
        return
    others = sorted({f.name for f in directory.iterdir()} - _SAVED_MODEL)
    if others:
        raise ValueError(
            f"{directory} holds files that belong to no SavedModel "
            f"({', '.join(others[:3])}): give a folder of its own."
        )


def export_onnx(model, path):
    """Exports a network, a restorer or the decoder of a generator as ONNX.

    The decoder of a VAE or GAN takes latents, float32 (batch, latent_dim), and
    for a class-conditional model labels, int32 (batch,). It returns images in
    [0, 1]. Of other models the call is exported.

    Args:
        model: A `keras.Model`: a network, or one of `keras_synth.models` that
            has weights.
        path: Path of the file to write, `.onnx`.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ImportError: The packages of the extra `export` are missing.
        TypeError: The model is of another kind.
        ValueError: ONNX has no operation for one of the model's.
    """
    _check_installed("onnx", "tf2onnx")
    return _export_call(model, path, "onnx")


def export_litert(model, path):
    """Exports a model for LiteRT (TensorFlow Lite), as `export_onnx` does.

    Args:
        model: As in `export_onnx`.
        path: Path of the file to write, `.tflite`.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        TypeError: The model is of another kind.
        ValueError: LiteRT has no operation for one of the model's, such as
            the antialiased resizing of the classifiers.
    """
    return _export_call(model, path, "litert")


def _export_call(model, path, format):
    network = model
    if hasattr(model, "image_decoder"):
        network = model.image_decoder()
    elif not hasattr(model, "export_endpoints"):
        _check_exportable(model)
    if getattr(network, "inputs", None):
        # Keras refuses to export a network that was never called.
        network(keras.tree.map_structure(_zeros, network_input(network)))
    path = pathlib.Path(path)
    with written_whole(path) as unfinished, warnings.catch_warnings():
        # Keras' converter asks NumPy for a name that is gone.
        warnings.filterwarnings("ignore", "In the future `np", FutureWarning)
        try:
            for attempt in range(_ATTEMPTS):
                network.export(str(unfinished), format=format, verbose=False)
                if format != "onnx" or _is_sound(network, unfinished):
                    break
                if attempt == _ATTEMPTS - 1:
                    raise ValueError("its outputs have other dimensions")
        except OSError:
            raise
        except Exception as error:
            # The converters have errors of many kinds, and of many lines.
            raise ValueError(
                f"{model.name!r} cannot be exported as {format}, which may "
                "have no operation for one of its: export a SavedModel, which "
                f"has all. Received: {type(error).__name__}: "
                f"{str(error)[:200]}"
            ) from error
    return path


def _is_sound(network, path):
    """Whether an ONNX file has the outputs' dimensions; refuses bad operations.

    An operation that ONNX has not is only logged by the converter.
    """
    onnx = importlib.import_module("onnx")
    onnx.checker.check_model(str(path))
    if not getattr(network, "outputs", None):
        return True
    made = onnx.load(str(path)).graph.output
    return [len(each.type.tensor_type.shape.dim) for each in made] == [
        len(each.shape) for each in network.outputs
    ]


def _check_exportable(model):
    """Refuses what is no network."""
    if not getattr(model, "built", False) or not getattr(model, "inputs", None):
        raise TypeError(
            "`model` must be a functional `keras.Model`, or a model with a "
            f"method `export_endpoints`. Received: a {type(model).__name__}"
        )


def _zeros(tensor):
    """Zeros like a symbolic tensor, of 64 where it leaves a side open."""
    _, *sides = tensor.shape
    return ops.zeros([1, *(side or 64 for side in sides)], tensor.dtype)


def _spec(tensor):
    """The `tf.TensorSpec` of a symbolic tensor."""
    return tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name)


def _check_installed(*modules):
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    if missing:
        raise ImportError(
            f"This export needs {' and '.join(missing)}: "
            "pip install 'keras_synth[export]'"
        )

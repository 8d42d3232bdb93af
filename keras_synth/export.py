"""Export: SavedModel with named endpoints, ONNX and LiteRT.

An exported model gives the same images as the trained one, and needs neither
keras_synth nor Keras. A SavedModel holds everything that a model is used for,
one endpoint each; ONNX and LiteRT hold the image decoder alone, from latents
to images. A plain network needs none of this: `network.export(directory)`.

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

RestorationGAN
    - `restore(images)` or, for inpainting, `restore(images, masks)` → images

AdaINTransfer
    - `stylize(content, style)`, `stylize_partly(content, style, alpha)` →
      images

BM3D
    - `restore(images)` for gray and `restore_color(images)` for color images

Images are float32 (batch, height, width, channels) in [0, 1], masks float32
(batch, height, width, 1) with 1 where a pixel is missing, latents float32
(batch, latent_dim), and numbers and seeds int32 scalars. A class-conditional
model takes `labels`, int32 (batch,), as well: after images, latents, or
num_images and seed, and before truncation. `sample` draws new latents with
each call, `sample_seeded` the same latents for the same seed.
"""

import importlib.util
import pathlib

import keras
from keras import ops

from keras_synth.io import folder_written_whole, written_whole

# What Keras and TensorFlow write into the folder of a SavedModel.
_SAVED_MODEL = {
    "assets",
    "fingerprint.pb",
    "keras_metadata.pb",
    "saved_model.pb",
    "variables",
}


def export_saved_model(model, directory):
    """Exports a model as a SavedModel with named endpoints.

    The endpoints are listed at the top of `keras_synth.export`. The SavedModel
    needs TensorFlow alone:

        served = tf.saved_model.load(directory)
        images = served.sample_seeded(16, 7)

    Args:
        model: A model with a method `export_endpoints`, which returns a dict,
            name → (function, input signature). All models of
            `keras_synth.models` that have weights, and `restoration.BM3D`,
            have it.
        directory: Path of the folder to write, whole or not at all. A
            SavedModel that it holds is replaced.

    Returns:
        The directory, a `pathlib.Path`.

    Raises:
        OSError: The folder cannot be written.
        TypeError: The model has no method `export_endpoints`.
        ValueError: The folder holds files that belong to no SavedModel.
    """
    if not hasattr(model, "export_endpoints"):
        raise TypeError(
            "`model` must have a method `export_endpoints`; a network is "
            f"exported by `network.export(directory)`. Received: {model!r}"
        )
    directory = pathlib.Path(directory)
    check_saved_model_folder(directory)
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, signature) in model.export_endpoints().items():
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
    """Exports the image decoder of a VAE or GAN as ONNX.

    The ONNX model takes latents, float32 (batch, latent_dim), and for a
    class-conditional model labels, int32 (batch,). It returns images in
    [0, 1].

    Args:
        model: A model with a method `image_decoder`: a `models.VAE` or a
            `models.GAN`.
        path: Path of the file to write, `.onnx`.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ImportError: The packages of the extra `export` are missing.
        TypeError: The model has no method `image_decoder`.
    """
    _check_installed("onnx", "tf2onnx")
    return _export_decoder(model, path, "onnx")


def export_litert(model, path):
    """Exports the image decoder of a VAE or GAN for LiteRT (TensorFlow Lite).

    The LiteRT model takes latents, float32 (batch, latent_dim), and for a
    class-conditional model labels, int32 (batch,). It returns images in
    [0, 1].

    Args:
        model: A model with a method `image_decoder`: a `models.VAE` or a
            `models.GAN`.
        path: Path of the file to write, `.tflite`.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        TypeError: The model has no method `image_decoder`.
    """
    return _export_decoder(model, path, "litert")


def _export_decoder(model, path, format):
    if not hasattr(model, "image_decoder"):
        raise TypeError(
            "`model` must have a method `image_decoder`, as a VAE and a GAN "
            f"have. Received: {model!r}"
        )
    network = model.image_decoder()
    path = pathlib.Path(path)
    # Keras refuses to export a network that was never called.
    network([ops.zeros((1, *i.shape[1:]), i.dtype) for i in network.inputs])
    with written_whole(path) as unfinished:
        network.export(str(unfinished), format=format, verbose=False)
    return path


def _check_installed(*modules):
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    if missing:
        raise ImportError(
            f"This export needs {' and '.join(missing)}: "
            "pip install 'keras_synth[export]'"
        )

"""Trained models for use elsewhere: SavedModel, ONNX, LiteRT."""

import pathlib

import keras
from keras import ops


def export_saved_model(model, directory):
    """One SavedModel with an endpoint for each use of the model.

    It needs TensorFlow alone, neither Keras nor keras_synth:

        served = tf.saved_model.load(directory)
        images = served.sample_seeded(16, 7)

    Args:
        model: a model with `export_endpoints()` (every model of
            `keras_synth.models`), which says what they are.
        directory: where the SavedModel goes.

    Returns:
        The directory, a `pathlib.Path`.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, signature) in model.export_endpoints().items():
        archive.add_endpoint(name, function, input_signature=signature)
    archive.write_out(str(directory), verbose=False)
    return directory


def export_onnx(model, path):
    """The image decoder as ONNX, from latents to images in [0, 1].

    Args:
        model: a model with `image_decoder()`.
        path: file to write.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ImportError: without the extra `export`.
    """
    _need("onnx", "tf2onnx")
    return _export_network(model.image_decoder(), path, "onnx")


def export_litert(model, path):
    """The image decoder for LiteRT (once TensorFlow Lite).

    Args:
        model: a model with `image_decoder()`.
        path: file to write, usually `.tflite`.

    Returns:
        The path, a `pathlib.Path`.
    """
    return _export_network(model.image_decoder(), path, "litert")


def _export_network(network, path, form):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Keras refuses to export a network that was never called.
    network([ops.zeros((1, *i.shape[1:]), i.dtype) for i in network.inputs])
    network.export(str(path), format=form, verbose=False)
    return path


def _need(*modules):
    import importlib.util

    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    if missing:
        raise ImportError(
            f"This export needs {' and '.join(missing)}: "
            "pip install 'keras_synth[export]'"
        )

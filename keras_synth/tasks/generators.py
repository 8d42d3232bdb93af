"""Images, styles and scores that the editing tasks share."""

import dataclasses
import pathlib

import keras
import numpy as np

from keras_synth import editing, models
from keras_synth.io import (
    Provenance,
    center_crop,
    image_files,
    image_grid,
    read_image,
    write_image,
)
from keras_synth.io.images import on_white, split_alpha, to_channels
from keras_synth.models.style_transfer.canvas import resized_to
from keras_synth.ops.numbers import is_int
from keras_synth.tasks.arguments import check_taken
from keras_synth.tasks.loading import load_model_or_preset

#: Generators whose images come from one pass of a network. A flow has its own
#: way back, `FlowMatching.encode`.
OF_ONE_PASS = (models.StyleGAN2, models.GAN, models.VAE)


@dataclasses.dataclass(frozen=True)
class Edited:
    """Result of an edit.

    Attributes:
        target: Path of the file, or the folder, that was written.
        image: Path of the image to look at, or None.
        notes: What was measured, in words.
    """

    target: pathlib.Path
    image: pathlib.Path | None = None
    notes: tuple[str, ...] = ()


def repeated_labels(labels, count):
    """Classes of `count` images: a list, repeated until there are enough.

    Args:
        labels: List of ints, or None.
        count: Number of images.

    Returns:
        List of `count` ints, or None.

    Raises:
        ValueError: The list is empty.
    """
    if labels is None:
        return None
    if not len(labels):
        raise ValueError("`labels` must hold a class. Received: none")
    return [labels[index % len(labels)] for index in range(count)]


def check_random(function, arguments):
    """Refuses what is for random images where a file of styles is given.

    Args:
        function: The task.
        arguments: Its arguments, `{name: value}`.

    Raises:
        ValueError: `num_images` or `seed` would be ignored.
    """
    styles = arguments["styles"]
    if styles is not None:
        names = ("num_images", "seed")
        check_taken(function, arguments, names, "random images", styles=styles)


def projection_of(generator, path, num_images, seed, labels=None):
    """The projection of a file, or random images.

    Args:
        generator: A generator.
        path: Path of an `.npz` file of `edit_project`, or None.
        num_images: Number of random images.
        seed: Seed of their latents.
        labels: List of their classes, see `repeated_labels`, or None.

    Returns:
        An `editing.Projection`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file or the labels do not fit the generator.
    """
    if path is not None:
        if labels is not None:
            raise ValueError(
                f"{path} holds the labels of its images: `labels` are those of "
                f"random ones. Received: labels={labels}"
            )
        return editing.load_projection(path, generator)
    if not is_int(num_images) or num_images < 1:
        raise ValueError(
            "`num_images` must be a positive int. "
            f"Received: num_images={num_images!r}"
        )
    labels = repeated_labels(labels, num_images)
    vectors = editing.sample_vectors(generator, num_images, seed, labels)
    return editing.as_projection(generator, vectors, labels=labels)


def write_generated(path, image, model):
    """Writes an image that says that it is generated, and by which model.

    Args:
        path: Path of the file.
        image: Array (height, width, channels).
        model: Path of the model, or name of a preset.

    Returns:
        The path, a `pathlib.Path`.
    """
    provenance = Provenance("generated", pathlib.Path(model).name)
    return write_image(path, image, provenance=provenance)


def rows_of(columns):
    """Grid image of columns, a list of images (n, height, width, channels)."""
    rows = np.stack(columns, axis=1)
    return image_grid(rows.reshape(-1, *rows.shape[2:]), columns=len(columns))


def read_images(source, shape):
    """The images of a file or a folder, in the shape of a model's.

    Args:
        source: Path of an image file, or of a folder.
        shape: (height, width, channels).

    Returns:
        float32 (n, height, width, channels).
    """
    files = image_files(source)
    return np.stack([fitted(read_image(file), shape) for file in files])


def fitted(image, shape):
    """An image cropped to the proportions of a shape, and resized.

    Args:
        image: (height, width, channels), uint8 or floats in [0, 1];
            transparent images are put on white.
        shape: (height, width, channels).

    Returns:
        float32 image of that shape.
    """
    if image.dtype == np.uint8:
        image = image / np.float32(255.0)
    image = to_channels(on_white(*split_alpha(image)), shape[-1])
    height, width = image.shape[:2]
    scale = min(height / shape[0], width / shape[1])
    sides = [max(round(scale * side), 1) for side in shape[:2]]
    cropped = center_crop(image, *sides)
    return np.asarray(resized_to(cropped[None], shape[:2]))[0]


def scorer_of(classifier, classes, shape):
    """Function from images to scores (batch,).

    Args:
        classifier: "brightness", name of a preset, or path of a `.keras`
            file with a network from images to probabilities.
        classes: Classes whose probabilities are summed up.
        shape: (height, width, channels) of the images.

    Returns:
        A function.

    Raises:
        ValueError: Nothing gives scores, there are no such classes, or the
            network takes other images.
    """
    if classifier is None:
        raise ValueError(
            "`classifier` must say what gives the scores: brightness, a preset "
            "or a .keras file. Received: none"
        )
    if classifier == "brightness":
        if classes is not None:
            raise ValueError(
                "Brightness has no classes: leave out `classes`. "
                f"Received: classes={classes}"
            )
        return lambda images: images.mean(axis=(1, 2, 3))
    network = load_model_or_preset(classifier, keras.Model)
    scores = getattr(network, "output_shape", None)
    if not isinstance(scores, tuple) or len(scores) != 2:
        raise ValueError(
            f"{classifier} gives no probabilities (batch, classes): it cannot "
            "score images."
        )
    taken = network.input_shape[1:]
    if len(taken) != 3 or any(
        want not in (None, side)
        for want, side in zip(taken, shape, strict=True)
    ):
        raise ValueError(
            f"{classifier} takes images of shape {tuple(taken)}: it cannot "
            f"score those of the generator, {tuple(shape)}."
        )
    if not classes or not all(0 <= each < scores[1] for each in classes):
        raise ValueError(
            f"`classes` must be of 0 to {scores[1] - 1}. Received: {classes}"
        )
    return lambda images: np.asarray(network(images))[:, classes].sum(axis=1)

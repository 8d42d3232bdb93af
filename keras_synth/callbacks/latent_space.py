"""Latent space: manifold of two latents, files for TensorBoard's projector."""

import pathlib
from statistics import NormalDist

import numpy as np

from keras_synth.callbacks.labels import check_labels
from keras_synth.callbacks.shown_images import ShownImages
from keras_synth.io import (
    image_grid,
    write_image,
    write_whole,
    written_whole,
)
from keras_synth.models.checks import check_count

_LARGEST_SPRITE = 8192  # largest side of a sprite for the projector, in pixels


class LatentManifold(ShownImages):
    """Writes the latent manifold of a model with two latents.

    The grid shows the decoded images of latents that divide the prior into
    parts of equal probability: `z = Φ⁻¹((i + ½) / n)` on each axis, with Φ
    the normal distribution function.

    Args:
        directory: Folder for `manifold_epoch_0001.png`.
        num_images: Number of images along each side of the grid.
        label: Class to decode, an int, for a class-conditional model.
        interval: Number of epochs from one grid to the next.

    Raises:
        TypeError: When training begins: a model without latents.
        ValueError: `interval` or `num_images` is not a positive int; when
            training begins, a model whose `latent_dim` is not 2, a
            class-conditional model without `label`, or a class that it does
            not have.

    Reference: Kingma & Welling, Auto-Encoding Variational Bayes, 2014,
    figure 4.
    """

    METHODS = ("latent_dim",)

    def __init__(self, directory, num_images=20, label=None, interval=1):
        super().__init__(directory, interval)
        check_count("num_images", num_images)
        self.num_images = num_images
        self.label = label

    def on_train_begin(self, logs=None):
        _check_two_latents(self.model)
        if getattr(self.model, "requires_labels", False) and self.label is None:
            raise ValueError(
                "This model is class-conditional: give LatentManifold the "
                "class to draw, `label=...`."
            )
        check_labels(self.model, self.label, 1)
        super().on_train_begin(logs)

    def grids(self):
        grid = latent_manifold(self.model, self.num_images, self.label)
        return {"manifold": grid}


def latent_manifold(model, num_images=20, label=None):
    """Grid of decoded images over two latents, see `LatentManifold`.

    Args:
        model: A model with a method `decode` or `generate`, and `latent_dim`
            2, such as a `models.VAE` or a `models.GAN`.
        num_images: Number of images along each side of the grid.
        label: Class to decode, an int, for a class-conditional model.

    Returns:
        float32 (grid height, grid width, channels). The first latent
        increases to the right, the second upwards.

    Raises:
        ValueError: `latent_dim` of the model is not 2, or `num_images` is not
            a positive int.
    """
    _check_two_latents(model)
    check_count("num_images", num_images)
    normal = NormalDist()
    quantiles = [
        normal.inv_cdf((i + 0.5) / num_images) for i in range(num_images)
    ]
    latents = np.array(
        [(x, y) for y in reversed(quantiles) for x in quantiles], "float32"
    )
    labels = () if label is None else (np.full(len(latents), label),)
    decode = getattr(model, "decode", None) or model.generate
    images = decode(latents, *labels)
    return image_grid(images, columns=num_images, padding=0)


def _check_two_latents(model):
    if model.latent_dim != 2:
        raise ValueError(
            "The latent manifold needs a model with `latent_dim=2`. "
            f"Received: a model with latent_dim={model.latent_dim}"
        )


def write_projector(directory, model, images, labels=None, class_names=()):
    """Writes a latent space for TensorBoard's embedding projector.

    It writes four files: posterior means (`latents.tsv`), labels
    (`labels.tsv`), a sprite of the images (`sprite.png`), and
    `projector_config.pbtxt`, which names the others. Open it with
    `tensorboard --logdir DIRECTORY`, tab "Projector".

    Args:
        directory: Log folder of TensorBoard, or the folder of a run directly
            below it. TensorBoard finds the configuration only there.
        model: A model with a method `encode`, such as `models.VAE`.
        images: Images (n, height, width, channels) in [0, 1].
        labels: Classes of the images, int (n,), or None.
        class_names: Names of the classes. Without them the ints are shown.

    Returns:
        Path of the configuration, a `pathlib.Path`.

    Raises:
        ValueError: The sprite would be larger than TensorBoard shows, or
            there are other numbers of labels or of their names.
    """
    directory = pathlib.Path(directory)
    count, height, width, _ = np.shape(images)
    side = int(np.ceil(np.sqrt(count)))
    if side * max(height, width) > _LARGEST_SPRITE:
        most = (_LARGEST_SPRITE // max(height, width)) ** 2
        raise ValueError(
            f"TensorBoard shows at most {most} images of {height}x{width} "
            f"in its projector. Received: {count}"
        )
    if labels is not None:
        names = _names(labels, count, class_names)
    arguments = (images,)
    if getattr(model, "conditional", False):
        arguments = (images, labels)
    mean, _ = model.encode(*arguments)
    directory.mkdir(parents=True, exist_ok=True)
    with written_whole(directory / "latents.tsv") as unfinished:
        np.savetxt(unfinished, np.asarray(mean), delimiter="\t")
    sprite = image_grid(images, columns=side, padding=0)
    write_image(directory / "sprite.png", sprite)
    lines = [
        "embeddings {",
        '  tensor_name: "latents"',
        '  tensor_path: "latents.tsv"',
    ]
    if labels is not None:
        write_whole(directory / "labels.tsv", _lines(names))
        lines.append('  metadata_path: "labels.tsv"')
    lines += [
        "  sprite {",
        '    image_path: "sprite.png"',
        f"    single_image_dim: {width}",
        f"    single_image_dim: {height}",
        "  }",
        "}",
    ]
    config = directory / "projector_config.pbtxt"
    write_whole(config, _lines(lines))
    return config


def _names(labels, count, class_names):
    """The name of each image's class, in one line."""
    labels = np.asarray(labels)
    if labels.shape != (count,):
        raise ValueError(
            f"`labels` must be of shape ({count},), one for each image. "
            f"Received: shape {labels.shape}"
        )
    if not len(class_names):
        return [str(label) for label in labels]
    if count and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise ValueError(
            "`class_names` must hold a name for each class. Received: "
            f"{len(class_names)} names for classes from {labels.min()} to "
            f"{labels.max()}"
        )
    return [" ".join(str(class_names[label]).split()) for label in labels]


def _lines(texts):
    return "".join(f"{text}\n" for text in texts).encode()

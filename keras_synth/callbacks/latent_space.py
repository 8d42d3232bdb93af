"""Images of a latent space: its plane, and where images lie in it."""

import pathlib
from statistics import NormalDist

import numpy as np

from keras_synth.callbacks.shown_images import ShownImages
from keras_synth.io import image_grid, write_image

_LARGEST_SPRITE = 8192  # pixels a side that TensorBoard's projector takes


class LatentManifold(ShownImages):
    """Draws the plane that a model with two latents has learned.

    The file shows `decode` on a square grid of latents that cuts the prior
    into parts of equal probability: `z = Φ⁻¹((i + ½) / n)`, Φ the normal
    distribution function.

    Args:
        directory: where `manifold_epoch_0001.png` goes.
        num_images: images a side.
        label: class to draw, for a class-conditional model.
        every: epochs between images.

    Reference: Kingma & Welling, Auto-Encoding Variational Bayes, 2014,
    figure 4.
    """

    def __init__(self, directory, num_images=20, label=None, every=1):
        super().__init__(directory, every)
        self.num_images = num_images
        self.label = label

    def on_train_begin(self, logs=None):
        _check_two_latents(self.model)
        if getattr(self.model, "conditional", False) and self.label is None:
            raise ValueError(
                "This model is class-conditional: give LatentManifold the "
                "class to draw, `label=...`."
            )
        super().on_train_begin(logs)

    def grids(self):
        grid = latent_manifold(self.model, self.num_images, self.label)
        return {"manifold": grid}


def latent_manifold(model, num_images=20, label=None):
    """The image that `LatentManifold` writes.

    Args:
        model: a model with `decode` and `latent_dim` 2.
        num_images: images a side.
        label: class to draw, for a class-conditional model.

    Returns:
        float32 (grid height, grid width, channels): the first latent grows
        to the right, the second upwards.
    """
    _check_two_latents(model)
    normal = NormalDist()
    quantiles = [
        normal.inv_cdf((i + 0.5) / num_images) for i in range(num_images)
    ]
    latents = np.array(
        [(x, y) for y in reversed(quantiles) for x in quantiles], "float32"
    )
    labels = () if label is None else (np.full(len(latents), label),)
    images = model.decode(latents, *labels)
    return image_grid(images, columns=num_images, padding=0)


def _check_two_latents(model):
    if model.latent_dim != 2:
        raise ValueError(
            "The plane can be drawn for `latent_dim=2` only. Received a "
            f"model with latent_dim={model.latent_dim}"
        )


def write_projector(directory, model, images, labels=None, class_names=()):
    """Writes what TensorBoard's projector needs to show a latent space.

    Four files: posterior means (`latents.tsv`), labels (`labels.tsv`), a
    sprite of the images, and `projector_config.pbtxt`, which names them.
    Look with `tensorboard --logdir DIRECTORY`, tab "Projector".

    Args:
        directory: the log folder that TensorBoard is started with, or one
            of its runs: it looks nowhere else.
        model: a model with `encode`.
        images: (n, height, width, channels), in [0, 1].
        labels: int (n,), or None.
        class_names: names to show instead of the ints.

    Returns:
        The path of the configuration.

    Raises:
        ValueError: the sprite would be larger than TensorBoard shows.
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
    arguments = (images,)
    if getattr(model, "conditional", False):
        arguments = (images, labels)
    mean, _ = model.encode(*arguments)
    directory.mkdir(parents=True, exist_ok=True)
    np.savetxt(directory / "latents.tsv", np.asarray(mean), delimiter="\t")
    sprite = image_grid(images, columns=side, padding=0)
    write_image(directory / "sprite.png", sprite)
    lines = [
        "embeddings {",
        '  tensor_name: "latents"',
        '  tensor_path: "latents.tsv"',
    ]
    if labels is not None:
        names = [
            class_names[label] if len(class_names) else str(label)
            for label in np.asarray(labels)
        ]
        (directory / "labels.tsv").write_text("\n".join(names) + "\n")
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
    config.write_text("\n".join(lines) + "\n")
    return config

"""A VAE on images: train it, and the demo."""

import pathlib

import keras
import numpy as np

from keras_synth import callbacks, datasets, losses, models, networks
from keras_synth.export import export_saved_model
from keras_synth.io import image_grid, write_image
from keras_synth.training.folder import (
    fit_in_folder,
    grid_of_samples,
    open_images,
)


def build_vae(
    image_shape,
    latent_dim=16,
    likelihood="bernoulli",
    architecture="conv",
    num_classes=None,
    seed=0,
    **options,
):
    """A VAE with encoder, decoder and likelihood that fit each other.

    Args:
        image_shape: (height, width, channels).
        latent_dim: dimension of the latents.
        likelihood: "bernoulli", "gaussian" (standard deviation 0.1),
            "learned_gaussian" or "discretized_logistic".
        architecture: "conv" or "dense".
        num_classes: None, or the number of classes of a conditional one.
        seed: of the sampling.
        **options: further arguments of `VAE` (`beta`, `free_bits`,
            `num_importance_samples`).

    Returns:
        A `models.VAE`, not compiled.
    """
    likelihoods = {
        "bernoulli": losses.Bernoulli,
        "gaussian": losses.Gaussian,
        "learned_gaussian": lambda: losses.Gaussian(None),
        "discretized_logistic": losses.DiscretizedLogistic,
    }
    builders = {
        "conv": (networks.conv_encoder, networks.conv_decoder),
        "dense": (networks.dense_encoder, networks.dense_decoder),
    }
    if likelihood not in likelihoods or architecture not in builders:
        raise ValueError(
            f"`likelihood` must be one of {', '.join(likelihoods)}, "
            f"`architecture` one of {', '.join(builders)}. Received: "
            f"likelihood={likelihood!r}, architecture={architecture!r}"
        )
    chosen = likelihoods[likelihood]()
    encoder, decoder = builders[architecture]
    return models.VAE(
        encoder(image_shape, latent_dim, num_classes=num_classes),
        decoder(
            image_shape,
            latent_dim,
            parameters_per_channel=chosen.parameters_per_channel,
            num_classes=num_classes,
        ),
        likelihood=chosen,
        seed=seed,
        **options,
    )


def train_vae(
    data="digits",
    output="runs/vae",
    *,
    image_size=None,
    data_dir=None,
    manual_dir=None,
    channels=3,
    unreadable="raise",
    cache=True,
    epochs=40,
    batch_size=32,
    learning_rate=2e-3,
    latent_dim=16,
    likelihood="bernoulli",
    architecture="conv",
    conditional=False,
    beta=1.0,
    free_bits=0.0,
    num_importance_samples=1,
    warmup_epochs=0,
    resume=False,
    seed=0,
    verbose="auto",
):
    """Trains a VAE and leaves the model, images and a log in a folder.

    Args:
        data: name of a source, or a folder of images.
        output: folder for `vae.keras`, `history.json` (logs of the epochs of
            this run), `images/`, `log/` (TensorBoard) and `backup/` (the last
            finished epoch).
        image_size: int or (height, width), divisible by 4 for "conv"; the
            source's own by default.
        data_dir: see `datasets.load_source`.
        manual_dir: see `datasets.load_source`.
        channels: of a folder, see `datasets.image_folder`.
        unreadable: of a folder, see `datasets.image_folder`.
        cache: see `datasets.synthesis_pipeline`; a file name for sets larger
            than memory.
        epochs: passes over the data.
        batch_size: images a step.
        learning_rate: of Adam, falling to 0 along a cosine.
        latent_dim: dimension of the latents.
        likelihood: see `build_vae`.
        architecture: see `build_vae`.
        conditional: whether the model is told the class of each image.
        beta: see `VAE`.
        free_bits: see `VAE`.
        num_importance_samples: see `VAE`.
        warmup_epochs: length of a linear KL warm-up.
        resume: go on from the last finished epoch in `output/backup`, with
            the same arguments as before.
        seed: of everything random.
        verbose: as in `fit`.

    Returns:
        The trained `models.VAE`.
    """
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1. Received: {epochs}")
    keras.utils.set_random_seed(seed)
    if warmup_epochs < 0 or (warmup_epochs and num_importance_samples > 1):
        raise ValueError(
            "`warmup_epochs` must be at least 0, and 0 with importance "
            "samples, whose bound has no KL term to warm up. Received: "
            f"warmup_epochs={warmup_epochs}, "
            f"num_importance_samples={num_importance_samples}"
        )
    source, images, image_shape = open_images(
        data,
        image_size,
        data_dir=data_dir,
        manual_dir=manual_dir,
        channels=channels,
        unreadable=unreadable,
        cache=cache,
        batch_size=batch_size,
        labels=conditional,
        seed=seed,
    )
    model = build_vae(
        image_shape,
        latent_dim,
        likelihood,
        architecture,
        len(source.class_names) if conditional else None,
        seed,
        beta=beta,
        free_bits=free_bits,
        num_importance_samples=num_importance_samples,
    )
    steps = len(images) * epochs
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        )
    )
    watchers = _watchers(model, source, image_size, output)
    if warmup_epochs:
        watchers.append(callbacks.KLWarmup(len(images) * warmup_epochs))
    fit_in_folder(
        model,
        images,
        output,
        "vae",
        epochs=epochs,
        watchers=watchers,
        resume=resume,
        verbose=verbose,
    )
    return model


def _watchers(model, source, image_size, output):
    """Grids of samples and reconstructions; of the plane, where it is one."""
    shown = datasets.synthesis_pipeline(
        source,
        image_size,
        batch_size=min(30, source.num_images),
        training=False,
        labels=model.conditional,
        cache=False,
    )
    images, labels = next(iter(shown)), None
    if model.conditional:
        images, labels = images
    watchers = [
        grid_of_samples(
            model,
            output,
            len(source.class_names),
            images=images,
            image_labels=labels,
        )
    ]
    if model.latent_dim == 2:
        label = 0 if model.conditional else None
        folder = pathlib.Path(output) / "images"
        watchers.append(callbacks.LatentManifold(folder, 20, label))
    return watchers


def demo(output="runs/demo", epochs=40, seed=0, verbose="auto"):
    """Digits from nothing: trains a class-conditional VAE and shows it off.

    Takes a few minutes on two cores, downloads nothing.

    Args:
        output: folder for all that comes of it.
        epochs: passes over the 4,000 embedded training digits.
        seed: of everything random.
        verbose: as in `fit`.

    Returns:
        `{what: path}` of the files and folders written.
    """
    output = pathlib.Path(output)
    model = train_vae(
        "digits",
        output,
        epochs=epochs,
        latent_dim=8,
        conditional=True,
        seed=seed,
        verbose=verbose,
    )
    images, labels = datasets.load_source("digits", "test").arrays()
    samples = model.sample(100, labels=np.arange(100) % 10, seed=seed)
    # From each digit to the next of its own class in the test split.
    strips = model.interpolate_images(images[:8], images[10:18], 10, labels[:8])
    strips = np.reshape(strips, (-1, *model.image_shape))
    paths = {
        "samples": write_image(
            output / "samples.png", image_grid(samples, columns=10)
        ),
        "reconstructions": write_image(
            output / "reconstructions.png",
            callbacks.reconstruction_grid(model, images[:30], labels[:30]),
        ),
        "interpolation": write_image(
            output / "interpolation.png", image_grid(strips, columns=10)
        ),
        "model": output / "vae.keras",
        "SavedModel": export_saved_model(model, output / "saved_model"),
        "log": output / "log",
    }
    callbacks.write_projector(output / "log", model, images, labels)
    return paths

"""Variational autoencoders: build and train."""

import os
import pathlib
from typing import Literal

import keras

from keras_synth import callbacks, datasets, losses, models, networks
from keras_synth.training.folder import check_run, fit_generator, sample_grid
from keras_synth.training.private import finish, secret_seed
from keras_synth.training.seeds import keeps_random_state

#: Likelihoods of the pixels, by name.
LIKELIHOODS = {
    "bernoulli": losses.Bernoulli,
    "gaussian": losses.Gaussian,
    "learned_gaussian": lambda: losses.Gaussian(None),
    "discretized_logistic": losses.DiscretizedLogistic,
}
# name: (encoder, decoder)
ARCHITECTURES = {
    "conv": (networks.conv_encoder, networks.conv_decoder),
    "dense": (networks.dense_encoder, networks.dense_decoder),
}


def build_vae(
    image_shape: tuple[int, int, int],
    latent_dim: int = 16,
    likelihood: Literal[
        "bernoulli", "gaussian", "learned_gaussian", "discretized_logistic"
    ] = "bernoulli",
    architecture: Literal["conv", "dense"] = "conv",
    num_classes: int | None = None,
    seed: int | None = 0,
    *,
    beta: float = 1.0,
    free_bits: float = 0.0,
    num_importance_samples: int = 1,
    private: bool = False,
) -> models.VAE:
    """Builds a VAE whose encoder, decoder and likelihood fit each other.

    Args:
        image_shape: (height, width, channels) of the images.
        latent_dim: Dimension of the latents.
        likelihood: Likelihood of the pixels: "bernoulli", "gaussian" (of
            standard deviation 0.1), "learned_gaussian" or
            "discretized_logistic".
        architecture: Encoder and decoder: "conv" for convolutional networks,
            "dense" for fully connected ones.
        num_classes: Number of classes of a class-conditional VAE. None for
            one without classes.
        seed: Seed of the latents that are drawn.
        beta: Weight of the KL divergence. 1 gives the ELBO.
        free_bits: KL divergence in nats that each latent may have without a
            penalty.
        num_importance_samples: Latents drawn for each image. More than 1
            trains the bound of the importance-weighted autoencoder (IWAE).
        private: Whether it is trained with differential privacy: a
            `models.PrivateVAE`.

    Returns:
        A `models.VAE` that is not compiled.

    Raises:
        ValueError: Unknown names, or arguments out of range.
    """
    if likelihood not in LIKELIHOODS or architecture not in ARCHITECTURES:
        raise ValueError(
            f"`likelihood` must be one of {', '.join(LIKELIHOODS)}, "
            f"`architecture` one of {', '.join(ARCHITECTURES)}. Received: "
            f"likelihood={likelihood!r}, architecture={architecture!r}"
        )
    chosen = LIKELIHOODS[likelihood]()
    encoder, decoder = ARCHITECTURES[architecture]
    kind = models.PrivateVAE if private else models.VAE
    return kind(
        encoder(image_shape, latent_dim, num_classes=num_classes),
        decoder(
            image_shape,
            latent_dim,
            parameters_per_channel=chosen.parameters_per_channel,
            num_classes=num_classes,
        ),
        likelihood=chosen,
        seed=seed,
        beta=beta,
        free_bits=free_bits,
        num_importance_samples=num_importance_samples,
    )


@keeps_random_state
def train_vae(
    data: str | os.PathLike | datasets.Source = "digits",
    output: str | os.PathLike = "runs/vae",
    *,
    image_size: int | tuple[int, int] | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: Literal[1, 3] = 3,
    unreadable: Literal["raise", "skip"] = "raise",
    cache: bool | str | os.PathLike = True,
    epochs: int = 40,
    batch_size: int = 32,
    learning_rate: float = 2e-3,
    latent_dim: int = 16,
    likelihood: Literal[
        "bernoulli", "gaussian", "learned_gaussian", "discretized_logistic"
    ] = "bernoulli",
    architecture: Literal["conv", "dense"] = "conv",
    conditional: bool = False,
    beta: float = 1.0,
    free_bits: float = 0.0,
    num_importance_samples: int = 1,
    kl_warmup_epochs: int = 0,
    private_noise: float | None = None,
    private_clip: float = 1.0,
    private_delta: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.VAE:
    """Trains a variational autoencoder (VAE) on images.

    Args:
        data: Name of a data set (`keras-synth datasets` lists them), or path
            of a folder of images, with the folders below it. In Python also a
            `datasets.Source`.
        output: Folder for `vae.keras`, `history.json` (logs of all epochs),
            `images/`, `log/` (for TensorBoard) and `backup/` (the state after
            the last finished epoch).
        image_size: Side of the images, or (height, width), divisible by 4 for
            the architecture "conv". Images are resized to it. None keeps the
            size of the source.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of a named source, used
            instead of a download.
        channels: Channels that the images of a folder are converted to, 3
            for color or 1 for gray.
        unreadable: What to do with files of a folder that cannot be read:
            "raise" refuses the folder, "skip" leaves them out with a warning.
        cache: Where decoded images are kept: True in memory, False nowhere,
            or the beginning of a file name, for sets larger than memory.
        epochs: Passes over the data.
        batch_size: Images in a training step.
        learning_rate: Learning rate of Adam at the start. It falls to 0 along
            a cosine.
        latent_dim: Dimension of the latents. With 2, images of the whole
            latent plane are written too.
        likelihood: Likelihood of the pixels: "bernoulli", "gaussian" (of
            standard deviation 0.1), "learned_gaussian" or
            "discretized_logistic".
        architecture: Encoder and decoder: "conv" for convolutional networks,
            "dense" for fully connected ones.
        conditional: Whether the VAE is conditioned on the class of each image.
        beta: Weight of the KL divergence. 1 gives the ELBO.
        free_bits: KL divergence in nats that each latent may have without a
            penalty.
        num_importance_samples: Latents drawn for each image. More than 1
            trains the bound of the importance-weighted autoencoder (IWAE).
        kl_warmup_epochs: Epochs over which the weight of the KL divergence
            rises from 0 to `beta`. 0 for none.
        private_noise: Noise of training with differential privacy (DP-SGD),
            as a multiple of `private_clip`; 0.5 to 2 is common. Batches are
            then drawn by Poisson sampling, the budget ε is logged after each
            epoch, and `privacy.md` states it. None for none.
        private_clip: Norm that the gradient of each image is clipped to, with
            `private_noise`.
        private_delta: Probability δ at which ε is quoted. None takes
            1 / (10 n) for n images.
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `models.VAE`.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FloatingPointError: Training diverged.
        ValueError: Arguments out of range, or data that does not fit.
    """
    settings = check_run(locals())
    if kl_warmup_epochs < 0 or (
        kl_warmup_epochs and num_importance_samples > 1
    ):
        raise ValueError(
            "`kl_warmup_epochs` must be at least 0, and 0 with importance "
            "samples, whose bound has no KL term to warm up. Received: "
            f"kl_warmup_epochs={kl_warmup_epochs}, "
            f"num_importance_samples={num_importance_samples}"
        )

    private = private_noise is not None
    if private and not private_noise > 0:
        raise ValueError(
            "`private_noise` must be above 0, or nothing is protected. "
            f"Received: private_noise={private_noise!r}"
        )
    secret = secret_seed(output, resume) if private else None

    def build(images):
        model = build_vae(
            images.image_shape,
            latent_dim,
            likelihood,
            architecture,
            images.num_classes,
            seed,
            beta=beta,
            free_bits=free_bits,
            num_importance_samples=num_importance_samples,
            private=private,
        )
        steps = len(images.batches)
        options = {}
        if private:
            options["privacy"] = models.DifferentialPrivacy(
                private_noise,
                private_clip,
                batch_size,
                images.source.num_images,
                seed=secret,
            )
        model.compile(
            keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(
                    learning_rate, epochs * steps
                )
            ),
            **options,
        )
        fit_callbacks = _grids(model, images.source, image_size, output)
        if kl_warmup_epochs:
            fit_callbacks.append(callbacks.KLWarmup(kl_warmup_epochs * steps))
        if private:
            fit_callbacks.append(callbacks.PrivacyBudget(private_delta))
        return model, fit_callbacks

    model = fit_generator(
        build,
        data,
        output,
        "vae",
        image_size=image_size,
        data_dir=data_dir,
        manual_dir=manual_dir,
        channels=channels,
        unreadable=unreadable,
        cache=cache,
        labels=conditional,
        epochs=epochs,
        batch_size=batch_size,
        poisson=private,
        seed=seed,
        order_seed=secret,
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
    if private:
        finish(model, output, private_delta)
    return model


def _grids(model, source, image_size, output):
    """Grids of samples and reconstructions, and of a two-dimensional plane."""
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
    grids = [
        sample_grid(
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
        grids.append(callbacks.LatentManifold(folder, 20, label))
    return grids

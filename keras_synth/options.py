"""What the commands take, one function a command."""

import functools


def _option(parser, name, default, help, **kwargs):
    if default is not None and "choices" not in kwargs:
        kwargs.setdefault("type", type(default))
    parser.add_argument(name, default=default, help=help, **kwargs)


def _add_training_options(parser, output, batch_size, learning_rate):
    """What every generator's training takes."""
    option = functools.partial(_option, parser)
    option("--data", "digits", "a source (keras-synth datasets) or a folder")
    option("--output", output, "folder for model, pictures and log")
    option("--image-size", None, "side of the pictures", type=int)
    option("--data-dir", None, "folder of prepared TensorFlow Datasets")
    option("--manual-dir", None, "folder with the set's original files")
    option("--channels", 3, "of a folder's pictures", choices=(1, 3), type=int)
    option(
        "--unreadable",
        "raise",
        "what to do with files of a folder that cannot be read",
        choices=("raise", "skip"),
    )
    parser.add_argument(
        "--cache",
        default=True,
        metavar="FILE",
        help="where decoded pictures of a large set go, instead of memory",
    )
    option("--epochs", 40, "passes over the data")
    option("--batch-size", batch_size, "pictures a step")
    option("--learning-rate", learning_rate, "at the start")
    option("--seed", 0, "of the randomness")
    for name, help in (
        ("--conditional", "tell the model each picture's class"),
        ("--resume", "go on after the last finished epoch in OUTPUT"),
    ):
        parser.add_argument(name, action="store_true", help=help)


def add_vae_options(parser):
    """Of `train vae`."""
    _add_training_options(parser, "runs/vae", 32, 2e-3)
    option = functools.partial(_option, parser)
    option("--latent-dim", 16, "dimension of the latents; 2 draws the plane")
    option(
        "--likelihood",
        "bernoulli",
        "of the pixels",
        choices=(
            "bernoulli",
            "gaussian",
            "learned_gaussian",
            "discretized_logistic",
        ),
    )
    option(
        "--architecture", "conv", "of the networks", choices=("conv", "dense")
    )
    option("--beta", 1.0, "weight of the divergence")
    option("--free-bits", 0.0, "nats a latent may use for nothing")
    option("--num-importance-samples", 1, "above 1: the IWAE bound")
    option("--warmup-epochs", 0, "length of a KL warm-up")


def add_gan_options(parser):
    """Of `train gan`."""
    _add_training_options(parser, "runs/gan", 64, 1e-3)
    option = functools.partial(_option, parser)
    option("--latent-dim", 64, "dimension of the latents")
    option(
        "--architecture",
        "dcgan",
        "of the networks",
        choices=("dcgan", "dense", "residual"),
    )
    option(
        "--objective",
        "non_saturating",
        "what the two play for, with the penalty that belongs to it",
        choices=(
            "non_saturating",
            "hinge",
            "wasserstein",
            "least_squares",
            "relativistic",
        ),
    )
    option("--width", 32, "channels of the networks")
    parser.add_argument(
        "--augment",
        action="store_true",
        help="augment all that the discriminator sees, for few pictures",
    )


def add_classifier_options(parser):
    """Of `train classifier`."""
    option = functools.partial(_option, parser)
    option(
        "--data",
        "mnist",
        "which pictures it learns from",
        choices=("mnist", "fashion_mnist", "digits"),
    )
    option("--output", "runs/classifier", "folder for weights and card")
    option("--data-dir", None, "folder of prepared TensorFlow Datasets")
    option("--manual-dir", None, "folder with the set's original files")
    option("--epochs", 12, "passes over the data")
    option("--batch-size", 128, "pictures a step")
    option("--seed", 0, "of the randomness")


def add_denoiser_options(parser):
    """Of `train denoiser`."""
    option = functools.partial(_option, parser)
    option("--data", "photos", "a source (keras-synth datasets) or a folder")
    option("--output", "runs/denoiser", "folder for model and log")
    option(
        "--damage",
        "noise",
        "what it learns to mend",
        choices=("noise", "salt_and_pepper"),
    )
    option(
        "--architecture",
        "unet",
        "of the network",
        choices=("unet", "ffdnet", "dncnn", "autoencoder"),
    )
    option("--channels", 1, "of a folder's pictures", choices=(1, 3), type=int)
    option("--patch-size", 64, "side of the patches")
    option("--patches-per-image", 40, "of each picture in an epoch")
    option("--epochs", 10, "passes over the data")
    option("--batch-size", 16, "patches a step")
    option("--learning-rate", 1e-3, "the highest")
    option("--seed", 0, "of the randomness")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on after the last finished epoch in OUTPUT",
    )


def _noise_level(word):
    return word if word == "auto" else float(word)


def add_restore_options(parser):
    """Of `restore`."""
    parser.add_argument("source", metavar="IN", help="an image, or a folder")
    parser.add_argument("target", metavar="OUT", help="to write")
    option = functools.partial(_option, parser)
    option(
        "--method",
        "unet",
        "unet, bm3d, median, adaptive_median, non_local_means, "
        "total_variation, or a .keras file of `train denoiser`",
    )
    option(
        "--noise-level",
        "auto",
        "of the picture, from 0 to 1 (25 grey levels are 0.098)",
        type=_noise_level,
    )
    option("--contrast", 0.0, "local contrast to add, 0.01 is visible")
    option("--sharpness", 0.0, "unsharp masking to add, 1 is visible")
    for name, help in (
        ("--ensemble", "mend all eight symmetries and average, 8x slower"),
        ("--compare", "write before and after side by side as well"),
        ("--overwrite", "replace files that are there already"),
    ):
        parser.add_argument(name, action="store_true", help=help)

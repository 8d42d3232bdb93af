"""What the commands that train take, one function a command."""

import functools


def add_option(parser, name, default, help, **kwargs):
    """An option, of its default's type where nothing else is said."""
    if default is not None and "choices" not in kwargs:
        kwargs.setdefault("type", type(default))
    parser.add_argument(name, default=default, help=help, **kwargs)


def _add_training_options(parser, output, batch_size, learning_rate):
    """What every generator's training takes."""
    option = functools.partial(add_option, parser)
    option("--data", "digits", "a source (keras-synth datasets) or a folder")
    option("--output", output, "folder for model, images and log")
    option("--image-size", None, "side of the images", type=int)
    option("--data-dir", None, "folder of prepared TensorFlow Datasets")
    option("--manual-dir", None, "folder with the set's original files")
    option("--channels", 3, "of a folder's images", choices=(1, 3), type=int)
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
        help="where decoded images of a large set go, instead of memory",
    )
    option("--epochs", 40, "passes over the data")
    option("--batch-size", batch_size, "images a step")
    option("--learning-rate", learning_rate, "at the start")
    option("--seed", 0, "of the randomness")
    for name, help in (
        ("--conditional", "tell the model each image's class"),
        ("--resume", "go on after the last finished epoch in OUTPUT"),
    ):
        parser.add_argument(name, action="store_true", help=help)


def add_vae_options(parser):
    """Of `train vae`."""
    _add_training_options(parser, "runs/vae", 32, 2e-3)
    option = functools.partial(add_option, parser)
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
    option("--kl-warmup-epochs", 0, "epochs of a KL warm-up")


def add_gan_options(parser):
    """Of `train gan`."""
    _add_training_options(parser, "runs/gan", 64, 1e-3)
    option = functools.partial(add_option, parser)
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
    option(
        "--augmentation",
        "none",
        "of all that the discriminator sees, for few images",
        choices=("none", "diff", "adaptive", "upright"),
    )


def add_stylegan2_options(parser):
    """Of `train stylegan2`."""
    _add_training_options(parser, "runs/stylegan2", 16, 4e-3)
    option = functools.partial(add_option, parser)
    option("--latent-dim", 64, "dimension of the latents")
    option("--style-dim", 64, "dimension of the styles")
    option("--num-layers", 4, "layers from latents to styles")
    option("--channel-multiplier", 1 / 32, "of the paper's channels")
    option("--channel-max", 64, "most channels of a layer")
    option("--r1-weight", 0.1, "of the discriminator's slope; 0 for none")
    option("--path-length-weight", 2.0, "of that regularization; 0 for none")
    option("--style-mixing", 0.9, "share of the images with two styles")
    option(
        "--augmentation",
        "none",
        "of all that the discriminator sees, for few images; adaptive may "
        "turn and mirror them, upright does not",
        choices=("none", "diff", "adaptive", "upright"),
    )
    parser.add_argument(
        "--flip",
        action="store_true",
        help="mirror every other image: mirrored ones are as good",
    )


def add_classifier_options(parser):
    """Of `train classifier`."""
    option = functools.partial(add_option, parser)
    option(
        "--data",
        "mnist",
        "which images it learns from",
        choices=("mnist", "fashion_mnist", "digits"),
    )
    option("--output", "runs/classifier", "folder for weights and card")
    option("--data-dir", None, "folder of prepared TensorFlow Datasets")
    option("--manual-dir", None, "folder with the set's original files")
    option("--epochs", 12, "passes over the data")
    option("--batch-size", 128, "images a step")
    option("--seed", 0, "of the randomness")


def _add_restoration_options(parser, output, batch_size, epochs):
    """What every training takes that degradations images itself."""
    option = functools.partial(add_option, parser)
    option("--data", "photos", "a source (keras-synth datasets) or a folder")
    option("--output", output, "folder for model and log")
    option("--data-dir", None, "folder of prepared TensorFlow Datasets")
    option("--manual-dir", None, "folder with the set's original files")
    option("--channels", 1, "of a folder's images", choices=(1, 3), type=int)
    option(
        "--unreadable",
        "raise",
        "what to do with files of a folder that cannot be read",
        choices=("raise", "skip"),
    )
    _add_fit_options(parser, epochs, batch_size, "patches a step", 1e-3)


def _add_fit_options(parser, epochs, batch_size, batch, learning_rate):
    option = functools.partial(add_option, parser)
    option("--epochs", epochs, "passes over the data")
    option("--batch-size", batch_size, batch)
    option("--learning-rate", learning_rate, "the highest")
    option("--seed", 0, "of the randomness")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on after the last finished epoch in OUTPUT",
    )


def add_denoiser_options(parser):
    """Of `train denoiser`."""
    _add_restoration_options(parser, "runs/denoiser", 16, 10)
    option = functools.partial(add_option, parser)
    option(
        "--degradation",
        "noise",
        "what it learns to restore",
        choices=("noise", "salt_and_pepper"),
    )
    option(
        "--architecture",
        "unet",
        "of the network",
        choices=("unet", "ffdnet", "dncnn", "autoencoder"),
    )
    option("--image-size", 64, "side of the patches")
    option("--patches-per-image", 40, "of each image in an epoch")


def add_inpainter_options(parser):
    """Of `train inpainter`."""
    _add_restoration_options(parser, "runs/inpainter", 16, 10)
    option = functools.partial(add_option, parser)
    option(
        "--holes",
        "both",
        "what it learns to fill",
        choices=("irregular", "square", "both"),
    )
    option("--image-size", 64, "side of the patches")
    option("--patches-per-image", 8, "of each image in an epoch")
    option(
        "--symmetry",
        "mirror",
        "what is done to patches: faces mirrored, textures turned as well",
        choices=("square", "mirror", "none"),
    )
    option("--warmup-epochs", 30, "passes before, without discriminator")
    option("--adversarial-weight", 0.01, "of the discriminators' judgment")


def add_upscaler_options(parser):
    """Of `train upscaler`."""
    _add_restoration_options(parser, "runs/upscaler", 16, 10)
    option = functools.partial(add_option, parser)
    option("--scale", 4, "how many times larger", choices=(2, 3, 4), type=int)
    option(
        "--architecture",
        "edsr",
        "of the network",
        choices=("edsr", "srresnet", "rrdb", "srcnn"),
    )
    option("--image-size", 96, "side of the large patches")
    option("--patches-per-image", 20, "of each image in an epoch")


def add_pix2pix_options(parser):
    """Of `train pix2pix`."""
    parser.add_argument(
        "--data",
        required=True,
        help="folder of double images, or of inputs",
    )
    option = functools.partial(add_option, parser)
    option("--target-data", None, "folder of targets, of the inputs' names")
    option(
        "--source-side",
        "right",
        "half of a double image that is the source",
        choices=("left", "right"),
    )
    option("--output", "runs/pix2pix", "folder for model, images and log")
    option("--image-size", 256, "side of the images")
    for name, what in (
        ("--in-channels", "sources"),
        ("--out-channels", "targets"),
    ):
        option(name, 3, f"of the {what}", choices=(1, 3), type=int)
    option("--width", 64, "channels of the networks")
    option("--l1-weight", 100.0, "of the error, beside the discriminator's 1")
    _add_fit_options(parser, 200, 1, "pairs a step", 2e-4)


def add_feature_options(parser):
    """Of what compares images in a network's maps."""
    option = functools.partial(add_option, parser)
    option(
        "--features",
        "vgg19",
        "network that compares images",
        choices=("vgg19", "vgg16", "squeezenet"),
    )
    option("--weights", "imagenet", "of it: imagenet downloads, or a file")


def add_adain_options(parser):
    """Of `train adain`."""
    for name, what in (
        ("--data", "contents, photographs say"),
        ("--styles", "styles, paintings say"),
    ):
        parser.add_argument(name, required=True, help=f"folder of {what}")
    option = functools.partial(add_option, parser)
    option("--output", "runs/adain", "folder for model, images and log")
    add_feature_options(parser)
    option("--image-size", 256, "side of what is cut out of the images")
    option("--style-weight", 10.0, "of the style, beside the content's 1")
    _add_fit_options(parser, 100, 8, "pairs a step", 1e-4)

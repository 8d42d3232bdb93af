"""The command line: parses, calls one recipe, prints where things went."""

import argparse
import functools
import os
import pathlib
import shutil
import sys

DESCRIPTION = """\
Makes pictures with Keras models: train one, sample from it, export it.

  keras-synth demo                       digits from nothing, in minutes
  keras-synth datasets                   what there is to train on
  keras-synth train vae --data FOLDER --image-size 64
  keras-synth train gan --data digits --conditional --augment
  keras-synth sample runs/vae/vae.keras samples.png
  keras-synth export runs/vae/vae.keras saved_models/vae
"""


def main(argv=None):
    """Runs one command.

    Args:
        argv: its words; those of the process by default.

    Returns:
        Exit code: 0, or 2 after a mistake of the user's.
    """
    arguments = vars(_parser().parse_args(argv))
    command = arguments.pop("command")
    try:
        _import_tensorflow_quietly()
        command(**arguments)
    except (ValueError, OSError, ImportError) as error:
        message = " ".join(str(error).split())
        print(f"keras-synth: error: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nkeras-synth: stopped", file=sys.stderr)
        return 130
    return 0


def _import_tensorflow_quietly():
    """TensorFlow greets on file descriptor 2, whatever its log level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    errors = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(errors, 2)
        os.close(errors)


def _train_vae(**options):
    from keras_synth.recipes import train_vae

    train_vae(**options)
    _say_what_training_left(options["output"], "vae")


def _train_gan(**options):
    from keras_synth.recipes import train_gan

    train_gan(**options)
    _say_what_training_left(options["output"], "gan")


def _say_what_training_left(output, name):
    print(f"\nmodel:    {output}/{name}.keras\npictures: {output}/images/")
    print(f"log:      {_command('tensorboard')} --logdir {output}/log")
    sample = f"{_command('keras-synth')} sample"
    print(f"next:     {sample} {output}/{name}.keras samples.png")


def _train_classifier(**options):
    from keras_synth.recipes import train_classifier

    network, accuracy = train_classifier(**options)
    output = options["output"]
    print(f"\nweights:  {output}/{network.name}.weights.h5")
    print(f"card:     {output}/card.md")
    print(f"accuracy: {100 * accuracy:.2f} % of the test split")


def _command(name):
    """A program as one types it: by its path where it is not on the PATH."""
    beside = pathlib.Path(sys.executable).parent / name
    if shutil.which(name) == str(beside) or not beside.exists():
        return name
    return os.path.relpath(beside)


def _sample(**options):
    from keras_synth.recipes import save_samples

    print(f"pictures: {save_samples(**options)}")


def _export(**options):
    from keras_synth.recipes import export_model

    print(f"exported: {export_model(**options)}")


def _demo(**options):
    from keras_synth.recipes import demo

    paths = demo(**options)
    print("\nLook at:")
    for what, path in paths.items():
        print(f"  {what + ':':17}{path}")
    print(
        f"""
Watch the training in a browser:
  {_command("tensorboard")} --logdir {paths["log"]}
Load and sample in three lines of Python ({_command("python")}):
  import keras, keras_synth.models
  vae = keras.saving.load_model("{paths["model"]}")
  sevens = vae.sample(16, labels=7)  # (16, 28, 28, 1), in [0, 1]"""
    )


def _datasets():
    from keras_synth.recipes import describe_data

    print("\n".join(describe_data()))


def _parser():
    parser = argparse.ArgumentParser(
        prog="keras-synth",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", title="commands"
    )

    def add(name, command, help, group=commands):
        added = group.add_parser(
            name,
            help=help,
            description=help[0].upper() + help[1:] + ".",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        added.set_defaults(command=command)
        return added

    train = commands.add_parser("train", help="train a model")
    kinds = train.add_subparsers(required=True, metavar="MODEL")
    _add_vae_options(
        add("vae", _train_vae, "train a variational autoencoder", kinds)
    )
    _add_gan_options(
        add("gan", _train_gan, "train a generative adversarial network", kinds)
    )
    _add_classifier_options(
        add(
            "classifier",
            _train_classifier,
            "train the network whose features score digits or clothes",
            kinds,
        )
    )

    sample = add("sample", _sample, "new pictures from a trained model")
    sample.add_argument("model_path", metavar="MODEL", help="a .keras file")
    sample.add_argument("picture_path", metavar="PICTURE", help="to write")
    sample.add_argument("--num-images", type=int, default=64, help="how many")
    sample.add_argument(
        "--labels",
        type=int,
        nargs="+",
        help="classes to draw, for a class-conditional model",
    )
    sample.add_argument("--seed", type=int, help="for the same each time")

    export = add("export", _export, "a trained model for use elsewhere")
    export.add_argument("model_path", metavar="MODEL", help="a .keras file")
    export.add_argument(
        "target", metavar="TARGET", help="folder, or file for onnx and litert"
    )
    export.add_argument(
        "--format",
        dest="form",
        choices=("savedmodel", "onnx", "litert"),
        default="savedmodel",
        help="savedmodel holds all endpoints, the others the decoder",
    )

    demo = add("demo", _demo, "train on embedded digits and show the results")
    demo.add_argument("--output", default="runs/demo", help="folder to fill")
    demo.add_argument("--epochs", type=int, default=40, help="passes")
    demo.add_argument("--seed", type=int, default=0, help="of the randomness")

    add("datasets", _datasets, "list what there is to train on")
    return parser


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


def _add_vae_options(parser):
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


def _add_gan_options(parser):
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


def _add_classifier_options(parser):
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


if __name__ == "__main__":
    sys.exit(main())

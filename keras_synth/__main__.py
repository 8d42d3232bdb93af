"""The command line: parses, calls one recipe, prints where things went."""

import argparse
import os
import pathlib
import shutil
import sys

DESCRIPTION = """\
Makes pictures with Keras models: train one, sample from it, export it.

  keras-synth demo                       digits from nothing, in minutes
  keras-synth datasets                   what there is to train on
  keras-synth train vae --data FOLDER --image-size 64
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
    output = options["output"]
    print(f"\nmodel:    {output}/vae.keras\npictures: {output}/images/")
    print(f"log:      {_command('tensorboard')} --logdir {output}/log")
    sample = f"{_command('keras-synth')} sample"
    print(f"next:     {sample} {output}/vae.keras samples.png")


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


def _add_vae_options(parser):
    def option(name, default, help, **kwargs):
        if default is not None and "choices" not in kwargs:
            kwargs.setdefault("type", type(default))
        parser.add_argument(name, default=default, help=help, **kwargs)

    option("--data", "digits", "a source (keras-synth datasets) or a folder")
    option("--output", "runs/vae", "folder for model, pictures and log")
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
    option("--batch-size", 32, "pictures a step")
    option("--learning-rate", 2e-3, "at the start")
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
    option("--seed", 0, "of the randomness")
    for name, help in (
        ("--conditional", "tell the model each picture's class"),
        ("--resume", "go on after the last finished epoch in OUTPUT"),
    ):
        parser.add_argument(name, action="store_true", help=help)


if __name__ == "__main__":
    sys.exit(main())

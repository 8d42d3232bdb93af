"""The command line: parses, calls one recipe, prints where things went."""

import argparse
import os
import pathlib
import shutil
import sys

from keras_synth.cli import image_options, training_options

DESCRIPTION = """\
Makes and restores images with Keras models.

  keras-synth restore noisy.png clean.png
  keras-synth restore torn.png whole.png --mask holes.png
  keras-synth upscale small.png large.png
  keras-synth stylize photograph.jpg painting.jpg stylized.png
  keras-synth upscale-video small.mp4 large.mp4
  keras-synth demo                       digits from nothing, in minutes
  keras-synth datasets                   what there is to train on
  keras-synth train vae --data FOLDER --image-size 64
  keras-synth train gan --data digits --conditional --augmentation diff
  keras-synth train stylegan2 --data FOLDER --image-size 64
  keras-synth train inpainter --data FOLDER
  keras-synth train pix2pix --data facades/train
  keras-synth train adain --data photographs --styles paintings
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


def _train_vae(**arguments):
    from keras_synth.training import train_vae

    train_vae(**arguments)
    _say_what_training_left(arguments["output"], "vae")


def _train_gan(**arguments):
    from keras_synth.training import train_gan

    train_gan(**arguments)
    _say_what_training_left(arguments["output"], "gan")


def _train_stylegan2(**arguments):
    from keras_synth.training import train_stylegan2

    train_stylegan2(**arguments)
    _say_what_training_left(arguments["output"], "stylegan2")


def _say_what_training_left(output, name):
    print(f"\nmodel:    {output}/{name}.keras\nimages: {output}/images/")
    print(f"log:      {_command('tensorboard')} --logdir {output}/log")
    sample = f"{_command('keras-synth')} sample"
    print(f"next:     {sample} {output}/{name}.keras samples.png")


def _train_classifier(**arguments):
    from keras_synth.training import train_classifier

    network, accuracy = train_classifier(**arguments)
    output = arguments["output"]
    print(f"\nweights:  {output}/{network.name}.weights.h5")
    print(f"card:     {output}/card.md")
    print(f"accuracy: {100 * accuracy:.2f} % of the test split")


def _train_denoiser(**arguments):
    from keras_synth.training import train_denoiser

    train_denoiser(**arguments)
    _say_what_restores(arguments["output"], "denoiser", "restore noisy.png")


def _train_inpainter(**arguments):
    from keras_synth.training import train_inpainter

    train_inpainter(**arguments)
    use = "restore torn.png --mask holes.png"
    _say_what_restores(arguments["output"], "inpainter", use)


def _train_upscaler(**arguments):
    from keras_synth.training import train_upscaler

    train_upscaler(**arguments)
    _say_what_restores(arguments["output"], "upscaler", "upscale small.png")


def _train_pix2pix(**arguments):
    from keras_synth.training import train_pix2pix

    train_pix2pix(**arguments)
    _say_what_restores(arguments["output"], "pix2pix", "restore input.png")


def _train_adain(**arguments):
    from keras_synth.training import train_adain

    train_adain(**arguments)
    use = "stylize photograph.jpg painting.jpg"
    _say_what_restores(arguments["output"], "adain", use)


def _say_what_restores(output, name, use):
    """`use` is the command that the model is for, without its target."""
    words, dashes, options = use.partition(" --")
    words = [words, "out.png", *f"{dashes}{options}".split()]
    images = pathlib.Path(output) / "images"
    print(f"\nmodel:    {output}/{name}.keras")
    if images.exists():
        print(f"images: {images}/")
    print(f"log:      {_command('tensorboard')} --logdir {output}/log")
    print(
        f"next:     {_command('keras-synth')} {' '.join(words)} "
        f"--method {output}/{name}.keras"
    )


def _restore(**arguments):
    from keras_synth.tasks import restore_images

    for restored in restore_images(**arguments):
        done = (
            f"noise of {255 * restored.noise_level:.1f} gray levels taken out"
        )
        if restored.filled is not None:
            done = f"{100 * restored.filled:.1f} % of it filled"
        _say_where(restored, done)


def _upscale(**arguments):
    from keras_synth.tasks import upscale_images

    for upscaled in upscale_images(**arguments):
        height, width = upscaled.size
        _say_where(upscaled, f"{width}x{height}, {upscaled.scale} times larger")


def _stylize(**arguments):
    from keras_synth.tasks import stylize_images

    arguments["style"] += arguments.pop("blend")
    for stylized in stylize_images(**arguments):
        height, width = stylized.size
        _say_where(stylized, f"{width}x{height}")


def _upscale_video(**arguments):
    from keras_synth.tasks import upscale_video

    upscaled = upscale_video(**arguments)
    height, width = upscaled.size
    print(
        f"video: {upscaled.target} ({upscaled.num_frames} frames, "
        f"{width}x{height}, {upscaled.scale} times larger)"
    )


def _say_where(written, done):
    print(f"image: {written.target} ({done})")
    if written.comparison:
        print(f"before and after: {written.comparison}")


def _command(name):
    """A program as one types it: by its path where it is not on the PATH."""
    beside = pathlib.Path(sys.executable).parent / name
    if shutil.which(name) == str(beside) or not beside.exists():
        return name
    return os.path.relpath(beside)


def _sample(**arguments):
    from keras_synth.tasks import save_samples

    print(f"images: {save_samples(**arguments)}")


def _export(**arguments):
    from keras_synth.tasks import export_model

    print(f"exported: {export_model(**arguments)}")


def _demo(**arguments):
    from keras_synth.training import demo

    paths = demo(**arguments)
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
    from keras_synth.training import describe_data

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
    training_options.add_vae_options(
        add("vae", _train_vae, "train a variational autoencoder", kinds)
    )
    training_options.add_gan_options(
        add("gan", _train_gan, "train a generative adversarial network", kinds)
    )
    training_options.add_stylegan2_options(
        add(
            "stylegan2",
            _train_stylegan2,
            "train a generator that is told what to draw layer by layer",
            kinds,
        )
    )
    training_options.add_classifier_options(
        add(
            "classifier",
            _train_classifier,
            "train the network whose features score digits or clothes",
            kinds,
        )
    )
    training_options.add_denoiser_options(
        add("denoiser", _train_denoiser, "train a network that restores", kinds)
    )
    training_options.add_inpainter_options(
        add(
            "inpainter",
            _train_inpainter,
            "train a network that fills holes, against a discriminator",
            kinds,
        )
    )
    training_options.add_upscaler_options(
        add("upscaler", _train_upscaler, "train a network that upscales", kinds)
    )
    training_options.add_pix2pix_options(
        add(
            "pix2pix",
            _train_pix2pix,
            "train a network from one kind of image to another, on pairs",
            kinds,
        )
    )
    image_options.add_restore_options(
        add("restore", _restore, "take the noise out of images, fill holes")
    )
    training_options.add_adain_options(
        add(
            "adain",
            _train_adain,
            "train a network that stylizes in any style, on two folders",
            kinds,
        )
    )
    image_options.add_upscale_options(
        add("upscale", _upscale, "upscale images")
    )
    image_options.add_upscale_video_options(
        add("upscale-video", _upscale_video, "upscale a video")
    )
    image_options.add_stylize_options(
        add("stylize", _stylize, "stylize images as another is stylized")
    )

    sample = add("sample", _sample, "new images from a trained model")
    sample.add_argument("model_path", metavar="MODEL", help="a .keras file")
    sample.add_argument("image_path", metavar="IMAGE", help="to write")
    sample.add_argument("--num-images", type=int, default=64, help="how many")
    sample.add_argument(
        "--labels",
        type=int,
        nargs="+",
        help="classes to draw, for a class-conditional model",
    )
    sample.add_argument(
        "--truncation",
        type=float,
        default=1.0,
        help="below 1 for more typical and less varied images",
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
        help="savedmodel holds all endpoints, the others the decoder alone",
    )

    demo = add("demo", _demo, "train on embedded digits and show the results")
    demo.add_argument("--output", default="runs/demo", help="folder to fill")
    demo.add_argument("--epochs", type=int, default=40, help="passes")
    demo.add_argument("--seed", type=int, default=0, help="of the randomness")

    add("datasets", _datasets, "list what there is to train on")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""What the commands on image files take, one function a command."""

import argparse
import functools

from keras_synth.cli.training_options import add_feature_options, add_option


def _noise_level(word):
    return word if word == "auto" else float(word)


def _add_file_options(parser):
    """What every command that restores image files takes."""
    parser.add_argument("source", metavar="IN", help="an image, or a folder")
    parser.add_argument("target", metavar="OUT", help="to write")
    parser.add_argument(
        "--ensemble",
        action="store_true",
        help="work on all eight symmetries and average, 8x slower",
    )
    _add_writing_options(parser)


def _add_writing_options(parser):
    """What every command that writes image files takes."""
    for name, help in (
        ("--compare", "write before and after side by side as well"),
        ("--overwrite", "replace files that are there already"),
    ):
        parser.add_argument(name, action="store_true", help=help)


def add_restore_options(parser):
    """Of `restore`."""
    _add_file_options(parser)
    option = functools.partial(add_option, parser)
    # Left out, the recipe decides.
    parser.add_argument(
        "--method",
        default=argparse.SUPPRESS,
        help="unet (the default), bm3d, median, adaptive_median, "
        "non_local_means, total_variation, or a .keras file of `train "
        "denoiser`; with a mask biharmonic (then the default) or a .keras "
        "file of `train inpainter`",
    )
    parser.add_argument(
        "--mask",
        default=argparse.SUPPRESS,
        help="image as large as IN, white where it is degraded: that is "
        "filled, all else kept; for a folder a folder of such, of the same "
        "names",
    )
    option(
        "--noise-level",
        "auto",
        "of the image, from 0 to 1 (25 gray levels are 0.098)",
        type=_noise_level,
    )
    option("--contrast", 0.0, "local contrast to add, 0.01 is visible")
    option("--sharpness", 0.0, "unsharp masking to add, 1 is visible")


def add_upscale_options(parser):
    """Of `upscale`."""
    _add_file_options(parser)
    option = functools.partial(add_option, parser)
    option(
        "--method",
        "edsr",
        "edsr (upscales 4 times), bicubic, or a .keras file of `train "
        "upscaler`",
    )
    parser.add_argument(
        "--scale",
        type=int,
        default=argparse.SUPPRESS,
        help="how many times larger (default: 4, or what a .keras file does)",
    )


def add_upscale_video_options(parser):
    """Of `upscale-video`."""
    parser.add_argument(
        "source", metavar="IN", help="a video, or a folder of frames"
    )
    parser.add_argument(
        "target", metavar="OUT", help="a video, or a folder for PNG files"
    )
    option = functools.partial(add_option, parser)
    option(
        "--method",
        "video_edsr",
        "video_edsr (upscales 3 or 4 times), bicubic, or a .keras file with "
        "a network of several upscaled frames",
    )
    option("--scale", 4, "how many times larger")
    option(
        "--frames-per-second",
        None,
        "of a video to be written (default: as IN, 25 for a folder)",
        type=float,
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files that are there already",
    )


def add_stylize_options(parser):
    """Of `stylize`."""
    parser.add_argument(
        "source", metavar="CONTENT", help="an image, or a folder"
    )
    parser.add_argument(
        "style", metavar="STYLE", nargs=1, help="an image: the painting"
    )
    parser.add_argument("target", metavar="OUT", help="to write")
    option = functools.partial(add_option, parser)
    option(
        "--blend",
        [],
        "more paintings, whose styles are blended with the first",
        nargs="+",
        type=str,
        metavar="STYLE",
    )
    option("--mix", None, "weights of the paintings", nargs="+", type=float)
    option(
        "--method",
        "optimize",
        "optimize (minutes an image), or a .keras file of `train adain`",
    )
    add_feature_options(parser)
    option(
        "--steps",
        (300,),
        "of optimize; several for a pyramid, the smallest image first",
        nargs="+",
        type=int,
    )
    option("--size", 512, "most pixels of the longer side of what is stylized")
    option("--style-size", None, "the same of the painting", type=int)
    option("--style-weight", 20.0, "of the style, beside the content's 1")
    option("--alpha", 1.0, "how much of the style, of a .keras file")
    option(
        "--start",
        "content",
        "where optimize begins",
        choices=("content", "noise"),
    )
    parser.add_argument(
        "--preserve-color",
        action="store_true",
        help="optimize the brightness alone",
    )
    option("--preview", 0, "write the image every so many steps; 0: never")
    option("--seed", 0, "of the noise")
    _add_writing_options(parser)

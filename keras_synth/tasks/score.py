"""Scores of image files: with a reference, without one, and of whole sets."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Literal

import keras
import numpy as np

from keras_synth import metrics, networks, presets
from keras_synth.inference import input_names
from keras_synth.io import (
    Progress,
    image_files,
    open_decoded,
    pair_by_name,
    read_image,
)
from keras_synth.models.loading import load_model
from keras_synth.tasks.image_files import FilesError

#: Metrics of an image and its reference.
PAIRED = ("psnr", "ssim", "multi_scale_ssim", "lpips")
#: Metrics of one image.
ALONE = ("niqe",)
#: Metrics of two sets of images.
OF_SETS = ("frechet", "kernel", "precision_recall")
_FEATURES = ("mnist_features", "fashion_mnist_features")
_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Scored:
    """Result of `score` for one file, or for all of them.

    Attributes:
        source: Path of the file, or of the folder.
        reference: Path of its reference, or None.
        scores: `{name of the metric: value}`. Those of a folder are the means
            over its files, and the distances between the two sets.
        num_images: Number of images.
        notes: How to read the scores, in words.
    """

    source: pathlib.Path
    reference: pathlib.Path | None
    scores: dict[str, float]
    num_images: int = 1
    notes: tuple[str, ...] = ()


def score(
    source: str | os.PathLike,
    *,
    reference: str | os.PathLike | None = None,
    metrics: list[
        Literal[
            "psnr",
            "ssim",
            "multi_scale_ssim",
            "lpips",
            "niqe",
            "frechet",
            "kernel",
            "precision_recall",
        ]
    ]
    | None = None,
    luma: Literal["full", "studio"] | None = None,
    border: int = 0,
    perceptual: Literal["vgg16", "vgg19", "squeezenet"] = "vgg16",
    perceptual_weights: str = "imagenet",
    linear_weights: str | os.PathLike | None = None,
    features: str = "inception",
    features_weights: str = "imagenet",
    white: float | None = None,
    on_file: Callable[[Scored], None] | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> list[Scored]:
    """Scores image files: PSNR, SSIM, LPIPS, NIQE, Frechet distance and others.

    With a reference, "psnr", "ssim", "multi_scale_ssim" and "lpips" compare
    each image with the one of the same name. "niqe" looks at the image alone.
    "frechet", "kernel" and "precision_recall" compare the images of a folder,
    as a set, with those of the reference, which need no names in common.

    Images are compared as files have them, in 8 bits. A gray image and a color
    image are compared in color. Transparent images are put on white. Of several
    images in a file the first one counts, which is noted.

    Args:
        source: Path of an image file, or of a folder with images, which are
            searched in all folders below it as well.
        reference: Path of the clean image, or of a folder of clean or real
            images. None for metrics that need none.
        metrics: Names of the metrics. None takes "psnr" and "ssim" with a
            reference, and "niqe" without one.
        luma: Compare the brightness alone: "full" for the luma of JPEG,
            "studio" for that of super-resolution tables. None compares all
            channels.
        border: Pixels that are cropped at each side before PSNR, SSIM and
            NIQE, such as the scale in super-resolution.
        perceptual: Network of "lpips".
        perceptual_weights: Weights of that network: "imagenet", which are
            downloaded once, or the path of a file, see
            `networks.vgg16_features`.
        linear_weights: Path of the linear weights of LPIPS, see
            `metrics.lpips_linear_weights`. Without them the figure is a
            perceptual distance, and no LPIPS.
        features: Network of the distances between sets: "inception",
            "mnist_features", "fashion_mnist_features", or the path of a
            `.keras` file of a network from images to vectors.
        features_weights: Weights of "inception": "imagenet", which are
            downloaded once, or the path of that file.
        white: Value that is white in TIFF files of more than 8 bits. None
            takes 1 for floats and the largest number of up to 16 bits, and
            refuses the others.
        on_file: None, or a function that is called with each result as soon
            as it is there, the one of all images at the end.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of `Scored`, one a file, and one for all where there are more,
        or where sets are compared.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: A metric needs a reference, or there is none for an image;
            an option is for other metrics than those named; images are too
            small, or of other sizes than their references. In a folder all
            others are scored first, and the mean is of those.
    """
    given = dict(locals())
    names = _check_metrics(metrics, reference)
    _check_options(names, given)
    pairs = _paired(source, reference, names)
    measured = _metrics(names, luma, border)
    if "lpips" in names:
        measured["lpips"] = _lpips(
            perceptual, perceptual_weights, linear_weights
        )
    sets = _set_metrics(names, features, features_weights)
    real = image_files(reference) if sets else []
    for metric in sets.values():
        metric.require_samples(len(real), len(pairs))
    read = functools.partial(read_image, white=white)
    done, errors = [], {}

    def add(result):
        done.append(result)
        if on_file is not None:
            with progress.cleared():
                on_file(result)

    with Progress(len(pairs), "images", verbose) as progress:
        for file, clean in pairs:
            try:
                if measured:
                    add(_scored(measured, read, file, clean))
            except (OSError, ValueError) as error:
                errors[file] = error
            progress.add()
        made = [file for file, _ in pairs if file not in errors]
        whole = {}
        if measured and (len(made) > 1 or (sets and made)):
            whole = {
                name: float(np.mean([one.scores[name] for one in done]))
                for name in measured
            }
        if sets:
            whole |= _compare_sets(sets, read, made, real, errors)
            made = [file for file in made if file not in errors]
        if whole:
            folder = pathlib.Path(source)
            clean = None if reference is None else pathlib.Path(reference)
            notes = _notes({**measured, **sets}, len(errors))
            add(Scored(folder, clean, whole, len(made), notes))
    if errors:
        raise FilesError(errors) from next(iter(errors.values()))
    return done


def _check_metrics(names, reference):
    known = (*PAIRED, *ALONE, *OF_SETS)
    if names is None:
        return ["niqe"] if reference is None else ["psnr", "ssim"]
    for name in names:
        if name not in known:
            raise ValueError(
                f"`metrics` must be of {', '.join(known)}. Received: {name!r}"
            )
        if name not in ALONE and reference is None:
            raise ValueError(f"The metric {name!r} needs a `reference`.")
    if not names:
        raise ValueError("`metrics` must name a metric. Received: none")
    return list(dict.fromkeys(names))


def _check_options(names, given):
    """Refuses options of metrics that are not measured."""
    if given["perceptual"] not in networks.FEATURE_NETWORKS:
        raise ValueError(
            "`perceptual` must be one of "
            f"{', '.join(networks.FEATURE_NETWORKS)}. "
            f"Received: {given['perceptual']!r}"
        )
    crops = [name for name in PAIRED if name != "lpips"]
    for option, unused, users in (
        ("luma", None, crops),
        ("border", 0, [*crops, *ALONE]),
        ("perceptual", "vgg16", ["lpips"]),
        ("perceptual_weights", "imagenet", ["lpips"]),
        ("linear_weights", None, ["lpips"]),
        ("features", "inception", OF_SETS),
        ("features_weights", "imagenet", OF_SETS),
    ):
        if given[option] != unused and not set(users) & set(names):
            raise ValueError(
                f"`{option}` is for {', '.join(users)}, and these are not "
                f"among the metrics. Received: {option}={given[option]!r}"
            )
    weights, features = given["features_weights"], given["features"]
    if weights != "imagenet" and features != "inception":
        raise ValueError(
            "`features_weights` are those of Inception, and `features` are "
            f"others. Received: features_weights={weights!r}, "
            f"features={features!r}"
        )


def _paired(source, reference, names):
    """List of `(file, its reference or None)`."""
    source = pathlib.Path(source)
    files = image_files(source)
    if reference is None or not set(names) & set(PAIRED):
        return [(file, None) for file in files]
    reference = pathlib.Path(reference)
    if not source.is_dir():
        if reference.is_dir():
            raise ValueError(
                f"{source} is a file and {reference} a folder: give the "
                "reference of the file."
            )
        return [(source, *image_files(reference))]
    if not reference.is_dir():
        raise ValueError(
            f"{source} is a folder and {reference} none: give the folder of "
            "the references."
        )
    found = pair_by_name(files, source, image_files(reference), reference)
    for file in files:
        if file not in found:
            raise ValueError(f"{file} has no reference in {reference}.")
    return list(found.items())


def _metrics(names, luma, border):
    made = {
        "psnr": lambda: metrics.PSNR(
            luma=luma, border=border, round_to_8_bits=True
        ),
        "ssim": lambda: metrics.SSIM(
            luma=luma, border=border, round_to_8_bits=True
        ),
        "multi_scale_ssim": lambda: metrics.MultiScaleSSIM(
            luma=luma, border=border, round_to_8_bits=True
        ),
        "niqe": lambda: metrics.NIQE(border=border),
    }
    return {name: made[name]() for name in names if name in made}


def _lpips(network, weights, linear):
    built = getattr(networks, f"{network}_features")(weights)
    if linear is not None:
        backbone = {"vgg16": "vgg", "squeezenet": "squeeze"}.get(network)
        linear = metrics.lpips_linear_weights(linear, backbone)
    return metrics.PerceptualDistance(built, linear, round_to_8_bits=True)


def _notes(metrics_, num_failed):
    """What was measured with which network, and what was left out."""
    described = {
        name: metric.describe()
        for name, metric in metrics_.items()
        if hasattr(metric, "describe")
    }
    notes = [
        f"{name} is {about['metric']} with the network {about['extractor']}"
        for name, about in described.items()
    ]
    if num_failed:
        notes.append(f"without {num_failed} that could not be scored")
    return tuple(notes)


def _set_metrics(names, features, weights):
    names = [name for name in names if name in OF_SETS]
    if not names:
        return {}
    if features == "inception":
        network = networks.inception_features(weights)
    elif str(features).endswith(".keras"):
        network = load_model(features, keras.Model)
    elif features in _FEATURES:
        network = getattr(presets, features)()
    else:
        raise ValueError(
            f"`features` must be inception, {', '.join(_FEATURES)} or the "
            f"path of a `.keras` file. Received: {features!r}"
        )
    if input_names(network) != ("image",) or len(network.output_shape) != 2:
        raise ValueError(
            "`features` must be a network from images to vectors. Received: "
            f"{features!r}, whose output is {network.output_shape}"
        )
    made = {
        "frechet": metrics.FrechetDistance,
        "kernel": metrics.KernelDistance,
        "precision_recall": metrics.PrecisionRecall,
    }
    return {name: made[name](network) for name in names}


def _scored(measured, read, file, clean):
    image = read(file)
    truth = image if clean is None else read(clean)
    if truth.shape[:2] != image.shape[:2]:
        sizes = [f"{x.shape[1]}x{x.shape[0]}" for x in (image, truth)]
        raise ValueError(
            f"{file} and {clean} must be of one size. Received: "
            f"{' and '.join(sizes)} pixels"
        )
    truth, image = np.broadcast_arrays(truth, image)
    scores = {}
    for name, metric in measured.items():
        metric.reset_state()
        try:
            metric.update_state(truth[None], image[None])
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
        scores[name] = float(metric.result())
    notes = tuple(
        f"the first of {count} images in {path}"
        for path in (file, clean)
        if path is not None and (count := open_decoded(path).num_frames) > 1
    )
    return Scored(file, clean, scores, notes=notes)


def _compare_sets(sets, read, made, real, errors):
    """Scores of all images against all of the reference.

    Files that cannot be read are left out, and their errors added to those
    given; so is that of the sets, if too few images are left.
    """
    network = next(iter(sets.values())).features
    for side, paths in (("generated", made), ("real", real)):
        for first in range(0, len(paths), _BATCH):
            batch = []
            for path in paths[first : first + _BATCH]:
                try:
                    batch.append(_fitted(read, path, network))
                except (OSError, ValueError) as error:
                    errors[path] = error
            for images in _of_one_size(batch):
                for metric in sets.values():
                    getattr(metric, f"update_{side}")(images)
    scores = {}
    for name, metric in sets.items():
        try:
            result = metric.result()
        except ValueError as error:
            errors[name] = error
            continue
        results = result if isinstance(result, dict) else {name: result}
        scores.update((key, float(value)) for key, value in results.items())
    return scores


def _fitted(read, path, network):
    """An image with the channels that a network takes."""
    channels = network.input_shape[-1]
    image = read(path, channels=channels)
    size = network.input_shape[1:3]
    if None not in size and image.shape[:2] != size:
        raise ValueError(
            f"{path} must have the {size[1]}x{size[0]} pixels that the "
            f"network takes. Received: {image.shape[1]}x{image.shape[0]}"
        )
    return image


def _of_one_size(images):
    """Batches of images of one size."""
    sizes = {}
    for image in images:
        sizes.setdefault(image.shape, []).append(image)
    return [np.stack(batch) for batch in sizes.values()]

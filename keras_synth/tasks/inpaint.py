"""Holes in images: where a mask says they are, and what fills them."""

import pathlib

import numpy as np

from keras_synth import inference, models, restoration
from keras_synth.io import read_image
from keras_synth.tasks.image_files import images_below
from keras_synth.tasks.restorers import load_restorer, with_channels


def filling_method(method, ensemble=False):
    """What fills holes.

    The whole image at once, never tile by tile: what belongs into a hole may
    stand anywhere around it.

    Args:
        method: "biharmonic", or the path of a `.keras` file: an inpainter, or
            a blind `models.RestorationGAN`. One for gray images fills each
            channel of a color image by itself.
        ensemble: whether a model works on all eight symmetries.

    Returns:
        Function from an image (height, width, channels) in [0, 1] and a mask
        (height, width, 1), 1 = degraded, to the image with its holes filled;
        all other pixels are those that came in.

    Raises:
        ValueError: a method that fills no holes.
    """
    fill = restoration.biharmonic()
    if method != "biharmonic":
        fill = _filling_model(method, ensemble)
    elif ensemble:
        raise ValueError("`ensemble` is for networks, not for 'biharmonic'.")

    def filled(image, mask):
        made = fill(image[None], mask[None])[0]
        if made.shape != image.shape:
            raise ValueError(
                f"{method} must return an image like the degraded one, "
                f"{image.shape}. Received: shape {made.shape}"
            )
        return np.where(mask > 0, np.clip(made, 0.0, 1.0), image)

    return filled


def _filling_model(path, ensemble):
    if not str(path).endswith(".keras"):
        raise ValueError(
            "`mask` is for methods that fill holes: biharmonic, or a .keras "
            f"file of `train inpainter`. Received: method={path!r}"
        )
    model, inputs = load_restorer(path)
    if set(inputs) != {"image", "mask"} and not (
        isinstance(model, models.RestorationGAN)
    ):
        raise ValueError(
            f"{path} takes {', '.join(inputs)}, and so fills no holes: leave "
            "out the mask, or take a model of `train inpainter`."
        )
    run = inference.self_ensemble if ensemble else inference.restore_batch

    def fill(images, mask):
        def made(images):
            if "mask" not in inputs:
                return run(model, images)
            masks = np.repeat(mask, len(images), axis=0)
            return run(model, {"image": images, "mask": masks})

        return with_channels(made, inputs["image"].shape[-1], images)

    return fill


def find_masks(masks, source, files):
    """The mask of each image.

    Args:
        masks: an image file, or for a folder of images a folder of masks of
            the same names, whatever their endings.
        source: what the user named, a file or a folder.
        files: the images, of `plan_files`.

    Returns:
        dict, image → mask, `pathlib.Path` both.

    Raises:
        FileNotFoundError: no such masks.
        ValueError: a file where a folder must be, or the reverse.
    """
    masks, source = pathlib.Path(masks), pathlib.Path(source)
    if not masks.exists():
        raise FileNotFoundError(f"There is no mask {masks}")
    if masks.is_dir() != source.is_dir():
        raise ValueError(
            "An image needs a mask, a folder of images a folder of masks. "
            f"Received: {source} and {masks}"
        )
    if source.is_file():
        return {source: masks}
    named = {}
    for mask in images_below(masks):
        name = mask.relative_to(masks).with_suffix("")
        if name in named:
            raise ValueError(
                f"{named[name]} and {mask} have the same name: which of them "
                "is the mask?"
            )
        named[name] = mask
    found = {file: file.relative_to(source).with_suffix("") for file in files}
    missing = [str(file) for file, name in found.items() if name not in named]
    if missing:
        raise FileNotFoundError(
            f"{masks} has no mask of the same name for {', '.join(missing)}"
        )
    return {file: named[name] for file, name in found.items()}


def read_mask(path, image):
    """What a mask marks: white, above one half, is degraded.

    Args:
        path: the mask's file; colors count by their brightness, and what is
            transparent as black.
        image: the `ImageFile` it belongs to.

    Returns:
        float32 (height, width, 1) of 0 and 1.

    Raises:
        ValueError: no image, one of another size, white all over, or not
            black and nowhere white.
    """
    gray = read_image(path, channels=1, alpha="keep")
    # Not what is stylized over, but what is stylized.
    gray = np.prod(gray, axis=-1, keepdims=True)
    mask = np.float32(gray > 0.5)
    if mask.shape[:2] != image.color.shape[:2]:
        sizes = [
            f"{width}x{height}"
            for height, width in (mask.shape[:2], image.color.shape[:2])
        ]
        raise ValueError(
            f"The mask {path} must be as large as its image "
            f"{image.path}, {sizes[1]}. Received: {sizes[0]}"
        )
    if mask.all():
        raise ValueError(
            f"The mask {path} is white all over: nothing is left of "
            f"{image.path} to go by."
        )
    if gray.any() and not mask.any():
        raise ValueError(
            f"The mask {path} must be white where {image.path} is degraded, "
            f"above one half. Received: {gray.max():.3f} at its brightest"
        )
    return mask

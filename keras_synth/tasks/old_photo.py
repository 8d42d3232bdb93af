"""Old photographs: film damage is found and inpainted, levels corrected."""

import os

import numpy as np
from scipy import ndimage

from keras_synth.io import (
    FileOptions,
    Progress,
    beside_target,
    is_finished,
    open_decoded,
    plan_targets,
    write_image,
)
from keras_synth.tasks.image_files import open_images
from keras_synth.tasks.inpaint import filler
from keras_synth.tasks.masks import find_masks, read_mask
from keras_synth.tasks.restorers import (
    in_tiles,
    load_restorer,
    with_channels,
)

#: Probability above which a pixel is marked. Detectors learn from patches with
#: more than twice the film damage of photographs, so that 0.5 would be too low:
#: odds of 0.7 to 0.3, divided by 2.3, are even.
MARKED = 0.7


class OldPhotos:
    """Finds film damage in image files, and inpaints it.

    Everything is checked here, before any work.

    Args:
        source: Path of the image file or of a folder.
        plan: List of `(file to read, file to write)`.
        detector: Path of a `.keras` file with a network from images to the
            probability of film damage, or name of a preset. None for the
            preset `damage_detector`.
        mask: Path of a mask, or of a folder of masks, instead of a detector;
            or None.
        save_mask: Path of the mask to write, or of a folder for them; or None.
        ensemble: Whether detector and inpainter average over the eight
            symmetries of the image.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`, or None.
        beside: Endings of what is written beside each target.

    Raises:
        FileExistsError: A mask exists and `overwrite` is False.
        FileNotFoundError: There is no such detector or mask.
        ValueError: Arguments do not fit.
    """

    def __init__(
        self,
        source,
        plan,
        detector,
        mask,
        save_mask,
        ensemble,
        overwrite,
        files,
        beside=(),
    ):
        if detector is not None and mask is not None:
            raise ValueError(
                "Either a `detector` finds what is to be inpainted, or a "
                "`mask` marks it: leave out one of both."
            )
        self._files = files = files or FileOptions()
        self._masks, self._saved, self._detector = None, None, None
        self._ensemble = ensemble
        if mask is not None:
            self._masks = find_masks(mask, source, [file for file, _ in plan])
        if save_mask is not None:
            self._saved = _saved_masks(
                source, plan, save_mask, mask, overwrite, files, beside
            )
        if mask is None:
            self._detector = _load_detector(detector or "damage_detector")

    def __call__(self, image, progress):
        """Inpaints one image.

        Args:
            image: The `ImageFile`.
            progress: An `io.Progress`.

        Returns:
            `(color, facts)`, where the color is that of the image itself where
            nothing is marked.
        """
        if self._masks is not None:
            mask = self._masks[image.path]
            missing = read_mask(mask, image, self._files)
        else:
            missing = _found(self._detector, image, progress, self._ensemble)
        facts = {"marked": float(missing.mean())}
        if self._saved is not None:
            # Each page of a file would have a mask of its own.
            if open_decoded(image.path, self._files).num_frames > 1:
                raise ValueError(
                    f"{image.path} has several images: their masks cannot be "
                    "saved as one."
                )
            facts["mask"] = self._saved[image.path]
            kept = self._files.skip_existing and is_finished(facts["mask"])
            if not kept:
                write_image(facts["mask"], missing)
        if not missing.any():
            return image.color, facts
        fill = filler("unet", 0, progress, self._ensemble)
        filled = np.clip(fill(image.color[None], missing[None])[0], 0.0, 1.0)
        return np.where(missing > 0, filled, image.color), facts


def find_film_damage(source, target, detector, *, files=None, verbose="auto"):
    """Finds film damage in an image file, and writes its mask alone.

    Args:
        source: Path of the image file. Of several images the first is
            searched.
        target: Path of the image file of the mask: white where film damage is.
        detector: Path of a `.keras` file of `train damage-detector`, or name
            of a preset.
        files: `io.FileOptions`, or None for the defaults.
        verbose: Progress, see `io.Progress`.

    Returns:
        Share of the pixels that are marked.

    Raises:
        FileNotFoundError: There is no such file or detector.
        ValueError: The file is no image, or the detector does not fit or
            marks all of it.
    """
    network = _load_detector(detector)
    image = next(open_images(open_decoded(source, files or FileOptions())))
    with Progress(1, "images", verbose) as progress:
        mask = _found(network, image, progress)
    write_image(target, mask)
    return float(mask.mean())


def _found(detector, image, progress, ensemble=False):
    network, channels = detector

    def find(images):
        found = in_tiles(network, images, ensemble, progress)
        if found.shape != (*images.shape[:3], 1):
            raise ValueError(
                "A detector must return one probability for each pixel, "
                f"(batch, height, width, 1). Received: {found.shape} for "
                f"images {images.shape}"
            )
        return found

    found = with_channels(find, channels, image.color[None])[0]
    marked = found.max(axis=-1) > MARKED
    # The soft edges, too.
    marked = ndimage.binary_dilation(marked, np.ones((3, 3)))
    if marked.all():
        raise ValueError(
            f"The detector marks all of {image.path}: no pixel is left to "
            "restore from."
        )
    return marked[..., None].astype("float32")


def _load_detector(path):
    model, inputs = load_restorer(path)
    if set(inputs) != {"image"}:
        raise ValueError(
            f"{path} takes {', '.join(inputs)}. Expected: a detector, which "
            "takes the image alone (keras-synth train damage-detector)"
        )
    return model, inputs["image"][-1]


def _saved_masks(source, plan, save_mask, mask, overwrite, files, beside):
    """The mask to write of each image: a dict from path to path."""
    folder = os.path.isdir(source)
    masks = plan_targets(
        source,
        save_mask,
        overwrite=overwrite or files.skip_existing,
        files=FileOptions(format="png" if folder else None),
        also_read=[mask] if mask else [],
        only={file for file, _ in plan},
    )
    used = {os.path.realpath(path) for pair in plan for path in pair}
    used |= {
        os.path.realpath(beside_target(goal, ending))
        for _, goal in plan
        for ending in beside
    }
    for _, goal in masks:
        if os.path.realpath(goal) in used:
            raise ValueError(
                f"{goal} would be both an image and a mask: give another "
                "`save_mask`."
            )
    return dict(masks)

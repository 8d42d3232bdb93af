"""Images of two kinds without pairs, from folders, and their pipeline."""

import pathlib

from keras_synth.datasets.folder import image_folder
from keras_synth.datasets.style_pairs import style_pipeline


def unpaired_folders(path_a, path_b, channels=3):
    """Two image folders, A and B, for translation without pairs.

    Neither names nor numbers of the files matter.

    Args:
        path_a: Folder of the images of A.
        path_b: Folder of the images of B.
        channels: Channels that every image is converted to, 3 for color or 1
            for gray.

    Returns:
        Two `Source`s, for `unpaired_pipeline`.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: A folder holds no images, or unreadable ones, or one
            folder is the other or lies inside it.
    """
    real_a, real_b = (pathlib.Path(path).resolve() for path in (path_a, path_b))
    if real_a.is_relative_to(real_b) or real_b.is_relative_to(real_a):
        raise ValueError(
            "Images of A and of B must be in two folders, none inside the "
            f"other, since folders below are read as well. Received: {path_a} "
            f"and {path_b}"
        )
    return tuple(image_folder(path, channels) for path in (path_a, path_b))


def unpaired_pipeline(
    source_a,
    source_b,
    image_size=256,
    *,
    jitter=286 / 256,
    batch_size=1,
    training=True,
    cache=True,
    seed=0,
):
    """Batches of images of two kinds that have nothing to do with each other.

    An epoch has each image of the larger set once; those of the other are
    about equally frequent, and stand beside other images in each epoch. In
    training, the shorter side of every image is resized to `jitter` times
    `image_size`, a crop is cut at a random place and mirrored with probability
    one half. Order and random draws depend on `seed` and the number of the
    epoch alone, as in `style_pipeline`, which does the work.

    Args:
        source_a: A `Source` of the images of A.
        source_b: A `Source` of the images of B, with the same channels.
        image_size: Side of the images, or (height, width).
        jitter: Factor of `image_size` that images are resized to before they
            are cropped, at least 1. None never resizes.
        batch_size: Images of each kind in a batch.
        training: Whether the batches are for training or for testing, where
            the images of A come once, in order, beside those of B in turn.
        cache: Whether decoded, resized images stay in memory.
        seed: Seed of all random draws, an int.

    Returns:
        A `tf.data.Dataset` of `(images of A, images of B)`, float32 (batch,
        height, width, channels) in [0, 1].

    Raises:
        ValueError: Arguments that do not fit the sources.

    Example:

    >>> from keras_synth import datasets
    >>> digits = datasets.load_source("digits")
    >>> batches = unpaired_pipeline(digits, digits, 20, batch_size=4)
    >>> images_a, images_b = next(iter(batches))
    >>> images_a.shape, images_b.shape
    (TensorShape([4, 20, 20, 1]), TensorShape([4, 20, 20, 1]))

    Reference: Zhu et al., Unpaired Image-to-Image Translation using
    Cycle-Consistent Adversarial Networks, 2017, section 4.
    """
    sources = source_a, source_b
    channels = [source.image_shape[-1] for source in sources]
    if channels[0] != channels[1]:
        raise ValueError(
            "`source_a` and `source_b` must have the same channels. Received: "
            f"{channels[0]} and {channels[1]}"
        )
    larger_b = training and source_b.num_images > source_a.num_images
    batches = style_pipeline(
        *(sources[::-1] if larger_b else sources),
        image_size,
        jitter=jitter,
        batch_size=batch_size,
        training=training,
        cache=cache,
        seed=seed,
    )
    if not larger_b:
        return batches
    swapped = batches.map(lambda of_b, of_a: (of_a, of_b))
    swapped.set_epoch = batches.set_epoch
    return swapped

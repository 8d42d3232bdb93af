"""What trainings without pairs share: networks, optimizers, batches."""

import keras

from keras_synth import datasets, models, networks


def translator(channels, width, num_blocks, residual, normalization, name):
    """A generator, a `networks.resnet_translator` of one kind of channels.

    Args:
        channels: Channels of the images, 3 or 1.
        width: Channels of the first level.
        num_blocks: Number of residual blocks.
        residual: Whether it changes images instead of making them anew.
        normalization: "instance" or "none".
        name: Name of the network.

    Returns:
        A `keras.Model` from images (batch, height, width, channels) in [0, 1]
        to images of the same shape.
    """
    return networks.resnet_translator(
        channels,
        channels,
        width,
        num_blocks,
        residual,
        None if normalization == "none" else normalization,
        name=name,
    )


def patches_of_70(channels, width, name):
    """A discriminator of patches of 70 x 70 pixels, as in the papers.

    It has spectral normalization where theirs have instance normalization.

    Args:
        channels: Channels of the images, 3 or 1.
        width: Channels of the first level.
        name: Name of the network.

    Returns:
        A `networks.patch_discriminator` of one image.
    """
    return networks.patch_discriminator(
        channels,
        condition=(),
        widths=(width, 2 * width, 4 * width, 8 * width),
        name=name,
    )


def decaying_adam(learning_rate, steps):
    """Adam of the papers, whose rate falls in the second half.

    Args:
        learning_rate: Learning rate in the first half.
        steps: Steps of the training, None for a constant rate.

    Returns:
        A `keras.optimizers.Adam`.
    """
    if steps is not None:
        learning_rate = models.LinearDecay(learning_rate, steps)
    return keras.optimizers.Adam(learning_rate, beta_1=0.5)


def unpaired_batches(a, b, channels, image_size, jitter, batch_size, seed):
    """Opens two folders: batches to train on, and one to show.

    Args:
        a: Folder of the images of A.
        b: Folder of the images of B.
        channels: Channels that all images are converted to.
        image_size: Side of the crops, or (height, width).
        jitter: Factor of `image_size` that images are resized to before.
        batch_size: Images of each kind in a batch.
        seed: Seed of the order and of the crops.

    Returns:
        `(batches, shown)`: the pipeline of the training, and one whose first
        batch, of at most four images of each kind, is the same each time.
    """
    sources = datasets.unpaired_folders(a, b, channels)
    batches = datasets.unpaired_pipeline(
        *sources,
        image_size,
        jitter=jitter,
        batch_size=batch_size,
        seed=seed,
    )
    shown = datasets.unpaired_pipeline(
        *sources,
        image_size,
        batch_size=min(4, *(source.num_images for source in sources)),
        training=False,
        cache=False,
    )
    return batches, shown

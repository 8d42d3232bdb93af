"""Input checks that the networks share."""

from keras_synth.ops.numbers import is_int


def check_shape(image_shape, latent_dim=None, multiple=1):
    """Checks the shape of an image.

    Args:
        image_shape: (height, width, channels).
        latent_dim: Dimension of the latents, None without latents.
        multiple: Number that both sides must be divisible by.

    Returns:
        `(height, width, channels)`.

    Raises:
        ValueError: An argument is out of range.
    """
    if latent_dim is not None and (not is_int(latent_dim) or latent_dim < 1):
        raise ValueError(
            "`latent_dim` must be a positive int. "
            f"Received: latent_dim={latent_dim!r}"
        )
    if len(image_shape) != 3:
        raise ValueError(
            "`image_shape` must be (height, width, channels). "
            f"Received: image_shape={image_shape!r}"
        )
    height, width, channels = image_shape
    sides = "positive ints"
    if multiple > 1:
        sides = f"positive multiples of {multiple}"
    if channels not in (1, 3) or not all(
        is_int(side) and side > 0 and not side % multiple
        for side in (height, width)
    ):
        raise ValueError(
            f"`image_shape` must have sides that are {sides}, and 1 or 3 "
            f"channels. Received: image_shape={tuple(image_shape)}"
        )
    return int(height), int(width), int(channels)


def check_counts(channels, channels_name="channels", **counts):
    """Raises on channels other than 1 and 3, and on counts below 1.

    Args:
        channels: Channels of the images.
        channels_name: Name of that argument, for the message.
        **counts: Positive ints, or tuples of them; `num_layers` at least 2.
    """
    if channels not in (1, 3):
        raise ValueError(
            f"`{channels_name}` must be 1 or 3. Received: {channels!r}"
        )
    for name, value in counts.items():
        several = isinstance(value, list | tuple)
        least = 2 if name == "num_layers" else 1
        values = value if several else [value]
        if not values or not all(is_int(v) and v >= least for v in values):
            kind = "hold ints" if several else "be an int"
            raise ValueError(
                f"`{name}` must {kind} of at least {least}. "
                f"Received: {name}={value!r}"
            )

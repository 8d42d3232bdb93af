"""Network interpolation between two networks of the same architecture."""

import keras

from keras_synth.ops.numbers import is_number


def interpolate_networks(first, second, share):
    """Network interpolation: a network with weights between those of two.

    `θ = (1 - share) · θ₁ + share · θ₂`. If the second network was fine-tuned
    from the first, for example with an adversarial loss, the results change
    gradually from accurate and smooth (0) to sharp (1).

    Args:
        first: A functional `keras.Model`, or a `models.RestorationGAN`, which
            stands for the average of its generator.
        second: Another such, of the same architecture.
        share: Share of the second network's weights, from 0 to 1.

    Returns:
        A new `keras.Model`.

    Raises:
        ValueError: The architectures differ, or the share is out of range.

    Example:

    >>> from keras_synth import networks
    >>> smooth, crisp = (
    ...     networks.edsr(2, width=4, num_blocks=1) for _ in range(2)
    ... )
    >>> between = interpolate_networks(smooth, crisp, 0.3)

    Reference: Wang et al., ESRGAN: Enhanced Super-Resolution Generative
    Adversarial Networks, 2018, section 3.4.
    """
    if not (is_number(share) and 0 <= share <= 1):
        raise ValueError(
            f"`share` must be from 0 to 1. Received: share={share!r}"
        )
    first, second = (
        getattr(model, "sampling_generator", model) for model in (first, second)
    )
    shapes = [
        [tuple(weight.shape) for weight in network.weights]
        for network in (first, second)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "`first` and `second` must be of the same architecture. Received: "
            f"{len(shapes[0])} and {len(shapes[1])} weights, of other shapes"
        )
    network = keras.models.clone_model(first)
    network.set_weights(
        [
            (1.0 - share) * one + share * other
            for one, other in zip(
                first.get_weights(), second.get_weights(), strict=True
            )
        ]
    )
    return network

"""Checks of a GAN: its networks, and what it is compiled with."""

import keras

from keras_synth.layers.nested import all_layers
from keras_synth.models.averages import check_decay
from keras_synth.models.checks import check_is_network, last_activation
from keras_synth.ops.numbers import is_int


def check_generator_and_discriminator(generator, discriminator):
    """Refuses networks that cannot be a generator and a discriminator."""
    check_is_network(generator, "generator")
    check_is_network(discriminator, "discriminator")
    ending = last_activation(discriminator)
    if ending in ("sigmoid", "softmax", "tanh"):
        raise ValueError(
            "`discriminator` must end in logits: the losses apply the sigmoid "
            "themselves, and a second one would squash every logit. Received: "
            f"a network that ends in {ending}"
        )
    if last_activation(generator) == "tanh":
        raise ValueError(
            "`generator` must make images in [0, 1]: append "
            "`keras.layers.Rescaling(0.5, offset=0.5)` to its tanh."
        )


def check_compile_arguments(
    model,
    optimizers,
    loss,
    gradient_penalty,
    augmentation,
    discriminator_steps,
    average_decay,
    others,
):
    """Refuses arguments of `AdversarialModel.compile` that do not fit.

    Args:
        model: The `models.AdversarialModel`.
        optimizers: List of the generator's and the discriminator's optimizer.
        loss: An adversarial loss.
        gradient_penalty: A gradient penalty, or None.
        augmentation: An augmentation, or None.
        discriminator_steps: Number of discriminator steps.
        average_decay: Decay of the generator's average.
        others: Dict of the arguments for `keras.Model.compile`.

    Raises:
        ValueError: An argument is of another kind, or out of range.
    """
    if optimizers[0] is optimizers[1]:
        raise ValueError(
            "Generator and discriminator need an optimizer each: pass two "
            "objects, or their names."
        )
    name = type(model).__name__
    if others.get("metrics") is not None and not model.HAS_TARGETS:
        raise ValueError(
            f"{name} takes no `metrics`: a generated image has no target "
            "to be compared with. Give `fit` the callback "
            "`callbacks.GenerativeQuality`, which measures distances "
            "between sets of images. "
            f"Received: metrics={others['metrics']!r}"
        )
    for foreign in ("loss_weights", "weighted_metrics", "optimizer"):
        if others.get(foreign) is not None:
            raise ValueError(
                f"{name} takes no `{foreign}`: give "
                "`generator_optimizer`, `discriminator_optimizer` and an "
                "adversarial `loss`. "
                f"Received: {foreign}={others[foreign]!r}"
            )
    for argument, value, methods, example in (
        (
            "loss",
            loss,
            (
                "generator",
                "discriminator",
                "boundary",
                "generator_sees_real",
            ),
            "losses.Hinge()",
        ),
        (
            "gradient_penalty",
            gradient_penalty,
            ("__call__", "interval"),
            "losses.R1()",
        ),
        ("augmentation", augmentation, ("draw",), "layers.DiffAugment()"),
    ):
        if value is None:
            continue
        fits = all(hasattr(value, method) for method in methods)
        if isinstance(value, str | type) or not fits:
            raise ValueError(
                f"`{argument}` must be an object such as {example}. "
                f"Received: {argument}={value!r}"
            )
    if gradient_penalty is not None and any(
        isinstance(layer, keras.layers.BatchNormalization)
        for network in model.discriminator_networks
        for layer in all_layers(network)
    ):
        raise ValueError(
            "A gradient penalty needs the gradient at each image, and "
            "batch normalization mixes them: build the discriminator "
            'without it (normalization=None or "layer"), or give no '
            "`gradient_penalty`."
        )
    if not is_int(discriminator_steps) or discriminator_steps < 1:
        raise ValueError(
            "`discriminator_steps` must be a positive int. "
            f"Received: discriminator_steps={discriminator_steps!r}"
        )
    check_decay(average_decay)

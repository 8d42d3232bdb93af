"""Mistakes in setting up two players, said before any training."""

import keras


def check_makes_and_judges(generator, discriminator):
    """Refuses a generator and a discriminator that end as they must not."""
    for name, network in (
        ("generator", generator),
        ("discriminator", discriminator),
    ):
        # Sequential models of unknown shape are not built; others no networks.
        if not getattr(network, "built", False) or not getattr(
            network, "inputs", None
        ):
            raise ValueError(
                f"`{name}` must be a functional `keras.Model`, or a "
                "`Sequential` that begins with `keras.Input(...)`. "
                f"Received: {network!r}"
            )
    if _last_activation(discriminator) in ("sigmoid", "softmax", "tanh"):
        raise ValueError(
            "`discriminator` must end in logits: the losses have the sigmoid "
            "in them, and a second one would squash every logit. Received: "
            f"a network that ends in {_last_activation(discriminator)}"
        )
    if _last_activation(generator) == "tanh":
        raise ValueError(
            "`generator` must make images in [0, 1]: append "
            "`keras.layers.Rescaling(0.5, offset=0.5)` to its tanh."
        )


def check_gan_networks(generator, discriminator):
    """Refuses a generator and a discriminator that do not fit."""
    check_makes_and_judges(generator, discriminator)
    if len(generator.inputs) != len(discriminator.inputs):
        raise ValueError(
            "`generator` and `discriminator` must both take a label or "
            "neither: make both with the same `num_classes`. Received: "
            f"{len(generator.inputs)} and {len(discriminator.inputs)} inputs"
        )
    classes = _num_classes(generator), _num_classes(discriminator)
    if len(generator.inputs) == 2 and classes[0] != classes[1]:
        raise ValueError(
            "`generator` and `discriminator` must know the same classes. "
            f"Received: {classes[0]} and {classes[1]}"
        )
    made = tuple(generator.outputs[0].shape[1:])
    judged = tuple(discriminator.inputs[0].shape[1:])
    if made != judged:
        raise ValueError(
            f"`generator` makes images of shape {made}, `discriminator` "
            f"takes {judged}: make both with the same `image_shape`."
        )


def check_adversarial(
    optimizers,
    loss,
    gradient_penalty,
    augmentation,
    discriminator_steps,
    average_decay,
    others,
    discriminator_networks,
):
    """Refuses what cannot train two players."""
    if optimizers[0] is optimizers[1]:
        raise ValueError(
            "Generator and discriminator need an optimizer each: pass two "
            "objects, or their names."
        )
    foreign = {"metrics", "loss_weights", "weighted_metrics", "optimizer"}
    for name in sorted(foreign & set(others)):
        raise ValueError(
            f"An adversarial model takes no `{name}`: give "
            "`generator_optimizer`, `discriminator_optimizer` and an "
            "adversarial `loss`; see its docstring for what it logs. "
            f"Received: {name}={others[name]!r}"
        )
    for name, value, methods, example in (
        (
            "loss",
            loss,
            ("generator", "discriminator", "boundary", "generator_sees_real"),
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
                f"`{name}` must be an object such as {example}. "
                f"Received: {name}={value!r}"
            )
    if gradient_penalty is not None and any(
        isinstance(layer, keras.layers.BatchNormalization)
        for network in discriminator_networks
        for layer in network._flatten_layers()
    ):
        raise ValueError(
            "A gradient penalty needs the slope at each image, and batch "
            "normalization mixes them: build the discriminator without it "
            '(normalization=None or "layer"), or give no `gradient_penalty`.'
        )
    if not isinstance(discriminator_steps, int) or discriminator_steps < 1:
        raise ValueError(
            "`discriminator_steps` must be a positive int. "
            f"Received: discriminator_steps={discriminator_steps!r}"
        )
    if not 0 <= average_decay < 1:
        raise ValueError(
            "`average_decay` must be at least 0 and below 1. "
            f"Received: average_decay={average_decay!r}"
        )


def _last_activation(network):
    activation = getattr(network.layers[-1], "activation", None)
    return getattr(activation, "__name__", None)


def _num_classes(network):
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Embedding):
            return layer.input_dim
    return None

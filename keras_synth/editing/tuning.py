"""Pivotal tuning: a generator is tuned to images around their projection."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_synth.editing.distances import image_distance
from keras_synth.editing.spaces import clipped, image_network, latent_space
from keras_synth.io import Progress
from keras_synth.models import VAE
from keras_synth.models.checks import (
    check_count,
    check_images,
    check_loss_weights,
)


def tune_generator(
    projection,
    images,
    *,
    steps=200,
    learning_rate=1e-3,
    features=None,
    pixel_weight=1.0,
    locality_weight=0.1,
    seed=0,
    verbose="auto",
):
    """Pivotal tuning: a copy of the generator that makes the very images.

    The styles (pivots) stay; the weights of the copy are trained, so that the
    images become what they should be:
    `d(t, G(w)) + locality_weight · d(G₀(w_r), G(w_r))`, where w_r lies one
    root mean squared distance of styles from a pivot, towards a random style
    (of all classes in turn, where there are classes), and G₀ is the generator
    as it was. Styles stay as easy to edit as they were.

    Args:
        projection: `Projection` of the images; one into w is the easiest to
            edit.
        images: The images that were projected.
        steps: Number of steps; 0 leaves the copy as it is.
        learning_rate: Learning rate of Adam.
        features: See `project`.
        pixel_weight: See `project`.
        locality_weight: Weight of the locality regularization. 0 disables
            it.
        seed: Seed of the random styles, an int.
        verbose: Progress, see `io.Progress`.

    Returns:
        A `Projection` with the tuned copy as its model.

    Raises:
        TypeError: The model's images come from no single network.
        ValueError: The images do not fit the projection, or `steps` or a
            weight is out of range.

    Reference: Roich et al., Pivotal Tuning for Latent-Based Editing of Real
    Images, 2021, sections 3.1 and 3.2.
    """
    check_count("steps", steps, least=0)
    check_count("seed", seed, least=0)
    check_loss_weights({"locality_weight": locality_weight})
    images = np.asarray(images)
    check_images(images, projection.model.image_shape)
    if images.shape != projection.images.shape:
        raise ValueError(
            "`images` must be those that were projected, "
            f"{projection.images.shape}. Received: shape {images.shape}"
        )
    images = images.astype("float32")
    image_network(projection.model)  # which refuses what has none
    before = latent_space(projection.model, projection.space)
    tuned = latent_space(_copy(projection.model), projection.space)
    network = image_network(tuned.model)
    network.trainable = True
    variables = network.trainable_variables
    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build(variables)
    distance = image_distance(features, pixel_weight)
    styles, noise = projection.styles, projection.noise
    labels = projection.labels
    _, deviation = before.statistics(seed)
    reach = deviation * before.dim**0.5

    @tf.function
    def step(others):
        with tf.GradientTape() as tape:
            losses = distance(images, tuned.render(styles, noise, labels))
            total = ops.sum(losses)
            if locality_weight:
                apart = others - styles
                length = ops.norm(apart, axis=-1, keepdims=True)
                near = styles + reach * apart / (length + 1e-8)
                total += locality_weight * ops.sum(
                    distance(
                        before.render(near, noise, labels),
                        tuned.render(near, noise, labels),
                    )
                )
        gradients = tape.gradient(total, variables)
        optimizer.apply(gradients, variables)
        return losses

    losses = []
    with Progress(steps, "steps", verbose) as progress:
        for number in range(steps):
            classes = before.all_classes(number + len(images))
            if classes is not None:
                classes = classes[number:]  # others in each step
            others = before.draw(len(images), seed + number, classes)
            if before.name == "w+":
                others = others[:, None]
            losses.append(step(others).numpy())
            progress.add()
    _finish(tuned.model, network)
    made = clipped(tuned.render(styles, noise, labels))
    return dataclasses.replace(
        projection,
        model=tuned.model,
        images=made,
        losses=np.reshape(losses, (-1, len(images))),
    )


def _copy(model):
    """The same model once more, not compiled."""
    copy = type(model).from_config(model.get_config())
    # What `compile` was given, such as an augmentation, has weights too.
    compiled = getattr(getattr(model, "augmentation", None), "weights", ())
    left_out = {id(weight) for weight in compiled}
    kept = [weight for weight in model.weights if id(weight) not in left_out]
    for new, old in zip(copy.weights, kept, strict=True):
        new.assign(old)
    return copy


def _finish(model, network):
    """Gives the tuned weights of the average to the generator, too."""
    if isinstance(model, VAE):
        return
    network.trainable = False
    model.generator.set_weights(model.generator_average.get_weights())

"""Image pool: a discriminator also sees images of earlier steps."""

import keras
from keras import ops

from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class ImagePool(keras.layers.Layer):
    """Image pool: a history of generated images, mixed into new ones.

    The first `pool_size` images fill it and come out as they went in. From
    then on each image is swapped, with probability one half, for a random one
    of the pool, which it replaces there. The images of one batch are swapped
    for different ones, all from earlier batches; of more images than the pool
    has, as many are chosen at random.

    Pool and random state are weights: a model that holds the layer saves and
    restores them. Every call changes them, so call it in training alone.

    Args:
        pool_size: Number of images kept, a positive int.
        seed: Seed of the draws, an int. None draws a random one.

    Call arguments:
        images: (batch, height, width, channels), a batch that is not empty.

    Returns:
        float32, of the same shape.

    Reference: Shrivastava et al., Learning from Simulated and Unsupervised
    Images through Adversarial Training, 2017, section 2.3.

    Example:

    >>> pool = ImagePool(2, seed=0)
    >>> for level in range(3):
    ...     images = pool(ops.full((2, 4, 4, 1), float(level)))
    >>> images.shape
    TensorShape([2, 4, 4, 1])
    """

    def __init__(self, pool_size=50, seed=None, **kwargs):
        # Images stay in full precision, whatever the policy.
        super().__init__(**{**kwargs, "dtype": "float32"})
        if not is_int(pool_size) or pool_size < 1:
            raise ValueError(
                "`pool_size` must be a positive int. "
                f"Received: pool_size={pool_size!r}"
            )
        self.pool_size = pool_size
        self.seed = seed
        # The same draws on all replicas, which get the same images.
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        self.images = self._add_state(
            "images", (self.pool_size, *input_shape[1:]), "float32"
        )
        self.num_images = self._add_state("num_images", (), "int32")

    def _add_state(self, name, shape, dtype):
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )

    def call(self, images):
        known = tuple(self.images.shape[1:])
        if any(
            side not in (None, other)
            for side, other in zip(images.shape[1:], known, strict=True)
        ):
            raise ValueError(
                f"This pool is for images of shape {known}. Received: shape "
                f"{tuple(images.shape)}"
            )
        count = ops.shape(images)[0]
        places = ops.arange(self.pool_size)
        filled = ops.convert_to_tensor(self.num_images)
        full = filled == self.pool_size
        swapped = keras.random.uniform(
            (self.pool_size,), seed=self.seed_generator
        )
        # Of more images than places, any may be swapped.
        order = keras.random.shuffle(
            ops.arange(ops.maximum(count, self.pool_size)),
            seed=self.seed_generator,
        )[: self.pool_size]
        # The image of the batch that each place gets, if there is one.
        source = ops.where(full, order, places - filled)
        gets = (source >= 0) & (source < count)
        gets = gets & (ops.logical_not(full) | (swapped < 0.5))
        new = ops.take(images, ops.clip(source, 0, count - 1), axis=0)
        new = ops.where(_as_column(gets), new, self.images)
        # The place whose image takes that of an image of the batch.
        taken = (source[None] == ops.arange(count)[:, None]) & gets & full
        old = ops.take(self.images, ops.argmax(taken, axis=1), axis=0)
        mixed = ops.where(_as_column(ops.any(taken, axis=1)), old, images)
        filled = ops.minimum(filled + count, self.pool_size)
        # At the end: until then the variables are read.
        self.images.assign(new)
        self.num_images.assign(filled)
        return mixed

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "seed": self.seed,
        }


def _as_column(values):
    """(n,) → (n, 1, 1, 1)."""
    return values[:, None, None, None]

"""What every kind of degradation shares: purity, seeds, records, severities."""

import math
import numbers

import keras
import tensorflow as tf


class Degradation:
    """A way to degradation images, as a pure function of images and seed.

    A subclass implements `apply`, lists its arguments in `get_config`, and
    names five sets of them in `SEVERITIES`, from hardly visible to heavy.

    What happens to an image depends on the seed, on its place in the batch
    and on the batch's shape, never on what the other images show. One
    image alone is degraded like a batch of one.

    Call arguments:
        images: (batch, height, width, channels), or one image
            (height, width, channels), in [0, 1]; array or tensor, also inside
            a `tf.data` pipeline. They are never changed in place.
        seed: int, or int tensor (2,). The same seed gives the same degradation;
            each image of a batch gets its own.
        return_record: whether to say what was done.

    Returns:
        float32 images, degraded. With `return_record=True`
        `(images, {"mask": ..., "parameters": {...}})`: the mask is float32
        (batch, height, width, 1) of the degraded images, 1 where they may
        have been changed; parameters are what was drawn, each (batch, ...).
    """

    #: Keyword arguments of severities 1 to 5.
    SEVERITIES = ()

    #: Whether degraded images have the size of the clean ones.
    keeps_size = True

    def __call__(self, images, seed, return_record=False):
        images = tf.convert_to_tensor(images)
        if not images.dtype.is_floating:
            raise ValueError(
                "`images` must be floats in [0, 1]: divide uint8 images by "
                f"255. Received: dtype {images.dtype.name}"
            )
        if images.shape.rank not in (3, 4):
            raise ValueError(
                "`images` must be (batch, height, width, channels) or (height, "
                f"width, channels). Received: shape {tuple(images.shape)}"
            )
        single = images.shape.rank == 3
        batch = tf.cast(images, "float32")
        batch = batch[None] if single else batch
        degraded, mask, parameters = self.apply(batch, as_seed(seed))
        if mask is None:
            mask = tf.ones_like(degraded[..., :1])
        size = batch.shape[1:3] if self.keeps_size else (None, None)
        degraded = tf.ensure_shape(
            degraded, (batch.shape[0], *size, batch.shape[3])
        )
        record = {"mask": mask, "parameters": parameters}
        if single:
            degraded = degraded[0]
            record = tf.nest.map_structure(lambda x: x[0], record)
        return (degraded, record) if return_record else degraded

    def apply(self, images, seed):
        """Degradations a batch.

        Args:
            images: float32 (batch, height, width, channels).
            seed: int64 (2,), for `tf.random.stateless_*`; see `split_seed`.

        Returns:
            `(degraded, mask, parameters)`, a mask of None meaning everywhere.
        """
        raise NotImplementedError

    def get_config(self):
        """The constructor's arguments."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config):
        """The same degradation again."""
        return cls(**config)

    @classmethod
    def severity(cls, level):
        """This degradation at one of five strengths, for sweeps.

        Args:
            level: 1 (hardly visible) to 5 (heavy), or 0 for none at all.

        Returns:
            A `Degradation`.

        Raises:
            ValueError: another level, or degradation that has no such scale.
        """
        if level == 0:
            return Compose([])
        if not cls.SEVERITIES:
            raise ValueError(f"{cls.__name__} has no severities.")
        if not isinstance(level, int) or not 0 < level <= len(cls.SEVERITIES):
            raise ValueError(
                f"{cls.__name__}'s `level` must be an int from 0 to "
                f"{len(cls.SEVERITIES)}. Received: level={level!r}"
            )
        return cls(**cls.SEVERITIES[level - 1])


def as_seed(seed):
    """What `tf.random.stateless_*` takes, from an int or such a seed.

    Args:
        seed: int, or int tensor (2,).

    Returns:
        int64 (2,).
    """
    tensor = None if seed is None else tf.convert_to_tensor(seed)
    if (
        tensor is None
        or not tensor.dtype.is_integer
        or not (tensor.shape.rank == 0 or tensor.shape.is_compatible_with([2]))
    ):
        raise ValueError(
            "`seed` must be an int or an int tensor (2,). "
            f"Received: seed={seed!r}"
        )
    tensor = tf.cast(tensor, "int64")
    if tensor.shape.rank == 0:
        return tf.stack([tensor, tf.zeros_like(tensor)])
    return tf.ensure_shape(tensor, (2,))


def split_seed(seed, count):
    """Several independent seeds out of one.

    Args:
        seed: int64 (2,).
        count: how many.

    Returns:
        A list of int64 (2,).
    """
    return tf.unstack(tf.random.split(seed, count), num=count)


def check_range(value, name, low=0.0, high=None, whole=False):
    """A number or a pair `(smallest, largest)`, as such a pair.

    Args:
        value: what the user gave.
        name: of the argument, for the error.
        low: the least allowed.
        high: the most allowed, None for no limit.
        whole: whether only whole numbers will do.

    Returns:
        `(smallest, largest)`, floats, or ints where whole.

    Raises:
        ValueError: it is neither, or out of range.
    """
    kind = numbers.Integral if whole else numbers.Real
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if (
        len(pair) != 2
        or not all(isinstance(v, kind) and type(v) is not bool for v in pair)
        or not low <= pair[0] <= pair[1] < math.inf
        or (high is not None and pair[1] > high)
    ):
        word = "an int" if whole else "a number"
        limits = f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
        raise ValueError(
            f"`{name}` must be {word}, or (smallest, largest), {limits}. "
            f"Received: {name}={value!r}"
        )
    cast = int if whole else float
    return cast(pair[0]), cast(pair[1])


def draw_range(pair, shape, seed):
    """Uniform draws from a range, exactly its value where it is one.

    Args:
        pair: `(smallest, largest)`; between two ints, both included, whole
            numbers are drawn.
        shape: of the draws.
        seed: int64 (2,).

    Returns:
        float32 of that shape, int32 for whole numbers.
    """
    low, high = pair
    if isinstance(low, int):
        return tf.random.stateless_uniform(shape, seed, low, high + 1, "int32")
    return low + (high - low) * tf.random.stateless_uniform(shape, seed)


def keep_range(degraded, images):
    """Clips to [0, 1], or to an image's own range where that is wider.

    Bicubic kernels overshoot, and even an average may round past the ends.

    Args:
        degraded: float32 (batch, new height, new width, channels).
        images: the images before, float32 (batch, height, width, channels).

    Returns:
        Like `degraded`.
    """
    low = tf.reduce_min(images, axis=(1, 2, 3), keepdims=True)
    high = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
    return tf.clip_by_value(
        degraded, tf.minimum(low, 0.0), tf.maximum(high, 1.0)
    )


def blend(images, alpha, color):
    """`(1 - α) x + α c`: exactly the image at α = 0, the color at α = 1.

    Args:
        images: float32 (batch, height, width, channels).
        alpha: in [0, 1], broadcast to the images.
        color: broadcast to the images.

    Returns:
        float32 (batch, height, width, channels).
    """
    return (1.0 - alpha) * images + alpha * color


def one_by_one(step, state, items):
    """Lays things on images in turn, each on all images of the batch.

    A loop in the graph, so that memory does not grow with the things.

    Args:
        step: `(state, one) -> state`.
        state: what goes through, tensors that keep their shapes.
        items: a tuple of tensors (batch, things, ...); `one` holds the same
            of one thing, (batch, ...).

    Returns:
        The last state.
    """
    swapped = tuple(
        tf.transpose(item, (1, 0, *range(2, item.shape.rank))) for item in items
    )

    def same_shapes(before, one):
        return tf.nest.map_structure(
            lambda new, old: tf.ensure_shape(new, old.shape),
            step(before, one),
            before,
        )

    return tf.foldl(same_shapes, swapped, initializer=state)


@keras.saving.register_keras_serializable("keras_synth")
class Compose(Degradation):
    """One degradation after the other; none at all where the list is empty.

    The record's mask is 1 where any of them changed the image; its
    parameters are `{"0_GaussianBlur": {...}, "1_GaussianNoise": {...}}`.

    Args:
        degradations: list of `Degradation`s.

    Example:

    >>> from keras_synth import degradations
    >>> degradation = degradations.Compose(
    ...     [
    ...         degradations.GaussianNoise(0.1),
    ...         degradations.GaussianNoise((0.0, 0.2)),
    ...     ]
    ... )
    >>> degradation(tf.zeros((2, 8, 8, 1)), seed=0).shape
    TensorShape([2, 8, 8, 1])
    """

    def __init__(self, degradations):
        self.degradations = _check_list(degradations)
        self.keeps_size = all(d.keeps_size for d in self.degradations)

    def apply(self, images, seed):
        mask = tf.zeros_like(images[..., :1])
        parameters = {}
        seeds = split_seed(seed, max(1, len(self.degradations)))
        for index, degradation in enumerate(self.degradations):
            images, changed, drawn = degradation.apply(images, seeds[index])
            size = tf.shape(images)[1:3]
            # Smaller or larger images: the mask goes with them.
            mask = tf.image.resize(mask, size, "nearest")
            if changed is None:
                changed = tf.ones_like(images[..., :1])
            mask = tf.maximum(mask, changed)
            parameters[f"{index}_{type(degradation).__name__}"] = drawn
        return images, mask, parameters

    def get_config(self):
        return {
            "degradations": [
                keras.saving.serialize_keras_object(d)
                for d in self.degradations
            ]
        }

    @classmethod
    def from_config(cls, config):
        return cls(
            [
                keras.saving.deserialize_keras_object(d)
                for d in config["degradations"]
            ]
        )


@keras.saving.register_keras_serializable("keras_synth")
class OneOf(Compose):
    """For each image one degradation out of several, drawn with equal chances.

    All must keep the size of the image. The record's parameters hold
    `{"choice": int32 (batch,)}` and each member's own, drawn whether chosen
    or not.

    Args:
        degradations: list of `Degradation`s, at least one.

    Example:

    >>> from keras_synth import degradations
    >>> degradation = degradations.OneOf(
    ...     [degradations.GaussianNoise(0.1), degradations.SaltAndPepper(0.3)]
    ... )
    >>> _, record = degradation(
    ...     tf.zeros((5, 8, 8, 1)), seed=0, return_record=True
    ... )
    >>> record["parameters"]["choice"].shape
    TensorShape([5])
    """

    def __init__(self, degradations):
        super().__init__(degradations)
        if not self.degradations:
            raise ValueError(
                "`degradations` must hold at least one. Received: []"
            )
        for degradation in self.degradations:
            if not degradation.keeps_size:
                raise ValueError(
                    "`degradations` must all keep the size of the image. "
                    f"Received: a {type(degradation).__name__} that does not"
                )

    def apply(self, images, seed):
        own, *seeds = split_seed(seed, len(self.degradations) + 1)
        choice = tf.random.stateless_uniform(
            tf.shape(images)[:1], own, 0, len(self.degradations), "int32"
        )
        result, mask = images, tf.zeros_like(images[..., :1])
        parameters = {"choice": choice}
        for index, degradation in enumerate(self.degradations):
            degraded, changed, drawn = degradation.apply(images, seeds[index])
            if changed is None:
                changed = tf.ones_like(degraded[..., :1])
            chosen = (choice == index)[:, None, None, None]
            result = tf.where(chosen, degraded, result)
            mask = tf.where(chosen, changed, mask)
            parameters[f"{index}_{type(degradation).__name__}"] = drawn
        return result, mask, parameters


def _check_list(degradations):
    listed = isinstance(degradations, list | tuple)
    if not listed or not all(isinstance(d, Degradation) for d in degradations):
        raise ValueError(
            "`degradations` must be a list of degradations. Received: "
            f"degradations={degradations!r}"
        )
    return list(degradations)

"""Base class of image degradations: seeds, records, severities."""

import math
import numbers

import keras
import tensorflow as tf


class Degradation:
    """Image degradation, a pure function of images and a seed.

    A subclass implements `apply`, lists its arguments in `get_config`, and
    names five sets of them in `SEVERITIES`, from hardly visible to heavy.

    The degradation of an image depends on the seed, on its index in the batch
    and on the shape of the batch, not on the other images. A single image is
    degraded like a batch of one.

    Call arguments:
        images: Images (batch, height, width, channels), or one image
            (height, width, channels), in [0, 1], as an array or a tensor, also
            inside a `tf.data` pipeline. They are not changed in place.
        seed: Seed of the random draws, an int or an int tensor (2,). The same
            seed gives the same degradation. Each image of a batch has draws
            of its own.
        return_record: Whether to return a record of the degradation too.

    Returns:
        float32 degraded images. With `return_record=True`
        `(images, {"mask": ..., "parameters": {...}})`: the mask is float32
        (batch, height, width, 1) with the size of the degraded images, 1 where
        they may have changed; parameters are the random draws, each
        (batch, ...).
    """

    #: Keyword arguments of severities 1 to 5.
    SEVERITIES = ()

    #: Those of severity 0, where the record must have parameters that networks
    #: take. None for a degradation without any.
    UNCHANGED = None

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
        """Degrades a batch of images.

        Args:
            images: float32 (batch, height, width, channels).
            seed: int64 (2,), for `tf.random.stateless_*` and `split_seed`.

        Returns:
            `(degraded, mask, parameters)`. A mask of None stands for ones
            everywhere.
        """
        raise NotImplementedError

    def get_config(self):
        """Arguments of the constructor, as a dict."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config):
        """The degradation with the arguments of `get_config`."""
        return cls(**config)

    @classmethod
    def severity(cls, level):
        """This degradation at one of five strengths, for sweeps.

        Args:
            level: Strength, from 1 (hardly visible) to 5 (heavy). 0 changes
                nothing.

        Returns:
            A `Degradation`.

        Raises:
            ValueError: `level` is out of range, or the degradation has no
                severities.
        """
        integral = isinstance(level, numbers.Integral)
        if integral and level == 0:
            return cls(**cls.UNCHANGED) if cls.UNCHANGED else Compose([])
        if not cls.SEVERITIES:
            raise ValueError(f"{cls.__name__} has no severities.")
        if not integral or not 0 < level <= len(cls.SEVERITIES):
            raise ValueError(
                f"{cls.__name__}'s `level` must be an int from 0 to "
                f"{len(cls.SEVERITIES)}. Received: level={level!r}"
            )
        return cls(**cls.SEVERITIES[level - 1])


def as_seed(seed):
    """Converts a seed to the form that `tf.random.stateless_*` takes.

    Args:
        seed: An int, or an int tensor (2,).

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
    """Splits a seed into independent seeds.

    Args:
        seed: int64 (2,).
        count: Number of seeds.

    Returns:
        A list of int64 (2,).
    """
    return tf.unstack(tf.random.split(seed, count), num=count)


def num_channels(images):
    """Number of channels of images, which tensors of a graph may not know.

    Args:
        images: (batch, height, width, channels).

    Returns:
        An int.

    Raises:
        ValueError: It is unknown.
    """
    channels = images.shape[-1]
    if channels is None:
        raise ValueError(
            "This degradation depends on the number of channels, which must "
            "be known: `tf.io.decode_png(data, channels=3)`, or "
            "`tf.ensure_shape(images, (None, None, None, 3))`. Received: shape "
            f"{tuple(images.shape)}"
        )
    return channels


def check_range(value, name, low=0.0, high=None, whole=False):
    """Converts a number or a pair `(smallest, largest)` to a pair.

    Args:
        value: A number or a pair of numbers.
        name: Name of the argument, for the error.
        low: Smallest allowed number.
        high: Largest allowed number. None for no limit.
        whole: Whether the numbers must be ints.

    Returns:
        `(smallest, largest)`, of floats, or of ints where `whole`.

    Raises:
        ValueError: `value` is neither, or out of range.
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
    """Uniform draws from a range.

    Args:
        pair: `(smallest, largest)`. Of two ints, whole numbers are drawn, both
            ends included.
        shape: Shape of the draws.
        seed: int64 (2,).

    Returns:
        float32 of that shape, or int32 for whole numbers. Where both ends are
        equal, exactly their value.
    """
    low, high = pair
    if isinstance(low, int):
        return tf.random.stateless_uniform(shape, seed, low, high + 1, "int32")
    return low + (high - low) * tf.random.stateless_uniform(shape, seed)


def keep_range(degraded, images):
    """Clips to [0, 1], or to an image's own range where that is wider.

    Bicubic kernels overshoot, and even an average may exceed the range by
    rounding.

    Args:
        degraded: float32 (batch, new height, new width, channels).
        images: Images before the degradation, float32 (batch, height, width,
            channels).

    Returns:
        Like `degraded`.
    """
    low = tf.reduce_min(images, axis=(1, 2, 3), keepdims=True)
    high = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
    return tf.clip_by_value(
        degraded, tf.minimum(low, 0.0), tf.maximum(high, 1.0)
    )


def blend(images, alpha, color):
    """Alpha blending, `(1 - α) x + α c`.

    The result is exactly the image where α = 0, and the color where α = 1.

    Args:
        images: float32 (batch, height, width, channels).
        alpha: α in [0, 1], broadcast to the images.
        color: c, broadcast to the images.

    Returns:
        float32 (batch, height, width, channels).
    """
    return (1.0 - alpha) * images + alpha * color


def one_by_one(step, state, items):
    """Draws objects on images one after the other, by a loop in the graph.

    Memory does not grow with the number of objects.

    Args:
        step: Function `(state, one) -> state` that draws one object on each
            image of the batch.
        state: Tensors that the steps change and whose shapes they keep.
        items: Tuple of tensors (batch, objects, ...). `one` holds those of
            one object, (batch, ...).

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
    """Composed degradation: one after the other.

    An empty list changes nothing. The record's mask is 1 where any of them
    changed the image; its parameters are `{"0_GaussianBlur": {...},
    "1_GaussianNoise": {...}}`.

    Args:
        degradations: List of `Degradation`s, applied in order.

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
            # Where the images change their size, the mask does too.
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
    """Random choice of one degradation for each image.

    All are equally probable, and all must keep the size of the image. The
    record's parameters hold `{"choice": int32 (batch,)}` and the parameters of
    every member, which are drawn whether it is chosen or not.

    Args:
        degradations: List of `Degradation`s, at least one.

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
        _check_sizes(self.degradations)

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


@keras.saving.register_keras_serializable("keras_synth")
class Sometimes(Compose):
    """Random degradation of some images: each with a given probability.

    The record's parameters hold `{"applied": bool (batch,)}` and the
    parameters of the degradation, which are drawn whether it is applied or
    not.

    Args:
        degradation: The `Degradation`, which must keep the size of the image.
        probability: Probability of the degradation, from 0 to 1.

    Example:

    >>> from keras_synth import degradations
    >>> noisy = Sometimes(degradations.GaussianNoise(0.1), 0.5)
    >>> _, record = noisy(tf.zeros((5, 8, 8, 1)), seed=0, return_record=True)
    >>> record["parameters"]["applied"].shape
    TensorShape([5])
    """

    def __init__(self, degradation, probability):
        super().__init__([degradation])
        _check_sizes(self.degradations)
        check_range(probability, "probability", high=1.0)
        self.probability = float(probability)

    def apply(self, images, seed):
        own, seed = split_seed(seed, 2)
        applied = self.probability > tf.random.stateless_uniform(
            tf.shape(images)[:1], own
        )
        degraded, changed, parameters = super().apply(images, seed)
        chosen = applied[:, None, None, None]
        degraded = tf.where(chosen, degraded, images)
        mask = tf.where(chosen, changed, 0.0)
        return degraded, mask, {"applied": applied, **parameters}

    def get_config(self):
        (degradation,) = super().get_config()["degradations"]
        return {"degradation": degradation, "probability": self.probability}

    @classmethod
    def from_config(cls, config):
        degradation = keras.saving.deserialize_keras_object(
            config["degradation"]
        )
        return cls(degradation, config["probability"])


def _check_list(degradations):
    listed = isinstance(degradations, list | tuple)
    if not listed or not all(isinstance(d, Degradation) for d in degradations):
        raise ValueError(
            "`degradations` must be a list of degradations. Received: "
            f"degradations={degradations!r}"
        )
    return list(degradations)


def _check_sizes(degradations):
    for degradation in degradations:
        if not degradation.keeps_size:
            raise ValueError(
                "`degradations` must all keep the size of the image. "
                f"Received: a {type(degradation).__name__} that does not"
            )


def mirrored(images, axis, before, after):
    """Extends images by reflection, as often as the margins need.

    Args:
        images: Tensor of images.
        axis: Axis along which they are extended.
        before: Margin at the beginning, in pixels.
        after: Margin at the end.

    Returns:
        Tensor, longer by both margins; edges are repeated.
    """
    size = tf.shape(images)[axis]
    index = tf.range(-before, size + after) % (2 * size)
    return tf.gather(images, tf.minimum(index, 2 * size - 1 - index), axis=axis)

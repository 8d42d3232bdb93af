"""Differential privacy: the gradient step and the accountant of DP-SGD.

In each step the gradient of every image is clipped to a norm C, the clipped
gradients are added, and Gaussian noise of standard deviation σC is added to
the sum, which is divided by the expected number B of images:

    g = (Σ_i g_i · min(1, C / ‖g_i‖) + σ C · N(0, I)) / B

With batches of Poisson sampling, in which each of n images is with
probability B/n, all steps together are (ε, δ)-differentially private: whether
any one image was trained on changes the probability of no outcome by more
than the factor exp(ε), apart from outcomes of probability δ.
"""

import contextlib
import secrets

import keras
import tensorflow as tf

from keras_synth.ops.numbers import is_int, is_number

_GRADIENT_NUMBERS = 2**26  # of the gradients that memory holds at a time


@keras.saving.register_keras_serializable("keras_synth")
class DifferentialPrivacy:
    """Differential privacy of a training: clipping, noise and accountant.

    Given to `compile(privacy=...)` of `models.PrivateVAE` and
    `models.PrivateNetwork`. The accountant is that of Google's
    `dp-accounting` (privacy loss distributions), for Poisson sampling, and
    for data sets that differ by one image that is added or removed.

    Args:
        noise_multiplier: Standard deviation σ of the noise in units of
            `clip_norm`, at least 0. Common values are 0.5 to 2; 0 clips only,
            and protects nothing.
        clip_norm: Largest norm C of the gradient of one image, above 0.
        batch_size: Expected number B of images in a batch.
        num_images: Number n of training images, at least B.
        seed: Seed of the noise, an int. Whoever knows it can subtract the
            noise, so that nothing is protected: give one in experiments only.
            None draws a secret one from the operating system. It is not
            saved.

    Raises:
        ValueError: Numbers out of range.

    Reference: Abadi et al., Deep Learning with Differential Privacy, 2016,
    algorithm 1.

    Example:

    >>> privacy = DifferentialPrivacy(1.1, 1.0, batch_size=250,
    ...                               num_images=60_000)
    >>> privacy.sampling_rate
    0.004166666666666667
    """

    def __init__(
        self, noise_multiplier, clip_norm, batch_size, num_images, seed=None
    ):
        fits = (
            all(map(is_number, (noise_multiplier, clip_norm)))
            and all(map(is_int, (batch_size, num_images)))
            and 0 <= noise_multiplier < float("inf")
            and 0 < clip_norm < float("inf")
            and 1 <= batch_size <= num_images
        )
        if not fits:
            raise ValueError(
                "`noise_multiplier` must be at least 0, `clip_norm` above 0, "
                "and `batch_size` from 1 to `num_images`. Received: "
                f"noise_multiplier={noise_multiplier!r}, "
                f"clip_norm={clip_norm!r}, batch_size={batch_size!r}, "
                f"num_images={num_images!r}"
            )
        self.noise_multiplier = noise_multiplier
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.num_images = num_images
        self._seed = secrets.randbits(62) if seed is None else seed

    @property
    def sampling_rate(self):
        """Probability of each image to be in a batch, B / n."""
        return self.batch_size / self.num_images

    @property
    def default_delta(self):
        """δ where none is given, 1 / (10 n)."""
        return 0.1 / self.num_images

    def epsilon(self, steps, delta=None):
        """The privacy budget ε that a number of steps has spent.

        Args:
            steps: Number of steps, an int.
            delta: δ, between 0 and 1; it should be well below 1 / n. None
                takes 1 / (10 n).

        Returns:
            ε, a float; infinity without noise.

        Raises:
            ImportError: `dp-accounting` is not installed.
            ValueError: δ or the number of steps is out of range.
        """
        delta = self.default_delta if delta is None else delta
        if not is_int(steps) or steps < 0:
            raise ValueError(
                f"`steps` must be an int of at least 0. Received: {steps!r}"
            )
        if not (is_number(delta) and 0 < delta < 1):
            raise ValueError(
                f"`delta` must be between 0 and 1. Received: delta={delta!r}"
            )
        accounting, pld = _accounting()
        if steps == 0:
            return 0.0
        if self.noise_multiplier == 0:
            return float("inf")
        # Of little noise the losses are large, and would fill the memory: the
        # grid that they are rounded up to is coarser then.
        interval = 1e-4 * max(1.0, (0.3 / self.noise_multiplier) ** 2)
        accountant = pld.PLDAccountant(value_discretization_interval=interval)
        step = accounting.PoissonSampledDpEvent(
            self.sampling_rate,
            accounting.GaussianDpEvent(self.noise_multiplier),
        )
        accountant.compose(step, steps)
        return float(accountant.get_epsilon(delta))

    def gradients(self, loss, examples, variables, step):
        """Private gradient: clipped for each image, added, with noise.

        Args:
            loss: Function from one example, as `examples` with a batch of 1,
                to its loss, a scalar.
            examples: Tensors, or a structure of them, (batch, ...). The batch
                may be empty. The gradients of some examples are taken at a
                time, as many as some 256 MB hold.
            variables: List of variables.
            step: Number of the step, an int tensor; each has its own noise.

        Returns:
            List of tensors g, one for each variable.
        """

        def of_one(example):
            example = tf.nest.map_structure(lambda x: x[None], example)
            with tf.GradientTape() as tape:
                value = loss(example)
            gradients = tape.gradient(
                value, variables, unconnected_gradients="zero"
            )
            # Those of embeddings are sparse.
            return [tf.convert_to_tensor(g) for g in gradients]

        def add(start, sums):
            some = tf.nest.map_structure(
                lambda x: x[start : start + at_a_time], examples
            )
            with _quiet():
                gradients = tf.vectorized_map(of_one, some, warn=False)
            norms = tf.sqrt(
                tf.add_n(
                    [
                        tf.reduce_sum(g**2, axis=range(1, len(g.shape)))
                        for g in gradients
                    ]
                )
            )
            factors = self.clip_norm / tf.maximum(norms, self.clip_norm)
            return start + at_a_time, [
                total + tf.tensordot(factors, gradient, 1)
                for total, gradient in zip(sums, gradients, strict=True)
            ]

        size = sum(v.shape.num_elements() for v in variables)
        at_a_time = max(1, _GRADIENT_NUMBERS // size)
        count = tf.shape(tf.nest.flatten(examples)[0])[0]
        zeros = [tf.zeros(v.shape) for v in variables]
        _, sums = tf.while_loop(
            lambda start, sums: start < count, add, (0, zeros)
        )
        deviation = self.noise_multiplier * self.clip_norm
        return [
            (total + deviation * self.normal(total.shape, step, index + 1))
            / self.batch_size
            for index, total in enumerate(sums)
        ]

    def normal(self, shape, step, index):
        """Standard normal noise that follows from the seed and the step.

        Args:
            shape: Shape of the noise.
            step: Number of the step, an int tensor.
            index: Number of the noise within the step, an int.

        Returns:
            float32 of that shape.
        """
        fold = tf.random.experimental.stateless_fold_in
        # The seeds of pipelines are [seed, 0].
        key = fold(
            tf.constant([self._seed, 1], "int64"), tf.cast(step, "int64")
        )
        return tf.random.stateless_normal(shape, fold(key, index))

    def check_data(self, data, initial_epoch, step):
        """Refuses data whose batches the accountant knows nothing about.

        Args:
            data: The first argument of `fit`.
            initial_epoch: That of `fit`.
            step: Number of steps so far, an int.

        Raises:
            ValueError: Batches that are not of Poisson sampling, of another
                rate, or drawn before.
        """
        rate = getattr(data, "sampling_rate", None)
        if rate != self.sampling_rate:
            raise ValueError(
                "Training with differential privacy needs batches of Poisson "
                f"sampling at the rate {self.batch_size} / {self.num_images}: "
                "`datasets.synthesis_pipeline(..., poisson=True)` or "
                "`datasets.poisson_batches(...)`, with the same batch size. "
                + (
                    "Received: data of another kind"
                    if rate is None
                    else f"Received: the rate {rate:.6g}"
                )
            )
        if initial_epoch * len(data) != step:
            raise ValueError(
                "Batches that were drawn before would be drawn again: after "
                f"{step} steps, `fit(initial_epoch={step // len(data)}, "
                "epochs=...)` goes on with new ones. "
                f"Received: initial_epoch={initial_epoch}"
            )

    def get_config(self):
        """The constructor's arguments, without the seed."""
        return {
            "noise_multiplier": self.noise_multiplier,
            "clip_norm": self.clip_norm,
            "batch_size": self.batch_size,
            "num_images": self.num_images,
        }

    @classmethod
    def from_config(cls, config):
        """A new object, with a new seed."""
        return cls(**config)


@contextlib.contextmanager
def _quiet():
    """Without TensorFlow's warning that filters take a loop over images."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)


def _accounting():
    try:
        import dp_accounting
        from dp_accounting import pld
    except ImportError as error:
        raise ImportError(
            "The accountant needs dp-accounting: "
            "pip install 'keras_synth[privacy]'"
        ) from error
    return dp_accounting, pld

"""Adaptive discriminator augmentation (ADA) as a layer."""

import math

import keras
import numpy as np
from keras import ops

from keras_synth.ops import resample
from keras_synth.ops.numbers import is_int

# Transformations in the order of their application, and the distribution of
# their parameter: one of the first n whole numbers ("choice"), uniform within
# ± a range ("even"), or normal with a standard deviation. A parameter of 0
# does nothing. Scales are in octaves, angles in radians counterclockwise,
# shifts in shares of the sides, brightness in [-1, 1].
_DISTRIBUTIONS = {
    "flip": ("choice", 2),
    "quarter_turns": ("choice", 4),
    "shift_down": ("even", 1 / 8),  # by whole pixels
    "shift_right": ("even", 1 / 8),
    "scale": ("normal", 0.2),
    "first_turn": ("even", math.pi),
    "stretch": ("normal", 0.2),
    "second_turn": ("even", math.pi),
    "slide_down": ("normal", 1 / 8),  # by fractions of pixels
    "slide_right": ("normal", 1 / 8),
    "brightness": ("normal", 0.2),
    "contrast": ("normal", 0.5),
    "luma_flip": ("choice", 2),
    "hue": ("even", math.pi),
    "saturation": ("normal", 1.0),
}
_COLUMNS = tuple(_DISTRIBUTIONS)
_BLIT, _GEOMETRIC, _COLOR = _COLUMNS[:4], _COLUMNS[4:10], _COLUMNS[10:]
_TURNS = ("first_turn", "second_turn")


@keras.saving.register_keras_serializable("keras_synth")
class AdaptiveAugment(keras.layers.Layer):
    """Adaptive discriminator augmentation (ADA).

    As with `DiffAugment`, real and generated images are augmented alike
    before the discriminator, and gradients flow through. Here each
    transformation is applied to each image with probability p (`strength`),
    so that augmentations do not leak into the generated images as long as p
    stays below about 0.8; and p adapts to overfitting. With D(real) the
    logits of real images,

        r = E[sign(D(real))],   p ← p + sign(r - target) n / (1000 ramp),

    after n images, clipped to [0, 1]: the more the discriminator overfits,
    the more the images are augmented. `adapt` does this, once a step; with a
    local discriminator it follows the one that sees whole images.

    - Pixel blitting: horizontal flip; rotation by multiples of 90 degrees; a
      shift by whole pixels, up to an eighth of each side.
    - Geometry: scale 2^N(0, 0.2²); rotation by any angle, before or after a
      stretch that scales width and height by 2^a and 2^-a, a ~ N(0, 0.2²);
      a shift by N(0, 0.125²) of each side.
    - Color, in units of [-1, 1]: brightness + N(0, 0.2²); contrast times
      2^N(0, 0.5²); the luma, the mean over channels, times -1; in images of
      three channels also the hue, rotated by any angle around the gray axis,
      and the saturation times 2^N(0, 1).

    Blitting and geometry are one affine map per image, color one matrix.
    Beyond its border an image continues as its mirror image, the edge not
    repeated. Images are interpolated by `ops.resample`; where they are not
    moved, or by whole pixels, values are unchanged. There is no further
    antialiasing filter: for faces of 64 pixels, rotated and shrunk by 2^-0.4
    (1.4 standard deviations of scale and stretch together), the error is 38
    dB below 1, and 41 dB if not shrunk.

    Under `tf.distribute` create the layer in the strategy's scope. p follows
    the global batch.

    Args:
        blit: Whether to flip, rotate by multiples of 90 degrees and shift by
            whole pixels.
        geometric: Whether to scale, rotate by any angle, stretch and shift by
            fractions of pixels.
        color: Whether to change brightness, contrast, luma, hue and
            saturation.
        flips: Whether images may be flipped; False suits text and digits.
        rotations: Whether images may be rotated; False suits images with a
            fixed upright direction.
        initial_strength: Probability p at the start, in [0, 1].
        target: Target of r, between -1 and 1; None keeps p constant.
        ramp: Thousands of images in which p can go from 0 to 1.
        interval: Number of discriminator steps between two changes of p.

    Attributes:
        strength: The probability p, a float32 scalar weight, not trainable.
        COLUMNS: Names of the columns of a draw.

    Call arguments:
        images: (batch, height, width, 1 or 3) in [0, 1], sides of at least 2.
        draw: Random parameters from `draw`; the same draw transforms any
            images alike.

    Returns:
        Images of the same shape, float32, which may leave [0, 1].

    Raises:
        ValueError: No transformation is chosen, arguments are out of range,
            or images or a draw have another shape.

    Reference: Karras et al., Training Generative Adversarial Networks with
    Limited Data, 2020, section 3 and appendix B (filters differ).

    Example:

    >>> augment = AdaptiveAugment(initial_strength=0.5)
    >>> real, fake = ops.ones((2, 8, 8, 3)), ops.zeros((2, 8, 8, 3))
    >>> draw = augment.draw(2, seed=0)
    >>> augment(real, draw=draw).shape, augment(fake, draw=draw).shape
    (TensorShape([2, 8, 8, 3]), TensorShape([2, 8, 8, 3]))
    """

    COLUMNS = _COLUMNS

    def __init__(
        self,
        blit=True,
        geometric=True,
        color=True,
        flips=True,
        rotations=True,
        initial_strength=0.0,
        target=0.6,
        ramp=500,
        interval=4,
        **kwargs,
    ):
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.blit = blit
        self.geometric = geometric
        self.color = color
        self.flips = flips
        self.rotations = rotations
        self.initial_strength = initial_strength
        self.target = target
        self.ramp = ramp
        self.interval = interval
        self._check_arguments()
        self.strength = self._add_state("strength", (), initial_strength)
        # Sum of the signs of the real logits, and the number of images: of
        # this step over all replicas, and since the last change of p.
        self.step_signal = self._add_state("step_signal", (2,), of_all="sum")
        self.signal = self._add_state("signal", (2,))
        self.steps = self._add_state("steps", ())
        self.built = True

    def _add_state(self, name, shape, value=0.0, of_all="only_first_replica"):
        return self.add_weight(
            shape=shape,
            initializer=keras.initializers.Constant(value),
            trainable=False,
            autocast=False,
            aggregation=of_all,
            name=name,
        )

    def draw(self, batch_size, seed):
        """Draws the random parameters of a batch at the current strength p.

        Args:
            batch_size: Number of images.
            seed: Seed, an int or a `keras.random.SeedGenerator`.

        Returns:
            float32 (batch_size, 15), columns as in `COLUMNS`: `flip` and
            `luma_flip`, 0 or 1; `quarter_turns`, 0 to 3; `first_turn`,
            `second_turn` and `hue`, radians; `scale`, `stretch`, `contrast`
            and `saturation`, octaves; shifts and slides, shares of the sides;
            `brightness`. A row of zeros does nothing.
        """
        count = len(_COLUMNS)
        numbers = keras.random.uniform(
            (batch_size, 2 * count), dtype="float32", seed=seed
        )
        chance, numbers = ops.split(numbers, 2, axis=1)
        # Shifts down and right are applied together or not at all.
        partner = np.arange(count) - _mask(("shift_right", "slide_right"))
        chance = ops.take(chance, partner, axis=1)
        strength = ops.convert_to_tensor(self.strength)
        # So that at least one of the two rotations has probability p.
        probability = ops.where(
            _mask(_TURNS), 1.0 - ops.sqrt(1.0 - strength), strength
        )
        permitted = _mask(self._permitted())
        happens = ops.logical_and(chance < probability, permitted)
        return ops.where(happens, _distribute(numbers), 0.0)

    def adapt(self, real_logits):
        """Adapts p: up while the discriminator overfits, down otherwise.

        Call it once a discriminator step; every `interval`-th call changes p.
        NaN counts as 0; several logits of one image count by the mean of
        their signs.

        Args:
            real_logits: Logits of augmented real images, (batch, ...), above 0
                where the discriminator classifies them as real.

        Example:

        >>> augment = AdaptiveAugment(ramp=1, interval=2)
        >>> for _ in range(2):
        ...     augment.adapt(ops.ones((100, 1)))
        >>> round(float(augment.strength), 4)
        0.2
        """
        if self.target is None:
            return
        signs = ops.cast(real_logits > 0, "float32")
        signs -= ops.cast(real_logits < 0, "float32")
        signs = ops.mean(signs, axis=tuple(range(1, len(signs.shape))))
        count = ops.cast(ops.shape(signs)[0], "float32")
        # This assignment adds up the replicas' values.
        self.step_signal.assign(ops.stack([ops.sum(signs), count]))
        signal = self.signal + self.step_signal
        steps = self.steps + 1.0

        overfitting = signal[0] / ops.maximum(signal[1], 1.0)
        move = ops.sign(overfitting - self.target) * signal[1]
        moved = self.strength + move / (1000.0 * self.ramp)
        due = steps >= self.interval
        self.strength.assign(
            ops.where(due, ops.clip(moved, 0.0, 1.0), self.strength)
        )
        self.signal.assign(ops.where(due, 0.0, signal))
        self.steps.assign(ops.where(due, 0.0, steps))

    def call(self, images, draw):
        self._check_shapes(images, draw)
        part = dict(
            zip(_COLUMNS, ops.split(draw, len(_COLUMNS), axis=1), strict=True)
        )  # each (batch, 1)
        x = ops.cast(images, "float32")
        if self.blit or self.geometric:
            x = resample(x, *_places(part, *x.shape[1:3]))
        if self.color:
            x = _recolor(x, part)
        return x

    def compute_output_shape(self, images_shape):
        return images_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            blit=self.blit,
            geometric=self.geometric,
            color=self.color,
            flips=self.flips,
            rotations=self.rotations,
            initial_strength=self.initial_strength,
            target=self.target,
            ramp=self.ramp,
            interval=self.interval,
        )
        return config

    def _permitted(self):
        """Names of the columns that this layer draws."""
        permitted = set()
        for columns, wanted in (
            (_BLIT, self.blit),
            (_GEOMETRIC, self.geometric),
            (_COLOR, self.color),
        ):
            permitted.update(columns if wanted else ())
        if not self.flips:
            permitted -= {"flip"}
        if not self.rotations:
            permitted -= {"quarter_turns", *_TURNS}
        return permitted

    def _check_arguments(self):
        if not (self.blit or self.geometric or self.color):
            raise ValueError(
                "AdaptiveAugment needs at least one of `blit`, `geometric`, "
                "`color`. Received: all False"
            )
        p, target, interval = self.initial_strength, self.target, self.interval
        thousands = "be positive, in thousands of images"
        allowed = target is None or -1 < target < 1
        counts = is_int(interval) and interval > 0
        for name, fits, wanted in (
            ("initial_strength", 0 <= p <= 1, "lie in [0, 1]"),
            ("target", allowed, "lie between -1 and 1, or be None"),
            ("ramp", self.ramp > 0, thousands),
            ("interval", counts, "be a positive int"),
        ):
            if not fits:
                raise ValueError(
                    f"`{name}` must {wanted}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )

    def _check_shapes(self, images, draw):
        shape = tuple(images.shape)
        channels = (1, 3) if self.color else shape[-1:]
        known = len(shape) == 4 and None not in shape[1:]
        if not known or min(shape[1:3]) < 2 or shape[3] not in channels:
            raise ValueError(
                "`images` must be (batch, height, width, channels) with sides "
                "of at least 2 and, for `color`, 1 or 3 channels. "
                f"Received: shape {shape}"
            )
        if tuple(draw.shape)[1:] != (len(_COLUMNS),):
            raise ValueError(
                "`draw` must come from the layer's method `draw`, "
                f"(batch, {len(_COLUMNS)}). Received: shape {draw.shape}"
            )


def _mask(names):
    return np.array([name in names for name in _COLUMNS])


def _distribute(numbers):
    """Maps U(0, 1) to the distribution of each column."""
    kinds, sizes = zip(*_DISTRIBUTIONS.values(), strict=True)
    kinds, sizes = np.array(kinds), ops.array(sizes, "float32")
    even = 2.0 * numbers - 1.0
    most = 1.0 - 2.0**-23  # of which the inverse is finite
    normal = math.sqrt(2.0) * ops.erfinv(ops.clip(even, -most, most))
    return ops.where(
        kinds == "choice",
        ops.floor(sizes * numbers),
        sizes * ops.where(kinds == "normal", normal, even),
    )


def _places(part, height, width):
    """Positions in the image of the pixels of the result.

    The steps are inverted from the last to the first, on coordinates from the
    center that are linear in those of the result: (batch, 3), coefficients
    of y, of x, and a constant.

    Returns:
        Rows and columns, (batch, height, width) each.
    """
    y, x, one = ops.split(ops.eye(3), 3)
    y = y - part["slide_down"] * height * one
    x = x - part["slide_right"] * width * one
    y, x = _turn_back(y, x, part["second_turn"])
    y = y * ops.power(2.0, part["stretch"])
    x = x * ops.power(2.0, -part["stretch"])
    y, x = _turn_back(y, x, part["first_turn"])
    y, x = (each * ops.power(2.0, -part["scale"]) for each in (y, x))
    y = y - ops.round(part["shift_down"] * height) * one
    x = x - ops.round(part["shift_right"] * width) * one
    y, x = _turn_back(y, x, part["quarter_turns"] * (math.pi / 2), ops.round)
    x = x * (1.0 - 2.0 * part["flip"])

    rows = ops.arange(height, dtype="float32")[:, None] - (height - 1) / 2
    columns = ops.arange(width, dtype="float32") - (width - 1) / 2

    def place(coefficients, side):
        by_row, by_column, constant = ops.split(
            coefficients[:, :, None], 3, axis=1
        )
        constant = constant + (side - 1) / 2
        return by_row * rows + (by_column * columns + constant)

    return place(y, height), place(x, width)


def _turn_back(y, x, angle, exact=lambda value: value):
    cosine, sine = exact(ops.cos(angle)), exact(ops.sin(angle))
    return cosine * y + sine * x, cosine * x - sine * y


def _recolor(x, part):
    """Color transformation: one matrix and one constant per image.

    With P the projection on the gray axis and K the rotation by 90° around
    it, brightness b, contrast c, saturation s, hue θ and luma sign l make

        y = (l c P + c s (cos θ (1 - P) + sin θ K)) x + l c b   in [-1, 1].
    """
    channels = x.shape[3]
    brightness, contrast, luma_flip, hue, saturation = (
        part[name][:, :, None] for name in _COLOR
    )  # (batch, 1, 1)
    contrast = ops.power(2.0, contrast)
    luma = contrast * (1.0 - 2.0 * luma_flip)
    matrix = luma
    if channels == 3:
        chroma = contrast * ops.power(2.0, saturation)
        gray = ops.full((3, 3), 1 / 3)
        quarter_turn = ops.cross(ops.eye(3), ops.ones((3, 3)), axis=-1)
        quarter_turn = quarter_turn / math.sqrt(3)
        matrix = luma * gray + chroma * (
            ops.cos(hue) * (ops.eye(3) - gray) + ops.sin(hue) * quarter_turn
        )
    constant = 0.5 * (1.0 + luma * (brightness - 1.0))  # to [-1, 1] and back
    return constant[:, :, :, None] + ops.einsum("bhwj,bij->bhwi", x, matrix)

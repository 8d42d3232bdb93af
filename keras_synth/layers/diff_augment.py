"""Differentiable augmentation (DiffAugment) as a layer."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_synth")
class DiffAugment(keras.layers.Layer):
    """Differentiable augmentation (DiffAugment) of the discriminator's input.

    With few training images a discriminator overfits. If only real images
    were augmented, the generator would learn to make augmented images; here
    real and generated ones are augmented alike, and gradients flow through
    to the generator. In units of [-1, 1] each image gets

    - color: brightness `x + b`, b ~ U(-½, ½); saturation, the distance from
      the mean over channels, times U(0, 2); contrast, the distance from the
      image's mean, times U(½, 1½);
    - translation: a shift by up to an eighth of each side;
    - cutout: a square of half the image's sides set to 0 around a random
      point.

    Pixels uncovered by a shift or covered by a cutout are mid-gray (0 of
    [-1, 1]).

    Args:
        color: Whether to change brightness, saturation and contrast.
        translation: Whether to shift images.
        cutout: Whether to cut a square out of images.

    Call arguments:
        images: (batch, height, width, channels) in [0, 1].
        draw: Random numbers from `draw`; the same draw transforms any images
            alike.

    Returns:
        Images of the same shape, float32, which may leave [0, 1].

    Reference: Zhao et al., Differentiable Augmentation for Data-Efficient GAN
    Training, 2020, section 3.2 and figure 4; ranges of its appendix.

    Example:

    >>> augment = DiffAugment()
    >>> real, fake = ops.ones((2, 8, 8, 1)), ops.zeros((2, 8, 8, 1))
    >>> draw = augment.draw(2, seed=0)
    >>> augment(real, draw=draw).shape, augment(fake, draw=draw).shape
    (TensorShape([2, 8, 8, 1]), TensorShape([2, 8, 8, 1]))
    """

    def __init__(self, color=True, translation=True, cutout=True, **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        if not (color or translation or cutout):
            raise ValueError(
                "DiffAugment needs at least one of `color`, `translation`, "
                "`cutout`. Received: all False"
            )
        self.color = color
        self.translation = translation
        self.cutout = cutout
        self.built = True

    def draw(self, batch_size, seed):
        """Draws the random numbers of a batch, U(0, 1).

        Args:
            batch_size: Number of images.
            seed: Seed, an int or a `keras.random.SeedGenerator`.

        Returns:
            float32 (batch_size, 7): brightness, saturation, contrast, two for
            the shift, two for the cutout.
        """
        return keras.random.uniform((batch_size, 7), dtype="float32", seed=seed)

    def call(self, images, draw):
        # seven of (batch, 1, 1, 1)
        parts = ops.split(draw[:, :, None, None, None], 7, axis=1)
        parts = [part[:, 0] for part in parts]
        x = 2.0 * ops.cast(images, "float32") - 1.0
        if self.color:
            x = _change_color(x, *parts[:3])
        if self.translation:
            x = _shift(x, *parts[3:5])
        if self.cutout:
            x = _cut_out(x, *parts[5:])
        return 0.5 * (x + 1.0)

    def compute_output_shape(self, images_shape):
        return images_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            color=self.color,
            translation=self.translation,
            cutout=self.cutout,
        )
        return config


def _change_color(x, brightness, saturation, contrast):
    x = x + brightness - 0.5
    gray = ops.mean(x, axis=-1, keepdims=True)
    x = gray + 2.0 * saturation * (x - gray)
    mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
    return mean + (contrast + 0.5) * (x - mean)


def _shift(x, down, right):
    """Shifts each image, as a product with shifted identity matrices."""
    for axis, draw in ((1, down), (2, right)):
        side = ops.shape(x)[axis]  # a tensor, of images of any size
        most = ops.floor(ops.cast(side, "float32") / 8.0 + 0.5)
        # (batch, 1, 1)
        shift = ops.floor(draw[:, 0] * (2.0 * most + 1.0)) - most
        index = ops.arange(side, dtype="float32")
        matrix = index[None, :, None] - index[None, None, :] == shift
        matrix = ops.cast(matrix, "float32")  # (batch, to, from)
        equation = "bij,bjwc->biwc" if axis == 1 else "bij,bhjc->bhic"
        x = ops.einsum(equation, matrix, x)
    return x


def _cut_out(x, top, left):
    inside = 1.0
    for axis, draw in ((1, top), (2, left)):
        side = ops.shape(x)[axis]
        length = ops.cast((side + 1) // 2, "float32")
        even = 1.0 - length % 2.0
        center = ops.floor(draw * (ops.cast(side, "float32") + even))
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        index = ops.reshape(ops.arange(side, dtype="float32"), shape)
        first = center - ops.floor(length / 2.0)
        covered = ops.logical_and(index >= first, index < first + length)
        inside = inside * ops.cast(covered, "float32")
    return x * (1.0 - inside)

"""Latent spaces of generators: w and w+ of a StyleGAN2, z of a GAN or VAE."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_synth.models import VAE, StyleGAN2
from keras_synth.models.gan import LatentGenerator
from keras_synth.models.generative import GenerativeModel

SPACES = ("w", "w+", "z")
_NUM_DRAWN = 4096  # latents that mean and deviation of w are taken of


@dataclasses.dataclass(frozen=True)
class LatentSpace:
    """Latent space of a generator: what its images are made from.

    Attributes:
        model: A `models.StyleGAN2`, `models.GAN` or `models.VAE`.
        name: "w" (one style for all layers), "w+" (a style for each layer)
            or "z" (latents).
    """

    model: keras.Model
    name: str

    @property
    def has_styles(self):
        """Whether its vectors are styles of a StyleGAN2."""
        return self.name != "z"

    @property
    def dim(self):
        """Dimension of a style or a latent."""
        if self.has_styles:
            return self.model.style_dim
        return self.model.latent_dim

    @property
    def shape(self):
        """Shape of what one image is made from."""
        layers = (self.model.num_layers,) if self.name == "w+" else ()
        return (*layers, self.dim)

    def check(self, vectors):
        """Refuses vectors of another shape.

        Args:
            vectors: Array (batch, ...).

        Returns:
            float32 array (batch, *shape).

        Raises:
            ValueError: The shape is another.
        """
        vectors = np.asarray(vectors, "float32")
        if vectors.shape[1:] != self.shape or not vectors.size:
            wanted = ", ".join(map(str, self.shape))
            raise ValueError(
                f"Vectors in {self.name} must be of shape (batch, {wanted}). "
                f"Received: shape {vectors.shape}"
            )
        return vectors

    def check_direction(self, direction):
        """Refuses a direction of another space, or of another model's layers.

        Args:
            direction: A `Direction`.

        Raises:
            ValueError: It lies in z and the vectors are styles, or the
                reverse; or dimension or layers are others.
        """
        wanted = "w" if self.has_styles else "z"
        if direction.space != wanted:
            raise ValueError(
                f"A {type(self.model).__name__} is moved along directions in "
                f"{wanted}. Received: {direction.name!r} in {direction.space}"
            )
        layers = getattr(self.model, "num_layers", None)
        same = direction.num_layers in (None, layers)
        if not same or len(direction.vector) != self.dim:
            of_layers = "" if same else f" for {direction.num_layers} layers"
            has = "" if layers is None else f" and {layers} layers"
            raise ValueError(
                f"{direction.name!r} is a direction of another model: of "
                f"dimension {len(direction.vector)}{of_layers}. This "
                f"{type(self.model).__name__} has dimension {self.dim}{has}."
            )

    def render(self, vectors, noise=None, labels=None):
        """Vectors to images, as the network returns them.

        Args:
            vectors: (batch, *shape).
            noise: Noise values of a StyleGAN2, or None for "fixed".
            labels: Classes, for latents of a class-conditional model.

        Returns:
            (batch, height, width, channels), in about [0, 1].
        """
        if self.has_styles:
            noise = "fixed" if noise is None else noise
            return self.model.synthesize(vectors, noise, clip=False)
        if isinstance(self.model, VAE | LatentGenerator):
            return self.model.generate(vectors, labels, clip=False)
        return self.model.generate(vectors, labels)

    def draw(self, count, seed=0, labels=None):
        """Random vectors: (count, dim); those of w+ have the same style."""
        latents, labels = self.model.sampled_latents(count, labels, seed)
        if not self.has_styles:
            return np.asarray(latents)
        return np.asarray(self.model.map_latents(latents, labels))

    def all_classes(self, count):
        """Labels of all classes in equal shares; None without classes.

        Latents do not depend on the classes: for z it is None.

        Raises:
            ValueError: Styles that depend on another condition than a class.
        """
        condition = self.model.condition
        if not self.has_styles or condition.kind is None:
            return None
        if condition.num_classes is None:
            raise ValueError(
                "The styles of this StyleGAN2 depend on its condition, and "
                "there is no list of all conditions to draw them of: "
                "projection and directions of w need a model without a "
                "condition, or a class-conditional one. Received: a model "
                f"conditioned on {condition.kind}"
            )
        return np.arange(count) % condition.num_classes

    def labels_for(self, labels, count):
        """The condition of latents, one row for each.

        Args:
            labels: Class or another condition of each image, (count, ...),
                or one for all; None for none.
            count: Number of latents.

        Returns:
            NumPy array (count, ...); None for none, and for styles, which
            have taken it in.

        Raises:
            ValueError: The labels do not fit the model, are missing, or are
                tokens.
        """
        condition = self.model.condition
        if self.has_styles:
            if labels is not None:
                condition.tensors(labels, count)  # refuses what does not fit
            return None
        if labels is None:
            if self.model.requires_labels:
                condition.check(None)  # says what is missing
            return None
        return self.condition_rows(labels, count)

    def condition_rows(self, labels, count):
        """A condition as one row for each image.

        Args:
            labels: As of `labels_for`, but not None.
            count: Number of images.

        Returns:
            NumPy array (count, ...).

        Raises:
            ValueError: The labels do not fit the model, or are tokens.
        """
        condition = self.model.condition
        if condition.kind == "tokens":
            raise ValueError(
                "A condition of tokens and a mask cannot be edited with: "
                "make images of it with `model.generate(latents, labels)`, "
                "or condition the model on a class, a vector or token ids."
            )
        (rows,) = condition.tensors(labels, count)
        return np.asarray(rows)

    def statistics(self, seed=0, labels=None):
        """Mean of the vectors, and their standard deviation in a dimension.

        Args:
            seed: Seed of the latents.
            labels: One class, or another condition, for all. None takes all
                classes of a StyleGAN2 in equal shares.

        Returns:
            `(mean, deviation)`: float32 (dim,), and the root mean square over
            vectors and dimensions, a float.
        """
        if not self.has_styles:
            return np.zeros(self.dim, "float32"), 1.0
        if labels is None:
            labels = self.all_classes(_NUM_DRAWN)
        styles = self.draw(_NUM_DRAWN, seed, labels)
        mean = styles.mean(axis=0)
        return mean, float(np.sqrt(np.square(styles - mean).mean()))

    def statistics_of_each(self, labels, seed=0):
        """`statistics` of the class, or another condition, of each image.

        Args:
            labels: (count, ...), what `condition_rows` gives.
            seed: Seed of the latents.

        Returns:
            `(means, deviations)`: float32 (count, dim) and (count, 1).
        """
        kinds, which = np.unique(labels, axis=0, return_inverse=True)
        means, deviations = zip(
            *(self.statistics(seed, kind) for kind in kinds), strict=True
        )
        which = which.reshape(len(labels))
        return np.stack(means)[which], np.float32(deviations)[which, None]


def latent_space(model, name=None):
    """The latent space of a generator.

    Args:
        model: A `models.StyleGAN2`, `models.GAN` or `models.VAE`.
        name: "w" or "w+" for a StyleGAN2, "z" for the others; None for "w+"
            or "z".

    Returns:
        A `LatentSpace`.

    Raises:
        TypeError: The model is no generator.
        ValueError: The model has no such space.
    """
    if not isinstance(model, GenerativeModel):
        raise TypeError(
            "`model` must be a generator: a StyleGAN2, GAN or VAE. Received: "
            f"{type(model).__name__}"
        )
    spaces = ("w+", "w") if isinstance(model, StyleGAN2) else ("z",)
    name = spaces[0] if name is None else name
    if name not in spaces:
        raise ValueError(
            f"A {type(model).__name__} is edited in {' or '.join(spaces)}. "
            f"Received: space={name!r}"
        )
    return LatentSpace(model, name)


def space_of(model, vectors):
    """The latent space that vectors of this shape lie in.

    Args:
        model: A generator.
        vectors: Array (batch, dim) or (batch, num_layers, dim).

    Returns:
        A `LatentSpace`.

    Raises:
        ValueError: The model has no vectors of this shape.
    """
    space = latent_space(model)
    if space.has_styles and np.ndim(vectors) == 2:
        space = latent_space(model, "w")
    space.check(vectors)
    return space


def image_network(model):
    """The network that makes the images: synthesis, generator or decoder.

    Args:
        model: A generator.

    Returns:
        A functional `keras.Model`, the one that `sample` uses.

    Raises:
        TypeError: The images come from no single network.
    """
    if isinstance(model, VAE):
        return model.decoder
    if not hasattr(model, "sampling_generator"):
        raise TypeError(
            "`model` must make images in one pass of a network: a StyleGAN2, "
            f"GAN or VAE. Received: {type(model).__name__}"
        )
    if isinstance(model, StyleGAN2):
        return model.sampling_generator.get_layer(model.synthesis.name)
    return model.sampling_generator


def clipped(images):
    """Images as a NumPy array in [0, 1]."""
    return np.clip(ops.convert_to_numpy(images), 0.0, 1.0)


def in_batches(function, *arrays, size=50):
    """Concatenates what a function gives for one batch after another.

    Args:
        function: Function from arrays (batch, ...) to an array (batch, ...).
        *arrays: Arrays of the same length. None stays None.
        size: Largest number of rows that it gets.

    Returns:
        NumPy array (n, ...).
    """
    parts = []
    for start in range(0, len(arrays[0]), size):
        part = (None if a is None else a[start : start + size] for a in arrays)
        parts.append(np.asarray(function(*part)))
    return np.concatenate(parts)

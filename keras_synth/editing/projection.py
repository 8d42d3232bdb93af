"""Projection (GAN inversion): images into the latent space of a generator."""

import dataclasses
import io
import math
import pathlib
from zipfile import BadZipFile

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_synth.editing.distances import image_distance
from keras_synth.editing.noise import (
    noise_correlations,
    noise_maps,
    noise_sides,
    normalized_noise,
)
from keras_synth.editing.spaces import clipped, in_batches, latent_space
from keras_synth.io import Progress, check_target, write_whole
from keras_synth.models import VAE
from keras_synth.models.checks import (
    check_count,
    check_images,
    check_loss_weights,
)
from keras_synth.models.styles import noise_for

NOISES = ("optimize", "fixed", "off")
STARTS = ("nearest", "mean")
# Of the reference: the ramps are shares of all steps.
_RAMP_UP, _RAMP_DOWN, _JITTER_RAMP, _JITTER = 0.05, 0.25, 0.75, 0.05
_NUM_STARTS = 256  # random styles or latents, the nearest is the start


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Projection of images: what a generator makes them from.

    Attributes:
        model: The generator, a tuned copy after pivotal tuning.
        space: "w", "w+" or "z".
        styles: float32 (batch, style_dim) in w, (batch, num_layers,
            style_dim) in w+; latents (batch, latent_dim) in z.
        noise: Noise of a StyleGAN2, (batch, noise_size), or None.
        images: What the model makes of them, (batch, height, width,
            channels) in [0, 1].
        losses: Distance of each image before each step, (steps, batch); of
            styles, with the jitter of the step.
        labels: Classes, int (batch,), or another condition, (batch, ...), or
            None.
    """

    model: keras.Model = dataclasses.field(repr=False)
    space: str
    styles: np.ndarray = dataclasses.field(repr=False)
    noise: np.ndarray | None = dataclasses.field(repr=False)
    images: np.ndarray = dataclasses.field(repr=False)
    losses: np.ndarray = dataclasses.field(repr=False)
    labels: np.ndarray | None = dataclasses.field(default=None, repr=False)

    def render(self, styles=None):
        """Images of other styles, with this projection's noise and labels.

        Args:
            styles: (batch, ...) such as `move` gives; None for its own.

        Returns:
            (batch, height, width, channels) in [0, 1].
        """
        styles = self.styles if styles is None else styles
        space = latent_space(self.model, self.space)
        return clipped(space.render(styles, self.noise, self.labels))

    def save(self, path, overwrite=False):
        """Saves styles, noise, labels and losses to an `.npz` file.

        Args:
            path: Path of the file.
            overwrite: Whether an existing file may be replaced.

        Raises:
            FileExistsError: The file exists and `overwrite` is False.
        """
        check_target(path, overwrite, (".npz",))
        arrays = {
            name: getattr(self, name)
            for name in ("styles", "noise", "losses", "labels")
            if getattr(self, name) is not None
        }
        data = io.BytesIO()
        np.savez(data, space=self.space, **arrays)
        write_whole(pathlib.Path(path), data.getvalue())


def load_projection(path, model):
    """Loads a projection that `Projection.save` has written.

    Args:
        path: Path of the `.npz` file.
        model: The generator that it belongs to.

    Returns:
        A `Projection`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no projection, or one of another model.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no projection {path}")
    try:
        with np.load(io.BytesIO(path.read_bytes())) as file:
            arrays = {name: file[name] for name in file.files}
        styles, losses = arrays["styles"], arrays["losses"]
        space = str(arrays["space"])
    except (
        KeyError,
        TypeError,
        OSError,
        ValueError,
        EOFError,
        BadZipFile,
    ) as e:
        raise ValueError(f"{path} holds no projection") from e
    space = latent_space(model, space)
    styles = space.check(styles)
    noise, labels = arrays.get("noise"), arrays.get("labels")
    images = clipped(space.render(styles, noise, labels))
    return Projection(model, space.name, styles, noise, images, losses, labels)


def as_projection(model, styles, noise="fixed", labels=None):
    """A `Projection` of generated images, whose styles are known.

    Args:
        model: A generator.
        styles: w, w+ or latents, (batch, ...). w becomes w+.
        noise: Noise of a StyleGAN2, (batch or 1, noise_size), "fixed" or
            "off".
        labels: Classes of latents, int (batch,) or one int for all, for a
            class-conditional model.

    Returns:
        A `Projection` without losses.
    """
    space = latent_space(model)
    styles = np.asarray(styles, "float32")
    if space.has_styles and styles.ndim == 2:
        styles = np.repeat(styles[:, None], model.num_layers, axis=1)
    styles = space.check(styles)
    count = len(styles)
    if space.has_styles:
        noise = np.asarray(noise_for(noise, count, model.noise_size))
    else:
        noise = None
    labels = space.labels_for(labels, count)
    images = clipped(space.render(styles, noise, labels))
    losses = np.zeros((0, count), "float32")
    return Projection(model, space.name, styles, noise, images, losses, labels)


def project(
    model,
    images,
    space=None,
    *,
    steps=500,
    features=None,
    pixel_weight=1.0,
    learning_rate=0.1,
    mean_weight=1e-6,
    noise="optimize",
    noise_weight=1.0,
    start="nearest",
    labels=None,
    seed=0,
    verbose="auto",
):
    """Projection (GAN inversion): the styles or latents that make an image.

    Adam lowers `distance + mean_weight · mean_l ‖w_l - w̄‖² / σ²`, with the
    mean w̄ and the standard deviation σ of w in a dimension, which is its unit
    of length; the learning rate goes up and down.
    As in the reference, w has noise in the first three quarters of the steps,
    and the noise maps are optimized too, kept free of correlations between
    neighboring pixels. Each image of a batch is projected as if it were
    alone.

    Args:
        model: A `models.StyleGAN2`, `models.GAN` or `models.VAE`.
        images: (batch, height, width, channels) in [0, 1], of the model's
            size.
        space: "w" (one style for all layers, easy to edit), "w+" (a style
            for each layer, closer to the image) or "z" (latents); None for
            "w+" of a StyleGAN2, and "z" of the others.
        steps: Number of steps.
        features: Network of the perceptual distance, see
            `editing.image_distance`; None for the mean squared error alone.
        pixel_weight: Weight of the mean squared error.
        learning_rate: Largest learning rate, in units of σ.
        mean_weight: Weight of the squared distance from the mean, in w+ and
            z. 0 disables it.
        noise: Noise of a StyleGAN2: "optimize", or "fixed" or "off" as in
            `StyleGAN2.synthesize`.
        noise_weight: Weight of the noise regularization.
        start: "nearest" starts at the nearest of 256 random styles or
            latents, a VAE at what its encoder gives; "mean" at the mean, as
            the reference does.
        labels: Classes of the images, int (batch,) or one int for all, for a
            class-conditional model. Mean, deviation and start of styles are
            those of the class then; without labels, of all classes.
        seed: Seed of all noise, an int.
        verbose: Progress, see `io.Progress`.

    Returns:
        A `Projection`.

    Raises:
        TypeError: The model is no generator, or `features` no network.
        ValueError: The model has no such space, or arguments are out of
            range or do not fit.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, section 5 and appendix D; w+: Abdal et al., Image2StyleGAN,
    2019.
    """
    projector = Projector(
        model,
        space,
        distance=image_distance(features, pixel_weight),
        learning_rate=learning_rate,
        mean_weight=mean_weight,
        noise=noise,
        noise_weight=noise_weight,
        seed=seed,
    )
    return projector.run(
        images, steps, start=start, labels=labels, verbose=verbose
    )


class Projector:
    """Projection of one batch after another, compiled once.

    Args:
        model: See `project`.
        space: See `project`.
        distance: Function from target and made images to (batch,).
        learning_rate: See `project`.
        mean_weight: See `project`.
        noise: See `project`.
        noise_weight: See `project`.
        seed: See `project`.
    """

    def __init__(
        self,
        model,
        space=None,
        *,
        distance,
        learning_rate=0.1,
        mean_weight=1e-6,
        noise="optimize",
        noise_weight=1.0,
        seed=0,
    ):
        self.space = latent_space(model, space)
        check_loss_weights(
            {"mean_weight": mean_weight, "noise_weight": noise_weight}
        )
        check_count("seed", seed, least=0)
        if not isinstance(noise, str) or noise not in NOISES:
            raise ValueError(
                f"`noise` must be one of {', '.join(NOISES)}. "
                f"Received: noise={noise!r}"
            )
        self.model = model
        self.distance = distance
        self.learning_rate = learning_rate
        self.mean_weight = mean_weight
        self.noise = noise
        self.noise_weight = noise_weight
        self.seed = seed
        self._descents = {}  # by the number of images

    def run(
        self, images, steps, *, start="nearest", labels=None, verbose="auto"
    ):
        """Projects images.

        Args:
            images: See `project`.
            steps: Number of steps.
            labels: See `project`.
            start: See `project`; or the `Projection` to go on from.
            verbose: See `project`.

        Returns:
            A `Projection`.
        """
        images = np.asarray(images)
        check_images(images, self.model.image_shape)
        if not len(images):
            raise ValueError("`images` must hold an image. Received: none")
        check_count("steps", steps)
        classes = labels
        if classes is not None:
            classes = self.space.condition_rows(classes, len(images))
        labels = self.space.labels_for(classes, len(images))
        images = images.astype("float32")
        if self.space.has_styles and classes is not None:
            mean, unit = self.space.statistics_of_each(classes, self.seed)
            if self.space.name == "w+":
                mean, unit = mean[:, None], unit[:, None]
        else:
            mean, unit = self.space.statistics(self.seed)
        vectors, noise = self._start(images, classes, mean, start)
        continued = isinstance(start, Projection)
        if len(images) not in self._descents:
            self._descents[len(images)] = _Descent(self, vectors, noise)
        descent = self._descents[len(images)]
        descent.begin((vectors - mean) / unit, noise)
        losses = []
        generator = np.random.default_rng(self.seed)
        with Progress(steps, "steps", verbose) as progress:
            for step in range(steps):
                rate, jitter = _schedule(step / steps, continued)
                if self.space.has_styles:
                    jitter *= _JITTER * math.sqrt(self.space.dim)
                    jitter *= generator.normal(size=self.space.dim)
                else:
                    jitter = 0.0
                losses.append(
                    descent.step(
                        images,
                        labels,
                        mean,
                        np.float32(unit),
                        np.float32(self.learning_rate * rate),
                        np.float32(jitter),
                    )
                )
                progress.add()
        styles = mean + unit * descent.vectors.numpy()
        noise = None if noise is None else descent.noise.numpy()
        made = clipped(self.space.render(styles, noise, labels))
        return Projection(
            self.model,
            self.space.name,
            styles,
            noise,
            made,
            np.stack([loss.numpy() for loss in losses]),
            labels,
        )

    def _start(self, images, labels, mean, start):
        if isinstance(start, Projection):
            if start.styles.shape != (len(images), *self.space.shape):
                raise ValueError(
                    f"`start` must be a projection of {len(images)} images in "
                    f"{self.space.name}. Received: styles of shape "
                    f"{start.styles.shape}"
                )
            return start.styles, start.noise
        if not isinstance(start, str) or start not in STARTS:
            raise ValueError(
                f"`start` must be one of {', '.join(STARTS)}, or a Projection. "
                f"Received: start={start!r}"
            )
        count, vectors = len(images), mean
        if start == "nearest":
            if isinstance(self.model, VAE):
                vectors = np.asarray(self.model.encode(images, labels)[0])
            else:
                vectors = self._nearest(images, labels)
            if self.space.name == "w+":
                vectors = vectors[:, None]
        vectors = np.broadcast_to(vectors, (count, *self.space.shape))
        if not self.space.has_styles:
            return vectors, None
        size = self.model.noise_size
        noise = {
            "optimize": keras.random.normal((1, size), seed=self.seed),
            "fixed": keras.random.normal((1, size), seed=0),
            "off": ops.zeros((1, size)),
        }[self.noise]
        return vectors, np.repeat(np.asarray(noise), count, axis=0)

    def _nearest(self, images, labels):
        """Of random styles or latents that whose image is nearest."""
        space = self.space
        if space.has_styles:
            space = latent_space(self.model, "w")
            if labels is not None:  # styles of the class of each image
                return np.concatenate(
                    [
                        self._nearest_of(space, images[i : i + 1], None, label)
                        for i, label in enumerate(labels)
                    ]
                )
        classes = space.all_classes(_NUM_STARTS)
        return self._nearest_of(space, images, labels, classes)

    def _nearest_of(self, space, images, labels, classes):
        """`_nearest` of vectors of these classes, rendered with labels."""
        drawn = space.draw(_NUM_STARTS, self.seed, classes)

        def distances(part):  # (part, images)
            found = []
            for index, image in enumerate(images):
                if index == 0 or labels is not None:
                    one = None if labels is None else labels[index]
                    made = space.render(part, labels=one)
                target = np.repeat(image[None], len(part), axis=0)
                found.append(self.distance(target, made))
            return np.stack(found, axis=1)

        # A few at a time: large images of all would not fit into memory.
        return drawn[in_batches(distances, drawn, size=16).argmin(axis=0)]


class _Descent:
    """The steps for batches of one size: variables, optimizer, graph.

    Its vectors are distances from the mean, in units of σ.
    """

    def __init__(self, projector, vectors, noise):
        self.vectors = keras.Variable(vectors, name="vectors")
        self.noise = None
        trained = [self.vectors]
        if noise is not None:
            self.noise = keras.Variable(noise, name="noise")
            if projector.noise == "optimize":
                trained.append(self.noise)
        self._optimizer = keras.optimizers.Adam(projector.learning_rate)
        self._optimizer.build(trained)
        self._fresh = [v.numpy() for v in self._optimizer.variables]
        space, distance = projector.space, projector.distance
        has_prior = projector.mean_weight and space.name != "w"
        if self.noise is not None:
            sides = noise_sides(projector.model)

        @tf.function
        def step(images, labels, mean, unit, rate, jitter):
            with tf.GradientTape() as tape:
                vectors = mean + unit * (self.vectors.value + jitter)
                noise = None if self.noise is None else self.noise.value
                made = space.render(vectors, noise, labels)
                losses = distance(images, made)
                total = ops.sum(losses)
                if has_prior:
                    lengths = ops.sum(
                        ops.square(self.vectors.value), axis=-1, keepdims=True
                    )
                    total += projector.mean_weight * ops.sum(
                        ops.mean(lengths, axis=1)
                    )
                if len(trained) == 2:
                    maps = noise_maps(noise, sides)
                    total += projector.noise_weight * sum(
                        map(ops.sum, map(noise_correlations, maps))
                    )
            gradients = tape.gradient(total, [v.value for v in trained])
            self._optimizer.learning_rate.assign(rate)
            self._optimizer.apply(gradients, trained)
            if len(trained) == 2:
                self.noise.assign(normalized_noise(self.noise.value, sides))
            return losses

        self.step = step

    def begin(self, vectors, noise):
        """Starts anew, from these vectors and noise."""
        self.vectors.assign(vectors)
        if noise is not None:
            self.noise.assign(noise)
        variables = self._optimizer.variables
        for variable, value in zip(variables, self._fresh, strict=True):
            variable.assign(value)


def _schedule(t, continued):
    """Factors of the learning rate and of the noise in w, at t in [0, 1)."""
    down = min(1.0, (1.0 - t) / _RAMP_DOWN)
    rate = 0.5 - 0.5 * math.cos(math.pi * down)
    if continued:  # near its end: without noise
        return rate * 0.5, 0.0
    rate *= min(1.0, (t + 1e-3) / _RAMP_UP)
    return rate, max(0.0, 1.0 - t / _JITTER_RAMP) ** 2

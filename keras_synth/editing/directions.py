"""Directions in the latent space of a generator, and moving along them."""

import dataclasses
import io
import json
import pathlib
from zipfile import BadZipFile

import keras
import numpy as np
from scipy import optimize, special

from keras_synth.editing.spaces import (
    image_network,
    latent_space,
    space_of,
)
from keras_synth.io import check_target, write_whole
from keras_synth.layers import ModulatedConv2D
from keras_synth.models.checks import check_count, check_number
from keras_synth.ops.numbers import is_int

_NUM_STYLES = 4096  # random styles that the unit of a direction is taken of


@dataclasses.dataclass(frozen=True, eq=False)
class Direction:
    """Direction in a latent space, with a name.

    Attributes:
        name: What moving along it changes, such as "sleeves".
        vector: float32 (dim,) of length 1.
        scale: Length of one unit of `amount` in `move`: the standard
            deviation of random styles or latents along the vector.
        space: "w" or "z".
        layers: Layers of a StyleGAN2 that it moves, as a tuple of ints; None
            for all.
        num_layers: Number of layers of the StyleGAN2; None in z.
        source: How it was found, in words.
    """

    name: str
    vector: np.ndarray = dataclasses.field(repr=False)
    scale: float = 1.0
    space: str = "w"
    layers: tuple | None = None
    num_layers: int | None = None
    source: str = ""

    def __post_init__(self):
        vector = np.asarray(self.vector, "float32")
        length = np.linalg.norm(vector)
        if vector.ndim != 1 or not 0 < length < np.inf:
            raise ValueError(
                "`vector` must be (dim,), finite and not 0. Received: shape "
                f"{vector.shape} of length {length}"
            )
        if self.space not in ("w", "z"):
            raise ValueError(
                f'`space` must be "w" or "z". Received: {self.space!r}'
            )
        scale = float(self.scale)
        if not np.isfinite(scale):
            raise ValueError(f"`scale` must be finite. Received: {scale}")
        object.__setattr__(self, "vector", vector / length)
        object.__setattr__(self, "scale", scale)
        if self.num_layers is not None:
            object.__setattr__(self, "num_layers", int(self.num_layers))
        if self.layers is not None:
            layers = _ints(self.layers)
            if not layers:
                raise ValueError(
                    "`layers` must hold a layer; None for all. Received: none"
                )
            count = self.num_layers
            if count is not None and not set(layers) <= set(range(count)):
                raise ValueError(
                    f"`layers` must be of 0 to {count - 1}. "
                    f"Received: layers={list(layers)}"
                )
            object.__setattr__(self, "layers", layers)

    def __neg__(self):
        """The same direction the other way round."""
        return dataclasses.replace(self, vector=-self.vector)

    def orthogonal_to(self, *others):
        """The direction without its parts along others.

        Args:
            *others: `Direction`s in the same space; with none of them, the
                direction stays as it is.

        Returns:
            A `Direction` whose vector is at right angles to theirs.

        Raises:
            TypeError: Something else than a `Direction`.
            ValueError: Nothing is left, or the spaces differ.

        Reference: Shen et al., Interpreting the Latent Space of GANs for
        Semantic Face Editing, 2020, equation 6.
        """
        for other in others:
            check_direction(other)
            spaces = [(len(x.vector), x.space) for x in (other, self)]
            if spaces[0] != spaces[1]:
                raise ValueError(
                    f"{other.name!r} and {self.name!r} must lie in the same "
                    f"space. Received: dimensions and spaces {spaces}"
                )
        if not others:
            return self
        matrix = np.stack([o.vector for o in others], 1).astype("float64")
        # Not by QR: others that depend on each other would take more.
        shares = np.linalg.lstsq(matrix, self.vector, rcond=1e-6)[0]
        left = self.vector - matrix @ shares
        if np.linalg.norm(left) < 1e-4:
            names = ", ".join(repr(other.name) for other in others)
            raise ValueError(
                f"Nothing is left of {self.name!r} at right angles to {names}."
            )
        return dataclasses.replace(self, vector=left)

    def save(self, path, overwrite=False):
        """Saves the direction to an `.npz` or `.json` file.

        Args:
            path: Path of the file.
            overwrite: Whether an existing file may be replaced.

        Raises:
            FileExistsError: The file exists and `overwrite` is False.
            ValueError: The ending is another.
        """
        path = pathlib.Path(path)
        check_target(path, overwrite, (".json", ".npz"))
        fields = dataclasses.asdict(self)
        vector = fields.pop("vector")
        if path.suffix.lower() == ".json":
            fields["vector"] = vector.tolist()
            data = json.dumps(fields, indent=1).encode()
        else:
            file = io.BytesIO()
            np.savez(file, vector=vector, about=json.dumps(fields))
            data = file.getvalue()
        write_whole(path, data)


def check_direction(direction):
    """Refuses what is not a `Direction`, with a TypeError."""
    if not isinstance(direction, Direction):
        raise TypeError(
            f"Directions must be `Direction`s. Received: {direction!r}"
        )


def load_direction(path):
    """Loads a direction that `Direction.save` has written.

    Args:
        path: Path of the `.npz` or `.json` file.

    Returns:
        A `Direction`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no direction.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no direction {path}")
    try:
        if path.suffix.lower() == ".json":
            return Direction(**json.loads(path.read_text("utf-8")))
        with np.load(io.BytesIO(path.read_bytes())) as file:
            fields = json.loads(str(file["about"]))
            return Direction(vector=file["vector"], **fields)
    except (
        KeyError,
        TypeError,
        OSError,
        ValueError,
        EOFError,
        BadZipFile,
    ) as e:
        raise ValueError(f"{path} holds no direction") from e


def move(styles, direction, amount, layers=None):
    """Moves styles or latents along a direction.

    `w + amount · scale · vector`, so that an amount of 1 is one standard
    deviation. Whether (batch, dim) are styles or latents is not known here:
    the direction must lie in their space.

    Args:
        styles: w (batch, style_dim), w+ (batch, num_layers, style_dim), or
            latents (batch, latent_dim).
        direction: A `Direction`.
        amount: A number, or one for each image, (batch,).
        layers: Layers of a StyleGAN2 that are moved, a list of ints; None
            for those of the direction.

    Returns:
        float32 array of the same shape; w+ where only some layers of w are
        moved.

    Raises:
        TypeError: `direction` is no `Direction`.
        ValueError: The styles or the layers do not fit the direction, or an
            amount is no finite number.
    """
    check_direction(direction)
    styles = np.asarray(styles, "float32")
    layers = direction.layers if layers is None else _ints(layers)
    if styles.ndim == 3 and direction.space == "z":
        raise ValueError(
            f"{direction.name!r} moves latents (batch, dim). Received: w+, "
            f"styles of shape {styles.shape}"
        )
    if styles.ndim < 2 or styles.shape[-1] != len(direction.vector):
        raise ValueError(
            f"`styles` must be (batch, ..., {len(direction.vector)}) for "
            f"{direction.name!r}. Received: shape {styles.shape}"
        )
    if layers is not None and not len(layers):
        raise ValueError(
            "`layers` must name a layer, or be None for all. Received: none"
        )
    amounts = np.asarray(amount)
    numbers = amounts.dtype.kind in "iuf" and np.isfinite(amounts).all()
    if not numbers or amounts.shape not in ((), (len(styles),)):
        raise ValueError(
            "`amount` must be a finite number, or numbers of shape "
            f"({len(styles)},). Received: amount={amount!r}"
        )
    amounts = amounts.astype("float32")
    amounts = amounts.reshape(-1, *[1] * (styles.ndim - 1))
    steps = amounts * np.float32(direction.scale) * direction.vector
    if layers is None:
        return styles + steps
    count = direction.num_layers
    if count is None or not all(0 <= layer < count for layer in layers):
        has = "no layers" if count is None else f"layers 0 to {count - 1}"
        raise ValueError(
            f"{direction.name!r} has {has}. Received: layers={list(layers)}"
        )
    if styles.ndim == 3 and styles.shape[1] != count:
        raise ValueError(
            f"{direction.name!r} is a direction for {count} layers. "
            f"Received: styles of {styles.shape[1]}"
        )
    if styles.ndim == 2:
        styles = np.repeat(styles[:, None], count, axis=1)
        steps = steps[:, None]
    moved = np.isin(np.arange(count), layers)[:, None]
    return styles + moved * steps


def closed_form_directions(model, count=5, layers=None):
    """Closed-form directions (SeFa): what the first weights amplify most.

    The right singular vectors of A, the kernels of all affine layers that read
    the styles; or of the dense layer that reads the latents. Biases and
    activations do not matter, and no images are needed.

    Args:
        model: A `models.StyleGAN2`, or a GAN or VAE whose latents enter one
            layer.
        count: Number of directions.
        layers: Layers of a StyleGAN2 that are read, and that the directions
            move; None for all.

    Returns:
        List of `Direction`, the strongest first.

    Raises:
        TypeError: The model is no generator.
        ValueError: No dense layer reads the latents, or `count` or `layers`
            are out of range.

    Reference: Shen & Zhou, Closed-Form Factorization of Latent Semantics in
    GANs, 2021, equation 6.
    """
    dim = latent_space(model).dim
    layers = _layers_of(model, layers)
    # The latents come first, before a condition.
    kernels = [
        np.asarray(layer.kernel, "float64")[:dim]
        for layer in _readers(model, layers)
    ]
    matrix = np.concatenate(kernels, axis=1)
    # As in the authors' code, each channel counts the same.
    matrix /= np.linalg.norm(matrix, axis=0) + 1e-12
    vectors, _, _ = np.linalg.svd(matrix, full_matrices=False)
    return _directions(model, vectors.T, count, "closed form", layers)


def principal_directions(model, count=5, num_samples=10_000, seed=0):
    """Principal directions of w (GANSpace): where styles vary most.

    Args:
        model: A `models.StyleGAN2`.
        count: Number of directions.
        num_samples: Number of random styles, more than the directions.
        seed: Seed of their latents.

    Returns:
        List of `Direction`, that of the largest variance first.

    Raises:
        TypeError: The model is no generator.
        ValueError: The model is no StyleGAN2, or `count` or `num_samples` is
            out of range.

    Reference: Härkönen et al., GANSpace: Discovering Interpretable GAN
    Controls, 2020, section 2.1.
    """
    space = latent_space(model)
    if not space.has_styles:
        raise ValueError(
            f"The latents of a {type(model).__name__} vary equally in all "
            "directions: principal directions need a StyleGAN2 "
            "(`closed_form_directions` takes a GAN or VAE as well)."
        )
    check_count("count", count)
    if not is_int(num_samples) or num_samples <= count:
        raise ValueError(
            f"`num_samples` must be an int above the {count} directions. "
            f"Received: num_samples={num_samples!r}"
        )
    styles = space.draw(num_samples, seed, space.all_classes(num_samples))
    apart = styles - styles.mean(axis=0)
    _, vectors = np.linalg.eigh(apart.T @ apart)
    return _directions(model, vectors.T[::-1], count, "principal component")


def boundary_direction(
    model, styles, scores, name, *, share=0.25, orthogonal_to=(), layers=None
):
    """Supervised direction (InterFaceGAN): across the boundary of a label.

    The normal of the plane that best separates the styles of two classes, by
    L2-regularized logistic regression.

    Args:
        model: A generator.
        styles: Random styles w or latents z, (n, dim), see
            `sample_vectors`.
        scores: A bool for each, or one of two numbers, or any number, such as
            what `score_images` gives: those of the highest and the lowest
            scores are separated. Where a score at the edge of a share comes
            on both sides of it, its styles are left out; or all taken, if
            there are no others on this side.
        name: Name of the direction.
        share: Share of the styles on each side, at most 0.5, for numbers.
        orthogonal_to: `Direction`s whose change is left out.
        layers: Layers of a StyleGAN2 that it moves; None for all.

    Returns:
        A `Direction` towards higher scores.

    Raises:
        TypeError: The model is no generator, or `orthogonal_to` holds no
            directions.
        ValueError: Styles and scores do not fit, or all styles or scores are
            the same, or some are no numbers; or the model has no such layers.

    Reference: Shen et al., Interpreting the Latent Space of GANs for Semantic
    Face Editing, 2020, sections 2.2 and 3.1.
    """
    layers = _layers_of(model, layers)
    space = space_of(model, styles)
    styles, scores = np.asarray(styles, "float64"), np.asarray(scores)
    if styles.ndim != 2 or scores.shape != (len(styles),):
        raise ValueError(
            "`styles` must be (n, dim), w or z, and `scores` (n,). "
            f"Received: shapes {styles.shape} and {scores.shape}"
        )
    if scores.dtype.kind not in "biuf":
        raise ValueError(
            f"The scores of {name!r} must be numbers or bools. Received: "
            f"{scores.dtype}"
        )
    if not np.isfinite(styles).all() or not styles.std(axis=0).any():
        raise ValueError(
            f"The styles of {name!r} must be finite, and not all the same."
        )
    values = np.unique(scores)
    if len(values) < 2 or np.isnan(values).any():
        raise ValueError(
            f"The scores of {name!r} must be numbers or bools of two sides: "
            f"styles above and below. Received: {len(values)} values, "
            f"{np.isnan(scores).sum()} of the scores NaN"
        )
    if len(values) == 2:
        scores = scores == values[1]
    else:
        check_number("share", share)
        if not 0 < share <= 0.5:
            raise ValueError(
                "`share` must be above 0, and at most 0.5. "
                f"Received: share={share!r}"
            )
        low, high = _sides(scores, max(int(share * len(scores)), 1))
        order = np.argsort(scores, kind="stable")
        order = order[(low | high)[order]]
        styles, scores = styles[order], high[order]
    found = Direction(
        name,
        _normal(styles, scores),
        space="w" if space.has_styles else "z",
        layers=layers,
        num_layers=getattr(model, "num_layers", None),
        source=f"boundary of {len(styles)} samples",
    )
    if orthogonal_to:
        found = found.orthogonal_to(*orthogonal_to)
    return _scaled(model, found)


def _sides(scores, size):
    """Which scores are the lowest and which the highest, about `size` each.

    Of equal scores all are on a side, or none, so that their order does not
    matter: without those that the edge of a side would divide, unless nothing
    else is on this side.
    """
    ordered = np.sort(scores)
    low, high = scores < ordered[size], scores > ordered[-size - 1]
    if not low.any():
        low = scores == ordered[0]
    if not high.any():
        high = scores == ordered[-1]
    return low, high


def _normal(styles, labels):
    """Normal of the boundary of logistic regression, on whitened scales."""
    center, spread = styles.mean(axis=0), styles.std(axis=0).mean()
    inputs = (styles - center) / spread
    signs = np.where(labels, 1.0, -1.0)

    def loss(weights):
        margins = signs * (inputs @ weights[:-1] + weights[-1])
        pulls = -signs * special.expit(-margins) / len(signs)
        penalty = 1e-3 * weights[:-1]
        value = -special.log_expit(margins).mean() + penalty @ weights[:-1] / 2
        return value, np.append(inputs.T @ pulls + penalty, pulls.sum())

    start = np.zeros(inputs.shape[1] + 1)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B")
    return found.x[:-1]


def _ints(layers):
    """Layers as a tuple of ints; refuses what are none."""
    listed = np.iterable(layers)
    layers = list(layers) if listed else layers
    if not listed or not all(map(is_int, layers)):
        raise ValueError(
            "`layers` must be a list of ints, or None. "
            f"Received: layers={layers!r}"
        )
    return tuple(map(int, layers))


def _layers_of(model, layers):
    """Layers as a tuple of ints; refuses those that a model does not have."""
    if layers is None:
        return None
    layers = _ints(layers)
    if not latent_space(model).has_styles:
        raise ValueError(
            f"A {type(model).__name__} has no styles of layers. "
            f"Received: layers={list(layers)}"
        )
    count = model.num_layers
    if not layers or not set(layers) <= set(range(count)):
        raise ValueError(
            f"`layers` must be at least one of 0 to {count - 1}, or None for "
            f"all. Received: layers={list(layers)}"
        )
    return layers


def _readers(model, layers):
    """The layers that read the styles, or that which reads the latents."""
    network = image_network(model)
    if latent_space(model).has_styles:
        convolutions = [
            each for each in network.layers if isinstance(each, ModulatedConv2D)
        ]
        # Of those to an image only the last has a style of its own.
        styled = [each for each in convolutions if each.demodulate]
        styled.append(convolutions[-1])
        chosen = range(len(styled)) if layers is None else layers
        return [styled[layer].style_to_scales for layer in chosen]
    latents = [network.inputs[0]]
    for each in network.layers:
        inputs = keras.tree.flatten(each.input)
        if not inputs or all(inputs[0] is not x for x in latents):
            continue
        if isinstance(each, keras.layers.Dense):
            return [each]
        if isinstance(each, keras.layers.Concatenate):
            latents.append(each.output)
    raise ValueError(
        f"No dense layer of {network.name} reads the latents: there is no "
        "closed form."
    )


def _directions(model, vectors, count, source, layers=None):
    """The first vectors as directions, each with its scale."""
    if not is_int(count) or not 1 <= count <= len(vectors):
        raise ValueError(
            f"`count` must be an int from 1 to {len(vectors)}. "
            f"Received: count={count!r}"
        )
    space = latent_space(model)
    found = []
    for number, vector in enumerate(vectors[:count]):
        # The sign is arbitrary: the largest entry is positive.
        sign = np.sign(vector[np.abs(vector).argmax()])
        found.append(
            Direction(
                f"{source} {number}".replace(" ", "_"),
                sign * vector,
                space="w" if space.has_styles else "z",
                layers=layers,
                num_layers=getattr(model, "num_layers", None),
                source=source,
            )
        )
    return [_scaled(model, each) for each in found]


def _scaled(model, direction):
    """The direction in units of the standard deviation along it."""
    if direction.space == "z":
        return direction
    along = _random_styles(model) @ direction.vector
    return dataclasses.replace(direction, scale=float(along.std()))


def sample_vectors(model, count, seed=0, labels=None):
    """Random styles w of a StyleGAN2, or latents z of another generator.

    Args:
        model: A generator.
        count: Number of vectors.
        seed: Seed of the latents.
        labels: Classes, int (count,) or one int for all, for a
            class-conditional model.

    Returns:
        float32 (count, dim).
    """
    return latent_space(model).draw(count, seed, labels)


def _random_styles(model):
    space = latent_space(model)
    return space.draw(_NUM_STYLES, 0, space.all_classes(_NUM_STYLES))

"""Perceptual path length of a StyleGAN2."""

import numpy as np
from keras import ops

from keras_synth.ops.numbers import is_int

_STEP = 1e-4


def perceptual_path_length(
    model,
    distance,
    num_samples=10_000,
    sampling="full",
    labels=None,
    seed=0,
    batch_size=50,
):
    """Perceptual path length in the space of styles.

    It is the mean perceptual distance of two images whose styles are a small
    step ε = 10⁻⁴ apart, on the straight line between two random styles:

        PPL = E[ d(G(w(t)), G(w(t + ε))) / ε² ],  w(t) = w₁ + t (w₂ - w₁)

    A low value means that images change smoothly along the line. The noise is
    the same in both images. As in the reference, images are not clipped, and
    values below the first and above the 99th percentile are left out.

    Args:
        model: A `models.StyleGAN2`.
        distance: A `metrics.PerceptualDistance` with its feature network.
        num_samples: Number of pairs of images.
        sampling: "full" for t ~ U(0, 1), anywhere on the line; "end" for t =
            0, at its end, which is a style of the mapping network.
        labels: Classes of the pairs, int (num_samples,) or one int for all,
            for a class-conditional model.
        seed: Seed of latents, steps and noise, an int.
        batch_size: Number of pairs that are computed at a time.

    Returns:
        The perceptual path length, a float.

    Raises:
        TypeError: The model has no styles.
        ValueError: `sampling` has another value, or `num_samples` is not a
            positive int.

    Reference: Karras et al., A Style-Based Generator Architecture, 2019,
    section 4.1 (equation for W); the percentiles: the authors' code.
    """
    if not hasattr(model, "map_latents"):
        raise TypeError(
            "`model` must have styles, as a `models.StyleGAN2`. "
            f"Received: a {type(model).__name__}"
        )
    if sampling not in ("full", "end"):
        raise ValueError(
            f'`sampling` must be "full" or "end". Received: {sampling!r}'
        )
    if not is_int(num_samples) or num_samples < 1:
        raise ValueError(
            "`num_samples` must be a positive int. "
            f"Received: num_samples={num_samples!r}"
        )
    if labels is not None and np.ndim(labels) == 0:
        labels = np.full(num_samples, labels)
    generator = np.random.default_rng(seed)
    lengths = []
    for start in range(0, num_samples, batch_size):
        count = min(batch_size, num_samples - start)
        part = None if labels is None else labels[start : start + count]
        first, second = (
            model.map_latents(
                generator.normal(size=(count, model.latent_dim)), part
            )
            for _ in range(2)
        )
        t = generator.uniform(size=(count, 1)).astype("float32")
        t = t * (sampling == "full")
        noise = generator.normal(size=(count, model.noise_size))
        here, further = (
            model.synthesize(
                first + (t + step) * (second - first), noise, clip=False
            )
            for step in (0.0, _STEP)
        )
        compared = distance.compare(here, further, clip=False)
        lengths.append(ops.convert_to_numpy(compared))
    lengths = np.concatenate(lengths) / _STEP**2
    low = np.percentile(lengths, 1, method="lower")
    high = np.percentile(lengths, 99, method="higher")
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())

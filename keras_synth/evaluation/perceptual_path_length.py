"""How evenly a generator's images change on the way between two latents."""

import numpy as np
from keras import ops

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

    The change of the image, as a perceptual distance sees it, when the
    style moves by a small step ε = 10⁻⁴ on the straight line between two
    random styles:

        PPL = E[ d(G(w(t)), G(w(t + ε))) / ε² ],  w(t) = w₁ + t (w₂ - w₁)

    Low: no sudden changes on the way. Noise is the same in both images.
    As in the reference, the values below the first and above the 99th
    percentile are left out.

    Args:
        model: a `models.StyleGAN2`.
        distance: a `metrics.PerceptualDistance`, with its feature network.
        num_samples: pairs of images.
        sampling: "full" for t ~ U(0, 1), all along the line; "end" for t = 0,
            at its end, where styles of the mapping network lie.
        labels: None, or the class of each pair, int (num_samples,), for a
            class-conditional model.
        seed: int.
        batch_size: pairs at a time.

    Returns:
        A float.

    Raises:
        ValueError: another `sampling`, or no positive `num_samples`.

    Reference: Karras et al., A Style-Based Generator Architecture, 2019,
    section 4.1 (equation for W); the percentiles: the authors' code.
    """
    if sampling not in ("full", "end"):
        raise ValueError(
            f'`sampling` must be "full" or "end". Received: {sampling!r}'
        )
    if not isinstance(num_samples, int) or num_samples < 1:
        raise ValueError(
            "`num_samples` must be a positive int. "
            f"Received: num_samples={num_samples!r}"
        )
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
            model.synthesize(first + (t + step) * (second - first), noise)
            for step in (0.0, _STEP)
        )
        lengths.append(ops.convert_to_numpy(distance.compare(here, further)))
    lengths = np.concatenate(lengths) / _STEP**2
    low = np.percentile(lengths, 1, method="lower")
    high = np.percentile(lengths, 99, method="higher")
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())

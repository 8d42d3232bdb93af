"""Training with differential privacy: its secret seed, and its card."""

import pathlib
import secrets

from keras_synth.io import write_whole

_SEED = "secret_seed.txt"


def secret_seed(output, resume):
    """The secret seed of a training's noise and sampling, kept in its folder.

    Args:
        output: Folder of the training.
        resume: Whether to take the seed of the training that is resumed, if
            it is there.

    Returns:
        An int, from the operating system's random numbers.
    """
    path = pathlib.Path(output) / _SEED
    if resume and path.exists():
        return int(path.read_text())
    seed = secrets.randbits(62)
    write_whole(path, str(seed).encode())
    return seed


def finish(model, output, delta):
    """Writes the card, `privacy.md`, and removes the secret seed.

    Args:
        model: The trained model, with `privacy`.
        output: Folder of the training.
        delta: As in `models.DifferentialPrivacy.epsilon`.
    """
    output, privacy = pathlib.Path(output), model.privacy
    steps = int(model.optimizer.iterations)
    delta = privacy.default_delta if delta is None else delta
    rows = {
        "ε": f"{privacy.epsilon(steps, delta):.4g}",
        "δ": f"{delta:.4g}",
        "noise multiplier": privacy.noise_multiplier,
        "norm that gradients are clipped to": privacy.clip_norm,
        "training images": f"{privacy.num_images:,}",
        "expected images in a batch": privacy.batch_size,
        "steps": f"{steps:,}",
        "sampling": "Poisson: each image independently, in each step",
        "neighbors": "data sets that differ by one image, added or removed",
        "accountant": "privacy loss distributions (dp-accounting)",
        "protected": "the weights in the `.keras` file and what is made with "
        "them. Not protected: `history.json`, `log/`, `images/`",
    }
    lines = "\n".join(f"| {what} | {value} |" for what, value in rows.items())
    text = f"# Differential privacy\n\n| | |\n|---|---|\n{lines}\n"
    write_whole(output / "privacy.md", text.encode())
    (output / _SEED).unlink(missing_ok=True)

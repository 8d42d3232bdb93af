"""Negative log-likelihood of VAE and IWAE on MNIST, in nats per digit.

Training digits are binarized anew in each epoch, test digits once with a
fixed seed (Burda et al. 2016, section 5). All rows pass over the data equally
often; a VAE and an IWAE to compare have the same networks.
"""

import json

import keras
import numpy as np

from benchmarks.rows import RUNS, Stopwatch, data_folder, write_row
from keras_synth import callbacks, datasets, models, networks

IMAGE_SHAPE = (28, 28, 1)
EPOCHS = 40
BATCH_SIZE = 50
LEARNING_RATE = 2e-3
SEED = 0
# row: (networks, their sizes, importance samples in training)
MODELS = {
    "vae": ("conv", {"width": 16}, 1),
    "iwae": ("conv", {"width": 16}, 5),
    "vae_dense": ("dense", {"hidden": (512, 512)}, 1),
    "iwae_dense": ("dense", {"hidden": (512, 512)}, 10),
}
BARS = {
    "vae": "≤ 86.0, goal 84.5",
    "vae_5000": "Burda's one-layer VAE: 86.76",
    "iwae": "≥ 0.8 below `vae`, goal 84.0",
    "vae_dense": "",
    "iwae_dense": "≥ 0.8 below `vae_dense`",
}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    if name == "vae_5000":
        measure("vae", num_samples=5000, row=name, every=10)
    else:
        train(name)
        measure(name, num_samples=500, row=name)


def mnist(split):
    """MNIST from the original files."""
    return datasets.load_source(
        "mnist",
        split,
        data_dir=RUNS / "tensorflow_datasets",
        manual_dir=data_folder() / "mnist",
    )


def train(name):
    """Leaves `vae.keras` in the row's folder."""
    folder = RUNS / name
    settings = json.dumps(
        [MODELS[name], EPOCHS, BATCH_SIZE, LEARNING_RATE, SEED]
    )
    stored = folder / "settings.json"
    if stored.exists() and stored.read_text() != settings:
        raise SystemExit(f"{folder} holds another training: remove it first.")
    if (folder / "vae.keras").exists():
        return
    keras.utils.set_random_seed(SEED)
    digits = datasets.synthesis_pipeline(
        mnist("train"),
        batch_size=BATCH_SIZE,
        augment=datasets.stochastic_binarization,
        seed=SEED,
    )
    kind, size, num_importance_samples = MODELS[name]
    vae = models.VAE(
        getattr(networks, f"{kind}_encoder")(IMAGE_SHAPE, 40, **size),
        getattr(networks, f"{kind}_decoder")(IMAGE_SHAPE, 40, **size),
        num_importance_samples=num_importance_samples,
        seed=SEED,
    )
    vae.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                LEARNING_RATE, EPOCHS * len(digits)
            )
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    stored.write_text(settings)
    vae.fit(
        digits,
        epochs=EPOCHS,
        verbose=2,
        callbacks=[
            callbacks.ImageGrid(folder / "images", every=10),
            Stopwatch(folder / "minutes.json"),
            keras.callbacks.BackupAndRestore(
                folder / "backup", delete_checkpoint=False
            ),
        ],
    )
    vae.save(folder / "vae.keras")


def measure(trained, num_samples, row, every=1):
    """Writes the row for a trained model, on one test digit in `every`."""
    path = RUNS / trained / "vae.keras"
    if not path.exists():
        raise SystemExit(f"Run `make benchmark NAME={trained}` first.")
    vae = keras.saving.load_model(path)
    digits, _ = mnist("test").arrays()
    uniform = np.random.RandomState(SEED).uniform(size=digits.shape)
    binary = (uniform < digits).astype("float32")[::every]
    bound = vae.evaluate(binary, batch_size=100, verbose=0, return_dict=True)
    nats = -vae.log_likelihood(binary, num_samples, seed=SEED, verbose=1)
    figures = {
        "NLL": f"{nats.mean():.2f} ± {nats.std() / np.sqrt(len(nats)):.2f}"
    }
    if every > 1:
        few = -vae.log_likelihood(binary, 500, seed=SEED)
        figures["with 500 samples"] = f"{few.mean():.2f}"
    kind, size, k = MODELS[trained]
    wall, cpu = Stopwatch(RUNS / trained / "minutes.json").read()
    write_row(
        row,
        "Test negative log-likelihood on MNIST, nats per digit",
        figures
        | {
            "bound": f"{bound['loss']:.2f}",
            "active units": f"{bound['active_units']:.0f}",
            "training": f"{wall:.0f} min ({cpu:.0f} CPU min)",
        },
        data=f"MNIST, {len(binary):,} test digits binarized once",
        protocol=(
            f"{num_samples} importance samples; {kind} networks {size}, 40 "
            f"latents, {EPOCHS} epochs, k = {k}"
        ),
        seed=SEED,
        bar=BARS[row],
    )

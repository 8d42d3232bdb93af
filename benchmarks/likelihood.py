"""Negative log-likelihood of VAE and IWAE on MNIST, in nats a digit.

Training digits are binarized anew in each epoch, test digits once with a
fixed seed (Burda et al. 2016, section 5). All rows pass over the data equally
often; a VAE and an IWAE to compare have the same networks.
"""

import json

import keras
import numpy as np

from benchmarks.gan import load
from benchmarks.rows import RUNS, figure, stored_value, write_row
from benchmarks.trainings import Stopwatch
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
# Burda et al. (2016), table 1: a VAE of one stochastic layer.
PUBLISHED = 86.76


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    if name == "vae_5000":
        measure("vae", num_samples=5000, row=name, every=10)
    else:
        train(name)
        measure(name, num_samples=500, row=name)


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
        load("mnist", "train"),
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
            callbacks.ImageGrid(folder / "images", interval=10),
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
    digits, _ = load("mnist", "test").arrays()
    uniform = np.random.RandomState(SEED).uniform(size=digits.shape)
    binary = (uniform < digits).astype("float32")[::every]
    bound = vae.evaluate(binary, batch_size=100, verbose=0, return_dict=True)
    nats = -vae.log_likelihood(binary, num_samples, seed=SEED, verbose=1)
    kind, size, k = MODELS[trained]
    bars, words = _bars(row)
    figures = {
        "NLL": figure(
            nats.mean(),
            "nats",
            better="lower",
            error=nats.std() / np.sqrt(len(nats)),
            **bars,
        )
    }
    if every > 1:
        few = -vae.log_likelihood(binary, 500, seed=SEED)
        figures["NLL, 500 samples"] = figure(few.mean(), "nats", better="lower")
    wall, cpu = Stopwatch(RUNS / trained / "minutes.json").read()
    write_row(
        row,
        "Negative log-likelihood of test digits (MNIST)",
        figures
        | {
            "negative ELBO": figure(bound["loss"], "nats", better="lower"),
            "active units": figure(bound["active_units"], decimals=0),
            "training time": figure(wall, "min", 0),
            "training time, CPU": figure(cpu, "min", 0),
        },
        data=f"MNIST, {len(binary):,} test digits binarized once",
        protocol=(
            f"{num_samples} importance samples; {kind} networks {size}, 40 "
            f"latents, {EPOCHS} epochs, k = {k}{words}"
        ),
        seed=SEED,
    )


def _bars(row):
    """`(arguments of figure, words for the protocol)`."""
    if row == "vae":
        return {"bar": 86.0, "goal": 84.5}, ""
    if row == "vae_5000":
        published = {
            "baseline": PUBLISHED,
            "baseline_name": "Burda et al., one layer",
        }
        return published, "; trained as `vae`"
    vae = {"iwae": "vae", "iwae_dense": "vae_dense"}.get(row)
    nll = vae and stored_value(vae, "NLL")
    if nll is None:
        return {}, ""
    goal = {"goal": 84.0} if row == "iwae" else {}
    return {"bar": nll - 0.8, **goal}, f"; bar: 0.8 nats below `{vae}`"

"""Membership inference: a VAE that overfits 100 digits, and one that does not.

The first was trained on 100 digits of MNIST, again and again; the second on
all 60,000. Both are attacked with test digits as the holdout. What counts is
the strongest attack, without a reference model.
"""

import dataclasses
import json

import keras
import numpy as np

from benchmarks.gan import load
from benchmarks.rows import RUNS, figure, write_row
from benchmarks.trainings import train_once, words_of
from keras_synth import datasets, evaluation, training

SEED = 0
FEW = 100
# line of the table: arguments of `training.train_vae`
MODELS = {
    "100 digits": {"epochs": 20, "batch_size": 50, "latent_dim": 16},
    "60,000 digits": {"epochs": 8, "batch_size": 64, "latent_dim": 16},
}
ATTACKED = 2000
REPEATS = 100  # of the 100 digits in an epoch


def run(name):
    """Trains both models (resuming what was begun) and measures them."""
    figures, words = {}, []
    for line, options in MODELS.items():
        folder = RUNS / name / line.split()[0].replace(",", "")
        model, images, trained = train(folder, line, options)
        report = evaluation.privacy_report(
            model,
            images,
            load("mnist", "test"),
            num_attacked=ATTACKED,
            seed=SEED,
        )
        report.write(folder)
        (folder / "attacks.json").write_text(
            json.dumps(
                {
                    attack: dataclasses.asdict(one)
                    for attack, one in report.attacks.items()
                },
                indent=1,
            )
        )
        figures |= _figures(line, report, overfits=line == "100 digits")
        words.append(f"{line}: {words_of(options)}, {trained.words()}")
        print(f"{line}: {report.finding}, see {folder}/privacy.md")
    write_row(
        name,
        "Membership inference against a VAE (MNIST)",
        figures,
        data=(
            f"training digits, {FEW} or {ATTACKED:,} of the 60,000, against "
            f"{ATTACKED:,} test digits"
        ),
        protocol=(
            "`training.train_vae`, `evaluation.privacy_report`; the strongest "
            "attack counts; bars: an AUC of at least 0.8 where the VAE "
            f"overfits, and from 0.45 to 0.55 where not; {'; '.join(words)}"
        ),
        seed=SEED,
    )


def train(folder, line, options):
    """`(model, training images, Training)`, resuming what was begun."""
    data = load("mnist", "train")
    images, labels = data.arrays()
    if line == "100 digits":
        images, labels = images[:FEW], labels[:FEW]
        data = datasets.source_from_arrays(
            "mnist_100",
            "train",
            np.tile(np.round(255 * images).astype("uint8"), (REPEATS, 1, 1, 1)),
            np.tile(labels, REPEATS),
        )

    def fit():
        training.train_vae(
            data, folder, resume=True, seed=SEED, verbose=2, **options
        )

    trained = train_once(folder, options, fit)
    return keras.saving.load_model(folder / "vae.keras"), images, trained


def _figures(line, report, overfits):
    strongest = max(report.attacks.values(), key=lambda one: one.auc)
    low, high = strongest.auc_interval
    better = "higher" if overfits else "lower"
    found = {
        "AUC": figure(
            strongest.auc,
            decimals=3,
            better=better,
            bar=0.8 if overfits else 0.55,
            error=(high - low) / (2 * 1.96),
        ),
        "TPR at 1 % FPR": figure(
            max(one.tpr for one in report.attacks.values()),
            decimals=3,
            better=better,
        ),
        "samples nearer to training images": figure(
            100 * report.memorization["nearer"], "%", 1, better=better
        ),
        "copies": figure(
            100 * report.memorization["copies"], "%", 1, better=better
        ),
    }
    if not overfits:
        weakest = min(one.auc for one in report.attacks.values())
        found["lowest AUC"] = figure(
            weakest, decimals=3, better="higher", bar=0.45
        )
    return {f"{line}: {what}": one for what, one in found.items()}

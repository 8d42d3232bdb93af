"""Do the demo's digits look like digits to a classifier?

The classifier is the one that ships, trained on MNIST's 60,000 training
digits; its accuracy and the figure for real digits are on MNIST's test set.
"""

import keras
import numpy as np

from benchmarks.likelihood import mnist
from benchmarks.rows import RUNS, write_row
from keras_synth import presets, tasks

SEED = 0


def run(name):
    """Trains the demo and writes the row."""
    classifier = presets.mnist_classifier()
    test_images, test_labels = mnist("test").arrays()
    test = classifier.predict(test_images, verbose=0)
    accuracy = (test.argmax(axis=1) == test_labels).mean()
    real = test.max(axis=1) >= 0.9
    paths = tasks.demo(RUNS / name, seed=SEED, verbose=2)
    vae = keras.saving.load_model(paths["model"])
    labels = np.arange(1000) % 10
    samples = vae.sample(1000, labels=labels, seed=SEED)
    probabilities = classifier.predict(samples, verbose=0)
    confident = probabilities.max(axis=1) >= 0.9
    right = probabilities.argmax(axis=1) == labels
    write_row(
        name,
        "The demo's digits under a digit classifier",
        {
            "confidence ≥ 0.9 on": f"{100 * confident.mean():.1f} %",
            "of the class asked for": f"{100 * right.mean():.1f} %",
            "real digits with confidence ≥ 0.9": f"{100 * real.mean():.1f} %",
        },
        data="1,000 samples of `make demo`, 100 a class; MNIST's test set",
        protocol=(
            "`presets.mnist_classifier`, trained on MNIST's 60,000 training "
            f"digits, {100 * accuracy:.2f} % right on MNIST's test set"
        ),
        seed=SEED,
        bar="≥ 80 %",
    )

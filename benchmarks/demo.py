"""Do the demo's digits look like digits to a classifier?

The classifier learns from MNIST's 60,000 training digits less the 5,000 that
the demo may have seen; its accuracy is that on MNIST's test set.
"""

import keras
import numpy as np
from keras import layers

from benchmarks.likelihood import mnist
from benchmarks.rows import RUNS, write_row
from keras_synth import datasets, recipes

SEED = 0


def run(name):
    """Trains classifier and demo, and writes the row."""
    keras.utils.set_random_seed(SEED)
    classifier, accuracy = _classifier()
    paths = recipes.demo(RUNS / name, seed=SEED, verbose=2)
    vae = keras.saving.load_model(paths["model"])
    labels = np.arange(1000) % 10
    samples = vae.sample(1000, labels=labels, seed=SEED)
    probabilities = classifier.predict(samples, verbose=0)
    confident = probabilities.max(axis=1) >= 0.9
    right = probabilities.argmax(axis=1) == labels
    test_images, _ = datasets.load_source("digits", "test").arrays()
    real = classifier.predict(test_images, verbose=0).max(axis=1) >= 0.9
    write_row(
        name,
        "The demo's digits under a digit classifier",
        {
            "confidence ≥ 0.9 on": f"{100 * confident.mean():.1f} %",
            "of the class asked for": f"{100 * right.mean():.1f} %",
            "real digits with confidence ≥ 0.9": f"{100 * real.mean():.1f} %",
        },
        data="1,000 samples of `make demo`, 100 a class",
        protocol=(
            "convolutional classifier trained on 55,000 other MNIST digits, "
            f"{100 * accuracy:.1f} % right on MNIST's test set"
        ),
        seed=SEED,
        bar="≥ 80 %",
    )


def _classifier():
    """A small convolutional network, and its accuracy on MNIST's test set."""
    images, labels = mnist("train").arrays()
    known = set()
    for split in ("train", "test"):
        embedded, _ = datasets.load_source("digits", split).arrays()
        known |= {image.tobytes() for image in embedded}
    other = np.array([image.tobytes() not in known for image in images])
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Conv2D(64, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    network.fit(
        images[other], labels[other], batch_size=128, epochs=3, verbose=2
    )
    test_images, test_labels = mnist("test").arrays()
    _, accuracy = network.evaluate(test_images, test_labels, verbose=0)
    print(f"classifier: {other.sum():,} training digits, {accuracy:.4f} right")
    return network, accuracy

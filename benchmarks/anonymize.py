"""Anonymized faces: how many are found, and whether a network knows them.

A small network learns the 40 people of ORL from half of their portraits. Of
the other half it sees those whose face was found, as they are and anonymized.
"""

import re

import keras
import numpy as np

from benchmarks.rows import RUNS, data_folder, figure, write_row
from keras_synth import degradations, io

SEED = 0
PEOPLE = 40
METHODS = {
    "fill": {},
    "blur": {"method": "blur"},
    "pixelate, 4 x 4": {"method": "pixelate", "cells": 4},
    "pixelate, 8 x 8": {"method": "pixelate", "cells": 8},
}


def run(name):
    """Measures the row."""
    images, people = portraits()
    boxes = [degradations.find_faces(image) for image in images]
    found = np.array([len(each) > 0 for each in boxes])
    figures = {
        "ORL, 400 portraits: faces found": _percent(found),
        "CelebA, 32 portraits: faces found": _percent(celeba_found()),
    }
    training = np.arange(len(images)) % 10 < 5
    network = recognizer(images[training], people[training])
    seen = ~training & found

    def rank_1(images):
        logits = network.predict(images[seen], verbose=0)
        return logits.argmax(axis=1) == people[seen]

    figures["as they are: rank-1 accuracy"] = _percent(rank_1(images))
    chance = 100.0 / PEOPLE
    for label, options in METHODS.items():
        hide = degradations.Anonymize(**options)
        hidden = np.stack(
            [
                hide.hide(
                    image,
                    degradations.clip_boxes(each, image.shape[:2], hide.margin),
                )
                for image, each in zip(images, boxes, strict=True)
            ]
        )
        bar = 2.0 * chance if label == "fill" else None
        figures[f"{label}: rank-1 accuracy"] = _percent(
            rank_1(hidden), "lower", bar
        )
        path = RUNS / name / f"{label}.png"
        print("images:", io.write_image(path, io.image_grid(hidden[::20])))
    write_row(
        name,
        "Anonymized faces",
        figures,
        data="ORL: 10 portraits each of 40 people; CelebA",
        protocol=(
            "the cascade of local binary patterns of scikit-image; recognized "
            "by a network of three convolutions, trained on 5 portraits of "
            "each person, tested on those of the others in which a face was "
            f"found; chance is {chance:.1f} %; bar: twice that"
        ),
        seed=SEED,
    )


def portraits():
    """Images of ORL, (400, 112, 92, 1), and the people on them."""
    files = sorted(
        (data_folder() / "faces" / "orl").glob("s*/*.*"),
        key=lambda file: [int(x) for x in re.findall(r"\d+", str(file))[-2:]],
    )
    images = np.stack([io.read_image(file, channels=1) for file in files])
    return images, np.arange(len(images)) // 10


def celeba_found():
    """Whether a face is found on each portrait of CelebA."""
    files = io.find_images(data_folder() / "faces" / "celeba_aligned")
    images = [io.read_image(file) for file in files]
    return np.array([len(degradations.find_faces(x)) > 0 for x in images])


def recognizer(images, people):
    """A network from portraits to people, trained."""
    keras.utils.set_random_seed(SEED)
    layers = keras.layers
    image = keras.Input(images.shape[1:])
    x = layers.RandomTranslation(0.05, 0.05)(image)
    x = layers.RandomFlip("horizontal")(x)
    for width in (16, 32, 64):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    x = layers.Dense(128, activation="relu")(x)
    network = keras.Model(image, layers.Dense(PEOPLE)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(1e-3), loss)
    network.fit(images, people, epochs=60, batch_size=20, verbose=2)
    return network


def _percent(right, better="higher", bar=None):
    return figure(100.0 * np.mean(right), "%", 1, better=better, bar=bar)

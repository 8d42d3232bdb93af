"""StyleGAN2 on clothes, 32x32: against a DCGAN, and without its parts.

Fashion-MNIST with a black border of 2 pixels, which is cut off again before
scoring, since the classifier whose features score takes 28x28. The rows
without one part each, and the whole beside them, are trained on a quarter as
many images.
"""

import keras

from benchmarks.feature_networks import perceptual_metric
from benchmarks.gan import draw, load, score
from benchmarks.rows import RUNS, figure, stored_value
from benchmarks.trainings import (
    card,
    store_in_half_precision,
    train_once,
    words_of,
)
from keras_synth import datasets, evaluation, training
from keras_synth.io import image_grid, write_image

SEED = 0
SIZE = 32
DATA = "fashion_mnist"
QUESTION = "Generated clothes at 32x32 (Fashion-MNIST, gray)"
PARTS = "StyleGAN2 without one of its parts (Fashion-MNIST at 32x32)"
LONG, WHOLE, QUARTER = 20, 4, 1  # passes over 60,000 images
# row: (function that trains, its arguments)
TRAININGS = {
    "stylegan2_long": (training.train_stylegan2, {"epochs": LONG}),
    "stylegan2": (training.train_stylegan2, {"epochs": WHOLE}),
    "stylegan2_quarter": (training.train_stylegan2, {"epochs": QUARTER}),
    "stylegan2_no_r1": (
        training.train_stylegan2,
        {"epochs": QUARTER, "r1_weight": 0.0},
    ),
    "stylegan2_no_path_length": (
        training.train_stylegan2,
        {"epochs": QUARTER, "path_length_weight": 0.0},
    ),
    "stylegan2_no_mixing": (
        training.train_stylegan2,
        {"epochs": QUARTER, "style_mixing": 0.0},
    ),
    "dcgan_equal": (training.train_gan, {"epochs": WHOLE}),
}
WHOLE_MODELS = ("stylegan2_long", "stylegan2", "dcgan_equal")
WIDTH = {"channel_multiplier": 1 / 64, "channel_max": 64}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    train_, options = TRAININGS[name]
    if train_ is training.train_stylegan2:
        options = options | WIDTH
    folder = RUNS / name
    source = datasets.pad_source(load(DATA, "train"), SIZE)
    trained = train(train_, options, folder, source)
    (file,) = folder.glob("*.keras")
    model = keras.saving.load_model(file)
    images = draw(model, None)
    edge = (images.shape[1] - 28) // 2
    inner = slice(edge, edge + 28)
    write_image(folder / "samples.png", image_grid(images[:100]))
    extra = {}
    if train_ is training.train_stylegan2:
        extra = path_lengths(model, num_samples=2000)
    words = (
        f"`training.{train_.__name__}`, {words_of(options)}, {trained.words()}"
    )
    bars, protocol = {}, words
    if name == "stylegan2_long":
        bars = {"Frechet distance": 20.0, "training time": 180}
    distance = stored_value("dcgan_equal", "Frechet distance")
    if name == "stylegan2" and distance is not None:
        bars = {"Frechet distance": distance, "training time": 120}
        protocol += "; bars: Frechet distance of `dcgan_equal`, 2 h of training"
    figures = score(
        name,
        DATA,
        images[:, inner, inner],
        protocol=protocol,
        trained=trained,
        question=QUESTION if name in WHOLE_MODELS else PARTS,
        extra=extra,
        bars=bars,
    )
    if name in ("stylegan2", "stylegan2_long"):
        _store(model, figures, words, folder, name)


def path_lengths(model, num_samples):
    """Perceptual path lengths of both samplings, as figures."""
    metric = perceptual_metric(channels=1)
    return {
        f"path length, {sampling}": figure(
            evaluation.perceptual_path_length(
                model,
                metric,
                num_samples=num_samples,
                sampling=sampling,
                seed=SEED,
            ),
            decimals=1,
            better="lower",
        )
        for sampling in ("full", "end")
    }


def _store(model, figures, words, folder, command):
    """Writes weights and card of `presets.fashion_mnist_stylegan2`."""
    name = "fashion_mnist_stylegan2"
    whole = folder / "whole.weights.h5"
    model.save_weights(whole)
    store_in_half_precision(whole, folder / f"{name}.weights.h5")
    figures = {
        k: v for k, v in figures.items() if not k.startswith("training time")
    }
    data = "Fashion-MNIST's 60,000 training images (Xiao et al., 2017; MIT)"
    (folder / f"{name}.md").write_text(
        card(name, figures, words, {}, command, data)
    )
    print(f"weights and card: {folder}/{name}.*")


def train(train_, options, folder, source):
    """Trains unless that is done, resuming what was begun.

    Args:
        train_: `training.train_stylegan2` or `training.train_gan`.
        options: Its arguments.
        folder: Folder for everything that the training writes.
        source: The training images, a `datasets.Source`.

    Returns:
        A `Training`.
    """

    def fit():
        train_(source, folder, resume=True, seed=SEED, verbose=2, **options)

    return train_once(folder, options, fit)

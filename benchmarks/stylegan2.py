"""StyleGAN2 on clothes, 32x32: against a DCGAN, and without its parts.

Fashion-MNIST with a black border of 2 pixels, which is cut off again before
scoring, so that the features of the 28x28 classifier see what they know. The
rows without one part each, and the whole beside them, are trained on a quarter
as many images.
"""

import json
import time

import keras

from benchmarks.feature_networks import perceptual_metric
from benchmarks.gan import draw, load, score
from benchmarks.rows import RUNS, current_commit
from benchmarks.trainings import card, store_in_half_precision, words_of
from keras_synth import datasets, evaluation, training
from keras_synth.io import image_grid, write_image

SEED = 0
SIZE = 32
DATA = "fashion_mnist"
TABLE = "Generated clothes at 32x32 (Fashion-MNIST, gray)"
WHOLE, QUARTER = 4, 1  # passes over 60,000 images
# row: (recipe, its arguments)
TRAININGS = {
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
WIDTH = {"channel_multiplier": 1 / 64, "channel_max": 64}
BARS = {"stylegan2": "Frechet distance below `dcgan_equal`, ≤ 2 h"}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    recipe, options = TRAININGS[name]
    if recipe is training.train_stylegan2:
        options = options | WIDTH
    folder = RUNS / name
    source = datasets.pad_source(load(DATA, "train"), SIZE)
    minutes, commit = train(recipe, options, folder, source)
    (file,) = folder.glob("*.keras")
    model = keras.saving.load_model(file)
    images = draw(model, None)
    edge = (images.shape[1] - 28) // 2
    inner = slice(edge, edge + 28)
    write_image(folder / "samples.png", image_grid(images[:100]))
    extra = {}
    if recipe is training.train_stylegan2:
        metric = perceptual_metric(channels=1)
        for sampling in ("full", "end"):
            length = evaluation.perceptual_path_length(
                model, metric, num_samples=2000, sampling=sampling, seed=SEED
            )
            extra[f"perceptual path length, {sampling}"] = f"{length:.1f}"
    words = (
        f"`recipes.{recipe.__name__}`, {words_of(options)}, at commit {commit}"
    )
    figures = score(
        name,
        DATA,
        images[:, inner, inner],
        protocol=words,
        minutes=minutes,
        table=TABLE,
        extra=extra,
        bar=BARS.get(name, ""),
    )
    if name == "stylegan2":
        _store(model, figures, words, folder)


def _store(model, figures, words, folder):
    """The weights that ship, half as precise, and their card."""
    name = "fashion_mnist_stylegan2"
    whole = folder / "whole.weights.h5"
    model.save_weights(whole)
    store_in_half_precision(whole, folder / f"{name}.weights.h5")
    figures = {k: v for k, v in figures.items() if k != "training"}
    data = "Fashion-MNIST's 60,000 training images (Xiao et al., 2017; MIT)"
    (folder / f"{name}.md").write_text(
        card(name, figures, words, {}, "stylegan2", data)
    )
    print(f"weights and card: {folder}/{name}.*")


def train(recipe, options, folder, source):
    """Trains unless that is done, resuming what was begun.

    Args:
        recipe: `recipes??.train_...`, for images that are made.
        options: of the recipe.
        folder: for all that comes of it.
        source: a `datasets.Source`.

    Returns:
        `(minutes, commit)`, both words.
    """
    trained = folder / "trained.json"
    if not trained.exists():
        resumed = (folder / "backup").exists()
        start = time.perf_counter(), time.process_time()
        recipe(source, folder, resume=True, seed=SEED, verbose=2, **options)
        wall = (time.perf_counter() - start[0]) / 60
        cpu = (time.process_time() - start[1]) / 60
        minutes = f"{wall:.0f} min ({cpu:.0f} CPU min)"
        if resumed:
            minutes = f"resumed, then {minutes}"
        trained.write_text(json.dumps([options, current_commit(), minutes]))
    stored, commit, minutes = json.loads(trained.read_text())
    if stored != options:
        raise SystemExit(f"{folder} holds another training: remove it first.")
    return minutes, commit

"""GANs on digits and clothes: are their images any good?

Scores are Frechet distances on the features of the pretrained classifiers,
between all 60,000 training images and 10,000 samples. The floor is the same
distance for the 10,000 test images: what a generator with the true
distribution would get. A VAE trained on the same gray images stands beside
the GANs. The test images serve the floor, precision and recall; some early
trials of the networks' shapes were compared by distances to them as well.
"""

import json
import time

import keras
import numpy as np

from benchmarks.rows import RUNS, current_commit, data_folder, write_row
from keras_synth import datasets, evaluation, metrics, presets, training
from keras_synth.io import image_grid, write_image

SEED = 0
NUM_SAMPLES = 10_000
# data: (features, classifier)
SCORERS = {
    "mnist": (presets.mnist_features, presets.mnist_classifier),
    "fashion_mnist": (
        presets.fashion_mnist_features,
        presets.fashion_mnist_classifier,
    ),
}
# row: (data, arguments of `training.train_gan`)
GANS = {
    "dcgan": ("mnist", {"epochs": 50}),
    "dcgan_conditional": ("mnist", {"epochs": 10, "conditional": True}),
    "dcgan_fashion": ("fashion_mnist", {"epochs": 10, "conditional": True}),
    "fashion_non_saturating": ("fashion_mnist", {"epochs": 2}),
    "fashion_hinge": ("fashion_mnist", {"epochs": 2, "objective": "hinge"}),
    "fashion_wasserstein": (
        "fashion_mnist",
        {"epochs": 2, "objective": "wasserstein"},
    ),
}
VAES = {"gray_vae": "mnist", "gray_vae_fashion": "fashion_mnist"}
FLOORS = {"floor": "mnist", "floor_fashion": "fashion_mnist"}
TABLES = {
    "mnist": "Generated digits (MNIST, gray)",
    "fashion_mnist": "Generated clothes (Fashion-MNIST, gray)",
}


BARS = {
    "dcgan": (
        "≤ 10x `floor`, below `gray_vae`, ≥ 95 % confident, shares within 3 "
        "points of 10 %, recall ≥ 0.5"
    ),
    "dcgan_conditional": "the same",
    "dcgan_fashion": "≤ 10x `floor_fashion`, below `gray_vae_fashion`",
}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    if name in FLOORS:
        data = FLOORS[name]
        images, _ = load(data, "test").arrays()
        score(name, data, images, protocol="the test images themselves")
        return
    if name in GANS:
        data, options = GANS[name]
        train, file = training.train_gan, "gan.keras"
    else:
        data, train, file = VAES[name], training.train_vae, "vae.keras"
        options = {"epochs": 20, "batch_size": 64, "latent_dim": 16}
    folder = RUNS / name
    trained = folder / "trained.json"
    if not trained.exists():
        resumed = (folder / "backup").exists()
        start = time.perf_counter(), time.process_time()
        train(
            data,
            folder,
            manual_dir=data_folder() / data.replace("_", "-"),
            data_dir=RUNS / "tensorflow_datasets",
            resume=True,
            seed=SEED,
            verbose=2,
            **options,
        )
        wall = (time.perf_counter() - start[0]) / 60
        cpu = (time.process_time() - start[1]) / 60
        minutes = f"{wall:.0f} min ({cpu:.0f} CPU min)"
        if resumed:
            minutes = f"resumed, then {minutes}"
        trained.write_text(json.dumps([options, current_commit(), minutes]))
    stored, commit, minutes = json.loads(trained.read_text())
    if stored != options:
        raise SystemExit(f"{folder} holds another training: remove it first.")
    model = keras.saving.load_model(folder / file)
    samples = draw(model, load(data, "train").arrays()[1])
    write_image(folder / "samples.png", image_grid(samples[:100]))
    words = ", ".join(f"{key}={value}" for key, value in options.items())
    score(
        name,
        data,
        samples,
        protocol=f"`recipes.{train.__name__}`, {words}, at commit {commit}",
        minutes=minutes,
    )


def draw(model, training_labels):
    """10,000 samples, of classes as frequent as in training."""
    labels = None
    if model.conditional:
        generator = np.random.default_rng(SEED)
        labels = generator.choice(training_labels, NUM_SAMPLES)
    parts = []
    for start in range(0, NUM_SAMPLES, 500):
        part = None if labels is None else labels[start : start + 500]
        seed = SEED + 1 + start // 500
        parts.append(np.asarray(model.sample(500, labels=part, seed=seed)))
    return np.concatenate(parts)


def load(data, split):
    """MNIST or Fashion-MNIST from the original files."""
    return datasets.load_source(
        data,
        split,
        data_dir=RUNS / "tensorflow_datasets",
        manual_dir=data_folder() / data.replace("_", "-"),
    )


def score(
    name, data, generated, protocol, minutes=None, table=None, extra=(), bar=""
):
    """Writes the row of 10,000 images; `extra` figures stand at its end.

    Returns:
        The figures.
    """
    features, classifier = (build() for build in SCORERS[data])
    training, _ = load(data, "train").arrays()
    test, _ = load(data, "test").arrays()

    def vectors(images):
        return features.predict(images, batch_size=500, verbose=0)

    of_training, of_test, of_generated = map(
        vectors, (training, test, generated)
    )
    frechet = metrics.FrechetDistance(feature_dim=of_training.shape[1])
    frechet.update_state(of_training, of_generated)
    kernel = metrics.KernelDistance(feature_dim=of_training.shape[1])
    kernel.update_state(of_training, of_generated)
    figures = {
        "Frechet distance": f"{float(frechet.result()):.2f}",
        "kernel distance": f"{float(kernel.result()):.3f} "
        f"± {float(kernel.standard_error()):.3f}",
    }
    probabilities = classifier.predict(generated, batch_size=500, verbose=0)
    shares = np.bincount(probabilities.argmax(axis=1), minlength=10)
    shares = 100 * shares / len(generated)
    figures["confidence ≥ 0.9 on"] = (
        f"{100 * (probabilities.max(axis=1) >= 0.9).mean():.1f} %"
    )
    figures["shares of classes"] = f"{shares.min():.1f} to {shares.max():.1f} %"
    if minutes is not None:
        recall = metrics.PrecisionRecall(feature_dim=of_test.shape[1])
        recall.update_state(of_test, of_generated)
        for measure, value in recall.result().items():
            figures[measure] = f"{float(value):.2f}"
        memory = evaluation.memorization(
            generated[:1000], training, test[:1000], features
        )
        figures["copies"] = f"{100 * memory['copies']:.1f} % (test 1 %)"
    figures.update(extra)
    if minutes is not None:
        figures["training"] = minutes
    write_row(
        name,
        table or TABLES[data],
        figures,
        data=(
            f"{NUM_SAMPLES:,} images; Frechet distance to 60,000 training "
            "images, kernel distance to 10,000 of them"
            + (
                ""
                if minutes is None
                else ", precision to coverage against the 10,000 test "
                "images, copies among 1,000"
            )
        ),
        protocol=(
            f"{protocol}; features of `{features.name}` "
            f"{features.weight_hash}, 28x28"
        ),
        seed=SEED,
        bar=BARS.get(name, bar),
    )
    return figures

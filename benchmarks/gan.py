"""Frechet distance and other scores of GANs on digits and clothes.

Scores are distances on the features of the pretrained classifiers, between
all 60,000 training images and 10,000 samples. The floor is the same distance
for the 10,000 test images: what a generator with the true distribution would
get. A VAE trained on the same gray images stands beside the GANs. The test
images serve the floor, precision and recall; some early trials of the
networks' shapes were compared by distances to them as well.
"""

import keras
import numpy as np

from benchmarks.rows import RUNS, data_folder, figure, stored_value, write_row
from benchmarks.trainings import train_once, words_of
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
QUESTIONS = {
    "mnist": "Generated digits (MNIST, gray)",
    "fashion_mnist": "Generated clothes (Fashion-MNIST, gray)",
}
SHORT = "Adversarial losses after two epochs (Fashion-MNIST, gray)"
DATA = (
    "10,000 images; Frechet distance to the 60,000 training images, kernel "
    "distance to 10,000 of them, precision, recall, density and coverage "
    "against the 10,000 test images; copies among 1,000: nearer to a training "
    "image than all but 1 % of the test images are"
)


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

    def fit():
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

    trained = train_once(folder, options, fit)
    model = keras.saving.load_model(folder / file)
    samples = draw(model, load(data, "train").arrays()[1])
    write_image(folder / "samples.png", image_grid(samples[:100]))
    bars, words = _bars(name)
    score(
        name,
        data,
        samples,
        protocol=(
            f"`training.{train.__name__}`, {words_of(options)}, "
            f"{trained.words()}{words}"
        ),
        trained=trained,
        question=SHORT if name.startswith("fashion_") else None,
        bars=bars,
    )


def _bars(name):
    """`({figure's name: bar}, words for the protocol)`."""
    floor = {"dcgan_fashion": "floor_fashion"}.get(name, "floor")
    distance = stored_value(floor, "Frechet distance")
    if name not in ("dcgan", "dcgan_conditional", "dcgan_fashion"):
        return {}, ""
    bars = {} if distance is None else {"Frechet distance": 10 * distance}
    words = f"; bars: Frechet distance 10 times that of `{floor}`"
    if name == "dcgan_fashion":
        return bars, words
    bars |= {
        "confidence ≥ 0.9": 95,
        "smallest class": 7,
        "largest class": 13,
        "recall": 0.5,
    }
    return bars, f"{words}, classes within 3 points of 10 %"


def draw(model, training_labels, num_samples=NUM_SAMPLES):
    """Samples, of classes as frequent as in training."""
    labels = None
    if model.conditional:
        generator = np.random.default_rng(SEED)
        labels = generator.choice(training_labels, num_samples)
    parts = []
    for start in range(0, num_samples, 500):
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
    name,
    data,
    generated,
    protocol,
    trained=None,
    question=None,
    extra=None,
    bars=None,
):
    """Writes the row of 10,000 images.

    Args:
        name: The row's name.
        data: "mnist" or "fashion_mnist".
        generated: The images.
        protocol: How they were made.
        trained: The `Training` of the model; None for images that no model
            made, which get fewer figures.
        question: The row's question; None for that of the data.
        extra: More figures, `{name: figure}`.
        bars: `{figure's name: bar}`.

    Returns:
        The figures.
    """
    bars = bars or {}

    def scored(what, value, better, unit="", decimals=2, **options):
        figures[what] = figure(
            value,
            unit,
            decimals,
            better=better,
            bar=bars.get(what),
            **options,
        )

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
    figures = {}
    scored("Frechet distance", frechet.result(), "lower")
    scored(
        "kernel distance",
        kernel.result(),
        "lower",
        decimals=3,
        error=kernel.standard_error(),
    )
    probabilities = classifier.predict(generated, batch_size=500, verbose=0)
    confident = probabilities.max(axis=1) >= 0.9
    scored("confidence ≥ 0.9", 100 * confident.mean(), "higher", "%", 1)
    shares = np.bincount(probabilities.argmax(axis=1), minlength=10)
    shares = 100 * shares / len(generated)
    scored("smallest class", shares.min(), "higher", "%", 1)
    scored("largest class", shares.max(), "lower", "%", 1)
    if trained is not None:
        recall = metrics.PrecisionRecall(feature_dim=of_test.shape[1])
        recall.update_state(of_test, of_generated)
        for measure, value in recall.result().items():
            scored(measure, value, "higher")
        memory = evaluation.memorization(
            generated[:1000], training, test[:1000], features
        )
        scored("copies", 100 * memory["copies"], "lower", "%", 1)
        figures |= extra or {}
        times = trained.figures()
        if "training time" in bars:
            times["training time"] |= {
                "better": "lower",
                "bar": bars["training time"],
            }
        figures |= times
    write_row(
        name,
        question or QUESTIONS[data],
        figures,
        data=DATA,
        protocol=(
            f"{protocol}; features of `{features.name}` "
            f"{features.weight_hash}, 28x28"
        ),
        seed=SEED,
    )
    return figures

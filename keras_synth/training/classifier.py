"""The classifiers in whose features images are scored: train one."""

import datetime
import pathlib

import keras
from keras import layers

from keras_synth import datasets, presets

# data: (networks, whether a mirrored image is one too, where it comes from)
_KINDS = {
    "digits": (
        (presets.mnist_classifier, presets.mnist_features),
        False,
        "5,000 digits of MNIST's training set (LeCun et al.), CC BY-SA 3.0",
    ),
    "mnist": (
        (presets.mnist_classifier, presets.mnist_features),
        False,
        "MNIST (LeCun et al.), CC BY-SA 3.0",
    ),
    "fashion_mnist": (
        (presets.fashion_mnist_classifier, presets.fashion_mnist_features),
        True,
        "Fashion-MNIST (Zalando SE), MIT license",
    ),
}


def train_classifier(
    data="mnist",
    output="runs/classifier",
    *,
    data_dir=None,
    manual_dir=None,
    epochs=12,
    batch_size=128,
    seed=0,
    verbose="auto",
):
    """Trains the network of `mnist_features` or `fashion_mnist_features`.

    Adam, its rate falling to 0 along a cosine; digits are shifted by up to
    two pixels, clothes mirrored. With the defaults this made the weights that
    ship; another machine, which rounds otherwise, makes others as good.

    Args:
        data: "mnist", "fashion_mnist", or "digits" (the embedded ones).
        output: folder for the weights, `NAME.weights.h5`, and `card.md`,
            which says what they are.
        data_dir: see `datasets.load_source`.
        manual_dir: see `datasets.load_source`.
        epochs: passes over the data.
        batch_size: images a step.
        seed: of everything random.
        verbose: as in `fit`.

    Returns:
        `(network, accuracy)`: the trained `keras.Model` and the part of the
        test split that it gets right.

    Raises:
        ValueError: unknown `data`, or `epochs` below 1.
    """
    if data not in _KINDS:
        raise ValueError(
            f"`data` must be one of {', '.join(_KINDS)}. Received: {data!r}"
        )
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1. Received: {epochs}")
    (build, build_features), mirrored, origin = _KINDS[data]
    keras.utils.set_random_seed(seed)
    train, test = (
        datasets.synthesis_pipeline(
            datasets.load_source(data, split, data_dir, manual_dir),
            batch_size=batch_size,
            training=split == "train",
            labels=True,
            seed=seed,
        )
        for split in ("train", "test")
    )
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    network = build(weights=None)
    if mirrored:
        augmentation = layers.RandomFlip("horizontal", seed=seed)
    else:
        augmentation = layers.RandomTranslation(
            2 / 28,
            2 / 28,
            fill_mode="constant",
            interpolation="nearest",
            seed=seed,
        )
    trained = keras.Sequential([augmentation, network])
    trained.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(train))
        ),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    # The pipeline shuffles.
    trained.fit(train, epochs=epochs, shuffle=False, verbose=verbose)
    accuracy = trained.evaluate(test, verbose=0, return_dict=True)["accuracy"]
    weights = output / f"{network.name}.weights.h5"
    network.save_weights(weights)
    command = (
        f"keras-synth train classifier --data {data} --epochs {epochs} "
        f"--batch-size {batch_size} --seed {seed}"
    )
    # The one that scores carry.
    weight_hash = build_features(weights).weight_hash
    (output / "card.md").write_text(
        f"""# {network.name}

| | |
|---|---|
| network | `keras_synth.presets.{network.name}` |
| data | {origin}; the whole train split |
| command | `{command}` |
| seed | {seed} |
| date | {datetime.date.today()} |
| accuracy on the test split | {100 * accuracy:.2f} % |
| weight hash of `presets.{build_features.__name__}` | `{weight_hash}` |
| license of the weights | Apache-2.0 |
"""
    )
    return network, accuracy

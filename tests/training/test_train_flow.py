"""`train_flow` and `generate`: every condition, files, resuming."""

import json

import keras
import numpy as np
import pytest

from keras_synth import models, networks, tasks, training
from keras_synth.cli.main import main
from keras_synth.io import read_image
from tests.training_helpers import (
    compile_eagerly,
    image_folder,
    stop_after_one_epoch,
)


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    compile_eagerly(monkeypatch, models.FlowMatching)


@pytest.fixture
def folder(tmp_path):
    folder = image_folder(tmp_path)
    captions = {
        str(index): [f"image {index}", f"图片{index}"] for index in range(12)
    }
    (folder / "captions.json").write_text(json.dumps(captions))
    return folder


def train(folder, output, **options):
    settings = {
        "architecture": "dit",
        "width": 2,
        "num_blocks": 1,
        "batch_size": 4,
        "verbose": 0,
    }
    return training.train_flow(folder, output, **(settings | options))


@pytest.mark.slow
def test_resumed_training_equals_uninterrupted(folder, tmp_path, monkeypatch):
    def train_captions(*arguments, **options):
        return train(*arguments, captions=True, **options)

    straight = train_captions(folder, tmp_path / "straight", epochs=2)
    stop_after_one_epoch(
        monkeypatch, train_captions, folder, tmp_path / "stopped"
    )
    resumed = train_captions(
        folder, tmp_path / "stopped", epochs=2, resume=True
    )
    for ours, theirs in zip(resumed.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    model = tmp_path / "stopped" / "flow.keras"
    assert (tmp_path / "stopped/images/samples_epoch_0002.png").exists()
    # Short epochs: once in the training.
    drawn = sorted((tmp_path / "straight" / "images").iterdir())
    assert [path.name for path in drawn] == ["samples_epoch_0002.png"]
    paths = [
        tasks.generate(
            words,
            tmp_path / name,
            model=model,
            num_images=4,
            num_steps=1,
            seed=0,
        )
        for words, name in (("image 3", "a.png"), ("图片3", "b.png"))
    ]
    assert b"trainedAlgorithmicMedia" in paths[0].read_bytes()
    images = [read_image(path) for path in paths]
    assert images[0].shape[-1] == 3 and np.abs(images[0] - images[1]).max() > 0
    words = ["generate", "图片3", tmp_path / "b.png", "--model", model]
    options = ["--num-images", 4, "--num-steps", 1, "--seed", 0, "--overwrite"]
    assert main([str(word) for word in (*words, *options)]) == 0
    np.testing.assert_array_equal(read_image(paths[1]), images[1])


def test_a_trained_text_encoder_is_trained_further(folder, tmp_path):
    encoder = networks.text_encoder(64, width=8, num_blocks=1)
    encoder.save(tmp_path / "reader.keras")
    options = {"captions": True, "epochs": 1, "learning_rate": 1e-9}
    options["text_encoder"] = tmp_path / "reader.keras"
    flow = train(folder, tmp_path / "run", **options)
    (reader,) = (
        layer for layer in flow.network.layers if layer.name == "text_encoder"
    )
    for ours, theirs in zip(reader.weights, encoder.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert reader.trainable
    ids = keras.Input((64,), dtype="int32")
    x = keras.layers.Embedding(257, 8)(ids)
    x = keras.layers.MultiHeadAttention(2, 4)(x, x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    whole = keras.Model(ids, x, name="whole")
    whole.trainable = False
    whole.save(tmp_path / "whole.keras")
    options |= {"text_encoder": tmp_path / "whole.keras", "learning_rate": 1.0}
    flow = train(folder, tmp_path / "frozen", **options)
    (reader,) = (x for x in flow.network.layers if x.name == "whole")
    assert len(reader.weights) == len(whole.weights)
    for ours, theirs in zip(reader.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    model = tmp_path / "frozen" / "flow.keras"
    tasks.generate("image 3", tmp_path / "x.png", model=model, num_steps=1)
    with pytest.raises(ValueError, match="is for captions"):
        train(folder, tmp_path / "b", **(options | {"captions": False}))
    networks.text_encoder(32, width=8).save(tmp_path / "short.keras")
    options["text_encoder"] = tmp_path / "short.keras"
    with pytest.raises(ValueError, match=r"from \(batch, 64\) to"):
        train(folder, tmp_path / "b", **options)
    options["text_encoder"] = tmp_path / "none.keras"
    with pytest.raises(FileNotFoundError, match="no text encoder"):
        train(folder, tmp_path / "b", **options)


def test_a_weaker_flow_guides(folder, tmp_path):
    (folder / "captions.json").unlink()
    options = {"epochs": 1, "guidance": 2.0}
    weak = train(folder, tmp_path / "weak", **options)
    options["guide"] = tmp_path / "weak" / "flow.keras"
    flow = train(folder, tmp_path / "guided", width=4, seed=1, **options)
    weights = flow.guide.weights, weak.network_average.weights
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    loaded = keras.saving.load_model(tmp_path / "guided" / "flow.keras")
    guided = loaded.sample(2, seed=0)
    np.testing.assert_array_equal(guided, flow.sample(2, seed=0))
    assert np.abs(guided - flow.sample(2, seed=0, guidance=1.0)).max() > 0
    with pytest.raises(ValueError, match="must be of the parameterization"):
        train(folder, tmp_path / "b", parameterization="edm", **options)
    networks.text_encoder(8, width=8).save(tmp_path / "other.keras")
    options["guide"] = tmp_path / "other.keras"
    with pytest.raises(ValueError, match="other.keras"):
        train(folder, tmp_path / "b", **options)


@pytest.mark.slow
def test_classes_and_both_parameterizations_train(folder, tmp_path):
    (folder / "captions.json").unlink()
    flow = train(
        folder,
        tmp_path / "run",
        epochs=1,
        conditional=True,
        parameterization="edm",
        guidance=2.0,
    )
    assert flow.condition.num_classes == 2 and flow.guidance == 2.0
    model = tmp_path / "run" / "flow.keras"
    path = tasks.sample(model, tmp_path / "x.png", num_images=4, labels=[1, 0])
    assert path.exists()
    with pytest.raises(ValueError, match="reads no texts"):
        tasks.generate("a cat", tmp_path / "cat.png", model=model)


@pytest.mark.slow
def test_sizes_get_levels_and_patches():
    for side, levels, tokens in ((28, 3, 196), (8, 1, 64), (64, 4, 256)):
        unet = training.build_flow((side, side, 1), width=8, num_blocks=1)
        kinds = [type(layer).__name__ for layer in unet.network.layers]
        assert kinds.count("UpSampling2D") == levels - 1
        dit = training.build_flow((side, side, 1), "dit", 2, 1).network
        assert dit.get_layer("positions").shape[0] == tokens


def test_the_preset_draws_emoji_from_words_of_two_languages(tmp_path):
    images = []
    for name, text in (("a", "red heart"), ("b", "红心"), ("c", "flag")):
        path = tasks.generate(
            text, tmp_path / f"{name}.png", num_steps=2, seed=0
        )
        images.append(read_image(path))
    english, chinese, flag = images
    assert english.shape == (32, 32, 3)
    assert 0 < np.abs(english - chinese).mean() < np.abs(english - flag).mean()


def test_wrong_arguments_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="classes or on captions"):
        train(folder, tmp_path / "run", conditional=True, captions=True)
    with pytest.raises(ValueError, match="`architecture` must be one of"):
        training.build_flow((8, 8, 1), "vae")
    (folder / "captions.json").unlink()
    with pytest.raises(ValueError, match="have no caption"):
        train(folder, tmp_path / "run", captions=True)
    with pytest.raises(ValueError, match="`num_images` must be at least 1"):
        tasks.generate("cat", tmp_path / "x.png", num_images=0)
    for blank in ("", "   "):
        with pytest.raises(ValueError, match="`text` must say"):
            tasks.generate(blank, tmp_path / "x.png")

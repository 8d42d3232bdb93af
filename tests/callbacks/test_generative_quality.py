"""GenerativeQuality: scores in the logs, and callbacks that read them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.callbacks import GenerativeQuality
from keras_synth.metrics import (
    FrechetDistance,
    KernelDistance,
    PrecisionRecall,
)
from tests.models.test_vae import SHAPE, random_images, small_vae

COUNT = 20


class Noise(keras.Model):
    """Noise that gets darker with each epoch, and with the class."""

    def __init__(self, conditional=False):
        super().__init__()
        self.conditional = conditional
        self.darkness = self.add_weight((), "zeros", name="darkness")
        self.compile(run_eagerly=True)
        self.built = True

    def train_step(self, data):
        self.darkness.assign_add(1.0)
        return {"loss": self.darkness}

    def sample(self, num_images, *, labels=None, seed=None):
        noise = tf.random.stateless_uniform((num_images, *SHAPE), [seed, 0])
        if labels is not None:
            noise /= 1.0 + tf.reshape(tf.cast(labels, "float32"), (-1, 1, 1, 1))
        return noise / (1.0 + self.darkness)


def scoring_network():
    """Features: means of the four quarters of the image."""
    image = keras.Input(SHAPE)
    quarters = keras.layers.AveragePooling2D(4)(image)
    return keras.Model(image, keras.layers.Flatten()(quarters))


def frechet():
    return FrechetDistance(scoring_network())


def all_three():
    network = scoring_network()
    return [
        FrechetDistance(network),
        KernelDistance(network, None, COUNT, num_subsets=3, subset_size=5),
        PrecisionRecall(network, num_samples=COUNT),
    ]


def quality(metrics=None, **options):
    metrics = frechet() if metrics is None else metrics
    return GenerativeQuality(metrics, random_images(COUNT), **options)


def train(callbacks, epochs=1, model=None, verbose=0):
    model = Noise() if model is None else model
    return model.fit(
        random_images(), epochs=epochs, verbose=verbose, callbacks=callbacks
    )


def drawn(callback, labels=None):
    """All samples that the callback draws from its model."""
    seeds = np.random.default_rng(callback.seed)
    batches = []
    for start in range(0, callback.num_images, callback.batch_size):
        stop = min(start + callback.batch_size, callback.num_images)
        batches.append(
            callback.model.sample(
                stop - start,
                labels=None if labels is None else labels[start:stop],
                seed=int(seeds.integers(2**31)),
            )
        )
    return np.concatenate(batches)


def expected_distance(callback, labels=None):
    metric = frechet()
    metric.update_state(random_images(COUNT), drawn(callback, labels))
    return float(metric.result())


def test_history_holds_every_score():
    callback = quality(all_three())
    history = train([callback], epochs=2).history
    scores = {
        "frechet_distance",
        "kernel_distance",
        "kernel_distance_standard_error",
        "precision",
        "recall",
        "density",
        "coverage",
    }
    assert scores <= set(history)
    for name in scores:
        assert len(history[name]) == 2 and np.isfinite(history[name]).all()
    frechet, kernel, _ = callback.metrics
    assert history["frechet_distance"][-1] == float(frechet.result())
    assert history["kernel_distance"][-1] == float(kernel.result())


def test_batches_are_sampled_with_different_seeds():
    callback = quality(num_images=17, batch_size=6)
    history = train([callback]).history
    samples = drawn(callback)
    assert samples.shape == (17, *SHAPE)
    assert len(np.unique(samples.reshape(17, -1), axis=0)) == 17
    assert history["frechet_distance"][0] == pytest.approx(
        expected_distance(callback), rel=1e-6
    )


def test_scores_repeat_and_follow_the_seed():
    first, again, other = (
        train([quality(seed=seed)]).history["frechet_distance"]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_interval_2_scores_every_other_epoch():
    callback = quality(interval=2)
    seen = []
    train(
        [
            callback,
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: seen.append(
                    (epoch, "frechet_distance" in logs)
                )
            ),
        ],
        epochs=4,
    )
    assert seen == [(0, False), (1, True), (2, False), (3, True)]


def test_callbacks_listed_after_it_see_the_scores(tmp_path):
    callback = quality()
    stopping = keras.callbacks.EarlyStopping(
        "frechet_distance", mode="min", patience=0
    )
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "epoch_{epoch}_{frechet_distance:.6f}.weights.h5",
        monitor="frechet_distance",
        mode="min",
        save_best_only=True,
        save_weights_only=True,
    )
    board = keras.callbacks.TensorBoard(tmp_path / "log")
    history = train([callback, stopping, checkpoint, board], epochs=3)
    scores = history.history["frechet_distance"]
    assert scores[0] < scores[1] and len(scores) == 2  # stopped
    (best,) = tmp_path.glob("*.weights.h5")
    assert best.name == f"epoch_1_{scores[0]:.6f}.weights.h5"
    (events,) = (tmp_path / "log" / "train").glob("events*.v2")
    written = [
        float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "epoch_frechet_distance"
    ]
    assert written == pytest.approx(scores)


def test_real_images_are_read_once_and_samples_each_time(monkeypatch):
    callback = quality(batch_size=15)
    (metric,) = callback.metrics
    calls = []
    monkeypatch.setattr(
        metric,
        "update_real",
        lambda images: (
            calls.append(len(images))
            or FrechetDistance.update_real(metric, images)
        ),
    )
    train([callback], epochs=3)
    assert calls == [15, 5]
    assert metric.describe()["num_generated"] == COUNT


def test_a_second_fit_starts_anew():
    callback = quality()
    model = Noise()
    train([callback], 1, model)
    history = train([callback], 1, model).history
    assert callback.metrics[0].describe()["num_real"] == COUNT
    assert history["frechet_distance"][0] == pytest.approx(
        expected_distance(callback), rel=1e-6
    )


def test_the_callback_does_not_change_the_training_of_a_vae():
    weights = []
    for callbacks in ([], [quality()]):
        keras.utils.set_random_seed(0)
        model = small_vae()
        train(callbacks, 2, model)
        weights.append(model.get_weights())
    for alone, watched in zip(*weights, strict=True):
        np.testing.assert_array_equal(alone, watched)


def test_conditional_models_sample_the_given_labels():
    labels = np.arange(COUNT) % 4
    callback = quality(labels=labels, batch_size=7)
    history = train([callback], 1, Noise(conditional=True)).history
    assert history["frechet_distance"][0] == pytest.approx(
        expected_distance(callback, labels), rel=1e-6
    )


def test_one_label_holds_for_all_samples():
    callback = quality(labels=3, batch_size=7)
    history = train([callback], 1, Noise(conditional=True)).history
    assert history["frechet_distance"][0] == pytest.approx(
        expected_distance(callback, np.full(COUNT, 3)), rel=1e-6
    )


def test_progress_is_shown_if_fit_shows_progress(capsys):
    train([quality()], verbose=0)
    assert "Scoring" not in capsys.readouterr().out
    train([quality()], verbose=1)
    shown = capsys.readouterr().out
    assert "Scoring 20 real images" in shown
    assert "Scoring 20 samples" in shown
    assert "20/20" in shown and "frechet_distance:" in shown


def test_mistakes_are_refused_before_training():
    labels = np.arange(COUNT) % 4
    plain, conditional = Noise(), Noise(conditional=True)
    for model, callback, message in (
        (conditional, quality(), "class-conditional"),
        (plain, quality(labels=labels), "takes no labels"),
        (plain, quality(num_images=4), "20 real and 4 generated"),
        (plain, quality(all_three(), num_images=9), "equal numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            train([callback], 1, model)
        assert float(model.darkness) == 0.0


def test_classes_that_a_model_does_not_have_are_refused_before_training():
    model = small_vae(num_classes=4)
    with pytest.raises(ValueError, match="from 0 to 3"):
        model.fit(
            random_images(),
            np.arange(8) % 4,
            verbose=0,
            callbacks=[quality(labels=9)],
        )
    assert int(model.optimizer.iterations) == 0


def test_a_model_that_cannot_sample_is_refused():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    with pytest.raises(TypeError, match="a model with `sample`"):
        train([quality()], 1, model)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"interval": 0}, "interval=0"),
        ({"num_images": 0}, "num_images=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"seed": None}, "seed=None"),
        ({"labels": [1, 2, 3]}, r"labels of shape \(3,\)"),
        ({"metrics": []}, r"names \[\]"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        quality(**options)


def test_other_metrics_are_refused():
    with pytest.raises(ValueError, match="different names"):
        quality([frechet(), frechet()])
    with pytest.raises(TypeError, match="compare real and generated"):
        quality(keras.metrics.Mean())


def test_samples_of_tokens_and_of_flows_without_condition():
    from keras_synth import models, networks

    shape = (4, 4, 1)
    images = np.random.default_rng(0).uniform(size=(6, *shape))
    tokens = np.arange(6 * 6, dtype="float32").reshape(6, 2, 3) / 36
    condition = (tokens, np.ones((6, 2), "float32"))
    flow = models.FlowMatching(
        networks.dit(shape, width=8, num_blocks=1, condition_shape=(2, 3)),
        sampler=models.FlowSampler("euler", 1),
    )
    flow.compile(run_eagerly=True)
    seen = []
    flow.sample = lambda count, labels, seed: seen.append(labels) or images[:2]
    for labels in (condition, None):
        scored = GenerativeQuality(
            frechet_of(shape), images, batch_size=2, labels=labels
        )
        flow.fit(
            images.astype("float32"), condition, verbose=0, callbacks=[scored]
        )
    assert seen[3:] == [None] * 3
    for index, (rows, mask) in enumerate(seen[:3]):
        np.testing.assert_array_equal(rows, tokens[2 * index :][:2])
        assert mask.shape == (2, 2)


def frechet_of(shape):
    image = keras.Input(shape)
    means = keras.layers.GlobalAveragePooling2D()(image)
    return FrechetDistance(keras.Model(image, means))

"""Several workers train as one would, and go on where one was killed."""

import json
import os
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import (
    callbacks,
    datasets,
    losses,
    models,
    networks,
    training,
)
from keras_synth.training import distributed
from tests.models import test_gan, test_stylegan2, test_vae
from tests.training.test_killed import state
from tests.training_helpers import image_folder
from tests.worker_processes import Workers

SIZE = {"vae": 8, "gan": 8, "stylegan2": 16, "denoiser": 8}


def sgd():
    return keras.optimizers.SGD(0.01)


def vae():
    model = test_vae.with_given_noise(test_vae.small_vae())
    model.compile(sgd())
    return model


def gan():
    model = test_gan.small_gan("dcgan", model=test_gan.GivenNoise)
    penalty = losses.R1(1.0, interval=2)
    model.compile(sgd(), sgd(), gradient_penalty=penalty, average_decay=0.5)
    return model


def stylegan2():
    discriminator = networks.residual_discriminator((16, 16, 1), width=4)
    model = test_stylegan2.small_gan(
        model=test_stylegan2.Given, discriminator=discriminator
    )
    model.compile(
        sgd(),
        sgd(),
        gradient_penalty=losses.R1(1.0, interval=2),
        path_length=losses.PathLength(interval=2),
        style_mixing=0.0,
        average_decay=0.5,
    )
    return model


def denoiser():
    network = networks.unet(1, widths=(4, 4), num_blocks=1)
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    network.compile(optimizer, "mean_absolute_error", metrics=["mse"])
    return network


def batches_of(kind, batch_size=8):
    """Three batches an epoch, in the order of the epoch."""
    size = SIZE[kind]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, size, size, 1)).astype("uint8")
    source = datasets.source_from_arrays(
        "noise", "train", images, np.zeros(24, int)
    )
    pipeline = datasets.synthesis_pipeline(source, batch_size=batch_size)
    if kind != "denoiser":
        return pipeline
    pairs = pipeline.map(lambda x: (tf.clip_by_value(x + 0.1, 0, 1), x))
    pairs.set_epoch = pipeline.set_epoch
    return pairs


def fitted(kind, epochs=9):
    """Weights, logs and batches' losses of a training, on this worker."""
    with distributed.distribution().scope():
        keras.utils.set_random_seed(0)
        batches = batches_of(kind)
        model = globals()[kind]()
        seen = []
        each = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
        )
        # The loss falls by less in an epoch: all stop after the second.
        stop = keras.callbacks.EarlyStopping("loss", min_delta=9.0, patience=1)
        history = distributed.fit(
            model,
            batches,
            epochs=epochs,
            callbacks=[each, stop, callbacks.EpochOrder(batches)],
            verbose=0,
        ).history
        assert distributed.wait_for_workers()
    return [np.array(w) for w in model.weights], history, seen


def check_two_equal_one(kind):
    """SGD, all noise given: Adam would hide a wrong scale."""
    workers = Workers(fitted, kind)
    weights, history, seen = fitted(kind)
    for theirs, their_history, their_seen in workers.wait():
        for one, two in zip(weights, theirs, strict=True):
            np.testing.assert_allclose(two, one, atol=1e-6)
        assert their_history.keys() == history.keys()
        for name, values in history.items():
            # Norms of one worker's gradient, diversity of its images.
            if not name.endswith("norm") and name != "diversity":
                np.testing.assert_allclose(
                    their_history[name], values, rtol=1e-5, err_msg=name
                )
        np.testing.assert_allclose(their_seen, seen, rtol=1e-5)


@pytest.mark.slow
def test_two_workers_train_a_network_as_one_would():
    check_two_equal_one("denoiser")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vae", "gan", "stylegan2"])
def test_two_workers_train_a_model_as_one_would(kind):
    check_two_equal_one(kind)


def train(folder, output, resume=False, epochs=4):
    """A training as the command line runs it, on this worker."""
    with training.distribution().scope():
        training.train_vae(
            folder,
            output,
            architecture="dense",
            latent_dim=2,
            batch_size=4,
            epochs=epochs,
            kl_warmup_epochs=1,
            resume=resume,
            verbose=0,
        )
    return sorted(p.name for p in output.rglob("*") if p.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_worker_resumes_to_the_same_bits(tmp_path, killed):
    folder = image_folder(tmp_path)
    (chief, other) = Workers(train, folder, tmp_path / "straight").wait()
    assert chief == other  # one shared folder, written by one
    straight = state(tmp_path / "straight")
    history = (tmp_path / "straight/history.json").read_text()
    assert json.loads(history)["epoch"] == [0, 1, 2, 3]

    output = tmp_path / "killed"
    workers = Workers(train, folder, output)
    while not list(output.glob("backup/epoch_00002.*")):
        time.sleep(0.001)
    workers.kill(killed)
    Workers(train, folder, output, True).wait()
    resumed = state(output)
    assert resumed.keys() == straight.keys()
    for name, values in straight.items():
        np.testing.assert_array_equal(resumed[name], values, name)
    assert (output / "history.json").read_text() == history


@pytest.mark.slow
def test_the_others_end_when_a_worker_is_killed(tmp_path):
    """So that what started them can start all of them again."""
    output = tmp_path / "run"
    workers = Workers(train, image_folder(tmp_path), output, False, 10_000)
    while not list(output.glob("backup/epoch_*")):
        time.sleep(0.01)
    workers.processes[1].kill()
    workers.processes[0].join(60)
    assert workers.processes[0].exitcode is not None
    workers.kill(0)


@pytest.mark.slow
def test_a_training_in_a_folder_runs_on_all_devices(two_replicas, tmp_path):
    folder, output = image_folder(tmp_path), tmp_path / "run"
    options = {"architecture": "dense", "batch_size": 4, "verbose": 0}
    with two_replicas.scope():
        trained = training.train_vae(folder, output, epochs=2, **options)
    assert trained.optimizer.iterations.numpy() == 2 * 3
    loaded = keras.saving.load_model(output / "vae.keras")
    for one, two in zip(trained.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    history = json.loads((output / "history.json").read_text())
    assert history["epoch"] == [0, 1]


def refused(tmp_path):
    """The errors of what several workers cannot do."""
    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    with distributed.distribution().scope():
        network, model = denoiser(), vae()
        batches = batches_of("denoiser")
        whole = tmp_path / "x.keras"
        errors = []
        for options in (
            {"batches": batches_of("denoiser", 3)},
            {"callbacks": [keras.callbacks.ModelCheckpoint(whole)]},
            {"validation_data": batches},
            {"batches": np.zeros((8, 8, 8, 1), "float32")},
            {"model": model, "batches": batches_of("vae", 3)},
            {"batches": batches.repeat()},
            {"batches": batches.take(0)},
            {"batches": batches.take(1 + index)},
            {"batches": batches.unbatch().take(5).batch(8)},
        ):
            given = {"model": network, "batches": batches, **options}
            try:
                distributed.fit(**given)
            except (ValueError, tf.errors.InvalidArgumentError) as error:
                errors.append(str(error))
    return errors


def test_batches_that_devices_cannot_share_equally_are_refused(two_replicas):
    with two_replicas.scope():
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        network.compile("sgd", "mse")
    for size in (1, 3):
        pairs = (tf.ones((size, 2)), tf.ones((size, 1)))
        batches = tf.data.Dataset.from_tensors(pairs)
        with pytest.raises(ValueError, match=f"multiple of 2.*of {size}"):
            distributed.fit(network, batches, verbose=0)
    pairs = tf.data.Dataset.from_tensors((tf.ones((4, 2)), tf.ones((4, 1))))
    assert distributed.fit(network, pairs, verbose=0).history["loss"]


def test_the_clipping_of_a_flow_is_shared_by_the_devices(two_replicas):
    """Keras clips on each device, before it adds the gradients up."""
    with two_replicas.scope():
        flow = models.FlowMatching(networks.diffusion_unet((8, 8, 3), (8, 8)))
        training.compile_flow(flow)
    assert flow.optimizer.global_clipnorm == 0.5


@pytest.mark.slow
def test_what_several_workers_cannot_do_is_refused(tmp_path):
    for errors in Workers(refused, tmp_path).wait():
        for error, words in zip(
            errors,
            (
                "multiple of the number of workers",
                "use `callbacks.Backup`",
                "without `validation_data`",
                "Received: a ndarray",
                "multiple of the number of workers",
                "An epoch must end",
                "There is no batch",
                "Received: 1, 2 batches on them",
                "use `batch(..., drop_remainder=True)`",
            ),
            strict=True,
        ):
            assert words in error


def test_the_number_of_workers_is_that_of_the_environment(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert distributed.distribution().num_replicas_in_sync == 1
    with pytest.raises(ValueError, match="names 1 workers"):
        distributed.distribution(workers=2)
    config = {"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(ValueError, match="names 3 workers"):
        distributed.distribution(workers=2)

"""Training steps of one process and of two, one core each."""

import functools
import json
import os
import subprocess
import sys
import time

import numpy as np

from benchmarks.rows import figure, write_row
from keras_synth.cli.workers import free_addresses

BATCH, SIDE, STEPS, WARM = 16, 64, 12, 3


def run(name):
    """Measures the row."""
    figures = {}
    for kind in ("fit", "bare loop"):
        one, two = (_seconds(kind, count) for count in (1, 2))
        if kind == "fit":
            simulated = {
                f"{count} machines, simulated: speedup": figure(
                    speedup(one, two, count), "ratio", better="higher"
                )
                for count in (4, 16, 64)
            }
        bar = {"bar": 1.7} if kind == "fit" else {}
        figures |= {
            f"{kind}: speedup": figure(
                one / two, "ratio", better="higher", **bar
            ),
            f"{kind}: step, 1 process": figure(1e3 * one, "ms", 0),
            f"{kind}: step, 2 processes": figure(1e3 * two, "ms", 0),
        }
    write_row(
        name,
        "Training on several processes",
        figures | simulated,
        data=f"batches of {BATCH} gray patches of {SIDE}x{SIDE}",
        protocol=(
            "steps of an FFDNet (15 layers, 64 channels, Adam) with the whole "
            "batch on one process, and half of it on each of two, one core "
            f"each; medians of {STEPS - WARM}. fit: `distributed.fit`, data "
            "and callbacks included; bare loop: `strategy.run` of a step by "
            "hand on constant data; simulated: see `speedup` in "
            "benchmarks/workers_speed.py"
        ),
        seed=0,
    )


def speedup(one, two, count):
    """Speedup of a training step on several machines, simulated.

    Each of n machines computes an nth of the batch, and then gradients travel
    around a ring: each sends 2 (n - 1) / n of them, one time all of them for
    two. What two processes lose on one machine is taken for that time.

    Args:
        one: Seconds of a step on one process.
        two: Seconds of a step on two.
        count: Number of machines.

    Returns:
        A float.
    """
    travel = max(two - one / 2, 0.0)
    return one / (one / count + travel * 2 * (count - 1) / count)


def _seconds(kind, count):
    """Median seconds of a step, measured in processes of their own."""
    addresses = free_addresses(count)
    processes = []
    for index in range(count):
        config = {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }
        environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1"}
        if count > 1:
            environment["TF_CONFIG"] = json.dumps(config)
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.workers_speed", kind],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                preexec_fn=functools.partial(os.sched_setaffinity, 0, {index}),
            )
        )
    printed = [process.communicate()[0] for process in processes]
    return max(float(text.split()[-1]) for text in printed)


def _measure(kind):
    """Steps of this worker, which finds the others by TF_CONFIG."""
    from keras_synth.training import distributed

    strategy = distributed.distribution()
    with strategy.scope():
        import keras

        from keras_synth import networks

        keras.utils.set_random_seed(0)
        network = networks.ffdnet(1)
        network.compile(keras.optimizers.Adam(1e-3), "mean_absolute_error")
        network.optimizer.build(network.trainable_variables)
        steps = _fitted if kind == "fit" else _looped
        times = steps(network, strategy)
    print(np.median(np.diff(times)[WARM - 1 :]), flush=True)


def _pairs(count):
    generator = np.random.default_rng(0)
    clean = generator.random((count, SIDE, SIDE, 1), "float32")
    level = np.full((count, 1, 1, 1), 0.1, "float32")
    return {"image": clean, "noise_level": level}, clean


def _fitted(network, strategy):
    import keras
    import tensorflow as tf

    from keras_synth.training import distributed

    times = []
    tick = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: times.append(time.perf_counter())
    )
    batches = tf.data.Dataset.from_tensors(_pairs(BATCH)).repeat(STEPS)
    distributed.fit(network, batches, callbacks=[tick], verbose=0)
    return times


def _looped(network, strategy):
    import tensorflow as tf

    share = strategy.num_replicas_in_sync
    inputs, clean = _pairs(BATCH // share)

    @tf.function
    def step():
        def of_worker():
            with tf.GradientTape() as tape:
                restored = network(inputs, training=True)
                loss = tf.reduce_mean(tf.abs(restored - clean)) / share
            variables = network.trainable_variables
            network.optimizer.apply(tape.gradient(loss, variables), variables)
            return loss

        return strategy.run(of_worker)

    times = []
    for _ in range(STEPS):
        step()
        times.append(time.perf_counter())
    return times


if __name__ == "__main__":
    _measure(sys.argv[1])

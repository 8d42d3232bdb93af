"""Training step of StyleGAN2 against the same model in PyTorch.

R1 comes at every 16th step, path-length regularization at every 4th. So what
is compared is a cycle of 16 steps: the median over all turns of each, added
up.
"""

import os
import pathlib
import time

import keras
import numpy as np

from benchmarks.peers import Peer, peer_python
from benchmarks.rows import figure, write_row
from keras_synth import training

BATCH, SHAPE = 16, (64, 64, 3)
TURNS, CYCLE, TOGETHER = 7, 16, 4
# What `build_stylegan2` makes: sides, channels; dimensions of z and of w, and
# layers from one to the other.
TWIN = ([4, 8, 16, 32, 64], [64, 64, 64, 32, 16], [64, 64, 4])


def run(name):
    """Measures the row."""
    python = peer_python("torch", ["torch==2.14.1", "numpy"])
    script = pathlib.Path(__file__).with_name("torch_stylegan2.py").read_text()
    threads = os.cpu_count()
    keras.utils.set_random_seed(0)
    gan = training.build_stylegan2(SHAPE)
    training.compile_stylegan2(gan, batch_size=BATCH)
    with Peer(python, script, BATCH, threads, SHAPE[-1], *TWIN) as peer:
        _check_size(gan, peer)
        ours, scaled, grouped = _seconds_a_step(gan, peer)
    write_row(
        name,
        "Training step against PyTorch",
        {
            "stylegan2: speed ratio": figure(
                min(scaled, grouped) / ours, "ratio", better="higher", bar=0.9
            ),
            "stylegan2: step": figure(
                1e3 * ours,
                "ms",
                0,
                better="lower",
                baseline=1e3 * scaled,
                baseline_name="PyTorch",
            ),
            "stylegan2: grouped kernels": figure(
                1e3 * grouped, "ms", 0, better="lower"
            ),
        },
        data=f"a batch of {BATCH} color images of {SHAPE[0]}x{SHAPE[1]}",
        protocol=(
            "speed of `train_on_batch`, model and losses as in "
            "`training.train_stylegan2`, over that of the same in PyTorch "
            "(as many weights, channels last, fused Adam, float32, "
            f"{threads} threads), whose modulated convolutions scale what "
            "comes in and goes out as ours do, or have grouped kernels, one "
            "for each image: the faster counts; mean over a cycle of 16 "
            f"steps, each the median of {TURNS} turns, {TOGETHER} steps at a "
            "time"
        ),
        seed=0,
    )


def _check_size(gan, peer):
    """Stops where the two have not as many weights."""
    ours = [
        sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
        for network in (gan.generator, gan.discriminator)
    ]
    for kind in ("scaled", "grouped"):
        theirs = [int(n) for n in peer.ask(f"{kind} parameters").split()]
        if ours != theirs:
            raise SystemExit(f"{ours} weights against {kind} {theirs}.")


def _seconds_a_step(gan, peer):
    """Of ours, and of the peer's two kinds: mean over the cycle."""
    images = np.random.default_rng(0).random((BATCH, *SHAPE), "float32")

    def ours(count):
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            gan.train_on_batch(images)
            seconds.append(time.perf_counter() - start)
        return seconds

    def peers(kind):
        return lambda count: map(float, peer.ask(f"{kind} {count}").split())

    racers = (ours, peers("scaled"), peers("grouped"))
    seconds = [[] for _ in racers]
    for _ in range((TURNS + 1) * CYCLE // TOGETHER):
        for racer, measured in zip(racers, seconds, strict=True):
            measured.extend(racer(TOGETHER))
    # (racers, turns, steps of a cycle), of which the first turn warms up
    turns = np.reshape(seconds, (len(racers), -1, CYCLE))[:, 1:]
    return np.median(turns, axis=1).mean(axis=1)

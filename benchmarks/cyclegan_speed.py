"""Training step of CycleGAN against the same model in PyTorch."""

import os
import pathlib
import time

import keras
import numpy as np

from benchmarks.peers import Peer, peer_python
from benchmarks.rows import figure, write_row
from keras_synth import training

BATCH, SIDE, WIDTH, BLOCKS, TURNS, STEPS = 2, 64, 24, 6, 8, 3


def run(name):
    """Measures the row."""
    python = peer_python("torch", ["torch==2.14.1", "numpy"])
    ours, theirs = seconds_a_step(python)
    write_row(
        name,
        "Training step against PyTorch",
        {
            "cyclegan: speed ratio": figure(
                theirs / ours, "ratio", better="higher", bar=0.9
            ),
            "cyclegan: step": figure(
                1e3 * ours,
                "ms",
                0,
                better="lower",
                baseline=1e3 * theirs,
                baseline_name="PyTorch",
            ),
        },
        data=f"a batch of {BATCH} color images of {SIDE}x{SIDE} of each kind",
        protocol=(
            "speed of `train_on_batch`, networks and losses as in "
            f"`training.train_cyclegan` with width={WIDTH}, "
            f"num_blocks={BLOCKS}, over that of the same in PyTorch (as many "
            "weights, image pools, averages, spectral normalization, channels "
            f"last, fused Adam, float32, {os.cpu_count()} threads); medians "
            f"of {TURNS} turns of {STEPS} steps"
        ),
        seed=0,
    )


def seconds_a_step(python):
    """Of ours and of the peer's, medians."""
    script = pathlib.Path(__file__).with_name("torch_cyclegan.py").read_text()
    sizes = BATCH, SIDE, WIDTH, BLOCKS, os.cpu_count()
    keras.utils.set_random_seed(0)
    model = training.compile_cyclegan(
        training.build_cyclegan(SIDE, 3, WIDTH, BLOCKS, seed=0)
    )
    generator = np.random.default_rng(0)
    a, b = generator.random((2, BATCH, SIDE, SIDE, 3), "float32")
    ours, theirs = [], []
    with Peer(python, script, *sizes) as peer:
        weights = [int(n) for n in peer.ask("parameters").split()]
        for network, count in zip(
            (model.generator, model.discriminator), weights, strict=True
        ):
            if sum(map(np.size, network.trainable_weights)) != count:
                raise SystemExit(f"{network.name}: not {count} weights.")
        for turn in range(TURNS + 1):  # the first warms up
            for _ in range(STEPS):
                start = time.perf_counter()
                model.train_on_batch(a, b)
                if turn:
                    ours.append(time.perf_counter() - start)
            seconds = [float(s) for s in peer.ask(str(STEPS)).split()]
            if turn:
                theirs += seconds
    return np.median(ours), np.median(theirs)

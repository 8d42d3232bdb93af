"""Training step of DnCNN and FFDNet against the same networks in PyTorch."""

import os
import pathlib
import time

import keras
import numpy as np

from benchmarks.peers import Peer, peer_python
from benchmarks.rows import figure, write_row
from keras_synth import networks

BATCH, SIDE, TURNS, STEPS = 16, 64, 5, 3


def run(name):
    """Measures the row."""
    python = peer_python("torch", ["torch==2.14.1", "numpy"])
    script = pathlib.Path(__file__).with_name("torch_denoisers.py").read_text()
    threads = os.cpu_count()
    with Peer(python, script, BATCH, SIDE, threads) as peer:
        figures = {}
        for kind in ("dncnn", "ffdnet"):
            figures |= _figures(kind, peer)
    write_row(
        name,
        "Training step against PyTorch",
        figures,
        data=f"a batch of {BATCH} gray patches of {SIDE}x{SIDE}",
        protocol=(
            "speed of `train_on_batch` over that of the same network in "
            "PyTorch (channels last, Adam, mean squared error, float32, "
            f"{threads} threads); {TURNS} turns of {STEPS} steps"
        ),
        seed=0,
    )


def _figures(kind, peer):
    keras.utils.set_random_seed(0)
    network = getattr(networks, kind)(channels=1)
    network.compile(keras.optimizers.Adam(1e-3), "mse")
    generator = np.random.default_rng(0)
    clean = generator.random((BATCH, SIDE, SIDE, 1), "float32")
    noise = generator.standard_normal(clean.shape).astype("float32")
    inputs = clean + 0.1 * noise
    if kind == "ffdnet":
        level = np.full((BATCH, 1, 1, 1), 0.1, "float32")
        inputs = {"image": inputs, "noise_level": level}
    ours, theirs = [], []
    for turn in range(TURNS + 1):  # the first warms up
        for _ in range(STEPS):
            start = time.perf_counter()
            network.train_on_batch(inputs, clean)
            if turn:
                ours.append(time.perf_counter() - start)
        seconds = [float(s) for s in peer.ask(f"{kind} {STEPS}").split()]
        if turn:
            theirs += seconds
    ours, theirs = np.median(ours), np.median(theirs)
    return {
        f"{kind}: speed ratio": figure(
            theirs / ours, "ratio", better="higher", bar=0.9
        ),
        f"{kind}: step": figure(
            1e3 * ours,
            "ms",
            0,
            better="lower",
            baseline=1e3 * theirs,
            baseline_name="PyTorch",
        ),
    }

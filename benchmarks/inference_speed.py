"""Speed of restoring: networks against PyTorch and ONNX Runtime; a command."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.peers import Peer, peer_python
from benchmarks.rows import ROOT, data_folder, figure, write_row
from keras_synth import inference, io, presets
from keras_synth.degradations import CameraNoise
from keras_synth.export import export_onnx

SIDE, TURNS = 512, 5
ROWS, COLUMNS = 6, 8  # of photographs of 512x512, 12.6 megapixels
SEED = 0


def run(name):
    """Measures the row."""
    {"inference_time": networks, "restore_time": command}[name]()


def networks():
    """Inference of two presets, beside PyTorch and ONNX Runtime."""
    threads = os.cpu_count()
    ours = {
        "denoiser": presets.color_denoiser(),
        "upscaler": presets.upscaler(),
    }
    image = np.random.default_rng(SEED).random((1, SIDE, SIDE, 3), "float32")
    inputs = {
        "image": image,
        "noise_level": np.full((1, 1, 1, 1), 0.1, "float32"),
    }
    seconds = {name: {} for name in ours}
    torch = peer_python("torch", ["torch==2.14.1", "numpy"])
    runtime = peer_python("onnxruntime", ["onnxruntime", "numpy"])
    with tempfile.TemporaryDirectory() as folder:
        files = [
            export_onnx(network, pathlib.Path(folder) / f"{name}.onnx")
            for name, network in ours.items()
        ]
        with (
            Peer(torch, _script("torch_inference"), SIDE, threads) as in_torch,
            Peer(
                runtime, _script("onnx_inference"), SIDE, threads, *files
            ) as in_onnx,
        ):
            for index, (name, network) in enumerate(ours.items()):
                count = int(in_torch.ask(name))
                if count != network.count_params():
                    raise SystemExit(
                        f"{network.count_params()} weights against {count}."
                    )
                found = {"Keras": [], "PyTorch": [], "ONNX Runtime": []}
                found["Keras, convolutions alone"] = []
                call = convolutions(network, inputs)
                for turn in range(TURNS + 1):  # the first warms up
                    start = time.perf_counter()
                    inference.run_restorer(network, inputs)
                    middle = time.perf_counter()
                    call()
                    now = {
                        "Keras": middle - start,
                        "Keras, convolutions alone": time.perf_counter()
                        - middle,
                        "PyTorch": float(in_torch.ask(f"{name} 1")),
                        "ONNX Runtime": float(in_onnx.ask(f"{index} 1")),
                    }
                    print(name, now, flush=True)
                    for who, value in now.items():
                        found[who] += [value] if turn else []
                seconds[name] = {
                    who: np.median(values) for who, values in found.items()
                }
    figures = {}
    for name, each in seconds.items():
        fastest = min(each["PyTorch"], each["ONNX Runtime"])
        figures[f"{name}: speed ratio"] = figure(
            fastest / each["Keras"], "ratio", better="higher", bar=1.0
        )
        for who, value in each.items():
            figures[f"{name}: {who}"] = figure(value, "s", better="lower")
    write_row(
        "inference_time",
        "Inference against PyTorch and ONNX Runtime",
        figures,
        data=f"one color image of {SIDE}x{SIDE}",
        protocol=(
            "`inference.run_restorer` of `presets.color_denoiser` and "
            "`presets.upscaler(4)`, the same networks in PyTorch (channels "
            "last) and exported to ONNX Runtime; float32, "
            f"{threads} threads each, medians of {TURNS} turns; ratio: of the "
            "speed to that of the faster of the two; convolutions alone: each "
            "on its inputs of the network, and nothing else"
        ),
        seed=SEED,
    )


def convolutions(network, inputs):
    """A function that calls each convolution on what it gets in the network."""
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    layers = [layer for layer in network.layers if isinstance(layer, kinds)]
    before = keras.Model(network.inputs, [layer.input for layer in layers])
    maps = before([inputs[each.name] for each in network.inputs])

    @tf.function
    def call():
        outputs = (layer(x) for layer, x in zip(layers, maps, strict=True))
        return [x[0, 0, 0, 0] for x in outputs]

    return lambda: [x.numpy() for x in call()]


def command():
    """`keras-synth restore` of a noisy JPEG file of 12 megapixels."""
    files = io.find_images(data_folder() / "photos" / "val")
    tiles = []
    for file in files:
        image = io.read_image(file, channels=3)
        if min(image.shape[:2]) >= SIDE:
            tiles.append(image[:SIDE, :SIDE])
    tiles = (tiles * 2)[: ROWS * COLUMNS]
    image = np.concatenate(
        [
            np.concatenate(tiles[COLUMNS * row : COLUMNS * (row + 1)], axis=1)
            for row in range(ROWS)
        ]
    )
    noisy = np.asarray(CameraNoise(8 / 255)(np.float32(image), seed=SEED))
    with tempfile.TemporaryDirectory() as folder:
        source, target = (f"{folder}/{name}.jpg" for name in ("in", "out"))
        values = np.uint8(np.round(255 * np.clip(noisy, 0, 1)))
        Image.fromarray(values).save(source, quality=75)
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "keras_synth", "restore", source, target],
            cwd=ROOT,
        )
        # Not `resource.getrusage`, which counts the process that forked, too.
        status = pathlib.Path(f"/proc/{process.pid}/status")
        memory = 0
        while process.poll() is None:
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            memory = max(memory, int(found[1]) if found else 0)
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"The command failed: {process.returncode}")
    megapixels = values.shape[0] * values.shape[1] / 1e6
    write_row(
        "restore_time",
        "Restoring a photograph of 12 megapixels, whole command",
        {
            "time": figure(seconds, "s", 1, better="lower", bar=40),
            "memory": figure(
                memory * 1024 / 1e6, "MB", 0, better="lower", bar=2000
            ),
        },
        data=f"photos/val side by side, {megapixels:.1f} megapixels",
        protocol=(
            "camera noise of 8 gray levels, JPEG 75; `keras-synth restore` in "
            "a process of its own, from its start to its end, and the largest "
            "resident memory"
        ),
        seed=SEED,
    )


def _script(name):
    return pathlib.Path(__file__).with_name(f"{name}.py").read_text()

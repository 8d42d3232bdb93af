"""BM3D against its authors' own binary, PyPI `bm3d`.

The binary is free for non-commercial use alone. It is installed into an
environment of its own, for this comparison; keras_synth neither needs it nor
holds anything of it. Please cite: Mäkinen, Azzari, Foi, Collaborative
filtering of correlated noise, 2020; Dabov, Foi, Katkovnik, Egiazarian, Image
denoising by sparse 3-D transform-domain collaborative filtering, 2007.
"""

import pathlib
import tempfile
import time

import numpy as np

from benchmarks.peers import Peer, peer_python
from benchmarks.rows import data_folder, figure, write_row
from keras_synth import restoration
from keras_synth.evaluation.peak_memory import peak_memory
from keras_synth.io import read_image

SEED = 0
REQUIREMENTS = ["bm3d==4.0.3"]
PROFILE = "np"
SIGMAS = (15, 25, 50)
# Reads "INPUT OUTPUT SIGMA" on each line, answers with the seconds it took.
WORKER = f"""
import sys, time
import bm3d, numpy
for line in sys.stdin:
    source, target, sigma = line.rstrip("\\n").split("\\t")
    noisy = numpy.load(source).astype("float64")
    start = time.perf_counter()
    denoise = bm3d.bm3d_rgb if noisy.ndim == 3 else bm3d.bm3d
    denoised = denoise(noisy, float(sigma), profile="{PROFILE}")
    seconds = time.perf_counter() - start
    numpy.save(target, denoised)
    print(seconds, flush=True)
"""


def run(name):
    """Measures one row."""
    {"bm3d": quality, "bm3d_time": speed}[name]()


def quality():
    """PSNR on Set12, ours and the binary's, on the same noisy files."""
    figures = {}
    with Binary() as binary:
        for sigma in SIGMAS:
            ours, theirs = [], []
            model = restoration.BM3D(noise_level=sigma / 255)
            for index, clean in enumerate(set12()):
                noisy = add_noise(clean, sigma, index)
                denoised = model.predict(noisy[None, ..., None], verbose=0)
                ours.append(psnr(denoised[0, ..., 0], clean))
                theirs.append(psnr(binary(noisy, sigma / 255)[0], clean))
                print(sigma, index + 1, ours[-1], theirs[-1], flush=True)
            mine, other = np.mean(ours), np.mean(theirs)
            figures[f"σ = {sigma}: BM3D"] = figure(
                mine,
                "dB",
                better="higher",
                baseline=other,
                baseline_name="binary",
            )
            figures[f"σ = {sigma}: difference"] = figure(
                mine - other, "dB", 3, better="higher", bar=-0.05
            )
    write_row(
        "bm3d",
        "BM3D against its authors' binary, PSNR",
        figures,
        data="Set12, mean PSNR of the twelve whole gray images",
        protocol=(
            f"known σ; `BM3D(noise_level=σ/255)` against {REQUIREMENTS[0]}, "
            f'profile "{PROFILE}", on the same float32 files; noise of '
            "`numpy.random.default_rng([seed, σ, index])`, noisy input not "
            "clipped, results clipped to [0, 1], not rounded, no border cut. "
            "λ and μ² were found on Set12 with other noise, and checked on "
            "ten images of Train400"
        ),
        seed=SEED,
    )


def speed(repetitions=7, sigma=25):
    """Seconds for 512x512, in turns with the binary; memory for 2048x2048."""
    index = 8
    noisy = add_noise(set12()[index], sigma, index)
    model = restoration.BM3D(noise_level=sigma / 255)
    ours, theirs = [], []
    with Binary() as binary:
        for repetition in range(repetitions + 1):
            start = time.perf_counter()
            model.predict(noisy[None, ..., None], verbose=0)
            seconds = time.perf_counter() - start
            _, other = binary(noisy, sigma / 255)
            if repetition:  # the first one compiles
                ours.append(seconds)
                theirs.append(other)
    large = np.tile(noisy, (4, 4))[None, ..., None].astype("float32")
    figures = {
        "speed ratio": figure(
            np.median(theirs) / np.median(ours),
            "ratio",
            1,
            better="higher",
            bar=3,
            goal=8,
        ),
        "time": figure(
            np.median(ours),
            "s",
            1,
            better="lower",
            baseline=np.median(theirs),
            baseline_name="binary",
        ),
    }
    memory = peak_memory(model, large)
    if memory is not None:
        figures["memory for 2048x2048"] = figure(
            memory / 2**30, "GiB", better="lower", bar=3
        )
    write_row(
        "bm3d_time",
        "BM3D against its authors' binary, speed and memory",
        figures,
        data=f"image {index + 1:02d} of Set12, {noisy.shape[0]}x"
        f"{noisy.shape[1]}, σ = {sigma}; for the memory 4x4 of it",
        protocol=(
            f"both stages, medians of {repetitions} interleaved runs after "
            f'one to compile; {REQUIREMENTS[0]}, profile "{PROFILE}", all '
            "its threads; memory is a fresh process's peak beyond TensorFlow "
            "and the model"
        ),
        seed=SEED,
    )


class Binary(Peer):
    """The authors' BM3D in a process of its own, as a context manager."""

    def __init__(self):
        super().__init__(peer_python("bm3d", REQUIREMENTS), WORKER)
        self._folder = tempfile.TemporaryDirectory()

    def __call__(self, noisy, noise_level):
        """`(denoised, seconds)` of an image (height, width[, 3])."""
        folder = pathlib.Path(self._folder.name)
        source, target = folder / "noisy.npy", folder / "denoised.npy"
        np.save(source, noisy)
        seconds = self.ask(f"{source}\t{target}\t{noise_level}")
        return np.load(target), float(seconds)

    def __exit__(self, *error):
        super().__exit__(*error)
        self._folder.cleanup()


def set12():
    """The twelve gray images, (height, width) in [0, 1]."""
    folder = data_folder() / "denoise" / "Set12"
    paths = sorted(folder.glob("*.png"))
    if len(paths) != 12:
        raise SystemExit(f"{folder} must hold Set12's twelve .png files.")
    return [read_image(path, channels=1)[..., 0] for path in paths]


def add_noise(clean, sigma, index):
    """float32, with the row's own noise for this image and level."""
    random = np.random.default_rng([SEED, sigma, index])
    noise = random.normal(scale=sigma / 255, size=clean.shape)
    return (clean + noise).astype("float32")


def psnr(denoised, clean):
    """In dB, of the result clipped to [0, 1]."""
    error = np.clip(denoised, 0.0, 1.0) - clean
    return -10.0 * np.log10(np.mean(np.square(error)))

"""Our BM3D against its authors' own binary, on the same noisy files."""

import subprocess
import sys
import time

import numpy as np

from benchmarks.denoiser import SIGMAS, noisy_pictures, psnr
from benchmarks.peers import Peer, peer_python
from benchmarks.rows import ROOT, RUNS, write_row
from keras_synth.models import BM3D

SEED = 0
REQUIREMENTS = ["bm3d==4.0.3"]
# Reads "NOISY SIGMA RESULT" and answers with the seconds it took.
SCRIPT = """
import sys, time
import bm3d, numpy
for line in sys.stdin:
    noisy, sigma, result = line.split()
    picture = numpy.load(noisy)
    start = time.perf_counter()
    picture = bm3d.bm3d(picture, sigma_psd=float(sigma), profile="np")
    seconds = time.perf_counter() - start
    numpy.save(result, numpy.asarray(picture, "float32"))
    print(seconds, flush=True)
"""
MEMORY = """
import resource, sys
import numpy as np
from keras_synth.models import BM3D
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
side = int(sys.argv[1])
generator = np.random.default_rng(0)
picture = generator.random((1, side, side, 1), "float32")
model = BM3D(noise_level=0.1)
before = peak()
model.predict(picture, verbose=0)
print(peak() - before)
"""


def run(name):
    """Measures one row."""
    folder = RUNS / "bm3d"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "peer.py"
    script.write_text(SCRIPT)
    with Peer(peer_python("bm3d", REQUIREMENTS), script) as peer:
        {"bm3d": quality, "bm3d_time": speed}[name](name, peer, folder)


def quality(name, peer, folder):
    """dB on Set12."""
    figures = {"ours": [], "authors' binary": [], "difference": []}
    for sigma in SIGMAS:
        model = BM3D(noise_level=sigma / 255)
        ours, theirs = [], []
        for noisy, clean in noisy_pictures("Set12", sigma):
            result, _ = ask(peer, folder, noisy, sigma)
            theirs.append(psnr(result, clean))
            result = model.restore(noisy[None])[0].numpy()
            ours.append(psnr(result, clean))
        pair = np.mean(ours), np.mean(theirs)
        figures["ours"].append(f"{pair[0]:.2f}")
        figures["authors' binary"].append(f"{pair[1]:.2f}")
        figures["difference"].append(f"{pair[0] - pair[1]:+.3f}")
    write_row(
        name,
        "Grey denoising, PSNR in dB",
        {key: " / ".join(values) for key, values in figures.items()},
        data="Set12, σ = 15 / 25 / 50",
        protocol=(
            "whole pictures, known σ, noise of `numpy.random.default_rng(0)` "
            "not clipped, results clipped; the binary is PyPI's "
            f"{REQUIREMENTS[0]}, profile np at every σ, on the same pictures; "
            "ours with profile auto"
        ),
        seed=SEED,
        bar="within 0.05 dB of the binary, or above",
    )


def speed(name, peer, folder, turns=3):
    """Seconds for a picture of 512x512, in turns, and peak memory."""
    sigma = 25
    noisy = next(
        noisy
        for noisy, clean in noisy_pictures("Set12", sigma)
        if clean.shape[:2] == (512, 512)
    )
    model = BM3D(noise_level=sigma / 255)
    model.predict(noisy[None], verbose=0)  # compiles
    ours, theirs = [], []
    for _ in range(turns):
        start = time.perf_counter()
        model.predict(noisy[None], verbose=0)
        ours.append(time.perf_counter() - start)
        theirs.append(ask(peer, folder, noisy, sigma)[1])
    ours, theirs = np.median(ours), np.median(theirs)
    memory = subprocess.run(
        [sys.executable, "-c", MEMORY, "2048"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    write_row(
        name,
        "Speed, as ratios of interleaved medians",
        {
            "512x512": f"{ours / theirs:.2f} ({ours:.1f} s against "
            f"{theirs:.1f} s)",
            "peak memory for 2048x2048": f"{float(memory):.1f} GiB",
        },
        data="a picture of Set12, σ = 25",
        protocol=(
            "both stages, `predict` over the authors' binary (PyPI's "
            f"{REQUIREMENTS[0]}, profile np), {turns} turns; memory beyond "
            "what the process holds after its imports"
        ),
        seed=SEED,
        bar="≤ 1/3, goal 1/8; under 3 GB",
    )


def ask(peer, folder, noisy, sigma):
    """`(denoised, seconds)` of the authors' binary."""
    np.save(folder / "noisy.npy", noisy[..., 0].astype("float64"))
    seconds = peer.ask(f"{folder}/noisy.npy {sigma / 255} {folder}/result.npy")
    result = np.load(folder / "result.npy").reshape(noisy.shape)
    return np.clip(result, 0.0, 1.0), float(seconds)

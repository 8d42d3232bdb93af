"""Flow matching on digits and clothes: Frechet distance, steps, bits.

Scores are those of `benchmarks.gan`: distances on the features of the
pretrained classifiers, between all 60,000 training images and 10,000 samples.
Trainings run in mixed_bfloat16, everything else in float32, and go on where
they were stopped.
"""

import os
import pathlib
import time

import keras
import numpy as np

from benchmarks.gan import DATA, SCORERS, SEED, draw, load, score
from benchmarks.peers import Peer, peer_python
from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.trainings import in_float32, train_once, words_of
from keras_synth import metrics, models, training
from keras_synth.io import image_grid, write_image

# row: (data, whether class-conditional, bar of the Frechet distance)
FLOWS = {
    "flow_mnist": ("mnist", False, 5.0),
    "flow_mnist_guided": ("mnist", False, 5.0),
    "flow_mnist_conditional": ("mnist", True, 2.0),
    "flow_fashion": ("fashion_mnist", False, 8.0),
    "flow_fashion_conditional": ("fashion_mnist", True, 8.0),
}
OPTIONS = {
    "epochs": 10,
    "batch_size": 64,
    "width": 48,
    "num_blocks": 1,
    "patch_size": 2,
}
# Autoguidance: a longer training, and a small guide that is trained little.
GUIDED = {"flow_mnist_guided": OPTIONS | {"epochs": 16}}
GUIDE = OPTIONS | {"epochs": 1, "width": 24}
GUIDANCES = {False: (1.25, 1.5, 1.75), True: (1.0, 1.25, 1.5, 2.0)}
NUM_STEPS = 10
# Evaluations of the network: Heun takes 2 n - 1 for n steps.
STEPS = {"Euler": (5, 10, 20, 40), "Heun": (3, 5, 10, 20)}
SHIFTS = (1.0, 2.0, 3.0, 5.0)
NUM_FEW, PART = 2000, 500  # samples for each choice, and at a time
NUM_BITS = 1000  # test digits
# The step time's network, as `training.build_flow` makes it.
BATCH, WIDTH, TURNS, TOGETHER = 64, 32, 7, 3


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    if name == "flow_evaluations":
        measure_evaluations(name)
    elif name == "flow_bits":
        measure_bits(name)
    elif name == "flow_step_time":
        measure_step_time(name)
    else:
        measure(name)


def train(name):
    """Trains a row's model unless that is done: `(model, Training)`.

    The model is in float32.
    """
    data, conditional, _ = FLOWS[name]
    options = GUIDED.get(name, OPTIONS)
    return _trained(RUNS / name, data, options, conditional)


def _trained(folder, data, options, conditional=False):
    options = options | {"conditional": conditional}

    def fit():
        keras.config.set_dtype_policy("mixed_bfloat16")
        training.train_flow(
            data,
            folder,
            manual_dir=data_folder() / data.replace("_", "-"),
            data_dir=RUNS / "tensorflow_datasets",
            resume=True,
            seed=SEED,
            verbose=2,
            **options,
        )
        keras.config.set_dtype_policy("float32")

    trained = train_once(folder, options, fit)
    return in_float32(folder / "flow.keras"), trained


def frechet(data, images):
    """Frechet distance of images to the training images."""
    features, _ = (build() for build in SCORERS[data])

    def vectors(images):
        return features.predict(images, batch_size=500, verbose=0)

    known = vectors(load(data, "train").arrays()[0])
    distance = metrics.FrechetDistance(feature_dim=known.shape[1])
    distance.update_state(known, vectors(images))
    return float(distance.result())


def measure(name):
    """One of `FLOWS`."""
    data, conditional, bar = FLOWS[name]
    flow, trained = train(name)
    words = words_of(GUIDED.get(name, OPTIONS))
    protocol = (
        f"`training.train_flow`, {words}, mixed_bfloat16, {trained.words()}; "
        f"{flow.network.count_params():,} weights, Heun's method, "
    )
    sampler = {"num_steps": NUM_STEPS}
    if name in GUIDED:
        guide, other = _trained(RUNS / f"{name}_guide", data, GUIDE)
        flow = models.FlowMatching(
            flow.network_average, guide=guide.network_average, seed=SEED
        )
        # 1 gave more on 2,000 samples of other seeds, by training images.
        sampler["shift"] = 2.0
        protocol += (
            f"autoguidance by a flow of {words_of(GUIDE)} "
            f"({guide.network.count_params():,} weights, "
            f"{other.cpu_minutes:.0f} CPU min), "
        )
    flow.sampler = models.FlowSampler("heun", **sampler)
    protocol += f"{flow.sampler.num_evaluations} evaluations"
    if flow.sampler.shift != 1.0:
        protocol += f" with a shift of {flow.sampler.shift}"
    labels = load(data, "train").arrays()[1]
    if conditional or name in GUIDED:
        guidances = GUIDANCES[conditional]
        chosen = np.random.default_rng(SEED + 1).choice(labels, NUM_FEW)

        def sample(guidance, part, seed):
            classes = chosen[part] if conditional else None
            options = {"guidance": guidance, "seed": seed}
            return flow.sample(PART, labels=classes, **options)

        flow.guidance = _best("guidance", guidances, data, sample)
        protocol += (
            f", guidance {flow.guidance}, the best of {guidances} by 2,000 "
            "samples of other seeds against the training images"
        )
    samples = draw(flow, labels)
    write_image(RUNS / name / "samples.png", image_grid(samples[:100]))
    score(
        name,
        data,
        samples,
        protocol=protocol,
        trained=trained,
        bars={"Frechet distance": bar, "recall": 0.7, "training time": 180},
    )


def _best(name, values, data, sample):
    """The value whose samples, of seeds of their own, are nearest to data."""
    distances = {}
    for value in values:
        parts = [
            sample(value, slice(start, start + PART), 10_000 + start)
            for start in range(0, NUM_FEW, PART)
        ]
        distances[value] = frechet(data, np.concatenate(parts))
        print(f"{name} {value}: {distances[value]:.2f}", flush=True)
    return min(distances, key=distances.get)


def measure_evaluations(name):
    """Frechet distance against the number of evaluations."""
    flow, trained = train("flow_mnist")
    labels = load("mnist", "train").arrays()[1]

    def sample(shift, part, seed):
        sampler = models.FlowSampler("euler", 10, shift=shift)
        return flow.sample(PART, sampler=sampler, seed=seed)

    shift = _best("shift", SHIFTS, "mnist", sample)
    found = {}
    for method, counts in STEPS.items():
        for count in counts:
            options = {"num_steps": count, "shift": shift}
            flow.sampler = models.FlowSampler(method.lower(), **options)
            evaluations = flow.sampler.num_evaluations
            key = f"{method}, {evaluations} evaluations: Frechet distance"
            samples = draw(flow, labels, NUM_FEW)
            found[key] = frechet("mnist", samples)
            print(f"{key} {found[key]:.2f}", flush=True)
    bars = {
        f"{method}, {few} evaluations: Frechet distance": 1.5
        * found[f"{method}, {many} evaluations: Frechet distance"]
        for method, few, many in (("Euler", 10, 40), ("Heun", 9, 39))
    }
    write_row(
        name,
        "Evaluations of the network of a flow (MNIST)",
        {
            key: figure(value, better="lower", bar=bars.get(key))
            for key, value in found.items()
        },
        data=DATA,
        protocol=(
            "the model of `flow_mnist`, trained "
            f"{trained.words()}; {NUM_FEW:,} samples each; steps with a "
            f"shift of {shift}, the best of {SHIFTS} by {NUM_FEW:,} samples of "
            "other seeds with 10 steps of Euler; bars: 1.5 times the distance "
            "of four times as many evaluations"
        ),
        seed=SEED,
    )


def measure_bits(name):
    """Bits per dimension of test digits, beside those of a VAE."""
    flow, trained = train("flow_mnist")
    digits = load("mnist", "test").arrays()[0][:NUM_BITS]
    bits = flow.bits_per_dimension(
        digits, sampler=models.FlowSampler(num_steps=30), seed=SEED, verbose=1
    )
    folder = RUNS / "flow_bits_vae"
    options = {
        "epochs": 20,
        "batch_size": 64,
        "latent_dim": 16,
        "likelihood": "discretized_logistic",
    }

    def fit():
        training.train_vae(
            "mnist",
            folder,
            manual_dir=data_folder() / "mnist",
            data_dir=RUNS / "tensorflow_datasets",
            resume=True,
            seed=SEED,
            verbose=2,
            **options,
        )

    train_once(folder, options, fit)
    vae = keras.saving.load_model(folder / "vae.keras")
    nats = -vae.log_likelihood(digits, 500, seed=SEED, verbose=1)
    of_vae = nats / (flow.latent_dim * np.log(2.0))

    def error(values):
        return values.std() / np.sqrt(len(values))

    write_row(
        name,
        "Bits per dimension of test digits (MNIST, 256 gray levels)",
        {
            "flow: bits per dimension": figure(
                bits.mean(), "bits", 3, better="lower", error=error(bits)
            ),
            "VAE: bits per dimension": figure(
                of_vae.mean(), "bits", 3, better="lower", error=error(of_vae)
            ),
        },
        data=f"the first {NUM_BITS:,} test digits",
        protocol=(
            f"flow: the model of `flow_mnist`, trained {trained.words()}; "
            "uniform dequantization, one probe, Heun's method with 30 steps; "
            f"VAE: `training.train_vae`, {words_of(options)}, 500 importance "
            "samples"
        ),
        seed=SEED,
    )


def measure_step_time(name):
    """Training step against a minimal twin in PyTorch."""
    python = peer_python("torch", ["torch==2.14.1", "numpy"])
    script = pathlib.Path(__file__).with_name("torch_flow.py").read_text()
    threads = os.cpu_count()
    keras.utils.set_random_seed(SEED)
    flow = training.build_flow((28, 28, 1), width=WIDTH)
    flow.compile(keras.optimizers.Adam(1e-3))
    images = np.random.default_rng(SEED).random((BATCH, 28, 28, 1), "float32")
    ours, theirs = [], []
    with Peer(python, script, BATCH, threads, WIDTH) as peer:
        count = int(peer.ask("parameters"))
        if count != flow.network.count_params():
            raise SystemExit(
                f"{flow.network.count_params()} weights against {count}."
            )
        for turn in range(TURNS + 1):
            for _ in range(TOGETHER):
                start = time.perf_counter()
                flow.train_on_batch(images)
                ours.append(time.perf_counter() - start)
            theirs += map(float, peer.ask(str(TOGETHER)).split())
            if turn == 0:  # warms up
                ours, theirs = [], []
    ours, theirs = np.median(ours), np.median(theirs)
    write_row(
        name,
        "Training step against PyTorch",
        {
            "flow: speed ratio": figure(
                theirs / ours, "ratio", better="higher", bar=0.9
            ),
            "flow: step": figure(
                1e3 * ours,
                "ms",
                0,
                better="lower",
                baseline=1e3 * theirs,
                baseline_name="PyTorch",
            ),
        },
        data=f"a batch of {BATCH} gray images of 28x28",
        protocol=(
            "speed of `train_on_batch` of `training.build_flow` over that of "
            "the same U-Net, loss, Adam and moving average in PyTorch (as many "
            f"weights, channels last, float32, {threads} threads); medians "
            f"of {TURNS} turns of {TOGETHER} steps"
        ),
        seed=SEED,
    )

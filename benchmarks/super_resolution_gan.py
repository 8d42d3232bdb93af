"""Super-resolution x4 for looks: the network trained for PSNR, against a judge.

Features that teach (VGG-16, tuned on edges) are others than those that judge
(SqueezeNet). Between the two networks lie others, whose weights are mixed.
"""

import json
import time

import keras
import numpy as np

from benchmarks.feature_networks import perceptual_metric
from benchmarks.perceptual_weights import hed_vgg16
from benchmarks.rows import RUNS, current_commit, write_row
from benchmarks.super_resolution import SCALE, test_images
from benchmarks.trainings import training_folder
from keras_synth import (
    datasets,
    degradations,
    io,
    losses,
    metrics,
    models,
    networks,
    presets,
    restoration,
)
from keras_synth.training.folder import fit_in_folder

SEED = 0
EPOCHS = 2
BATCH = 8
PATCH = 96
WEIGHTS = {
    "hole_weight": 0.2,
    "perceptual_weight": 0.01,
    "adversarial_weight": 0.001,
}


def run(name):
    """Trains (resuming what was begun) and measures."""
    folder = RUNS / name
    words = train(folder)
    keras.config.set_dtype_policy("float32")
    exact = presets.gray_upscaler()
    model = keras.saving.load_model(folder / "upscaler.keras", compile=False)
    crisp = presets.gray_upscaler(None)
    crisp.set_weights(model.generator_average.get_weights())
    methods = {"bicubic": restoration.bicubic(SCALE)}
    for share in (0.0, 0.5, 1.0):
        label = {0.0: "for PSNR", 1.0: "GAN"}.get(share, f"{share:g} of it")
        methods[label] = networks.interpolate_networks(exact, crisp, share)
    write_row(
        name,
        "Super-resolution x4 for looks",
        {
            label: score(method, "Set14", folder / f"{label}.png")
            for label, method in methods.items()
        },
        data="Set14",
        protocol=(
            "PSNR on Y as in `super_resolution`; perceptual distance "
            f"(SqueezeNet, LPIPS weights) of Y; {words}"
        ),
        seed=SEED,
        bar="lower distance than the network for PSNR and bicubic",
    )
    print(f"images: {folder}/*.png")


def train(folder):
    """Unless that is done; gives words about it."""
    done = folder / "trained.json"
    if not done.exists():
        start = time.perf_counter(), time.process_time()
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.utils.set_random_seed(SEED)
        pairs = datasets.restoration_pipeline(
            datasets.image_folder(training_folder(folder), channels=1),
            degradations.Downsample(SCALE),
            PATCH,
            patches_per_image=8,
            batch_size=BATCH,
            seed=SEED,
        )
        generator = networks.edsr(SCALE, blocks=12)
        generator.set_weights(presets.gray_upscaler().get_weights())
        model = models.RestorationGAN(
            generator,
            networks.patch_discriminator(1, (), widths=(32, 64, 128)),
            features=networks.vgg16_features(
                hed_vgg16(),
                ("block1_conv2", "block2_conv2"),
                channels=1,
                name="vgg16_hed",
            ),
            seed=SEED,
        )
        steps = EPOCHS * len(pairs)
        rates = [
            keras.optimizers.schedules.CosineDecay(rate, steps)
            for rate in (1e-4, 2e-4)
        ]
        model.compile(
            *(keras.optimizers.Adam(rate, 0.5, 0.99) for rate in rates),
            loss=losses.RelativisticAverage(),
            average_decay=0.99,
            **WEIGHTS,
        )
        fit_in_folder(
            model,
            pairs,
            folder,
            "upscaler",
            epochs=EPOCHS,
            callbacks=[],
            resume=True,
            verbose=2,
        )
        wall = (time.perf_counter() - start[0]) / 60
        cpu = (time.process_time() - start[1]) / 60
        done.write_text(
            json.dumps(
                f"`RestorationGAN` from the pretrained weights on 380 of "
                f"Train400, {WEIGHTS}, {steps} steps of {BATCH}, {wall:.0f} "
                f"min ({cpu:.0f} CPU min), at commit {current_commit()}"
            )
        )
    return json.loads(done.read_text())


def score(method, test, path):
    """PSNR and distance over a test set, as words; one part as an image."""
    psnr = metrics.PSNR(border=SCALE, round_to_8_bits=True)
    distance = perceptual_metric(channels=1)
    for index, (small, large) in enumerate(test_images(test)):
        result = np.clip(np.asarray(method(small)), 0.0, 1.0)
        psnr.update_state(large, result)
        distance.update_state(large, result)
        if index == 0:
            io.write_image(path, result[0, :240, :320])
    return f"{float(psnr.result()):.2f} dB, {float(distance.result()):.4f}"

"""Super-resolution x4 by adversarial training, against the network for PSNR.

The features of the perceptual loss (VGG-16, tuned on edges) are not those of
the perceptual distance (SqueezeNet). Between the two networks lie others,
whose weights are interpolated.
"""

import keras
import numpy as np

from benchmarks.feature_networks import perceptual_metric
from benchmarks.perceptual_weights import hed_vgg16
from benchmarks.rows import RUNS, figure, write_row
from benchmarks.super_resolution import (
    SCALE,
    new_network,
    test_images,
    trained_network,
)
from benchmarks.trainings import train_once, training_folder, words_of
from keras_synth import (
    datasets,
    degradations,
    io,
    losses,
    metrics,
    models,
    networks,
    restoration,
)
from keras_synth.training.folder import fit_in_folder

SEED = 0
EPOCHS = 2
BATCH = 8
PATCH = 96
PATCHES = 8  # of each image in an epoch
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
    exact, _ = trained_network()
    model = keras.saving.load_model(folder / "upscaler.keras", compile=False)
    crisp = new_network()
    crisp.set_weights(model.generator_average.get_weights())
    methods = {"bicubic": restoration.bicubic(SCALE)}
    for share in (0.0, 0.5, 1.0):
        label = {0.0: "for PSNR", 1.0: "GAN"}.get(share, f"{share:g} of it")
        methods[label] = networks.interpolate_networks(exact, crisp, share)
    figures, bar = {}, np.inf
    for label, method in methods.items():
        psnr, distance = score(method, "Set14", folder / f"{label}.png")
        figures[f"{label}: PSNR"] = figure(psnr, "dB", better="higher")
        figures[f"{label}: perceptual distance"] = figure(
            distance,
            decimals=4,
            better="lower",
            bar=round(bar, 4) if label == "GAN" else None,
        )
        if label in ("bicubic", "for PSNR"):
            bar = min(bar, distance)
    write_row(
        name,
        "Perceptual super-resolution x4 (Set14)",
        figures,
        data="Set14",
        protocol=(
            "PSNR on Y as in `super_resolution`; perceptual distance "
            f"(SqueezeNet, LPIPS weights) of Y; {words}; for PSNR: the "
            "network of `super_resolution`; 0.5 of it: the mean of its "
            "weights and those of the GAN; bar: the distance of the network "
            "for PSNR (and of bicubic)"
        ),
        seed=SEED,
    )
    print(f"images: {folder}/*.png")


def train(folder):
    """Trains unless that is done; says how it was trained."""

    def fit():
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.utils.set_random_seed(SEED)
        pairs = datasets.restoration_pipeline(
            datasets.image_folder(training_folder(folder), channels=1),
            degradations.Downsample(SCALE),
            PATCH,
            patches_per_image=PATCHES,
            batch_size=BATCH,
            seed=SEED,
        )
        start, _ = trained_network()
        generator = new_network()
        generator.set_weights(start.get_weights())
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

    settings = {
        "weights": WEIGHTS,
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "patches_per_image": PATCHES,
        "patch_size": PATCH,
    }
    trained = train_once(folder, settings, fit)
    return (
        "`RestorationGAN` from that network on 380 of Train400, "
        f"{words_of(WEIGHTS)}, {EPOCHS} epochs of {PATCHES} patches an image, "
        f"batch {BATCH}, {trained.times()}, {trained.words()}"
    )


def score(method, test, path):
    """`(PSNR, distance)` over a test set; writes one part as an image."""
    psnr = metrics.PSNR(border=SCALE, round_to_8_bits=True)
    distance = perceptual_metric(channels=1)
    for index, (small, large) in enumerate(test_images(test)):
        result = np.clip(np.asarray(method(small)), 0.0, 1.0)
        psnr.update_state(large, result)
        distance.update_state(large, result)
        if index == 0:
            io.write_image(path, result[0, :240, :320])
    return float(psnr.result()), float(distance.result())

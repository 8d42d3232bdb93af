"""Inpainting of faces: L1 loss, perceptual loss, with a discriminator.

Thirty people of the ORL faces are trained on, ten others test, 64x64. All
networks share one training to the least absolute error; then three go on from
it for equally many steps. The features of the perceptual loss (VGG-16, tuned
on edges) are not those of the perceptual distance (SqueezeNet).
"""

import keras
import numpy as np
import PIL.Image

from benchmarks.faces import SIZE, TRAIN, faces, test_faces
from benchmarks.feature_networks import perceptual_metric, pooled_squeezenet
from benchmarks.perceptual_weights import hed_vgg16
from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.trainings import train_once
from keras_synth import (
    datasets,
    degradations,
    io,
    metrics,
    networks,
    restoration,
    training,
)
from keras_synth.training.folder import fit_in_folder
from keras_synth.training.inpainter import inpainting_pairs

SEED = 0
WARMUP_EPOCHS = 28
EPOCHS = 8
LOSS_LAYERS = ("block1_conv2", "block2_conv2")
# Figure: (unit, decimals, better).
SCORES = {
    "PSNR, hole": ("dB", 2, "higher"),
    "PSNR, whole": ("dB", 2, "higher"),
    "SSIM, hole": ("", 3, "higher"),
    "SSIM, whole": ("", 3, "higher"),
    "perceptual distance": ("", 4, "lower"),
    "kernel distance": ("", 1, "lower"),
}
VARIANTS = {
    "L1": {"adversarial_weight": 0.0, "perceptual_weight": 0.0},
    "L1 + perceptual": {"adversarial_weight": 0.0, "perceptual_weight": 0.005},
    "+ discriminator": {"adversarial_weight": 0.01, "perceptual_weight": 0.005},
}


def run(name):
    """Trains (resuming what was begun) and measures."""
    folder = RUNS / name
    words = train(folder)
    keras.config.set_dtype_policy("float32")
    figures = {}
    for kind in ("center", "irregular"):
        found = measure(folder, kind)
        for method, values in found.items():
            for what, (unit, decimals, better) in SCORES.items():
                bar = None
                if method != "biharmonic":
                    bar = found["biharmonic"][what]
                if method == "+ discriminator" and what == "kernel distance":
                    bar = found["L1 + perceptual"][what]
                figures[f"{kind}, {method}: {what}"] = figure(
                    values[what],
                    unit,
                    decimals,
                    better=better,
                    bar=None if bar is None else round(bar, decimals),
                )
    write_row(
        name,
        "Inpainting of faces",
        figures,
        data=(
            "ORL faces of people 31 to 40 (100), 64x64; hole "
            "of 32x32 in the middle, or one of NVIDIA's 120 irregular ones"
        ),
        protocol=(
            "PSNR and SSIM in the hole and of the whole image, after rounding "
            "to 8 bits; x2: mean with the mirrored face; perceptual distance "
            "(SqueezeNet, LPIPS weights); kernel distance to the true "
            "images (SqueezeNet at 227x227, "
            f"100 and 100); {words}; bars: biharmonic inpainting, and for the "
            "kernel distance with the discriminator that of L1 + perceptual"
        ),
        seed=SEED,
    )


def train(folder):
    """Trains unless that is done; says how it was trained."""

    def train_all():
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.utils.set_random_seed(SEED)
        common = {"callbacks": [], "resume": True, "verbose": 2}

        def fit(name, degradation, epochs, rate, start=None, **weights):
            pairs = inpainting_pairs(
                datasets.resize_source(faces(TRAIN), SIZE * 9 // 8),
                degradation,
                SIZE,
                symmetry="mirror",
                patches_per_image=8,
                batch_size=16,
                seed=SEED,
            )
            features = None
            if weights["perceptual_weight"]:
                features = networks.vgg16_features(
                    hed_vgg16(),
                    LOSS_LAYERS,
                    channels=1,
                    name="vgg16_hed",
                )
            model = training.build_inpainter(1, SIZE // 2, features, SEED)
            if start is not None:
                model.generator.set_weights(start)
                model.generator_average.set_weights(start)
            training.compile_inpainter(
                model, rate, epochs * len(pairs), **weights
            )
            fit_in_folder(
                model,
                pairs,
                folder / name,
                "inpainter",
                epochs=epochs,
                **common,
            )
            return model.generator_average.get_weights()

        few, many = holes(folder)
        shared = fit("warmup", few, WARMUP_EPOCHS, 1e-3, **VARIANTS["L1"])
        for name, weights in VARIANTS.items():
            fit(name, many, EPOCHS, 5e-4, shared, **weights)

    settings = {"warmup_epochs": WARMUP_EPOCHS, "epochs": EPOCHS} | VARIANTS
    trained = train_once(folder, settings, train_all)
    return (
        f"{WARMUP_EPOCHS} and {EPOCHS} epochs of 150 steps of 16, "
        f"{trained.times()} in all, {trained.words()}"
    )


def holes(folder):
    """Holes of the first training, and of the second: many small ones too."""
    few = [center(folder), degradations.IrregularHoles((0.05, 0.5))]
    scattered = degradations.IrregularHoles((0.05, 0.5), strokes=24)
    return degradations.OneOf(few), degradations.OneOf([*few, scattered])


def center(folder):
    """A square of half the sides in the middle."""
    masks = folder / "center"
    masks.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((SIZE, SIZE), "uint8")
    mask[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4] = 255
    PIL.Image.fromarray(mask).save(masks / "mask.png")
    return degradations.HolesFromFolder(masks)


def degraded_faces(folder, kind):
    """`(degraded, mask, clean)`, float32 (100, 64, 64, 1) each."""
    clean = test_faces()
    if kind == "center":
        degradation = center(folder)
    else:
        degradation = degradations.HolesFromFolder(
            data_folder() / "masks" / "nvidia_irregular_test"
        )
    degraded, record = degradation(clean, seed=SEED, return_record=True)
    return np.asarray(degraded), np.asarray(record["mask"]), clean


def measure(folder, kind):
    """`{method: scores}`; writes an image of the first faces."""
    degraded, mask, clean = degraded_faces(folder, kind)
    biharmonic = restoration.biharmonic()
    restored = {"biharmonic": biharmonic(degraded, mask)}
    for name in VARIANTS:
        trained = keras.saving.load_model(
            folder / name / "inpainter.keras", compile=False
        )
        # In float32, whatever it was trained in.
        model = training.build_inpainter(1, SIZE // 2)
        model.generator_average.set_weights(
            trained.generator_average.get_weights()
        )
        restored[name] = np.asarray(model.restore(degraded, mask))
        if name == "L1 + perceptual":
            turned = model.restore(degraded[:, :, ::-1], mask[:, :, ::-1])
            both = restored[name], np.asarray(turned)[:, :, ::-1]
            restored[f"{name}, x2"] = np.mean(both, axis=0)
        known = mask[..., 0] == 0
        if not (restored[name][known] == degraded[known]).all():
            raise SystemExit(f"{name} changed known pixels.")
    found = {}
    for name, images in restored.items():
        images = np.round(255 * np.clip(images, 0, 1)) / 255
        found[name] = scores(images.astype("float32"), clean, mask)
    rows = [clean[:12], degraded[:12], *(m[:12] for m in restored.values())]
    path = folder / f"{kind}.png"
    grid = io.image_grid(np.concatenate(rows), columns=12)
    io.write_image(path, grid)
    print(f"image (true, degraded, {', '.join(restored)}): {path}")
    return found


def scores(images, clean, mask):
    """`{name of SCORES: value}`, means over the images."""
    from skimage.metrics import structural_similarity

    error = np.square(images - clean)
    inside = np.sum(mask * error, (1, 2, 3)) / np.sum(mask, (1, 2, 3))
    psnr = [
        np.mean(-10 * np.log10(value))
        for value in (inside, np.mean(error, (1, 2, 3)))
    ]
    ssim = []
    for image, true, hole in zip(images, clean, mask, strict=True):
        whole, pixels = structural_similarity(
            image[..., 0],
            true[..., 0],
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        ssim.append((pixels[hole[..., 0] > 0].mean(), whole))
    ssim = np.mean(ssim, axis=0)
    perceptual = perceptual_metric(channels=1)
    perceptual.update_state(clean, images)
    kernel = metrics.KernelDistance(
        pooled_squeezenet(), num_samples=len(clean), subset_size=50
    )
    kernel.update_real(clean)
    kernel.update_generated(images)
    values = (
        *psnr,
        *ssim,
        float(perceptual.result()),
        float(kernel.result()),
    )
    return dict(zip(SCORES, values, strict=True))

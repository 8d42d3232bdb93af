"""Upscaling real small photographs: the preset on held-out photographs."""

import functools

import numpy as np

from benchmarks.feature_networks import perceptual_metric
from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.trainings import training_words
from keras_synth import inference, io, metrics, presets, restoration
from keras_synth.degradations import RealWorldDownsample

SCALE, SEED, SHOWN = 4, 0, 6


def run(name):
    """Measures the pretrained upscaler for photographs."""
    write_row(
        name,
        "Upscaling real small photographs x4",
        photo_upscaler_figures(presets.photo_upscaler()),
        data="photos/val: 39 color photographs",
        protocol=(
            "made small by `degradations.RealWorldDownsample`, rounded to 8 "
            "bits; PSNR of RGB, perceptual distance (SqueezeNet, LPIPS "
            "weights), and how far the mean color lies from that of the "
            "photograph (the small image has moved it) and of the small "
            "image, in the channel that is farthest; photo_upscaler with "
            "`restoration.keep_colors`, as `upscale` runs it; bars: the lower "
            "of bicubic and `upscaler`, and 1 gray level; "
            f"{training_words(name)}"
        ),
        seed=SEED,
    )


def photo_upscaler_figures(network):
    """Figures of an upscaler of degraded photographs; writes an image."""
    methods = {
        "bicubic": restoration.bicubic(SCALE),
        "upscaler": functools.partial(
            inference.run_restorer, presets.upscaler(SCALE)
        ),
        "photo_upscaler": lambda small: restoration.keep_colors(
            small, inference.run_restorer(network, small)
        ),
    }
    degrade, distance = RealWorldDownsample(SCALE), perceptual_metric(3)
    scores, sheet = {name: [] for name in methods}, []
    files = io.find_images(data_folder() / "photos" / "val")
    for index, file in enumerate(files):
        clean = io.read_image(file, channels=3)[None].astype("float32")
        clean = io.modulo_crop(clean, SCALE)
        small = np.asarray(degrade(clean, (SEED, index)))
        small = np.round(255 * small) / np.float32(255)
        shown = [small.repeat(SCALE, 1).repeat(SCALE, 2)]
        for name, method in methods.items():
            large = np.clip(np.asarray(method(small)), 0.0, 1.0)
            psnr = metrics.PSNR(round_to_8_bits=True)
            psnr.update_state(clean, large)
            distance.reset_state()
            distance.update_state(clean, large)
            shifts = [
                255 * np.abs(large.mean((1, 2)) - other.mean((1, 2))).max()
                for other in (clean, small)
            ]
            scores[name].append(
                (float(psnr.result()), float(distance.result()), *shifts)
            )
            shown.append(large)
        if index < SHOWN:
            sheet.append(
                np.concatenate([x[0, 100:356, 100:356] for x in shown], axis=1)
            )
    path = RUNS / "photo_upscaler.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write_image(path, np.concatenate(sheet))
    print(f"image (small, {', '.join(methods)}): {path}")
    means = {name: np.mean(values, axis=0) for name, values in scores.items()}
    bar = round(min(means["bicubic"][1], means["upscaler"][1]), 4)
    figures = {}
    for name, (psnr, distance, shift, added) in means.items():
        ours = name == "photo_upscaler"
        figures[f"{name}: PSNR"] = figure(psnr, "dB", better="higher")
        figures[f"{name}: perceptual distance"] = figure(
            distance, decimals=4, better="lower", bar=bar if ours else None
        )
        figures[f"{name}: shift of the mean color"] = figure(
            shift, "gray levels", better="lower"
        )
        figures[f"{name}: shift from the small image"] = figure(
            added, "gray levels", better="lower", bar=1.0 if ours else None
        )
    return figures

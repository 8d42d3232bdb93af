"""Noise of real photographs: its level, what `restore` takes, BM3D in color.

The images are `photos/val`, CID22's photographs (8 bits, 512x512).
"""

import os
import pathlib
import tempfile

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.bm3d import REQUIREMENTS, Binary, psnr
from benchmarks.rows import data_folder, figure, write_row
from keras_synth import io, ops, presets, restoration, tasks
from keras_synth.degradations import CameraNoise

SEED = 0
_UNCHANGED = 100.0  # dB
FILES = "photos/val, 39 photographs of CID22"


def run(name):
    """Measures one row."""
    {
        "noise_estimate": noise_estimate,
        "restore_auto": restore_auto,
        "gray_as_color": gray_as_color,
        "bm3d_color": bm3d_color,
    }[name]()


def noise_estimate():
    """Estimates of known noise: clipped, beside saturated areas, blurred."""
    figures = {}
    for color in (False, True):
        clean = photographs(color)
        line = "color" if color else "gray"
        still = np.array([estimate(x) for x in clean])
        figures[f"{line}: σ = 0, below 2"] = figure(
            100 * np.mean(still < 2), "%", 0, better="higher", bar=90
        )
        for sigma in (5, 10, 25, 50):
            error = mean_error(clean, sigma)
            figures[f"{line}: σ = {sigma}, mean error"] = error
        half = [half_white(x) for x in clean]
        for sigma in (5, 20, 50):
            name = f"{line}, half white: σ = {sigma}, mean error"
            figures[name] = mean_error(half, sigma)
    middle = [x[128:384, 128:384] for x in photographs(False)[::4]]
    noisy = [file_noise(x, 20, i, blur=0.7) for i, x in enumerate(middle)]
    best = np.mean(
        [best_level(*pair) for pair in zip(noisy, middle, strict=True)]
    )
    found = np.mean([estimate(x) for x in noisy])
    figures["gray, blurred: estimate"] = figure(
        found,
        "gray levels",
        1,
        baseline=best,
        baseline_name="level that restores best",
    )
    figures["gray, blurred: off the best"] = figure(
        100 * abs(found / best - 1), "%", 0, better="lower", bar=25
    )
    write_row(
        "noise_estimate",
        "Noise estimation on photographs",
        figures,
        data=FILES,
        protocol=(
            "Gaussian noise, clipped and rounded to 8 bits; mean error: of the "
            "mean of `ops.opponent_noise_levels` over the photographs; half "
            "white: the left half is saturated; blurred: noise of σ = 20 after "
            "a Gaussian blur of 0.7 pixels, the middle 256x256 of every fourth "
            "photograph, best of eleven levels of `presets.gray_denoiser` by "
            "PSNR"
        ),
        seed=SEED,
    )


def restore_auto():
    """`restore` without options, beside the denoisers for white noise."""
    noise = CameraNoise((5 / 255, 20 / 255))

    def camera(image, index):
        return noise(image, (SEED, index))

    files = {  # what a photograph suffered, and the kind of its file
        "clean": (lambda image, _: image, "png"),
        "clean gray": (lambda image, _: image.mean(-1, keepdims=True), "png"),
        "clean crop": (lambda image, _: image[128:384, 128:384], "png"),
        "clean, half as large": (lambda image, _: _halved(image), "png"),
        "clean gray, half as large": (
            lambda image, _: _halved(image).mean(-1, keepdims=True),
            "png",
        ),
        "camera noise": (camera, "png"),
        "camera noise, JPEG": (camera, "jpg"),
        "white noise": (lambda x, index: file_noise(x, 10, index), "png"),
    }
    figures = {}
    for label, (degrade, kind) in files.items():
        scores = []
        for index, image in enumerate(photographs(True)):
            degraded = np.asarray(degrade(image, index))
            if label.startswith("clean"):
                image = degraded
            scores.append(
                [
                    psnr(restored_photo(degraded, kind, method), image)
                    for method in ("auto", "unet")
                ]
            )
        print(label, *scores, sep="\n", flush=True)
        auto, unet = np.transpose(scores)
        if label.startswith("clean"):
            figures[f"{label}: images below 42 dB"] = figure(
                np.sum(auto < 42), "", 0, better="lower"
            )
            figures[f"{label}: lowest PSNR"] = figure(
                min(auto.min(), _UNCHANGED),
                "dB",
                better="higher",
                bar=42,
                baseline=unet.min(),
                baseline_name="unet",
            )
        else:
            figures[f"{label}: PSNR"] = figure(
                auto.mean(),
                "dB",
                better="higher",
                baseline=unet.mean(),
                baseline_name="unet",
            )
            figures[f"{label}: over unet"] = figure(
                auto.mean() - unet.mean(), "dB", better="higher", bar=-0.1
            )
    write_row(
        "restore_auto",
        "`restore` without options: photographs, PSNR",
        figures,
        data=FILES,
        protocol=(
            "`tasks.restore` of 8-bit files, method auto, beside method unet, "
            "both with the estimated noise level; 100 dB: nothing is changed; "
            "camera noise of 5 to 20 gray "
            "levels; JPEG of quality 93; white noise of 10; crop: the middle "
            "256x256; half as large: by Lanczos' filter"
        ),
        seed=SEED,
    )


def _halved(image):
    height, width, _ = image.shape
    halved = Image.fromarray(np.uint8(np.round(255 * image))).resize(
        (width // 2, height // 2), Image.Resampling.LANCZOS
    )
    return np.asarray(halved) / np.float32(255)


def gray_as_color():
    """`restore` of gray photographs that are stored as color files."""
    figures = {}
    clean = [x[128:384, 128:384] for x in photographs(False)[::4]]
    for method in ("unet", "bm3d"):
        for kind in ("png", "jpg"):
            scores = {"L": [], "RGB": []}
            for index, image in enumerate(clean):
                noisy = file_noise(image, 25, index)
                for mode, values in scores.items():
                    restored = restored_file(noisy, mode, kind, method)
                    values.append(psnr(restored, image))
            gray, color = (np.mean(values) for values in scores.values())
            line = f"{method}, {kind}"
            figures[f"{line}: PSNR"] = figure(
                color,
                "dB",
                better="higher",
                baseline=gray,
                baseline_name="gray file",
            )
            figures[f"{line}: below the gray file"] = figure(
                gray - color, "dB", 3, better="lower", bar=0.2
            )
    write_row(
        "gray_as_color",
        "Gray photographs stored as color files, denoised",
        figures,
        data=f"{FILES}: the middle 256x256 of every fourth, as gray",
        protocol=(
            "noise of σ = 25, clipped and rounded to 8 bits; `tasks.restore` "
            "with an estimated noise level; PNG, and JPEG of quality 95"
        ),
        seed=SEED,
    )


def bm3d_color():
    """PSNR in color, ours and the binary's; faint and dark areas."""
    figures = {}
    clean = [x[128:384, 128:384] for x in photographs(True)[::4]]
    differences = []
    areas = {"faint": (0.52, 0.5, 0.48), "near black": (0.02, 0.02, 0.02)}
    with Binary() as binary:
        for sigma in (25, 50, 75):
            model = restoration.BM3D(noise_level=sigma / 255)
            pairs = []
            for index, image in enumerate(clean):
                noisy = image + unclipped_noise(image, sigma, index)
                ours = model.predict(noisy[None], verbose=0)[0]
                theirs, _ = binary(noisy, sigma / 255)
                pairs.append((psnr(ours, image), psnr(theirs, image)))
                print(sigma, index, *pairs[-1], flush=True)
            mine, other = np.mean(pairs, axis=0)
            figures[f"σ = {sigma}: BM3D"] = figure(
                mine,
                "dB",
                better="higher",
                baseline=other,
                baseline_name="binary",
            )
            differences.append(mine - other)
            figures[f"σ = {sigma}: difference"] = figure(
                mine - other, "dB", 3, better="higher", bar=-0.02
            )
        figures["mean difference"] = figure(
            np.mean(differences), "dB", 3, better="higher", bar=-0.02
        )
        for name, color in areas.items():
            image = np.full((128, 128, 3), color, "float32")
            noise = unclipped_noise(image, 50, 0)
            noisy = image + noise - noise.mean(axis=(0, 1))
            model = restoration.BM3D(noise_level=50 / 255)
            ours = model.predict(noisy[None], verbose=0)[0]
            off = np.abs(ours.mean(axis=(0, 1)) - color).max()
            figures[f"{name}: change of the mean"] = figure(
                255 * off, "gray levels", better="lower", bar=1
            )
    write_row(
        "bm3d_color",
        "BM3D in color against its authors' binary, PSNR",
        figures,
        data=f"{FILES}: the middle 256x256 of every fourth",
        protocol=(
            f"known σ; `BM3D(noise_level=σ/255)` against {REQUIREMENTS[0]}, "
            "`bm3d_rgb`, on the same float32 files; noisy input not clipped, "
            "results clipped to [0, 1]; the mean of an area of (0.52, 0.5, "
            "0.48), and of 0.02, at σ = 50"
        ),
        seed=SEED,
    )


def photographs(color):
    """float32 (512, 512, 1 or 3) in [0, 1] each."""
    folder = data_folder() / "photos" / "val"
    images = [io.read_image(file, 3) for file in sorted(folder.glob("*.jpg"))]
    if color:
        return images
    return [image.mean(axis=-1, keepdims=True) for image in images]


def half_white(image):
    """Its left half saturated, beyond the reach of the noise."""
    image = image.copy()
    image[:, : image.shape[1] // 2] = 3.0
    return image


def unclipped_noise(image, sigma, index, blur=0.0):
    random = np.random.default_rng([SEED, sigma, index])
    noise = random.normal(size=image.shape)
    if blur:
        noise = ndimage.gaussian_filter(noise, (blur, blur, 0))
        noise /= noise.std()
    return (sigma / 255 * noise).astype("float32")


def file_noise(image, sigma, index, blur=0.0):
    """As an 8-bit file holds it."""
    noisy = image + unclipped_noise(image, sigma, index, blur)
    return np.round(255 * np.clip(noisy, 0.0, 1.0)) / np.float32(255)


def estimate(image):
    """The noise level in gray levels."""
    levels = ops.opponent_noise_levels(image[None])
    return 255 * float(np.linalg.norm(levels))


def mean_error(images, sigma):
    found = [
        estimate(file_noise(image, sigma, index))
        for index, image in enumerate(images)
    ]
    error = abs(np.mean(found) / sigma - 1)
    return figure(100 * error, "%", 1, better="lower", bar=10)


def best_level(noisy, clean):
    """The level with which the pretrained denoiser restores best."""
    levels = np.linspace(15, 65, 11)
    network = presets.gray_denoiser()
    inputs = {
        "image": np.repeat(noisy[None], len(levels), axis=0),
        "noise_level": np.float32(levels[:, None, None, None] / 255),
    }
    scores = [psnr(x, clean) for x in np.asarray(network(inputs))]
    return levels[np.argmax(scores)]


def restored_file(noisy, mode, kind, method):
    """A gray image as a file of that mode, restored and read as gray."""
    image = Image.fromarray(np.uint8(np.round(255 * noisy[..., 0])))
    restored = through_files(image.convert(mode), kind, 95, method)
    return restored.mean(axis=-1, keepdims=True)


def restored_photo(degraded, kind, method):
    """An image as a file, restored and read with as many channels."""
    pixels = np.uint8(np.round(255 * np.clip(degraded, 0.0, 1.0)))
    image = Image.fromarray(pixels.squeeze())
    return through_files(image, kind, 93, method)[..., : degraded.shape[-1]]


def through_files(image, kind, quality, method):
    """What `restore` makes of a Pillow image in a file, in color."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / f"noisy.{kind}"
        target = pathlib.Path(folder) / "restored.png"
        image.save(source, quality=quality)
        tasks.restore(source, target, method=method, verbose=0)
        return io.read_image(os.fspath(target), 3)

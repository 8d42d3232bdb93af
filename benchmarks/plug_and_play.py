"""Plug-and-play restoration against classical methods and its peers.

The images are the middle 256x256 of `photos/val` (CID22), and of CBSD68.
"""

import functools
import pathlib
import statistics
import time

import numpy as np
import skimage.restoration
import tensorflow as tf

from benchmarks.peers import Peer, peer_python
from benchmarks.photograph_noise import photographs
from benchmarks.rows import RUNS, data_folder, figure, write_row
from keras_synth import degradations, io, ops, presets, restoration, tasks

SEED = 0
EVERY = 8  # of the photographs, and every twelfth image of CBSD68
LEVELS = (2.55, 7.65)  # in gray levels
#: Own motions: (length, angle) of the lines that follow each other.
MOTIONS = {
    "motion 9": [(9, 20)],
    "motion 15": [(8, 100), (9, 150)],
    "motion 21": [(21, 60)],
    "motion 27": [(10, 10), (9, 50), (12, 80)],
}
DATA = (
    f"photos/val, every {EVERY}th of 39 photographs of CID22, and CBSD68, "
    "every twelfth image: the middle 256x256"
)
DEEPINV = (
    "torch==2.14.1",
    "torchvision==0.29.1",
    "deepinv==0.5.0",
    "onnxruntime==1.32.0",
)
_denoiser = functools.cache(
    getattr(presets, "color_denoiser", presets.gray_denoiser)
)


def run(name):
    """Measures one row."""
    {
        "deblurring": deblurring,
        "deblurring_deepinv": against_deepinv,
        "pnp_inpainting": inpainting,
        "pnp_upscaling": upscaling,
        "blind_blur": blind_blur,
        "pnp_time": iteration_time,
    }[name]()


def images():
    """float32 (256, 256, 3) in [0, 1] each."""
    files = sorted((data_folder() / "denoise" / "CBSD68").rglob("*.png"))
    found = [*photographs(True)[::EVERY]]
    found += [io.read_image(file, 3) for file in files[::12]]
    return [io.center_crop(image, 256, 256) for image in found]


def kernels():
    """Blur kernels by name, the motions as paths of several lines."""
    gauss = np.asarray(ops.gaussian_kernels(np.float32([1.6]), 1.6))[0]
    found = {"Gaussian 1.6": np.outer(gauss, gauss)}
    for name, lines in MOTIONS.items():
        side = 2 * sum(length for length, _ in lines) + 9
        kernel = np.zeros((side, side))
        end = np.array([side // 2, side // 2], "float64")
        for length, angle in lines:
            way = length * np.array(
                [-np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))]
            )
            line = np.asarray(
                ops.line_kernels(
                    np.float32([length]), np.float32([angle]), length
                )
            )[0]
            top, left = np.rint(end + way / 2).astype(int) - len(line) // 2
            kernel[top : top + len(line), left : left + len(line)] += line
            end += way
        rows, columns = (np.flatnonzero(kernel.any(a)) for a in (1, 0))
        kernel = kernel[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        odd = [(0, 1 - side % 2) for side in kernel.shape]
        found[name] = np.pad(kernel / kernel.sum(), odd)
    return found


def noisy(degraded, level, index):
    noise = np.random.default_rng([SEED, index]).normal(size=degraded.shape)
    return (np.asarray(degraded) + level / 255 * noise).astype("float32")


def psnr(image, clean, border=0):
    """Of images clipped to [0, 1], without a border."""
    inside = (slice(border, -border or None),) * 2
    difference = np.clip(image, 0.0, 1.0)[inside] - clean[inside]
    return float(-10 * np.log10(np.mean(np.square(difference))))


def solved(
    operator,
    y,
    level,
    count=8,
    denoiser=None,
    splitting="half-quadratic",
    **inputs,
):
    """y (height, width, channels), restored by `PlugAndPlay`."""
    restorer = restoration.PlugAndPlay(
        denoiser or _denoiser(),
        operator,
        level / 255,
        count,
        splitting=splitting,
    )
    inputs = {name: x[None] for name, x in inputs.items()}
    return restorer.restore({"image": y[None], **inputs})[0]


def deblurring():
    """Known blur, with borders that no method is given."""
    figures = {}
    for name, kernel in kernels().items():
        for level in LEVELS:
            scores = {}
            for index, clean in enumerate(images()):
                blur = restoration.Blur(kernel)
                y = noisy(blur.forward(clean[None])[0], level, index)
                clean = np.asarray(blur.visible(clean[None]))[0]
                for method, image in _deblurred(y, kernel, level):
                    scores.setdefault(method, []).append(psnr(image, clean))
            means = {method: np.mean(x) for method, x in scores.items()}
            best = _best_tuned(means)
            line = f"{name}, σ = {level:g}"
            for method, mean in best.items():
                bar = None
                if method == "PlugAndPlay":
                    classical = ("Wiener", "Richardson-Lucy", "TV denoising")
                    bar = max(best[each] for each in classical) + 2
                figures[f"{line}: {method}"] = figure(
                    mean, "dB", better="higher", bar=bar
                )
            print(line, best, flush=True)
    write_row(
        "deblurring",
        "Deblurring with a known kernel, PSNR",
        figures,
        data=DATA,
        protocol=(
            "blurred, then cut by the reach of the kernel, so that the borders "
            "are unknown; Gaussian noise in gray levels, not clipped; PSNR of "
            "the whole result; motion: own paths of one to three lines; "
            "`PlugAndPlay` in 8 iterations with the color (else gray) preset; "
            "Wiener, Richardson-Lucy and TV denoising: scikit-image, each with "
            "the best of its parameters for the line, images continued as "
            "their mirror image; TV splitting: ours, the best weight; bar: 2 "
            "dB above the best of scikit-image's"
        ),
        seed=SEED,
    )


def against_deepinv():
    """The same splitting in deepinv, with the same denoiser."""
    folder = RUNS / "deepinv"
    folder.mkdir(parents=True, exist_ok=True)
    network = folder / "denoiser.onnx"
    tasks.export("color_denoiser", network, format="onnx", overwrite=True)
    python = peer_python("deepinv", DEEPINV)
    script = pathlib.Path(__file__).with_name("torch_deepinv.py").read_text()
    given, made = folder / "given.npz", folder / "made.npy"
    figures = {}
    with Peer(python, script, network) as peer:
        for name, kernel in kernels().items():
            blur = restoration.Blur(kernel, borders="circular")
            for level in LEVELS:
                scores = {"PlugAndPlay": [], "deepinv": []}
                for index, clean in enumerate(images()):
                    y = noisy(blur.forward(clean[None])[0], level, index)
                    scores["PlugAndPlay"].append(
                        psnr(solved(blur, y, level), clean)
                    )
                    np.savez(given, y=y, kernel=np.float32(kernel))
                    peer.ask(f"{given} {made} {level / 255}")
                    scores["deepinv"].append(psnr(np.load(made), clean))
                ours, theirs = (np.mean(x) for x in scores.values())
                print(name, level, ours, theirs, flush=True)
                figures[f"{name}, σ = {level:g}: PSNR"] = figure(
                    ours,
                    "dB",
                    better="higher",
                    bar=theirs - 0.1,
                    baseline=theirs,
                    baseline_name="deepinv",
                )
    write_row(
        "deblurring_deepinv",
        "Deblurring by plug-and-play restoration: against deepinv",
        figures,
        data=DATA,
        protocol=(
            "blurred with circular borders, Gaussian noise in gray levels, not "
            "clipped; `PlugAndPlay` and deepinv's `DPIR`, 8 iterations each, "
            f"with `presets.color_denoiser`, in deepinv as ONNX; {DEEPINV[2]}; "
            "bar: 0.1 dB below deepinv"
        ),
        seed=SEED,
    )


def _deblurred(y, kernel, level):
    """Yields `(method or (method, parameter), image)`."""
    blur = restoration.Blur(kernel)
    yield "blurred", y
    yield "PlugAndPlay", solved(blur, y, level)
    margin = [(side // 2, side // 2) for side in kernel.shape]
    wide = np.pad(y, [*margin, (0, 0)], "symmetric").astype("float64")

    def each(restore):
        found = np.stack([restore(wide[..., c]) for c in range(3)], -1)
        return found[
            margin[0][0] : -margin[0][0] or None,
            margin[1][0] : -margin[1][0] or None,
        ]

    for balance in (1e-3, 1e-2, 3e-2, 1e-1, 3e-1):
        yield (
            ("Wiener", balance),
            each(
                lambda x, b=balance: skimage.restoration.wiener(
                    x, kernel, b, clip=False
                )
            ),
        )
    for count in (5, 10, 20, 40):
        yield (
            ("Richardson-Lucy", count),
            each(
                lambda x, n=count: skimage.restoration.richardson_lucy(
                    np.maximum(x, 1e-4), kernel, n
                )
            ),
        )
    for weight in (0.01, 0.03):
        yield (
            ("TV denoising", weight),
            restoration.total_variation(weight)(y[None])[0],
        )
    for strength in (0.03, 0.06, 0.12):
        prior = restoration.total_variation_denoiser(strength)
        yield (
            ("TV splitting", strength),
            solved(blur, y, level, denoiser=prior),
        )


def _best_tuned(means):
    """The best parameter of each method."""
    best = {}
    for method, mean in means.items():
        name = method if isinstance(method, str) else method[0]
        best[name] = max(mean, best.get(name, -np.inf))
    return best


def inpainting():
    """Half of the pixels missing, and a text overlay."""
    figures = {}
    for kind in ("random 50 %", "text"):
        scores = {"biharmonic": [], "PlugAndPlay": []}
        for index, clean in enumerate(images()):
            mask = _mask(kind, clean.shape, index)
            y = clean * (1 - mask)
            filled = solved(
                restoration.Mask(), y, 5.0, 20, splitting="admm", mask=mask
            )
            filled = np.where(mask > 0, filled, clean)
            scores["PlugAndPlay"].append(psnr(filled, clean))
            smooth = restoration.biharmonic()(y[None], mask[None])[0]
            scores["biharmonic"].append(psnr(smooth, clean))
        other, mine = (np.mean(values) for values in scores.values())
        print(kind, mine, other, flush=True)
        figures[f"{kind}: PSNR"] = figure(
            mine,
            "dB",
            better="higher",
            bar=other + 2,
            baseline=other,
            baseline_name="biharmonic",
        )
    write_row(
        "pnp_inpainting",
        "Inpainting by a denoiser, PSNR",
        figures,
        data=DATA,
        protocol=(
            "no noise; missing pixels as 0, known ones kept; PSNR of the whole "
            "image; `PlugAndPlay` in 20 iterations of ADMM down to 5 gray "
            "levels; text: lines of letters of 14 pixels all over the image"
        ),
        seed=SEED,
    )


def _mask(kind, shape, index):
    """float32 (height, width, 1), 1 where a pixel is missing."""
    random = np.random.default_rng([SEED, index])
    if kind != "text":
        return np.float32(random.uniform(size=(*shape[:2], 1)) < 0.5)
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("L", shape[1::-1])
    draw = ImageDraw.Draw(page)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz    "))
    for top in range(4, shape[0], 22):
        line = "".join(random.choice(letters, 60))
        draw.text((2, top), line, 255, ImageFont.load_default(14))
    return np.float32(np.asarray(page)[..., None] > 127)


def upscaling():
    """Blur by a Gaussian, then every second or third pixel."""
    figures = {}
    for scale, sigma in ((2, 1.0), (2, 1.6), (3, 1.6), (3, 2.2)):
        line = np.asarray(
            ops.gaussian_kernels(np.float32([sigma]), sigma, scale % 2 == 0)
        )[0]
        blur = restoration.Blur(np.outer(line, line), scale)
        scores = {"bicubic": [], "upscaler": [], "PlugAndPlay": []}
        for index, clean in enumerate(images()):
            clean = io.modulo_crop(clean, scale)
            y = noisy(blur.forward(clean[None])[0], 0.5, index)
            clean = np.asarray(blur.visible(clean[None]))[0]
            found = {
                "bicubic": restoration.bicubic(scale)(y[None])[0],
                "upscaler": presets.upscaler(scale)(y[None])[0],
                "PlugAndPlay": solved(blur, y, 0.5),
            }
            for method, image in found.items():
                scores[method].append(_luma_psnr(image, clean, scale))
        means = {method: np.mean(x) for method, x in scores.items()}
        print(scale, sigma, means, flush=True)
        for method, mean in means.items():
            bar = means["upscaler"] + 0.7
            figures[f"x{scale}, σ = {sigma}: {method}"] = figure(
                mean,
                "dB",
                better="higher",
                bar=bar if method == "PlugAndPlay" else None,
            )
    write_row(
        "pnp_upscaling",
        "Upscaling of images blurred by a Gaussian, PSNR of Y",
        figures,
        data=DATA,
        protocol=(
            "blurred, decimated, cut by the reach of the kernel; noise of 0.5 "
            "gray levels; PSNR of Y (BT.601, 16 to 235) without a border of "
            "the scale; `PlugAndPlay` in 8 iterations, given the kernel; "
            "upscaler: the pretrained network of that scale, which was trained "
            "on bicubic interpolation"
        ),
        seed=SEED,
    )


def _luma_psnr(image, clean, border):
    image, clean = (
        np.asarray(ops.studio_range_luma(np.clip(x, 0, 1)[None]))[0]
        for x in (image, clean)
    )
    return psnr(image, clean, border)


def blind_blur():
    """Estimated widths of Gaussian blurs, and what they cost."""
    figures = {}
    for sigma in (0.8, 1.2, 1.6, 2.0, 2.5, 3.0):
        off, lost, refused = [], [], 0
        for index, photo in enumerate(photographs(True)[::3]):
            blurred = degradations.GaussianBlur(sigma)(photo, seed=0)
            y = np.clip(noisy(blurred, 1.0, index), 0.0, 1.0)
            y = np.round(255 * y) / np.float32(255)
            try:
                found = restoration.estimate_blur(y[None])
            except ValueError:
                refused += 1
                continue
            if found.sigma is None:
                raise ValueError(f"{sigma}, photograph {index}: {found}")
            off.append(abs(found.sigma / sigma - 1))
            if index % 4 == 0:
                lost.append(_lost(photo, y, sigma, found.kernel))
        print(sigma, np.mean(off), np.mean(lost), refused, flush=True)
        line = f"σ = {sigma}"
        figures[f"{line}: mean error"] = figure(
            100 * np.mean(off), "%", 1, better="lower", bar=15
        )
        figures[f"{line}: PSNR below the known blur"] = figure(
            np.mean(lost), "dB", better="lower", bar=0.5
        )
        figures[f"{line}: refused"] = figure(refused, "", 0)
    write_row(
        "blind_blur",
        "Blind deblurring: the width of a Gaussian blur",
        figures,
        data="photos/val, every third of 39 photographs of CID22",
        protocol=(
            "`degradations.GaussianBlur`, noise of 1 gray level, 8 bits; "
            "`restoration.estimate_blur` of the photograph; the PSNR of the "
            "middle 256x256 of every twelfth, `PlugAndPlay` with the estimated "
            "and the known kernel"
        ),
        seed=SEED,
    )


def _lost(photo, y, sigma, kernel):
    """Decibels between the known kernel and the estimated one."""
    clean, y = (io.center_crop(x, 288, 288) for x in (photo, y))
    line = np.asarray(ops.gaussian_kernels(np.float32([sigma]), sigma))[0]
    scores = [
        psnr(solved(restoration.Blur(k), y, 1.0), clean, 16)
        for k in (np.outer(line, line), kernel)
    ]
    return scores[0] - scores[1]


def iteration_time():
    """Iterations against the denoiser alone, interleaved."""
    clean = io.center_crop(photographs(True)[0], 512, 512)
    denoiser = _denoiser()
    figures = {}
    mask = _mask("random", (512, 512), 0)[None]
    for name, operator in (
        ("blur", restoration.Blur(kernels()["motion 15"])),
        ("mask", restoration.Mask(mask)),
    ):
        y = np.asarray(operator.forward(clean[None]))
        restorer = restoration.PlugAndPlay(denoiser, operator, 0.01)
        x = np.asarray(operator.start(y))
        level = tf.constant(_LEVEL)
        denoise = functools.partial(restorer._denoise, level=level)
        alone = tf.function(denoise)
        times = {"whole": [], "alone": []}
        for _ in range(6):
            start = time.perf_counter()
            restorer.restore(y)
            middle = time.perf_counter()
            for _ in range(restorer.num_iterations):
                alone(tf.constant(x))
            times["whole"].append(middle - start)
            times["alone"].append(time.perf_counter() - middle)
        whole, only = (statistics.median(t[1:]) for t in times.values())
        figures[f"{name}: iteration / denoiser"] = figure(
            whole / only, "ratio", better="lower", bar=1.15
        )
    write_row(
        "pnp_time",
        "Time of a plug-and-play iteration",
        figures,
        data="a photograph of photos/val, 512x512",
        protocol=(
            "8 iterations against 8 calls of the denoiser on the same image; "
            "medians of 5 interleaved runs; a motion kernel with unknown "
            "borders, and a mask"
        ),
        seed=SEED,
    )


_LEVEL = np.full((1, 1, 1, 1), 0.1, "float32")

"""Inpainting without training: which method for which hole.

The images are `photos/val`, CID22's photographs (8 bits, 512x512). Objects
are ellipses and blobs, hairs and scratches curved strokes.
"""

import time

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.metrics import structural_similarity

from benchmarks.feature_networks import perceptual_metric
from benchmarks.photograph_noise import FILES, photographs
from benchmarks.rows import RUNS, figure, write_row
from keras_synth import io, restoration

SEED = 0
OBJECTS = 20
STROKES = 8
#: Name: widths of the strokes in pixels, from and to.
WIDTHS = {
    "hair, 1 to 3 px": (1, 3),
    "scratch, 4 to 6 px": (4, 6),
    "scratch, 7 to 10 px": (7, 10),
}
METHODS = {
    "biharmonic": restoration.biharmonic,
    "patch_match": restoration.patch_match,
}
#: Figure: (unit, decimals, better).
SCORES = {
    "PSNR, hole": ("dB", 2, "higher"),
    "SSIM, hole": ("", 3, "higher"),
    "perceptual distance": ("", 4, "lower"),
}


def run(name):
    """Measures one row."""
    {"patch_match": objects, "inpainting_methods": methods}[name]()


def objects():
    """Objects removed by PatchMatch against biharmonic inpainting."""
    clean = photographs(True)[:OBJECTS]
    holes = [object_hole(image.shape[:2], i) for i, image in enumerate(clean)]
    found = measure("objects", clean, holes)
    bar = {"perceptual distance": 0.8}
    figures = {}
    for method, values in found.items():
        for what, (unit, decimals, better) in SCORES.items():
            factor = bar.get(what) if method == "patch_match" else None
            figures[f"{method}: {what}"] = figure(
                values[what],
                unit,
                decimals,
                better=better,
                bar=factor and factor * found["biharmonic"][what],
            )
    y, x = np.mgrid[:512, :512] - 256
    disk = np.hypot(y, x) < np.sqrt(0.1 * 512**2 / np.pi)
    start = time.process_time()
    restoration.patch_match()(clean[0][None], disk[None, ..., None])
    figures["patch_match: CPU time, 512x512, 10 %"] = figure(
        time.process_time() - start, "s", 1, better="lower", bar=15
    )
    write_row(
        "patch_match",
        "Objects removed without training",
        figures,
        data=f"{FILES}: the first {OBJECTS}",
        protocol=(
            "every second hole an ellipse, the others blobs (a smooth random "
            "field above a threshold), 3 to 12 % of the image; PSNR and SSIM "
            "in the hole, after rounding to 8 bits; perceptual distance "
            "(SqueezeNet, LPIPS weights) of the whole image; bar: 20 % below "
            "biharmonic inpainting; processor time of one process"
        ),
        seed=SEED,
    )


def methods():
    """Both methods on hairs, scratches and objects."""
    clean = [x[128:384, 128:384] for x in photographs(True)[1::4]]
    figures = {}
    kinds = {
        kind: [stroke_hole((256, 256), *widths, i) for i in range(len(clean))]
        for kind, widths in WIDTHS.items()
    }
    kinds["object"] = [object_hole((256, 256), i) for i in range(len(clean))]
    for kind, holes in kinds.items():
        found = measure(kind, clean, holes)
        for method, values in found.items():
            for what, (unit, decimals, better) in SCORES.items():
                figures[f"{kind}, {method}: {what}"] = figure(
                    values[what], unit, decimals, better=better
                )
    write_row(
        "inpainting_methods",
        "Which method inpaints which hole",
        figures,
        data=f"{FILES}: the middle 256x256 of every fourth",
        protocol=(
            f"{STROKES} curved strokes an image, of a width drawn for each; "
            "objects as in the row `patch_match`; scores as there"
        ),
        seed=SEED,
    )


def measure(kind, clean, holes):
    """`{method: {score: mean}}`; writes an image of the first results."""
    metric, found = perceptual_metric(channels=3), {}
    sheets = [
        [np.where(hole[..., None], 1.0, image)]
        for image, hole in zip(clean, holes, strict=True)
    ]
    for name, method in METHODS.items():
        inpaint, scores = method(), []
        for image, hole, sheet in zip(clean, holes, sheets, strict=True):
            torn = np.where(hole[..., None], 0.0, image)
            made = inpaint(torn[None], np.float32(hole)[None, ..., None])[0]
            made = np.round(255 * np.clip(made, 0, 1)) / np.float32(255)
            sheet.append(made)
            metric.reset_state()
            metric.update_state(image[None], made[None])
            scores.append(
                (*hole_scores(made, image, hole), float(metric.result()))
            )
        means = np.mean(scores, axis=0)
        found[name] = dict(zip(SCORES, means, strict=True))
        print(kind, name, found[name], flush=True)
    rows = [np.concatenate(sheet, axis=1) for sheet in sheets[:6]]
    path = RUNS / "inpainting_methods" / f"{kind.replace(' ', '_')}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write_image(path, np.concatenate(rows))
    print(f"image (torn, {', '.join(METHODS)}): {path}")
    return found


def hole_scores(image, clean, hole):
    """PSNR and SSIM in the hole."""
    _, pixels = structural_similarity(
        image,
        clean,
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    error = np.mean(np.square(image - clean)[hole])
    return -10 * np.log10(max(error, 1e-10)), pixels[hole].mean()


def object_hole(shape, index):
    """bool (height, width), True in an ellipse or a blob of 3 to 12 %."""
    random = np.random.default_rng([SEED, index])
    area = random.uniform(0.03, 0.12) * shape[0] * shape[1]
    middle = random.uniform(0.3, 0.7, 2) * shape
    y, x = (np.indices(shape).T - middle).T
    away = np.hypot(y, x)
    if index % 2:
        field = random.normal(size=shape)
        field = ndimage.gaussian_filter(field, shape[0] / 16)
        away = away - shape[0] / 16 * field / field.std()
    else:
        turn, ratio = random.uniform(0, np.pi), random.uniform(0.5, 2.0)
        along = x * np.cos(turn) + y * np.sin(turn)
        away = np.hypot(along, ratio * (y * np.cos(turn) - x * np.sin(turn)))
    return away < np.partition(away.ravel(), int(area))[int(area)]


def stroke_hole(shape, thinnest, widest, index):
    """bool (height, width), True on curved strokes."""
    random = np.random.default_rng([SEED, thinnest, index])
    image = Image.new("L", shape[::-1])
    draw = ImageDraw.Draw(image)
    t = np.linspace(0, 1, 40)[:, None]
    for _ in range(STROKES):
        start, middle, end = random.uniform(0, shape[::-1], (3, 2))
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
        width = int(random.integers(thinnest, widest, endpoint=True))
        draw.line(list(map(tuple, curve)), 255, width, joint="curve")
    return np.asarray(image) > 0

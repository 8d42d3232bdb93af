"""Inpainting of photographs: which method for which hole.

The images are `photos/val`, CID22's photographs (8 bits, 512x512). Objects
are ellipses and blobs, hairs and scratches curved strokes.
"""

import itertools
import time

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.metrics import structural_similarity

from benchmarks.damage_detector import held_back
from benchmarks.feature_networks import perceptual_metric
from benchmarks.photograph_noise import FILES, photographs
from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.trainings import training_words
from keras_synth import io, presets, restoration
from keras_synth.degradations import FilmDamage

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
#: Least share of NVIDIA's masks that are left out.
LARGEST = 0.4
#: Figure: (unit, decimals, better).
SCORES = {
    "PSNR, hole": ("dB", 2, "higher"),
    "SSIM, hole": ("", 3, "higher"),
    "perceptual distance": ("", 4, "lower"),
}


def run(name):
    """Measures one row."""
    rows = {
        "patch_match": objects,
        "inpainting_methods": methods,
        "inpainter": lambda: pretrained(presets.inpainter()),
    }
    rows[name]()


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
    """All methods on hairs, scratches and objects."""
    known = METHODS | {"inpainter": lambda: network(presets.inpainter())}
    clean = [middle(x) for x in photographs(True)[1::4]]
    figures = {}
    kinds = {
        kind: [stroke_hole((256, 256), *widths, i) for i in range(len(clean))]
        for kind, widths in WIDTHS.items()
    }
    kinds["object"] = [object_hole((256, 256), i) for i in range(len(clean))]
    for kind, holes in kinds.items():
        found = measure(kind, clean, holes, methods=known)
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


def pretrained(inpainter):
    """Writes the row of a pretrained inpainter."""
    write_row(
        "inpainter",
        "Inpainting of photographs by the pretrained network",
        inpainting_figures(inpainter),
        data=f"{FILES}: the middle 256x256 of each",
        protocol=(
            "film damage of masks that were held back (one to four objects, "
            "opaque), and NVIDIA's irregular masks of up to 40 %; scores as "
            "in the row `patch_match`; bars: biharmonic inpainting; "
            f"{training_words('inpainter')}"
        ),
        seed=SEED,
    )


def inpainting_figures(inpainter):
    """Figures of an inpainter against biharmonic inpainting.

    Args:
        inpainter: From `{"image", "mask"}` to images.
    """
    known = {
        "biharmonic": restoration.biharmonic,
        "inpainter": lambda: network(inpainter),
    }
    clean = [middle(image) for image in photographs(True)]
    film, irregular = film_damage(clean), irregular_holes(len(clean))
    figures = {}
    for kind, (torn, holes) in {
        "film damage": film,
        "irregular": (None, irregular),
    }.items():
        found = measure(kind, clean, holes, torn, known)
        for method, values in found.items():
            for what, (unit, decimals, better) in SCORES.items():
                bar = None
                if method == "inpainter":
                    bar = round(found["biharmonic"][what], decimals)
                figures[f"{kind}, {method}: {what}"] = figure(
                    values[what], unit, decimals, better=better, bar=bar
                )
    return figures


def middle(image, side=256):
    """The middle of an image, (side, side, channels)."""
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def film_damage(clean):
    """Photographs with held-back film damage, and where it is."""
    masks = held_back()
    damage = FilmDamage(masks, scale=(0.3, 1.0), opacity=1.0)
    torn, holes = [], []
    for index, image in enumerate(clean):
        for attempt in itertools.count():  # until something is seen
            seed = (SEED, index + attempt * len(clean))
            damaged, record = damage(image, seed, return_record=True)
            hole = np.asarray(record["mask"])[..., 0] > 0.5
            if hole.any():
                break
        torn.append(np.asarray(damaged))
        holes.append(hole)
    return torn, holes


def irregular_holes(count, side=256):
    """NVIDIA's masks of up to `LARGEST`, spread over the shares."""
    folder = data_folder() / "masks" / "nvidia_irregular_test"
    holes = [
        np.asarray(Image.open(file).convert("L").resize((side, side), 0)) > 127
        for file in io.find_images(folder)
    ]
    holes = [hole for hole in holes if hole.mean() < LARGEST]
    chosen = np.linspace(0, len(holes) - 1, count).round().astype(int)
    return [holes[index] for index in chosen]


def network(inpainter):
    """A network as a function of images and masks."""
    return lambda images, mask: np.asarray(
        inpainter({"image": np.float32(images), "mask": mask})
    )


def measure(kind, clean, holes, torn=None, methods=METHODS):
    """`{method: {score: mean}}`; writes an image of the first results.

    Args:
        kind: Name of the kind of holes.
        clean: Images (height, width, 3).
        holes: Arrays bool (height, width).
        torn: What is left of the images; None for all outside of the holes.
        methods: `{name: function that makes the method}`.
    """
    metric, found = perceptual_metric(channels=3), {}
    torn = clean if torn is None else torn
    sheets = [
        [np.where(hole[..., None], 1.0, image)]
        for image, hole in zip(torn, holes, strict=True)
    ]
    for name, method in methods.items():
        inpaint, scores = method(), []
        for left, image, hole, sheet in zip(
            torn, clean, holes, sheets, strict=True
        ):
            left = np.where(hole[..., None], 0.0, left)
            made = inpaint(left[None], np.float32(hole)[None, ..., None])[0]
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
    print(f"image (torn, {', '.join(methods)}): {path}")
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

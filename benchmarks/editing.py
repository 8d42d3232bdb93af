"""Editing with a generator: projection, a direction, local edits of clothes.

The preset `fashion_mnist_stylegan2` at 32x32; real images are test images of
Fashion-MNIST with its black border. Images are compared by a SqueezeNet that
no loss here uses.
"""

import gzip
import time

import numpy as np

from benchmarks.feature_networks import perceptual_metric
from benchmarks.rows import RUNS, data_folder, figure, write_row
from keras_synth import datasets, editing, models, networks, ops, presets
from keras_synth.io import image_grid, write_image

SEED = 0
COUNT, STEPS = 20, 500
TOPS, SHORT, LONG = (0, 2, 4, 6), 0, (2, 4)  # T-shirts; pullovers and coats
AMOUNT = 3.0
DATA = "Fashion-MNIST at 32x32, and images of `fashion_mnist_stylegan2`"


def run(name):
    """Measures one row."""
    gan = presets.fashion_mnist_stylegan2()
    figures, protocol, grids = {
        "projection": projection,
        "direction": direction,
        "local_edit": local_edit,
    }[name](gan)
    for what, grid in grids.items():
        path = RUNS / name / f"{what}.png"
        print("images:", write_image(path, grid))
    write_row(
        name,
        QUESTIONS[name],
        figures,
        data=DATA,
        protocol=protocol,
        seed=SEED,
    )


QUESTIONS = {
    "projection": "Projection into w and w+ (clothes, 32x32)",
    "direction": "A supervised direction: sleeves (clothes, 32x32)",
    "local_edit": "Local edits (clothes, 32x32)",
}


# Projection ------------------------------------------------------------------


def projection(gan):
    """PSNR and perceptual distance in w and w+, and seconds an image."""
    metric = perceptual_metric(channels=1)
    images = {
        "generated": np.asarray(gan.sample(COUNT, seed=SEED + 1)),
        "real": real_images(),
    }
    figures, rows = {}, {}
    distances = {}
    for kind, clean in images.items():
        rows[kind] = [clean]
        for space in ("w", "w+"):
            start = time.perf_counter()
            found = editing.project(
                gan, clean, space, steps=STEPS, seed=SEED, verbose=2
            )
            seconds = (time.perf_counter() - start) / COUNT
            rows[kind].append(found.images)
            distance = float(np.mean(metric.compare(clean, found.images)))
            distances[kind, space] = distance
            psnr = np.mean(ops.peak_signal_to_noise_ratio(clean, found.images))
            line = f"{kind}, {space}"
            is_generated = (kind, space) == ("generated", "w+")
            bar = (
                0.8 * distances["real", "w"]
                if (
                    kind,
                    space,
                )
                == ("real", "w+")
                else None
            )
            figures |= {
                f"{line}: PSNR": figure(
                    psnr,
                    "dB",
                    better="higher",
                    bar=35.0 if is_generated else None,
                ),
                f"{line}: perceptual distance": figure(
                    distance, decimals=4, better="lower", bar=bar
                ),
                f"{line}: time an image": figure(
                    seconds, "s", 1, better="lower"
                ),
            }
    figures["64x64, w+, one image: time an image"] = figure(
        large_time(), "s", 1, better="lower", bar=60.0
    )
    protocol = (
        f"{COUNT} images each at once, {STEPS} steps, mean squared error; "
        "64x64: an untrained color generator of 128 channels at most, "
        f"{STEPS} steps; bars: 35 dB, w+ 20 % below w on real images, 60 s"
    )
    grids = {
        kind: image_grid(np.concatenate(parts), columns=COUNT)
        for kind, parts in rows.items()
    }
    return figures, protocol, grids


def real_images():
    """The first test images, with a border of 2 pixels."""
    name = "t10k-images-idx3-ubyte.gz"
    data = gzip.decompress(
        (data_folder() / "fashion-mnist" / name).read_bytes()
    )
    pixels = np.frombuffer(data, "uint8", offset=16).reshape(-1, 28, 28, 1)
    images = pixels[:COUNT] / np.float32(255.0)
    return np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))


def large_time():
    """Seconds to project one color image of 64x64."""
    width = {"channel_multiplier": 1 / 16, "channel_max": 128}
    gan = models.StyleGAN2(
        networks.stylegan2_mapping(128, 128, 4),
        networks.stylegan2_synthesis((64, 64, 3), 128, **width),
        networks.stylegan2_discriminator((64, 64, 3), **width),
        seed=SEED,
    )
    image = np.asarray(gan.sample(1, seed=SEED))
    start = time.perf_counter()
    editing.project(gan, image, "w+", steps=STEPS, seed=SEED, verbose=2)
    return time.perf_counter() - start


# A direction -----------------------------------------------------------------


def sleeves(gan, classifier):
    """The direction from T-shirts to pullovers and coats."""
    styles = editing.sample_vectors(gan, 4000, seed=SEED + 2)
    probabilities = np.concatenate(
        [
            np.asarray(classifier(editing.render(gan, styles[i : i + 500])))
            for i in range(0, len(styles), 500)
        ]
    )
    tops = probabilities[:, list(TOPS)].sum(axis=1) > 0.9
    scores = probabilities[:, list(LONG)].sum(axis=1)
    found = editing.boundary_direction(
        gan, styles[tops], scores[tops], "sleeves", share=0.15
    )
    return found


def direction(gan):
    """Change of class scores of 200 T-shirts that get long sleeves."""
    classifier = presets.fashion_mnist_classifier()
    found = sleeves(gan, classifier)
    styles = editing.sample_vectors(gan, 2000, seed=SEED + 5)
    first = np.asarray(classifier.predict(editing.render(gan, styles), 500, 0))
    styles = styles[first.argmax(axis=1) == SHORT][:200]
    names = datasets.CATALOG["fashion_mnist"].class_names

    def score_of(classes):
        return lambda images: np.asarray(classifier(images))[:, classes].sum(1)

    scorers = {"long sleeves": score_of(list(LONG))} | {
        names[label]: score_of([label])
        for label in range(10)
        if label not in TOPS
    }
    effect = editing.direction_effect(gan, styles, found, AMOUNT, scorers)
    others = [
        change
        for name, change in effect.absolute_change.items()
        if name != "long sleeves"
    ]
    figures = {
        "long sleeves: change": figure(
            effect.change["long sleeves"], better="higher", bar=0.5
        ),
        "mean of the other classes: change": figure(
            np.mean(others), better="lower", bar=0.1
        ),
    }
    for name in scorers:
        if name != "long sleeves":
            figures[f"{name}: change"] = figure(effect.absolute_change[name])
    protocol = (
        f"`editing.boundary_direction` of 4,000 styles, those of tops; "
        f"{len(styles)} others whose image is a T-shirt, moved by {AMOUNT:g} "
        "standard deviations; change of the score (mean), of the others "
        "(mean absolute); long sleeves: pullover and coat; others: all but "
        "T-shirt, pullover, coat and shirt"
    )
    strip = editing.direction_strip(
        gan, styles[:12], found, np.arange(-1.0, AMOUNT + 1)
    )
    return figures, protocol, {"sleeves": strip}


# Local edits -----------------------------------------------------------------


def local_edit(gan):
    """Change outside, and the seam, of edits of a region."""
    found = sleeves(gan, classifier := presets.fashion_mnist_classifier())
    styles = editing.sample_vectors(gan, 600, seed=SEED + 4)
    first = np.asarray(classifier.predict(editing.render(gan, styles), 500, 0))
    shirts = styles[first.argmax(axis=1) == SHORT][:COUNT]
    known = editing.as_projection(gan, shirts)
    before = known.images
    targets = editing.render(gan, editing.move(shirts, found, AMOUNT))
    mask = np.zeros((32, 32, 1), "float32")
    mask[:, :16] = 1.0
    outside = mask[..., 0] == 0
    lines = {
        "as it was": before,
        "pasted": editing.composite(before, targets, mask),
    }
    edit = editing.edit_region(
        known, mask, found, amount=AMOUNT, steps=150, blend=None, verbose=2
    )
    made = edit.images
    lines["optimized, composite"] = editing.composite(before, made, mask)
    blended = [
        np.clip(editing.poisson_blend(base, image, mask), 0.0, 1.0)
        for base, image in zip(before, made, strict=True)
    ]
    lines["optimized, Poisson"] = np.stack(blended)
    figures = {}
    for line, images in lines.items():
        ratio = np.mean([editing.seam_ratio(x, mask) for x in images])
        change = np.abs(images - before)[:, outside].max()
        inner = np.abs(images - before)[:, ~outside].mean()
        ours = line == "optimized, Poisson"
        figures |= {
            f"{line}: change outside": figure(
                change, decimals=6, better="lower", bar=0.0 if ours else None
            ),
            f"{line}: seam": figure(
                ratio, "ratio", better="lower", bar=1.2 if ours else None
            ),
            f"{line}: change inside": figure(inner, decimals=3),
        }
    protocol = (
        f"{len(before)} generated T-shirts, whose left half gets a long "
        "sleeve (as in `direction`), 150 steps; seam: `editing.seam_ratio`; "
        "the optimized image is put into the first by composite and by "
        "Poisson blending, as `editing.edit_region` does"
    )
    grid = image_grid(
        np.concatenate([before, targets, *list(lines.values())[1:]]),
        columns=len(before),
    )
    return figures, protocol, {"edits": grid}

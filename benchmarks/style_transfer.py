"""Style transfer: optimization, a step's time, and the network of one pass.

VGG-16, tuned on edges, is optimized; the style is measured on a layer that was
not optimized, and on a SqueezeNet. Stylizing in one pass is compared with the
optimization on one and the same SqueezeNet, whose training is the fastest. The
distance of styles is `Σ (G - A)² / Σ A²` of the Gram matrices G of the image
and A of the painting; that of contents is the same of the feature maps.
"""

import os
import pathlib
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.feature_networks import squeezenet
from benchmarks.perceptual_weights import hed_vgg16
from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.trainings import train_once, training_words
from keras_synth import datasets, io, models, networks, ops, presets, tasks
from keras_synth.io import read_image, write_image

SEED = 0
STEPS = 300
CONTENT_LAYER = "block4_conv2"
HELD_OUT = {"VGG-16": "block3_conv3", "SqueezeNet": "fire5"}
TRAINED, UNSEEN = "starry_night", "the_scream"
CONTENTS = ("tubingen", "golden_gate")
# What AdaIN is trained on, and how.
ENCODER = ("relu_conv1", "fire3")  # of SqueezeNet
EPOCHS = 300
BATCH = 4
PATCH = 96
RATE = 2e-3
STYLE_WEIGHT = 30.0


def run(name):
    """Measures one row."""
    {
        "style_transfer": _optimization,
        "style_step_time": _step_time,
        "adain": _one_pass,
        "adain_paintings": _preset,
    }[name](name)


def _optimization(name):
    content, unrelated = (image(each, 512) for each in CONTENTS)
    style = image(TRAINED, 512)
    transfer = models.StyleTransfer(vgg16(models.StyleTransfer.PAPER_LAYERS))
    transfer.compile()
    folder = RUNS / name
    start = time.perf_counter(), time.process_time()
    stylized = transfer.stylize(content, style, STEPS, verbose=2)
    wall = (time.perf_counter() - start[0]) / 60
    cpu = (time.process_time() - start[1]) / 60
    write_image(folder / "stylized.png", np.asarray(stylized[0]))
    networks_ = {
        "VGG-16": vgg16((HELD_OUT["VGG-16"], CONTENT_LAYER)),
        "SqueezeNet": squeezenet(3),
    }
    figures = {}
    for label, layer in HELD_OUT.items():
        before, after = (
            style_distance(networks_[label], (layer,), style, each)
            for each in (content, stylized)
        )
        line = f"style, {label}'s {layer}"
        figures[f"{line}: distance"] = figure(
            after,
            decimals=4,
            better="lower",
            baseline=before,
            baseline_name="before",
        )
        figures[f"{line}: change"] = figure(
            100 * (after / before - 1), "%", 1, better="lower", bar=-90
        )
    maps = [
        networks_["VGG-16"](each)[CONTENT_LAYER]
        for each in (content, stylized, unrelated)
    ]
    far, other = (
        float(ops.relative_squared_error(maps[0], each)[0]) for each in maps[1:]
    )
    line = f"content, VGG-16's {CONTENT_LAYER}"
    figures[f"{line}: distance"] = figure(
        far,
        better="lower",
        baseline=other,
        baseline_name="unrelated photograph",
    )
    figures[f"{line}: ratio to the unrelated"] = figure(
        far / other, "ratio", better="lower", bar=0.5
    )
    figures["time"] = figure(wall, "min", 0)
    figures["CPU time"] = figure(cpu, "min", 0)
    write_row(
        name,
        "Style transfer by optimization",
        figures,
        data=(
            "photograph of Tübingen, The Starry Night, both 512x512; "
            "unrelated: the Golden Gate"
        ),
        protocol=(
            f"`StyleTransfer`, as compiled by default, {STEPS} steps from the "
            "content, VGG-16 (tuned on edges), the paper's layers; the layers "
            "of the distances were not optimized"
        ),
        seed=SEED,
    )
    print(f"image: {folder}/stylized.png")


def _step_time(name):
    side, turns, steps = 256, 11, 8
    content, style = image(CONTENTS[0], side), image(TRAINED, side)
    figures = {}
    for label, features in (
        ("SqueezeNet", squeezenet(3)),
        ("VGG-16", vgg16(models.StyleTransfer.PAPER_LAYERS)),
    ):
        transfer = models.StyleTransfer(features)
        transfer.compile()
        by_hand = hand_written(transfer, content, style)

        def ours(transfer=transfer):
            seconds = []
            last = time.perf_counter()

            def tick(step, stylized, terms):
                nonlocal last
                now = time.perf_counter()
                seconds.append(now - last)
                last = now

            transfer.stylize(content, style, 1 + steps, verbose=0, on_step=tick)
            return seconds[1:]  # the first comes after the targets

        def theirs(by_hand=by_hand):
            seconds = []
            for _ in range(1 + steps):
                start = time.perf_counter()
                float(by_hand())
                seconds.append(time.perf_counter() - start)
            return seconds[1:]

        measured = [], []
        for turn in range(turns + 1):  # the first warms up
            for racer, kept in zip((ours, theirs), measured, strict=True):
                seconds = racer()
                if turn:
                    kept += seconds
        one, other = map(np.median, measured)
        figures[f"{label}: time ratio"] = figure(
            one / other, "ratio", 3, better="lower", bar=1.05
        )
        figures[f"{label}: step"] = figure(
            1e3 * one,
            "ms",
            0,
            better="lower",
            baseline=1e3 * other,
            baseline_name="by hand",
        )
    write_row(
        name,
        "Training step against a loop written by hand",
        figures,
        data=f"Tübingen and The Starry Night at {side}x{side}",
        protocol=(
            "time of a step of `StyleTransfer.stylize`, with a function "
            "called after each, over that of a hand-written `tf.function` "
            f"of the same losses and Adam, {os.cpu_count()} threads; {turns} "
            f"turns of {steps} steps"
        ),
        seed=SEED,
    )


def hand_written(transfer, content, style):
    """The same loop, as one would write it for one pair of images."""
    features = transfer.features
    layers = list(transfer.style_layers)
    (content_layer,) = transfer.content_layers
    wanted = features(content)[content_layer]
    painting = features(style)

    def gram(maps):
        maps = tf.reshape(maps, (-1, maps.shape[-1]))
        size = tf.cast(tf.shape(maps)[0], "float32")
        return tf.matmul(maps, maps, transpose_a=True) / size

    grams = {layer: gram(painting[layer]) for layer in layers}
    canvas = tf.Variable(content)
    adam = keras.optimizers.Adam(0.02)
    adam.build([canvas])
    pixels = tf.cast(tf.size(canvas), "float32")

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            seen = features(canvas)
            loss = tf.reduce_sum(
                (seen[content_layer] - wanted) ** 2
            ) / tf.reduce_sum(wanted**2)
            for layer in layers:
                error = (gram(seen[layer]) - grams[layer]) ** 2
                energy = tf.reduce_sum(grams[layer] ** 2)
                loss += 20.0 / len(layers) * tf.reduce_sum(error) / energy
            down = tf.abs(canvas[:, 1:] - canvas[:, :-1])
            right = tf.abs(canvas[:, :, 1:] - canvas[:, :, :-1])
            loss += (tf.reduce_sum(down) + tf.reduce_sum(right)) / pixels
            scaled = pixels * loss
        adam.apply([tape.gradient(scaled, canvas)], [canvas])
        canvas.assign(tf.clip_by_value(canvas, 0.0, 1.0))
        return loss

    return step


def _one_pass(name):
    folder = RUNS / name
    trained, words = _train(folder)
    model = keras.saving.load_model(folder / "adain.keras", compile=False)
    features = squeezenet(3, ENCODER)
    transfer = models.StyleTransfer(squeezenet(3, ENCODER))
    transfer.compile()
    one_pass = tf.function(model.stylize)
    figures = {}
    for label, painting in (("trained", TRAINED), ("held out", UNSEEN)):
        style = image(painting, 256)
        distances, statistics, seconds = [], [], []
        for content in (image(each, 256) for each in CONTENTS):
            one_pass(content, style)
            made = []
            for stylize in (
                one_pass,
                lambda c, s: transfer.stylize(c, s, STEPS, verbose=0),
            ):
                start = time.perf_counter()
                made.append(np.asarray(stylize(content, style)))
                seconds.append(time.perf_counter() - start)
            images = [*made, np.asarray(content)]
            for kept, statistic in (
                (distances, ops.gram_matrix),
                (statistics, means_deviations),
            ):
                kept.append(
                    [
                        style_distance(features, ENCODER, style, x, statistic)
                        for x in images
                    ]
                )
            index = len(distances) - 1
            for way, x in zip(("adain", "gatys"), made, strict=True):
                path = folder / f"{painting}-{CONTENTS[index]}-{way}.png"
                write_image(path, x[0])
        for what, measured in (
            ("means and deviations", statistics),
            ("Gram matrices", distances),
        ):
            one, many, before = np.mean(measured, axis=0)
            line = f"{label} painting, {what}"
            figures[f"{line}: distance"] = figure(
                one,
                decimals=4,
                better="lower",
                baseline=many,
                baseline_name=f"{STEPS} steps",
            )
            figures[f"{line}: ratio"] = figure(
                one / many,
                "ratio",
                1,
                better="lower",
                bar=2 if label == "trained" else None,
            )
            figures[f"{line}: photographs"] = figure(
                before, decimals=3, better="lower"
            )
        once, often = np.reshape(seconds, (-1, 2)).mean(axis=0)
    figures["time"] = figure(1e3 * once, "ms", 0, better="lower")
    figures[f"time of {STEPS} steps"] = figure(often, "s", 0, better="lower")
    figures["speed"] = figure(
        often / once, "ratio", 0, better="higher", bar=100
    )
    write_row(
        name,
        "Style transfer in one pass",
        figures | trained.figures(),
        data=(
            "Tübingen and Golden Gate in The Starry Night (trained) and The "
            "Scream (held out), 256x256"
        ),
        protocol=(
            "style distance of `AdaINTransfer` against that of "
            f"`StyleTransfer` after {STEPS} steps, both with SqueezeNet's "
            f"{' and '.join(ENCODER)}; {words} "
            "(encoder and rate chosen on these images), "
            f"{trained.words()}; photographs: the distance of what is not "
            "stylized"
        ),
        seed=SEED,
    )
    print(f"images: {folder}/*.png")


def paintings(held_out):
    """The paintings that the preset learned from, or the six others."""
    files = sorted((data_folder() / "paintings").glob("*.jpg"))
    return [
        file for index, file in enumerate(files) if (index % 7 == 3) == held_out
    ]


def _preset(name):
    _sheet(RUNS / name / "sheet.png")
    write_row(
        name,
        "Paintings that a style transfer in one pass has not seen",
        painting_figures(presets.adain()),
        data=(
            "six paintings of the Met, set aside; four photographs of "
            "photos/val; 256x256"
        ),
        protocol=(
            "style distance of `presets.adain` against that of "
            f"`StyleTransfer` after {STEPS} steps, both with SqueezeNet's "
            f"{' and '.join(ENCODER)}; photographs: the distance of what is "
            f"not stylized; {training_words('adain')}"
        ),
        seed=SEED,
    )


def _sheet(path, side=300):
    """Writes what `stylize --method adain` makes, below each painting."""
    styles = [image_file(TRAINED), image_file(UNSEEN), *paintings(True)[2:4]]
    with tempfile.TemporaryDirectory() as folder:
        files = [
            pathlib.Path(folder) / f"{name}.png"
            for name in ("content", "style", "out")
        ]
        columns = []
        for style in styles:
            column = [middle(style, side)[0]]
            write_image(files[1], column[0])
            for content in CONTENTS:
                write_image(files[0], image(content, side)[0])
                tasks.stylize(*files, method="adain", overwrite=True, verbose=0)
                column.append(read_image(files[2]))
            columns.append(np.concatenate(column))
    write_image(path, np.concatenate(columns, axis=1))
    print(f"image: {path}")


def painting_figures(model):
    """Figures of an AdaIN model on paintings that it has not seen.

    Writes `runs/benchmarks/adain_paintings/PAINTING.png`: the painting, and
    for each photograph what AdaIN and the optimization make of it.

    Args:
        model: A `models.AdaINTransfer`.
    """
    features = squeezenet(3, ENCODER)
    transfer = models.StyleTransfer(squeezenet(3, ENCODER))
    transfer.compile()
    photographs = io.find_images(data_folder() / "photos" / "val")[::10]
    measured = {"means and deviations": [], "Gram matrices": []}
    statistics = dict(
        zip(measured, (means_deviations, ops.gram_matrix), strict=True)
    )
    for file in paintings(held_out=True):
        style = middle(file, 256)
        shown = [style]
        for content in (middle(each, 256) for each in photographs):
            images = [
                np.asarray(model.stylize(content, style)),
                np.asarray(transfer.stylize(content, style, STEPS, verbose=0)),
                content,
            ]
            shown += images[:2]
            for what, kept in measured.items():
                kept.append(
                    [
                        style_distance(
                            features, ENCODER, style, x, statistics[what]
                        )
                        for x in images
                    ]
                )
        path = RUNS / "adain_paintings" / f"{file.stem}.png"
        write_image(path, np.concatenate([x[0] for x in shown], axis=1))
        print(f"image: {path}", flush=True)
    figures = {}
    for what, kept in measured.items():
        one, many, before = np.mean(kept, axis=0)
        bar, goal = (3, 2) if what == "means and deviations" else (None, None)
        figures[f"{what}: distance"] = figure(
            one,
            decimals=4,
            better="lower",
            baseline=many,
            baseline_name=f"{STEPS} steps",
        )
        figures[f"{what}: ratio"] = figure(
            one / many, "ratio", 1, better="lower", bar=bar, goal=goal
        )
        figures[f"{what}: photographs"] = figure(
            before, decimals=3, better="lower"
        )
    return figures


def _train(folder):
    """Trains unless that is done; `(Training, words)`."""
    words = (
        f"trained on CBSD68 and The Starry Night, {EPOCHS} epochs, patches of "
        f"{PATCH}, batch {BATCH}, Adam({RATE:g}) with cosine decay, style "
        f"weight {STYLE_WEIGHT:g}"
    )

    def fit():
        keras.utils.set_random_seed(SEED)
        folder.mkdir(parents=True, exist_ok=True)
        painting = datasets.source_from_arrays(
            TRAINED,
            "all",
            np.rint(255 * whole_image(image_file(TRAINED), 320)).astype(
                "uint8"
            ),
            np.zeros(1, "int64"),
        )
        photographs = datasets.image_folder(
            data_folder() / "denoise" / "CBSD68", channels=3
        )
        pairs = datasets.style_pipeline(
            photographs,
            painting,
            PATCH,
            jitter=256 / PATCH,
            batch_size=BATCH,
            seed=SEED,
        )
        features = squeezenet(3, ENCODER)
        model = models.AdaINTransfer(features, networks.style_decoder(features))
        rate = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * len(pairs))
        model.compile(keras.optimizers.Adam(rate), style_weight=STYLE_WEIGHT)
        model.fit(
            pairs,
            epochs=EPOCHS,
            verbose=2,
            callbacks=[
                keras.callbacks.BackupAndRestore(
                    folder / "backup", delete_checkpoint=False
                )
            ],
        )
        model.save(folder / "adain.keras")

    return train_once(folder, {"training": words}, fit), words


def vgg16(layers):
    """VGG-16, tuned on edges: the network of the optimization."""
    return networks.vgg16_features(hed_vgg16(), layers, name="vgg16_hed")


def image(name, side):
    """The middle square of one of the images of `style/`."""
    return middle(image_file(name), side)


def image_file(name):
    """Path of one of the images of `style/`."""
    return data_folder() / "style" / f"{name}.jpg"


def middle(path, side):
    """The middle square of an image file, (1, side, side, 3)."""
    whole = whole_image(path, side)
    top, left = ((each - side) // 2 for each in whole.shape[1:3])
    return whole[:, top : top + side, left : left + side]


def whole_image(path, side):
    """An image file, its shorter side resized to `side`."""
    image = read_image(path, channels=3)
    scale = side / min(image.shape[:2])
    size = [round(scale * each) for each in image.shape[:2]]
    resized = keras.ops.image.resize(
        image[None], size, interpolation="bicubic", antialias=True
    )
    return np.clip(np.asarray(resized), 0.0, 1.0)


def means_deviations(maps):
    """Mean and deviation of each channel."""
    return keras.ops.concatenate(ops.channel_statistics(maps), axis=-1)


def style_distance(
    network, layers, painting, image, statistics=ops.gram_matrix
):
    """Mean over layers, 0 for the same style."""
    wanted, seen = network(painting), network(image)
    return float(
        np.mean(
            [
                ops.relative_squared_error(
                    statistics(wanted[layer]), statistics(seen[layer])
                )[0]
                for layer in layers
            ]
        )
    )

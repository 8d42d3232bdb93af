"""Emoji from words: captions that no training has seen, in two languages.

200 codes are held out, in both styles. On the images and captions of the other
codes a retrieval network is trained, which puts both into one space
(contrastive training). It has learned to read then, and a flow is trained to
make images from its vectors of captions. A second retrieval network judges the
flow: an image that it makes from a caption that is held out is looked up among
20 real emoji that are held out: the right one and 19 others.
"""

import json
import shutil

import keras
import numpy as np
from keras import layers, ops

from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.trainings import (
    card,
    in_float32,
    store_in_half_precision,
    train_once,
    words_of,
)
from keras_synth import datasets, networks, presets, training
from keras_synth.io import image_grid, write_image
from keras_synth.ops import byte_ids

SEED = 0
NUM_HELD_OUT, NUM_CANDIDATES = 200, 20
SIZE, LENGTH, DIM = 32, training.flow.CAPTION_LENGTH, 64
LANGUAGES = ("en", "zh")
OPTIONS = {
    "image_size": SIZE,
    "epochs": 120,
    "batch_size": 64,
    "width": 48,
    "num_blocks": 1,
    "patch_size": 2,
    "captions": True,
    "guidance": 3.0,
}
RETRIEVAL_EPOCHS = 30
BUCKETS = 8192  # of n-grams


def run(name):
    """Trains (resuming what was begun) and measures the row."""
    keras.utils.set_random_seed(SEED)
    names = json.loads((data_folder() / "emoji" / "names.json").read_text())
    held_out, _ = split(names)
    folders = {
        part: copied(RUNS / name / part, names, codes)
        for part, codes in zip(("test", "train"), split(names), strict=True)
    }
    folder = RUNS / name / "flow"
    reader = RUNS / name / "reader.keras"
    if not reader.exists():
        save_reader(folders["train"], reader)

    def fit():
        keras.config.set_dtype_policy("mixed_bfloat16")
        training.train_flow(
            folders["train"],
            folder,
            text_encoder=reader,
            resume=True,
            seed=SEED,
            verbose=2,
            **OPTIONS,
        )
        keras.config.set_dtype_policy("float32")

    trained = train_once(folder, OPTIONS, fit)
    flow = in_float32(folder / "flow.keras")
    of_images, of_texts = train_retrieval(folders["train"])
    known, codes = images_of(folders["test"])
    real = vectors(of_images, known)
    figures, made = {}, {}
    for language in LANGUAGES:
        texts = [names[code][language]["label"] for code in held_out]
        ids = byte_ids(texts, LENGTH)
        made[language] = np.concatenate(
            [
                # The same noise for the same code in both languages.
                flow.sample(50, labels=ids[start : start + 50], seed=start)
                for start in range(0, NUM_HELD_OUT, 50)
            ]
        )
        write_image(
            RUNS / name / f"{language}.png", image_grid(made[language][:100])
        )
        for what, queries in (
            ("images", vectors(of_images, made[language])),
            ("captions themselves", vectors(of_texts, ids)),
        ):
            share = retrieved(queries, real, held_out, codes)
            chance = 100 / NUM_CANDIDATES
            figures[f"{what}, {language}: right emoji among 20"] = figure(
                100 * share,
                "%",
                1,
                better="higher",
                bar=3 * chance if what == "images" else None,
                baseline=chance,
                baseline_name="chance",
            )
    same, other = distances(
        *(vectors(of_images, made[language]) for language in LANGUAGES)
    )
    figures["both languages: distance of images of one caption"] = figure(
        same,
        decimals=3,
        better="lower",
        bar=round(other, 3),
        baseline=other,
        baseline_name="of two random captions",
    )
    figures |= trained.figures()
    store(flow, figures, trained)
    write_row(
        name,
        "Emoji from words (32x32, captions not seen in training)",
        figures,
        data=(
            f"{len(names) - NUM_HELD_OUT:,} emoji in two styles with labels "
            f"and tags in English and Chinese; {NUM_HELD_OUT} held out by code"
        ),
        protocol=(
            f"`training.train_flow`, {words_of(OPTIONS)}, mixed_bfloat16, "
            f"{trained.words()}, from vectors of captions by a network of "
            f"hashed n-grams that was trained for {RETRIEVAL_EPOCHS} epochs to "
            "retrieve emoji; the label of each "
            "emoji held out makes one image; retrieval by the cosine of "
            f"vectors of another network, trained for {RETRIEVAL_EPOCHS} "
            "epochs on the other emoji; distances are 1 - cosine, with the "
            "same noise"
        ),
        seed=SEED,
    )


def store(flow, figures, trained):
    """Writes weights and card of `presets.emoji_flow`."""
    folder = RUNS / "flow_emoji"
    network = presets.emoji_flow(None).network
    network.set_weights(flow.network_average.get_weights())
    network.save_weights(folder / "float32.weights.h5")
    weights = folder / "emoji_flow.weights.h5"
    store_in_half_precision(folder / "float32.weights.h5", weights)
    (folder / "emoji_flow.md").write_text(
        card(
            "emoji_flow",
            figures,
            f"`training.train_flow`, {words_of(OPTIONS)}, {trained.times()}, "
            f"{trained.words()}",
            {
                "bad at": "words that no emoji has, and how many or where; "
                "small detail",
            },
            "flow_emoji",
            "1,711 emoji of Noto (Apache-2.0) and Twemoji (CC BY 4.0), with "
            "names and tags in English and Chinese of emojibase (MIT)",
        )
    )
    print(f"weights and card: {folder}/emoji_flow.*")


def split(names):
    """`(codes held out, other codes)`."""
    codes = np.random.default_rng(SEED).permutation(sorted(names)).tolist()
    return codes[:NUM_HELD_OUT], codes[NUM_HELD_OUT:]


def copied(target, names, codes):
    """A folder of the images of some codes, with their captions."""
    for style in ("noto", "twemoji"):
        (target / style).mkdir(parents=True, exist_ok=True)
        for code in codes:
            file = data_folder() / "emoji" / style / f"{code}.png"
            if not (target / style / file.name).exists():
                shutil.copy(file, target / style / file.name)
    table = {code: names[code] for code in codes}
    text = json.dumps(table, ensure_ascii=False)
    (target / "names.json").write_text(text, "utf-8")
    return target


def images_of(folder):
    """Images of Noto, float32 (codes, 32, 32, 3), and their codes."""
    source = datasets.resize_source(
        datasets.image_folder(folder / "noto"), SIZE
    )
    return source.arrays()[0], [file.stem for file in source.files]


class Retrieval(keras.Model):
    """Contrastive training of two networks, for images and for token ids."""

    def __init__(self, of_images, of_texts):
        super().__init__()
        self.of_images, self.of_texts = of_images, of_texts

    def call(self, inputs):
        images, ids = inputs
        # Cosines, times a fixed inverse temperature.
        return 20.0 * ops.matmul(
            self.of_images(images), ops.transpose(self.of_texts(ids))
        )

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        right = ops.arange(ops.shape(y_pred)[0])
        cross_entropy = keras.losses.sparse_categorical_crossentropy
        losses = [
            cross_entropy(right, logits, from_logits=True)
            for logits in (y_pred, ops.transpose(y_pred))
        ]
        return ops.mean(losses[0] + losses[1])


def train_retrieval(folder, seed=SEED):
    """`(network of images, network of ids)`, each to unit vectors."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((SIZE, SIZE, 3))
    x = image
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    of_images = keras.Model(image, _unit(x))
    of_texts = text_network(0.5)
    batches = datasets.synthesis_pipeline(
        datasets.captioned_folder(folder),
        SIZE,
        batch_size=128,
        caption_length=LENGTH,
        augment=datasets.random_flip,
        seed=seed,
    ).map(lambda images, ids: ((images, ids),))
    model = Retrieval(of_images, of_texts)
    model.compile(keras.optimizers.AdamW(2e-3, weight_decay=0.05))
    model.fit(batches, epochs=RETRIEVAL_EPOCHS, verbose=2)
    return of_images, of_texts


def text_network(dropout):
    """From token ids to unit vectors."""
    ids = keras.Input((LENGTH,), dtype="int32")
    x = layers.Dropout(dropout)(
        networks.ngram_encoder(LENGTH, num_buckets=BUCKETS)(ids)
    )
    x = layers.Dropout(dropout)(layers.Dense(256, activation="gelu")(x))
    return keras.Model(ids, _unit(x))


def _unit(x):
    """Unit vectors of `DIM` values."""
    x = layers.Dense(DIM, dtype="float32")(x)
    return layers.UnitNormalization(dtype="float32")(x)


def save_reader(folder, path):
    """Trains and saves the network that reads captions for the flow."""
    _, of_texts = train_retrieval(folder, SEED + 1)
    known = text_network(0.0)
    known.set_weights(of_texts.get_weights())
    # Unit vectors to values of unit size.
    vector = DIM**0.5 * known(known.input)
    reader = keras.Model(known.input, vector, name="reader")
    reader.trainable = False
    reader.save(path)


def vectors(network, inputs):
    """Unit vectors, (n, dim)."""
    return network.predict(inputs, batch_size=200, verbose=0)


def retrieved(queries, real, held_out, codes):
    """Share of queries that are nearest to their own emoji among 20."""
    rng = np.random.default_rng(SEED)
    place = {code: index for index, code in enumerate(codes)}
    right = np.array([place[code] for code in held_out])
    hits = []
    for query, own in zip(queries, right, strict=True):
        others = rng.choice(
            np.delete(right, right == own), NUM_CANDIDATES - 1, replace=False
        )
        hits.append((real[own] @ query) > (real[others] @ query).max())
    return np.mean(hits)


def distances(one, other):
    """Mean distance of images of one caption, and of two captions."""
    between = 1.0 - one @ other.T
    same = np.eye(len(one), dtype=bool)
    return between[same].mean(), between[~same].mean()

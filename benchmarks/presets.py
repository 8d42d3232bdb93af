"""Presets for photographs: a queue that trains what is not trained yet.

`make presets` goes through it in order. It can be stopped at any time, and goes
on when it is called again. Weights and cards are left in `runs/presets/NAME/`;
those that are better than what is there are copied to `keras_synth/presets`.
"""

import dataclasses
from collections.abc import Callable

import keras

from benchmarks import inpainting_methods, photo_restorer, photographs
from benchmarks.damage_detector import link_masks
from benchmarks.rows import ROOT, data_folder
from benchmarks.trainings import (
    card,
    store_in_half_precision,
    train_once,
    words_of,
)
from keras_synth import degradations, presets, training
from keras_synth.training.inpainter import HOLES

FOLDER = ROOT / "runs" / "presets"
PHOTOGRAPHS = (
    "240 color photographs of the CID22 set and of Unsplash (photos/train; "
    "CC BY-SA 4.0 and the Unsplash license)"
)
_UNET = {"channels": 3, "widths": (48, 96, 192), "num_blocks": 2}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A preset to train.

    Attributes:
        train: Function of `keras_synth.training`.
        options: Its arguments.
        network: Function of `keras_synth.presets`, from a path of weights to
            the network.
        figures: Function from the network to the figures of its card.
        notes: More lines of the card.
        masks: Function from the folder of the masks to learn from to further
            arguments of `train`; None without masks.
    """

    train: Callable
    options: dict
    network: Callable
    figures: Callable
    notes: dict
    masks: Callable | None = None


def photograph_holes(masks):
    """Holes to train an inpainter on: film damage, and those drawn by rule."""
    film = degradations.FilmDamage(
        masks, count=(1, 3), scale=(0.3, 1.0), opacity=1.0
    )
    drawn = HOLES["photo"].degradations
    return {"holes": degradations.OneOf([*drawn, film])}


QUEUE = {
    "color_denoiser": Entry(
        training.train_denoiser,
        {
            **_UNET,
            "degradation": "noise",
            "image_size": 64,
            "patches_per_image": 20,
            "epochs": 130,
            "batch_size": 16,
            "learning_rate": 5e-4,
        },
        presets.color_denoiser,
        photographs.color_figures,
        {
            "noise": "Gaussian, σ from 0 to 75 gray levels",
            **{
                f"{method}, as published, σ = 15 / 25 / 50": psnr
                for method, psnr in photographs.published().items()
            },
            "bad at": "noise that is correlated from pixel to pixel, as in "
            "JPEG files and scans of film",
        },
    ),
    "photo_restorer": Entry(
        training.train_denoiser,
        {
            "from_": "color_denoiser",
            "channels": 3,
            "degradation": "photo",
            "image_size": 64,
            "patches_per_image": 20,
            "epochs": 40,
            "batch_size": 16,
            "learning_rate": 4e-4,
        },
        presets.photo_restorer,
        photo_restorer.photo_figures,
        {
            "degradations": "slight blur, noise of a camera or of σ up to 25 "
            "gray levels, JPEG from 10 to 95, once or twice, on any grid",
            "bad at": "heavy noise and heavy blur; text and faces of a few "
            "pixels",
        },
    ),
    "inpainter": Entry(
        training.train_inpainter,
        {
            "from_": "photo_restorer",
            "channels": 3,
            "resize": False,
            "image_size": 128,
            "patches_per_image": 10,
            "warmup_epochs": 16,
            "epochs": 0,
            "batch_size": 8,
            "learning_rate": 4e-4,
        },
        presets.inpainter,
        inpainting_methods.inpainting_figures,
        {
            "masks": "306 of 400 masks of film damage (MIT license)",
            "bad at": "holes of more than some 60 pixels across, which become "
            "smooth; text and faces",
        },
        photograph_holes,
    ),
}


def run(name):
    """Trains every preset of the queue that is not trained yet."""
    for preset, entry in QUEUE.items():
        train(preset, entry)


def train(name, entry):
    """Trains one preset, and writes its weights and its card."""
    folder = FOLDER / name
    weights = folder / f"{name}.weights.h5"

    def fit():
        # Half the time where the processor has the instructions.
        keras.config.set_dtype_policy("mixed_bfloat16")
        masks = {}
        if entry.masks:
            masks = entry.masks(link_masks(FOLDER / "film_damage", False))
        network = entry.train(
            data_folder() / "photos" / "train",
            folder,
            resume=True,
            seed=0,
            verbose=2,
            **masks,
            **entry.options,
        )
        network = getattr(network, "generator_average", network)
        keras.config.set_dtype_policy("float32")
        network.save_weights(folder / "trained.weights.h5")

    done = train_once(folder, entry.options, fit)
    if not weights.exists():
        store_in_half_precision(folder / "trained.weights.h5", weights)
    text = card(
        name,
        entry.figures(entry.network(weights)),
        f"`training.{entry.train.__name__}`, {words_of(entry.options)}, "
        f"{done.times()}, {done.words()}",
        entry.notes,
        name,
        PHOTOGRAPHS,
    )
    (folder / f"{name}.md").write_text(text)
    print(f"weights and card: {folder}/{name}.*")

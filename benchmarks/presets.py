"""Presets for photographs: a queue that trains what is not trained yet.

`make presets` goes through it in order. It can be stopped at any time, and goes
on when it is called again. Weights and cards are left in `runs/presets/NAME/`;
those that are better than what is there are copied to `keras_synth/presets`.
"""

import dataclasses
import functools
from collections.abc import Callable

import keras

from benchmarks import (
    color_upscalers,
    damage_detector,
    denoiser,
    inpainting_methods,
    photo_restorer,
    photo_upscaler,
    photographs,
    style_transfer,
)
from benchmarks.damage_detector import link_masks
from benchmarks.feature_networks import squeezenet_file
from benchmarks.rows import ROOT, data_folder
from benchmarks.trainings import (
    card,
    link_files,
    store_in_half_precision,
    train_once,
    words_of,
)
from keras_synth import degradations, io, presets, training
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
        extra: Function without arguments that returns further arguments of
            `train`, such as folders of masks, or other `data` than the
            photographs; None without.
        builder: Name of `network` in `keras_synth.presets`, where it is not
            that of the preset.
        command: Name of the row, where it is not that of the preset.
        data: Training images and their license.
        bits: Significant bits that large arrays are rounded to.
    """

    train: Callable
    options: dict
    network: Callable
    figures: Callable
    notes: dict
    extra: Callable | None = None
    builder: str | None = None
    command: str | None = None
    data: str = PHOTOGRAPHS
    bits: int = 11


def film_damage():
    """Folder of the masks of film damage to learn from."""
    return link_masks(FOLDER / "film_damage", False)


def photograph_holes():
    """Holes to train an inpainter on: film damage, and those drawn by rule."""
    film = degradations.FilmDamage(
        film_damage(), count=(1, 3), scale=(0.3, 1.0), opacity=1.0
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
    "gray_denoiser": Entry(
        training.train_denoiser,
        {
            "from_": "color_denoiser",
            "channels": 1,
            "degradation": "noise",
            "image_size": 64,
            "patches_per_image": 20,
            "epochs": 45,
            "batch_size": 16,
            "learning_rate": 4e-4,
        },
        presets.gray_denoiser,
        denoiser.psnr_figures,
        {
            "noise": "Gaussian, σ from 0 to 75 gray levels",
            "bad at": "noise that is correlated from pixel to pixel, as in "
            "JPEG files and scans of film",
        },
        command="denoiser",
        bits=9,
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


def detector_data():
    """What a detector learns from, and the encoder's weights.

    The photographs and the paintings, and both at 3/4 and 1/2 of their size
    (what the same objects look like from farther away), where these have 256
    pixels and more.
    """
    folder = FOLDER / "detector_images"
    files = io.find_images(data_folder() / "photos" / "train")
    for file in [*files, *io.find_images(data_folder() / "paintings")]:
        image = io.read_image(file, channels=3)
        for quarters in (4, 3, 2):
            size = [quarters * side // 4 for side in image.shape[:2]]
            target = folder / f"{file.stem}_{quarters}.png"
            if min(size) >= 256 and not target.exists():
                io.write_image(
                    target, keras.ops.image.resize(image, size, antialias=True)
                )
    return {
        "data": folder,
        "masks": film_damage(),
        "weights": squeezenet_file(),
    }


def detector_figures(network):
    """Figures of a detector: what it finds, and what is repaired by it."""
    found = damage_detector.detection_figures(network)
    return found | damage_detector.repair_figures(network)


QUEUE["damage_detector"] = Entry(
    training.train_damage_detector,
    {
        "channels": 3,
        "image_size": 256,
        "patches_per_image": 3,
        "epochs": 16,
        "batch_size": 4,
        "learning_rate": 4e-3,
    },
    presets.damage_detector,
    detector_figures,
    {
        "encoder": "SqueezeNet 1.1, of its authors' weights on ImageNet (BSD "
        "and MIT licenses, see `presets/SQUEEZENET_LICENSE.txt`)",
        "masks": "306 of 400 masks of film damage (MIT license)",
        "bad at": "half is missed, above all of large translucent stains; "
        "snow and small bright things are taken for film damage",
    },
    detector_data,
    data=f"{PHOTOGRAPHS}; 43 paintings of the Met (CC0)",
    bits=8,
)


def upscaler(scale, **options):
    """Entry of the upscaler of one scale.

    Patches that the network gets have 24 x 24 pixels.
    """
    return Entry(
        training.train_upscaler,
        {
            "scale": scale,
            "channels": 3,
            "image_size": 24 * scale,
            "patches_per_image": 20,
            "batch_size": 16,
            **options,
        },
        functools.partial(presets.upscaler, scale),
        functools.partial(color_upscalers.upscaler_figures, scale=scale),
        {
            "figures": f"PSNR and SSIM on Y of BT.601, border of {scale} cut",
            "bad at": "small images that are noisy, blurred or compressed; "
            "text and faces of a few pixels",
        },
        builder="upscaler",
    )


# The shipped weights, trained further on larger patches. They began as
# `upscaler(4, num_blocks=16, epochs=60, learning_rate=1e-3)`.
QUEUE["upscaler_x4"] = dataclasses.replace(
    upscaler(
        4,
        from_="upscaler_x4",
        image_size=192,
        epochs=36,
        batch_size=8,
        learning_rate=5e-4,
    ),
    bits=9,
)
for _scale, _epochs in ((2, 12), (3, 8)):
    QUEUE[f"upscaler_x{_scale}"] = upscaler(
        _scale, from_="upscaler_x4", epochs=_epochs, learning_rate=4e-4
    )

QUEUE["photo_upscaler_x4"] = dataclasses.replace(
    upscaler(
        4,
        from_="upscaler_x4",
        downsampling="real",
        epochs=12,
        learning_rate=4e-4,
    ),
    network=functools.partial(presets.photo_upscaler, 4),
    figures=photo_upscaler.photo_upscaler_figures,
    notes={
        "degradations": "`degradations.RealWorldDownsample`: blur, resizing, "
        "noise and JPEG, twice",
        "bad at": "clean small images, which `upscaler_x4` upscales better; "
        "detail that the small image does not show; text",
    },
    builder="photo_upscaler",
)


def paintings():
    """Paintings to learn styles from, and the encoder's weights."""
    return {
        "styles": link_files(
            FOLDER / "paintings", style_transfer.paintings(held_out=False)
        ),
        "weights": squeezenet_file(),
    }


QUEUE["adain"] = Entry(
    training.train_adain,
    {
        "features": "squeezenet",
        "image_size": 128,
        "epochs": 200,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "style_weight": 15.0,
    },
    presets.adain,
    style_transfer.painting_figures,
    {
        "encoder": "SqueezeNet 1.1 up to `fire3`, of its authors' weights on "
        "ImageNet (BSD and MIT licenses, see "
        "`presets/SQUEEZENET_LICENSE.txt`)",
        "bad at": "large strokes and shapes of a painting: colors and fine "
        "texture are taken from it",
    },
    paintings,
    command="adain_paintings",
    data=f"{PHOTOGRAPHS}; 38 paintings of the Met (CC0)",
)


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
        extra = entry.extra() if entry.extra else {}
        network = entry.train(
            extra.pop("data", data_folder() / "photos" / "train"),
            output=folder,
            resume=True,
            seed=0,
            verbose=2,
            **extra,
            **entry.options,
        )
        network = getattr(network, "generator_average", network)
        keras.config.set_dtype_policy("float32")
        network.save_weights(folder / "trained.weights.h5")

    done = train_once(folder, entry.options, fit)
    if not weights.exists():
        trained = folder / "trained.weights.h5"
        store_in_half_precision(trained, weights, entry.bits)
    text = card(
        entry.builder or name,
        entry.figures(entry.network(weights)),
        f"`training.{entry.train.__name__}`, {words_of(entry.options)}, "
        f"{done.times()}, {done.words()}",
        entry.notes,
        entry.command or name,
        entry.data,
    )
    (folder / f"{name}.md").write_text(text)
    print(f"weights and card: {folder}/{name}.*")

"""Finding film damage: the detector on photographs and masks held back."""

import pathlib
import zlib

import numpy as np

from benchmarks.rows import data_folder, figure
from keras_synth import inference, io
from keras_synth.degradations import FilmDamage, OldPhoto

SEED = 0


def is_held_back(file):
    """Whether a mask is one of those that nothing was trained on."""
    return zlib.crc32(pathlib.Path(file).name.encode()) % 4 == 0


def link_masks(folder, held_back):
    """Fills a folder with links to the masks to train on, or to the others.

    Args:
        folder: Path of the folder to make.
        held_back: Whether to take those that are held back.

    Returns:
        The folder.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted((data_folder() / "film_damage").rglob("*.png")):
        link = folder / file.name
        if is_held_back(file) == held_back and not link.exists():
            link.symlink_to(file)
    return folder


def detection_figures(network, masks):
    """Figures of a detector: F1 on old photographs, alarms on clean ones.

    Args:
        network: From images to the probability of film damage.
        masks: Folder of the masks that were held back.
    """
    degradation = OldPhoto(FilmDamage(masks, scale=(0.3, 1.0)))
    both, found, true, alarms = 0, 0, 0, []
    for index, file in enumerate(
        io.find_images(data_folder() / "photos" / "val")
    ):
        clean = io.read_image(file, channels=3).astype("float32")
        old, record = degradation(clean, (SEED, index), return_record=True)
        mask = np.asarray(record["mask"])[..., 0] > 0.5
        marked = _marked(network, np.asarray(old))
        both += np.sum(marked & mask)
        found += np.sum(marked)
        true += np.sum(mask)
        alarms.append(np.mean(_marked(network, clean)))
    return {
        "F1": figure(
            2 * both / (found + true),
            decimals=3,
            better="higher",
            bar=0.8,
            goal=0.9,
        ),
        "precision": figure(both / found, decimals=3, better="higher"),
        "recall": figure(both / true, decimals=3, better="higher"),
        "clean photographs, marked": figure(
            100 * np.mean(alarms), "%", better="lower", bar=0.5
        ),
        "clean photographs, marked at most": figure(
            100 * np.max(alarms), "%", better="lower"
        ),
    }


def _marked(network, image):
    return inference.restore_tiled(network, image[None])[0, ..., 0] > 0.5

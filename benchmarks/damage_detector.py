"""Film damage on photographs, of masks that were held back: found, repaired."""

import pathlib
import tempfile
import zlib

import numpy as np

from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.trainings import link_files, training_words
from keras_synth import inference, io, presets, restoration, tasks
from keras_synth.degradations import FilmDamage, OldPhoto
from keras_synth.tasks.old_photo import MARKED

SEED = 0
SCALE = (0.3, 1.0)


def run(name):
    """Writes the row of the pretrained detector."""
    network = presets.damage_detector()
    write_row(
        name,
        "Film damage on photographs: found, and repaired",
        detection_figures(network) | repair_figures(network),
        data="39 photographs (photos/val) and 94 masks, all held back",
        protocol=(
            "one to four masks on each photograph, as in "
            "`degradations.OldPhoto`, found: pixels of all images together; "
            "x8: mean over the eight symmetries; repaired: film damage alone, "
            "`restore --old-photo --keep-levels`; bar of restore: the best of "
            "8 dB above the degraded photographs, their median and biharmonic "
            f"inpainting that is given the mask; {training_words(name)}"
        ),
        seed=SEED,
    )


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
    files = sorted((data_folder() / "film_damage").rglob("*.png"))
    return link_files(
        folder, [file for file in files if is_held_back(file) == held_back]
    )


def held_back():
    """Folder of the masks that were held back."""
    return link_masks(RUNS / "film_damage_held_back", True)


def photographs():
    """The photographs that nothing learns from, float32."""
    for file in io.find_images(data_folder() / "photos" / "val"):
        yield io.read_image(file, channels=3).astype("float32")


def detection_figures(network):
    """Figures of a detector: F1 on old photographs, alarms on clean ones.

    Of one pass, and of the mean over the eight symmetries ("x8").

    Args:
        network: From images to the probability of film damage.
    """
    one = _detection(network, False)
    eight = _detection(network, True)
    return one | {f"x8: {name}": value for name, value in eight.items()}


def _detection(network, ensemble):
    degradation = OldPhoto(FilmDamage(held_back(), scale=SCALE))
    both, found, true, alarms = 0, 0, 0, []
    for index, clean in enumerate(photographs()):
        old, record = degradation(clean, (SEED, index), return_record=True)
        mask = np.asarray(record["mask"])[..., 0] > 0.5
        marked = _marked(network, np.asarray(old), ensemble)
        both += np.sum(marked & mask)
        found += np.sum(marked)
        true += np.sum(mask)
        alarms.append(np.mean(_marked(network, clean, ensemble)))
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


def _marked(network, image, ensemble):
    # In whole: the network standardizes what it sees.
    side = 32 * -(-max(image.shape) // 32)

    def find(images):
        return inference.restore_tiled(network, images, side, 0, multiple=32)

    images = image[None]
    found = inference.self_ensemble(find, images) if ensemble else find(images)
    return found[0, ..., 0] > MARKED


def repair_figures(network):
    """PSNR in the film damage: as it is, and as several methods repair it.

    Film damage alone, in files of 8 bits, repaired by `tasks.restore`. The bar
    is the highest of 8 dB above the degraded photographs, their median, and
    biharmonic inpainting that is given the mask.

    Args:
        network: From images to the probability of film damage.
    """
    damage = FilmDamage(held_back(), scale=SCALE)
    scores = []
    with tempfile.TemporaryDirectory() as folder:
        old, out, detector = (
            pathlib.Path(folder) / name
            for name in ("old.png", "out.png", "detector.keras")
        )
        network.save(detector)
        for index, clean in enumerate(photographs()):
            torn, record = damage(clean, (SEED, index), return_record=True)
            mask = np.asarray(record["mask"])
            if not mask.any():
                continue
            io.write_image(old, np.asarray(torn))
            tasks.restore(
                old,
                out,
                old_photo=True,
                detector=detector,
                keep_levels=True,
                overwrite=True,
                verbose=0,
            )
            torn = io.read_image(old, channels=3)[None]
            known = np.where(mask > 0.5, 0.0, torn)
            results = {
                "degraded": torn,
                "median of 5": restoration.median(5)(torn),
                "biharmonic, given the mask": restoration.biharmonic()(
                    known, mask[None]
                ),
                "restore": io.read_image(out, channels=3)[None],
            }
            hole = mask[..., 0] > 0.5
            errors = {
                name: np.mean(np.square(image[0][hole] - clean[hole]))
                for name, image in results.items()
            }
            scores.append([-10 * np.log10(error) for error in errors.values()])
            print(index, dict(zip(errors, scores[-1], strict=True)), flush=True)
    means = dict(zip(errors, np.mean(scores, axis=0), strict=True))
    *others, _ = means.values()
    bar = round(max(means["degraded"] + 8, *others), 2)
    return {
        f"{name}: PSNR in the film damage": figure(
            value,
            "dB",
            better="higher",
            bar=bar if name == "restore" else None,
        )
        for name, value in means.items()
    }

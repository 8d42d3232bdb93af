"""Training images and long trainings that several benchmarks share.

The images are the 400 of BSD that DnCNN and FFDNet learn from, minus every
twentieth, which is held out to choose between networks.
"""

import datetime
import json
import shutil
import time

import h5py
import keras

from benchmarks.rows import current_commit, data_folder

HELD_OUT = 20  # every twentieth image of Train400


def train(recipe, name, folder, options):
    """Trains on Train400 unless that is done.

    Args:
        recipe: `recipes??.train_...`, for images.
        name: of the row, and of the file of weights.
        folder: for all that comes of it.
        options: of the recipe.

    Returns:
        `(minutes, commit)`, both words.
    """
    trained = folder / "trained.json"
    if not trained.exists():
        resumed = (folder / "backup").exists()
        start = time.perf_counter(), time.process_time()
        # Half the time where the processor has the instructions.
        keras.config.set_dtype_policy("mixed_bfloat16")
        network = recipe(
            training_folder(folder),
            folder,
            resume=True,
            seed=0,
            verbose=2,
            **options,
        )
        network.save_weights(folder / f"{name}.weights.h5")
        wall = (time.perf_counter() - start[0]) / 60
        cpu = (time.process_time() - start[1]) / 60
        minutes = f"{wall:.0f} min ({cpu:.0f} CPU min)"
        if resumed:
            minutes = f"resumed, then {minutes}"
        trained.write_text(
            json.dumps([words_of(options), current_commit(), minutes])
        )
    stored, commit, minutes = json.loads(trained.read_text())
    if stored != words_of(options):
        raise SystemExit(f"{folder} holds another training: remove it first.")
    return minutes, commit


def training_folder(folder):
    """Train400 without what is held out, as a folder of its own."""
    target = folder / "Train400"
    files = sorted((data_folder() / "denoise" / "Train400").iterdir())
    target.mkdir(parents=True, exist_ok=True)
    for index, file in enumerate(files):
        if index % HELD_OUT and not (target / file.name).exists():
            shutil.copy(file, target / file.name)
    return target


def store_in_half_precision(source, target):
    """Writes a weights file as float16, without the optimizer's state."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name, item):
            if name.partition("/")[0].endswith("optimizer"):
                return
            if isinstance(item, h5py.Dataset):
                values = item[()]
                if values.dtype.kind == "f":  # counts stay whole numbers
                    values = values.astype("float16")
                new[name] = values
            else:
                new.require_group(name).attrs.update(item.attrs)

        old.visititems(copy)
        new.attrs.update(old.attrs)


def words_of(options):
    """A recipe's options, to be read."""
    return ", ".join(f"{key}={value}" for key, value in options.items())


TRAIN400 = (
    "380 of the 400 gray 180x180 crops of BSDS500 (Martin et al., 2001; for "
    "research and teaching) that DnCNN learnt from"
)


def card(
    network, figures, words, notes, command, data=TRAIN400, part="presets"
):
    """What `presets/NETWORK.md` says.

    Args:
        network: its name in `keras_synth`.
        figures: `{what: value with its unit}`.
        words: about the training.
        notes: `{what: words}`, more lines.
        command: the benchmark's name.
        data: what it learnt from.
        part: of `keras_synth`, where its builder is.

    Returns:
        Markdown.
    """
    rows = {
        "network": f"`keras_synth.{part}.{network}`",
        "data": data,
        "training": words,
        "command": f"`make benchmark NAME={command}`",
        "seed": 0,
        "date": datetime.date.today(),
        **figures,
        **notes,
        "stored as": "float16",
        "license of the weights": "Apache-2.0",
    }
    lines = "\n".join(f"| {what} | {value} |" for what, value in rows.items())
    return f"# {network}\n\n| | |\n|---|---|\n{lines}\n"

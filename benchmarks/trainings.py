"""Trainings that run once, their times, and the cards of their weights.

The images are the 400 of BSD that DnCNN and FFDNet were trained on, minus
every twentieth, which is held out to choose between networks.
"""

import dataclasses
import datetime
import json
import pathlib
import shutil
import time

import h5py
import keras
import numpy as np

from benchmarks.rows import ROOT, current_commit, data_folder, figure

HELD_OUT = 20  # every twentieth image of Train400


@dataclasses.dataclass
class Training:
    """What is known of a training that is done.

    Args:
        commit: Commit of the code that trained.
        minutes: Wall-clock minutes.
        cpu_minutes: CPU minutes.
        resumed: Whether the minutes are those of the last part alone.
    """

    commit: str
    minutes: float
    cpu_minutes: float
    resumed: bool

    def figures(self):
        """The two times as a row's figures."""
        return {
            "training time": figure(self.minutes, "min", 0),
            "training time, CPU": figure(self.cpu_minutes, "min", 0),
        }

    def words(self):
        """Commit, and whether the training was resumed, for a protocol."""
        resumed = (
            "; the training was resumed, the minutes are those of its last part"
        )
        return f"at commit {self.commit}" + (resumed if self.resumed else "")

    def times(self):
        """Both times in words, for a protocol or a card."""
        return f"{self.minutes:.0f} min ({self.cpu_minutes:.0f} CPU min)"


def train_once(folder, settings, train):
    """Calls a training function unless that was done, and times it.

    Args:
        folder: Folder of the training; `trained.json` in it says that it is
            done.
        settings: What defines the training, a dict for JSON. A folder of
            other settings is refused.
        train: Function without arguments that trains, resuming what was
            begun.

    Returns:
        A `Training`.
    """
    settings = json.loads(json.dumps(settings))
    trained = folder / "trained.json"
    if not trained.exists():
        resumed = (folder / "backup").exists()
        start = time.perf_counter(), time.process_time()
        train()
        done = Training(
            current_commit(),
            (time.perf_counter() - start[0]) / 60,
            (time.process_time() - start[1]) / 60,
            resumed,
        )
        folder.mkdir(parents=True, exist_ok=True)
        trained.write_text(json.dumps([settings, dataclasses.asdict(done)]))
    stored, done = json.loads(trained.read_text())
    if stored != settings:
        raise SystemExit(f"{folder} holds another training: remove it first.")
    return Training(**done)


def train_on_photographs(train, name, folder, options):
    """Trains a restorer on Train400, unless that is done.

    Args:
        train: `training.train_denoiser` or `training.train_upscaler`.
        name: Name of the weights file.
        folder: Folder for everything that the training writes.
        options: Arguments of `train`.

    Returns:
        A `Training`.
    """

    def fit():
        # Half the time where the processor has the instructions.
        keras.config.set_dtype_policy("mixed_bfloat16")
        network = train(
            training_folder(folder),
            folder,
            resume=True,
            seed=0,
            verbose=2,
            channels=1,
            **options,
        )
        network.save_weights(folder / f"{name}.weights.h5")
        keras.config.set_dtype_policy("float32")

    return train_once(folder, options, fit)


class Stopwatch(keras.callbacks.Callback):
    """Adds up wall-clock and CPU minutes of epochs, over resumed runs too.

    Args:
        path: JSON file that keeps the sums, `pathlib.Path`.
    """

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter(), time.process_time()
        past = self.read() if epoch else [0.0, 0.0]
        minutes = [
            p + (n - s) / 60
            for p, n, s in zip(past, now, self.start, strict=True)
        ]
        self.path.write_text(json.dumps(minutes))

    def read(self):
        """`[wall-clock minutes, CPU minutes]` so far."""
        return json.loads(self.path.read_text())


def training_folder(folder):
    """Train400 without what is held out, as a folder of its own."""
    target = folder / "Train400"
    files = sorted((data_folder() / "denoise" / "Train400").iterdir())
    target.mkdir(parents=True, exist_ok=True)
    for index, file in enumerate(files):
        if index % HELD_OUT and not (target / file.name).exists():
            shutil.copy(file, target / file.name)
    return target


def in_float32(path):
    """The model of a file, whose layers all compute in float32."""
    model = keras.saving.load_model(path, compile=False)
    config = keras.saving.serialize_keras_object(model)
    twin = keras.saving.deserialize_keras_object(_in_float32(config))
    twin.set_weights(model.get_weights())
    return twin


def _in_float32(config):
    """A configuration with other names of policies."""
    if isinstance(config, dict):
        return {key: _in_float32(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_in_float32(value) for value in config)
    return "float32" if config == "mixed_bfloat16" else config


def link_files(folder, files):
    """Fills a folder with links to files, for a function that takes a folder.

    Args:
        folder: Path of the folder to make.
        files: Paths of the files, of different names.

    Returns:
        The folder, a `pathlib.Path`.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        if not (folder / file.name).exists():
            (folder / file.name).symlink_to(file)
    return folder


def store_in_half_precision(source, target, bits=11):
    """Writes a weights file as float16, without the optimizer's state.

    Rounded to 8 bits instead of the 11 of float16, large arrays are packed
    into a fifth less, for an error of at most 2⁻⁸ of each weight. Figures of
    such weights are measured from the file.

    Args:
        source: The weights file.
        target: The file to write.
        bits: Significant bits of large arrays.
    """
    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name, item):
            if name.partition("/")[0].endswith("optimizer"):
                return
            if isinstance(item, h5py.Dataset):
                values = item[()]
                # Compression of small ones makes the file larger.
                large = values.size > 2**12
                if values.dtype.kind == "f":  # counts stay whole numbers
                    if large:
                        values = _rounded(values, bits)
                    values = values.astype("float16")
                packed = {
                    "chunks": values.shape,
                    "compression": "gzip",
                    "compression_opts": 9,
                    "shuffle": True,
                }
                new.create_dataset(
                    name, data=values, **(packed if large else {})
                )
            else:
                new.require_group(name).attrs.update(item.attrs)

        old.visititems(copy)
        new.attrs.update(old.attrs)


def _rounded(values, bits):
    """Values of so many significant bits."""
    fractions, exponents = np.frexp(np.float32(values))
    return np.ldexp(np.round(fractions * 2**bits) / 2**bits, exponents)


def words_of(options):
    """Arguments of a function as `name=value, ...`."""
    return ", ".join(f"{key}={value}" for key, value in options.items())


TRAIN400 = (
    "380 of the 400 gray 180x180 crops of BSDS500 (Martin et al., 2001; for "
    "research and teaching) that DnCNN was trained on"
)


def card(network, figures, words, notes, command, data=TRAIN400):
    """Text of a preset's card, `presets/NETWORK.md`.

    Args:
        network: Name of the function in `keras_synth.presets`.
        figures: A row's figures.
        words: How it was trained.
        notes: `{what: words}`, more lines.
        command: Name of the benchmark that measured the figures.
        data: Training images and their license.

    Returns:
        Markdown.
    """
    rows = {
        "network": f"`keras_synth.presets.{network}`",
        "data": data,
        "training": words,
        "command": f"`make benchmark NAME={command}`",
        "seed": 0,
        "date": datetime.date.today(),
        **{
            name: f"{one['value']:.{one['decimals']}f} "
            f"{one['unit'] if one['unit'] != 'ratio' else ''}".rstrip()
            for name, one in figures.items()
        },
        **notes,
        "stored as": "float16",
        "license of the weights": "Apache-2.0",
    }
    lines = "\n".join(f"| {what} | {value} |" for what, value in rows.items())
    return f"# {network}\n\n| | |\n|---|---|\n{lines}\n"


def training_words(network):
    """How a preset was trained, from its card."""
    path = ROOT / "keras_synth" / "presets" / f"{network}.md"
    (line,) = (
        line
        for line in path.read_text().splitlines()
        if line.startswith("| training |")
    )
    return line.removeprefix("| training |").removesuffix("|").strip()

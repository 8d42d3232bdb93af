"""A film, stylized: strokes stay where they are."""

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_synth import models, networks, ops
from keras_synth.io import read_image

DATA = os.environ.get("KERAS_SYNTH_DATA")


def read(path, size):
    image = read_image(path, channels=3)
    image = tf.image.resize(image, size, "bicubic", antialias=True)
    return np.clip(image, 0.0, 1.0)


def warp(result, last_frame, frame):
    return ops.warp(result, ops.optical_flow(frame, last_frame))


@pytest.mark.skipif(not DATA, reason="needs KERAS_SYNTH_DATA")
def test_a_film_flickers_less_from_the_last_frame_on():
    folder = pathlib.Path(DATA)
    paths = sorted((folder / "video/Vid4/city").iterdir())[:3]
    film = np.stack([read(path, (64, 80)) for path in paths])
    style = read(folder / "style/starry_night.jpg", (64, 80))[None]
    transfer = models.StyleTransfer(
        networks.squeezenet_features(
            folder / "weights/squeezenet_v1.1_notop_tf_kernels.h5",
            ("relu_conv1", "fire3"),
        )
    )
    transfer.compile()
    flows = ops.optical_flow(film[:-1], film[1:])

    def flicker(frames):
        frames = np.stack(list(frames))
        errors = ops.warping_error(frames[:-1], frames[1:], flows)
        return float(np.mean(errors))

    options = {"steps": 10, "first_steps": 20, "verbose": 0}
    each = flicker(
        transfer.stylize(frame[None], style, 20, verbose=0)[0] for frame in film
    )
    started = flicker(transfer.stylize_frames(film, style, **options))
    moved = flicker(transfer.stylize_frames(film, style, warp=warp, **options))
    assert moved < 0.9 * started and started < 0.9 * each

"""Pretrained flows: images from words."""

import keras
from keras import layers

from keras_synth.networks import diffusion_unet, ngram_encoder, with_text
from keras_synth.networks.pretrained import float32_layers
from keras_synth.ops import gelu
from keras_synth.presets.files import load_preset

_LENGTH, _DIM = 64, 64


def emoji_flow(weights="pretrained"):
    """Emoji from words, English or Chinese: a flow of 32x32 color images.

    Trained on 1,711 emoji in two styles, Noto (Apache-2.0) and Twemoji (CC BY
    4.0), with their names and tags. Of 200 emoji that it has not seen, 30.5 %
    of the images of their English names, and 30.0 % of the Chinese ones, are
    taken for the right one among 20 by a retrieval network (chance: 5 %).
    License of the weights: Apache-2.0. See `presets/emoji_flow.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `models.FlowMatching`, not compiled. Its labels are the ids of
        `ops.byte_ids(texts, 64)`.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> from keras_synth.models import FlowSampler
    >>> from keras_synth.ops import byte_ids
    >>> ids = byte_ids("a smiling cat", 64)
    >>> sampler = FlowSampler(num_steps=1)
    >>> emoji_flow().sample(2, labels=ids, seed=0, sampler=sampler).shape
    TensorShape([2, 32, 32, 3])
    """
    # Models need TensorFlow; the other presets run on every backend.
    from keras_synth import models

    with float32_layers():
        unet = diffusion_unet(
            (32, 32, 3),
            (48, 96),
            num_blocks=1,
            patch_size=2,
            condition_shape=(_DIM,),
        )
        network = with_text(unet, _reader(), name="emoji_flow")
        load_preset(
            network, weights, "Train one: make benchmark NAME=flow_emoji"
        )
        flow = models.FlowMatching(network, guidance=3.0, seed=0)
    flow.name = "emoji_flow"
    return flow


def _reader():
    """From token ids to vectors whose values have unit size."""
    ids = keras.Input((_LENGTH,), dtype="int32")
    x = ngram_encoder(_LENGTH, num_buckets=8192)(ids)
    x = gelu(layers.Dense(256)(x))
    x = layers.UnitNormalization()(layers.Dense(_DIM)(x))
    return keras.Model(ids, _DIM**0.5 * x, name="reader")

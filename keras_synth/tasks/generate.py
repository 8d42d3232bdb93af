"""Text to image: images from words, by a generator that reads texts."""

import os
import pathlib

from keras_synth import models
from keras_synth.io import check_target, image_grid
from keras_synth.ops import byte_ids
from keras_synth.tasks.generators import write_generated
from keras_synth.tasks.loading import load_model_or_preset


def generate(
    text: str,
    target: str | os.PathLike,
    *,
    model: str | os.PathLike = "emoji_flow",
    num_images: int = 1,
    guidance: float | None = None,
    num_steps: int | None = None,
    seed: int | None = None,
    overwrite: bool = False,
) -> pathlib.Path:
    """Generates images from a text (text to image), several as one grid.

    Args:
        text: What the image shows, in words of a language that the model was
            trained on.
        target: Path of the image file to write.
        model: Path of the `.keras` file of a generator that was trained with
            captions (`train flow --captions`, or token ids of
            `ops.byte_ids`), or name of a preset: "emoji_flow" draws emoji
            from English and Chinese words.
        num_images: Number of images.
        guidance: Classifier-free guidance of a flow: 1 for none, more for
            images that are truer to the text and less varied. None takes the
            model's.
        num_steps: Number of steps of a flow's sampler, each of two
            evaluations of the network with Heun's method. None takes the
            model's.
        seed: Seed of the latents. None gives other images each time.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The path of the image.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        FileNotFoundError: There is no such model.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, or the model reads no texts.
    """
    if num_images < 1:
        raise ValueError(
            f"`num_images` must be at least 1. Received: {num_images}"
        )
    if isinstance(text, str) and not text.strip():
        raise ValueError(
            "`text` must say what the image shows, such as "
            f'"a smiling cat". Received: text={text!r}'
        )
    check_target(target, overwrite)
    generator = load_model_or_preset(model)
    condition = generator.condition
    if condition.kind != "ids":
        raise ValueError(
            f"{model} reads no texts: train one with captions, `keras-synth "
            "train flow --data FOLDER --captions`."
        )
    options = {}
    if isinstance(generator, models.FlowMatching):
        options["guidance"] = guidance
        if num_steps is not None:
            config = generator.sampler.get_config() | {"num_steps": num_steps}
            options["sampler"] = models.FlowSampler.from_config(config)
    elif (guidance, num_steps) != (None, None):
        raise ValueError(
            f"{model} holds a {type(generator).__name__}, which takes neither "
            "`guidance` nor `num_steps`."
        )
    ids = byte_ids(text, condition.inputs[0].shape[1])
    images = generator.sample(num_images, labels=ids, seed=seed, **options)
    return write_generated(target, image_grid(images), model)

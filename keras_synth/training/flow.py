"""Flow matching: build, compile and train, from images, classes or texts."""

import os
import pathlib
from typing import Any, Literal

import keras

from keras_synth import datasets, models, networks
from keras_synth.layers.nested import freeze_again
from keras_synth.models.loading import load_model
from keras_synth.models.replicas import num_replicas
from keras_synth.ops import byte_ids
from keras_synth.training.folder import check_run, fit_generator, sample_grid
from keras_synth.training.seeds import keeps_random_state

ARCHITECTURES = ("unet", "dit")
#: Number of token ids of a caption.
CAPTION_LENGTH = 64


def build_flow(
    image_shape: tuple[int, int, int],
    architecture: Literal["unet", "dit"] = "unet",
    width: int = 32,
    num_blocks: int = 2,
    parameterization: Literal["flow", "edm"] = "flow",
    num_classes: int | None = None,
    caption_length: int | None = None,
    guidance: float = 1.0,
    seed: int | None = 0,
    patch_size: int | None = None,
    text_encoder: keras.Model | None = None,
    guide: keras.Model | None = None,
) -> models.FlowMatching:
    """Builds a flow-matching model for images of a size.

    Args:
        image_shape: (height, width, channels) of the images.
        architecture: Network: "unet" for `networks.diffusion_unet`, "dit" for
            `networks.dit` with four times the width.
        width: Channels of the first level. The others have twice as many.
        num_blocks: Number of residual blocks of each level, and a third of
            the number of transformer blocks.
        parameterization: Path from noise to images: "flow" for rectified
            flow, "edm" for EDM's noise levels.
        num_classes: Number of classes of a class-conditional model. None for
            one without classes.
        caption_length: Number of ids of the captions of a model that is
            conditioned on texts. None for one without.
        guidance: Guidance of the model's samples.
        seed: Seed of the noise that is drawn in training.
        patch_size: Side of the patches of pixels that become channels. None
            for 1 in a U-Net, and in a transformer for the smallest power of 2
            that leaves at most 16 of them on a side.
        text_encoder: Network that reads captions, from token ids
            (batch, caption_length) to (batch, caption_length, dim) or, one
            vector each, (batch, dim). None for a new `networks.text_encoder`.
        guide: A weaker network of the same kind, for autoguidance, see
            `models.FlowMatching`. None for none.

    Returns:
        A `models.FlowMatching` that is not compiled.

    Raises:
        ValueError: Unknown names, or arguments out of range.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"`architecture` must be one of {', '.join(ARCHITECTURES)}. "
            f"Received: architecture={architecture!r}"
        )
    condition = {"num_classes": num_classes}
    if caption_length is not None:
        if text_encoder is None:
            text_encoder = networks.text_encoder(caption_length, 4 * width)
        condition = {"condition_shape": text_encoder.output_shape[1:]}
    side = max(image_shape[:2])
    if architecture == "unet":
        patch_size = patch_size or 1
        levels = 1
        while side / patch_size / 2**levels > 6 and levels < 5:
            levels += 1
        widths = (width, *(2 * width,) * (levels - 1))
        network = networks.diffusion_unet(
            image_shape,
            widths,
            num_blocks,
            min(side // 2, 16),
            patch_size=patch_size,
            **condition,
        )
    else:
        if patch_size is None:
            patch_size = 1
            while side / patch_size > 16:
                patch_size *= 2
        network = networks.dit(
            image_shape, patch_size, 4 * width, 3 * num_blocks, **condition
        )
    if caption_length is not None:
        network = networks.with_text(network, text_encoder)
    return models.FlowMatching(
        network, parameterization, guidance=guidance, seed=seed, guide=guide
    )


def compile_flow(
    flow: models.FlowMatching,
    learning_rate: float = 1e-3,
    steps: int | None = None,
    **options: Any,
) -> models.FlowMatching:
    """Compiles a flow-matching model with Adam and a warm-up.

    Args:
        flow: What `build_flow` returned.
        learning_rate: Largest learning rate. It rises to it in the first
            twentieth of the steps, and falls to 0 along a cosine.
        steps: Steps of the training. None for a constant rate.
        **options: Further arguments of `FlowMatching.compile`.

    Returns:
        The same model.
    """
    rate = learning_rate
    if steps is not None:
        warmup = max(steps // 20, 1)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            max(steps - warmup, 1),
            warmup_target=rate,
            warmup_steps=warmup,
        )
    # Of each replica's share of the gradient, which Keras sums up.
    clip = 1.0 / num_replicas()
    flow.compile(
        keras.optimizers.Adam(rate, beta_2=0.99, global_clipnorm=clip),
        **options,
    )
    return flow


@keeps_random_state
def train_flow(
    data: str | os.PathLike | datasets.Source = "digits",
    output: str | os.PathLike = "runs/flow",
    *,
    image_size: int | tuple[int, int] | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: Literal[1, 3] = 3,
    unreadable: Literal["raise", "skip"] = "raise",
    cache: bool | str | os.PathLike = True,
    epochs: int = 40,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    architecture: Literal["unet", "dit"] = "unet",
    width: int = 32,
    num_blocks: int = 2,
    patch_size: int | None = None,
    parameterization: Literal["flow", "edm"] = "flow",
    conditional: bool = False,
    captions: bool = False,
    text_encoder: str | os.PathLike | None = None,
    guidance: float = 1.0,
    guide: str | os.PathLike | None = None,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.FlowMatching:
    """Trains a flow-matching model (rectified flow, or EDM) on images.

    Args:
        data: Name of a data set (`keras-synth datasets` lists them), or path
            of a folder of images, with the folders below it. In Python also a
            `datasets.Source`.
        output: Folder for `flow.keras`, `history.json` (logs of all epochs),
            `images/`, `log/` (for TensorBoard) and `backup/` (the state after
            the last finished epoch). Images are drawn after every epoch of
            at least 250 steps, and every 250 steps or once in shorter ones.
        image_size: Side of the images, or (height, width). Images are resized
            to it. None keeps the size of the source.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of a named source, used
            instead of a download.
        channels: Channels that the images of a folder are converted to, 3
            for color or 1 for gray.
        unreadable: What to do with files of a folder that cannot be read:
            "raise" refuses the folder, "skip" leaves them out with a warning.
        cache: Where decoded images are kept: True in memory, False nowhere,
            or the beginning of a file name, for sets larger than memory.
        epochs: Passes over the data.
        batch_size: Images in a training step.
        learning_rate: Largest learning rate of Adam. It rises to it in the
            first twentieth of the training, and falls to 0 along a cosine.
        architecture: Network: "unet" for a U-Net with attention, "dit" for a
            transformer of four times the width.
        width: Channels of the first level. The others have twice as many.
        num_blocks: Number of residual blocks of each level, and a third of
            the number of transformer blocks.
        patch_size: Side of the patches of pixels that become channels. None
            for 1 in a U-Net (2 takes half the time), and in a transformer for
            the smallest power of 2 that leaves at most 16 of them on a side.
        parameterization: Path from noise to images: "flow" for rectified
            flow, "edm" for EDM's preconditioning and noise levels.
        conditional: Whether the model is conditioned on the class of each
            image.
        captions: Whether the model is conditioned on texts: the folder has
            captions, see `datasets.captioned_folder`.
        text_encoder: Path of a `.keras` file with a network that has learned
            to read, from token ids of `ops.byte_ids`, int (batch, 64), to
            (batch, 64, dim), or to one vector each, (batch, dim), which is
            faster. It is trained further with the images, but for its frozen
            layers. None starts a new one.
        guidance: Guidance of the model's samples: 1 for none, more for images
            that are truer to their condition and less varied.
        guide: Path of the `flow.keras` of a weaker flow: a smaller one, that
            was trained on the same images for a short time. With a guidance
            above 1 samples go away from what that flow makes (autoguidance),
            which needs no condition. None goes away from samples without the
            condition (classifier-free guidance).
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `models.FlowMatching`.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FloatingPointError: Training diverged.
        ValueError: Arguments out of range, or data that does not fit.
    """
    settings = check_run(locals())
    if conditional and captions:
        raise ValueError(
            "A model is conditioned on classes or on captions: give "
            "`conditional` or `captions`."
        )
    if text_encoder is not None and not captions:
        raise ValueError(
            "`text_encoder` is for captions: give `captions` as well."
        )
    caption_length = CAPTION_LENGTH if captions else None
    reader = _open_text_encoder(text_encoder)
    weak = _open_guide(guide, parameterization)

    def build(images):
        flow = build_flow(
            images.image_shape,
            architecture,
            width,
            num_blocks,
            parameterization,
            images.num_classes,
            caption_length,
            guidance,
            seed,
            patch_size,
            reader,
            weak,
        )
        compile_flow(flow, learning_rate, epochs * len(images.batches))
        # Drawing a grid takes as long as some 25 steps.
        interval = max(250 // len(images.batches), 1)
        shown = {"interval": min(interval, epochs)}
        if captions:
            known = images.source.captions
            step = max(len(known) // 64, 1)
            texts = [known[i * step % len(known)][0] for i in range(64)]
            shown["labels"] = byte_ids(texts, caption_length)
        return flow, [sample_grid(flow, output, images.num_classes, **shown)]

    return fit_generator(
        build,
        data,
        output,
        "flow",
        image_size=image_size,
        data_dir=data_dir,
        manual_dir=manual_dir,
        channels=channels,
        unreadable=unreadable,
        cache=cache,
        labels=conditional,
        caption_length=caption_length,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )


def _open_text_encoder(path):
    """The text encoder of a `.keras` file; None for no path."""
    if path is None:
        return None
    if not pathlib.Path(path).is_file():
        raise FileNotFoundError(f"There is no text encoder {str(path)!r}.")
    network = keras.saving.load_model(path)
    freeze_again(network)
    taken, made = network.input_shape, network.output_shape
    length = CAPTION_LENGTH
    tokens = len(made) == 3 and made[:2] == taken
    if taken != (None, length) or not (tokens or len(made) == 2):
        raise ValueError(
            f"A text encoder goes from (batch, {length}) to (batch, {length}, "
            "dim), or to (batch, dim). "
            f"Received: from {taken} to {made}, in {path}"
        )
    return network


def _open_guide(path, parameterization):
    """The network of a weaker flow's file; None for no path."""
    if path is None:
        return None
    flow = load_model(path, models.FlowMatching)
    if flow.parameterization != parameterization:
        raise ValueError(
            f"`guide` must be of the parameterization {parameterization!r}. "
            f"Received: {flow.parameterization!r}, in {path}"
        )
    return flow.network_average

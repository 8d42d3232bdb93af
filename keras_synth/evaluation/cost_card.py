"""Cost of a restorer: parameters, multiply-adds, time and memory."""

import contextlib
import dataclasses
import math
import statistics
import time

import keras
import numpy as np

from keras_synth.evaluation.peak_memory import peak_memory
from keras_synth.evaluation.tables import markdown_table
from keras_synth.inference import (
    input_shapes,
    restoring_network,
    run_restorer,
)
from keras_synth.layers.nested import all_layers
from keras_synth.ops.numbers import is_int

_PLACED_BY_OUTPUT = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)
_PLACED_BY_INPUT = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


@dataclasses.dataclass(frozen=True)
class CostCard:
    """Result of `cost_card`. What does not apply is None.

    Attributes:
        name: Name of the model or function.
        image_shape: Shape of the measured image, (height, width, channels).
        parameters: Number of parameters, trainable or not.
        multiply_adds: Number of multiply-adds for that image.
        seconds_per_megapixel: Median time for 10⁶ pixels of the input.
        peak_memory: Bytes that the first run takes, without the model.
    """

    name: str
    image_shape: tuple
    parameters: int | None
    multiply_adds: int | None
    seconds_per_megapixel: float
    peak_memory: int | None

    def to_markdown(self, header=True):
        """Table in Markdown with one line.

        Args:
            header: Whether to begin with the header. False gives the line
                alone, to add it to another card's table.

        Returns:
            A str.
        """
        titles = [
            "method",
            "image",
            "parameters",
            "multiply-adds",
            "s / megapixel",
            "peak memory",
        ]
        line = [
            self.name,
            "x".join(map(str, self.image_shape)),
            _counted(self.parameters, ""),
            _counted(self.multiply_adds, ""),
            self.seconds_per_megapixel,
            _counted(self.peak_memory, "B"),
        ]
        table = markdown_table(titles, [line])
        return table if header else table.splitlines()[-1]


def cost_card(
    model, image_shape=(256, 256, 1), *, name=None, repeats=5, memory=True
):
    """Measures the cost of restoring one image on this machine.

    Multiply-adds are counted in one forward pass. A convolution (also
    transposed, depthwise or separable) or dense layer counts, each time it is
    called and wherever it is nested, as

        positions · kernel size,

    with the positions of its output, or of its input for transposed
    convolutions. Nothing else is counted: no biases, activations or resizing,
    and no attention or other products of tensors outside of such layers.

    Time is the median of `repeats` runs, after a first run that compiles.

    Memory is what the first run takes in a fresh process, without the model
    itself; see `peak_memory`. The fresh process makes this slow. It is None
    for functions, on other systems than Linux, and on accelerators, whose
    memory the processor cannot measure.

    Args:
        model: A restorer: a `keras.Model`, or a function that returns images,
            see `inference.input_names`. For a `models.RestorationGAN`, the
            generator is measured.
        image_shape: Shape of the image, (height, width, channels). It holds
            noise in [0, 1]. A "mask" is zeros of the same size, other inputs
            are zeros (1, 1, 1, 1). A network of several frames gets as many
            such images.
        name: Name on the card. None takes that of the model.
        repeats: Number of runs that are timed.
        memory: Whether to measure memory.

    Returns:
        A `CostCard`.

    Raises:
        ValueError: `image_shape` or `repeats` is not valid, or `model` is not
            a model or function.

    Example:

    >>> network = keras.Sequential(
    ...     [keras.Input((None, None, 1)), keras.layers.Conv2D(2, 3)]
    ... )
    >>> card = cost_card(network, (12, 12, 1), memory=False)
    >>> card.parameters, card.multiply_adds  # 2 · 9 + 2, and 10² · 2 · 9
    (20, 1800)
    """
    _check(model, image_shape, repeats)
    name = name or getattr(model, "name", None) or _function_name(model)
    model = restoring_network(model)
    inputs = _inputs(model, image_shape)
    is_model = isinstance(model, keras.Model)
    run_restorer(model, inputs)  # builds and compiles it
    multiply_adds = _multiply_adds(model, inputs) if is_model else None
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run_restorer(model, inputs)
        seconds.append(time.perf_counter() - start)
    megapixels = image_shape[0] * image_shape[1] / 1e6
    return CostCard(
        name=name,
        image_shape=tuple(image_shape),
        parameters=model.count_params() if is_model else None,
        multiply_adds=multiply_adds,
        seconds_per_megapixel=statistics.median(seconds) / megapixels,
        peak_memory=(
            peak_memory(model, inputs) if is_model and memory else None
        ),
    )


def _inputs(model, image_shape):
    """An image of noise, and zeros for the other inputs."""
    image = np.random.default_rng(0).uniform(size=(1, *image_shape))
    image = image.astype("float32")
    shapes = input_shapes(model)
    if "frames" in shapes:
        return np.repeat(image[:, None], shapes["frames"][1] or 1, axis=1)
    others = {
        name: np.zeros([side or 1 for side in shape or (1,) * 4], "float32")
        for name, shape in shapes.items()
        if name != "image"
    }
    if "mask" in others:
        others["mask"] = np.zeros((1, *image_shape[:2], 1), "float32")
    return {"image": image, **others} if others else image


def _multiply_adds(model, inputs):
    """Multiply-adds of one forward pass; None if no layer was counted."""
    counts = []

    def count(layer, given, returned):
        placed = given if isinstance(layer, _PLACED_BY_INPUT) else returned
        kernels = [w.shape for w in layer.weights if len(w.shape) > 1]
        counts.append(
            math.prod(placed.shape[1:-1]) * sum(map(math.prod, kernels))
        )

    with contextlib.ExitStack() as stack:
        for layer in all_layers(model):
            if isinstance(layer, _PLACED_BY_OUTPUT + _PLACED_BY_INPUT):
                stack.enter_context(_watched(layer, count))
        model(inputs, training=False)
    return sum(counts) if counts else None


@contextlib.contextmanager
def _watched(layer, report):
    """Context in which each call of a layer is reported."""
    call = layer.call

    def reporting_call(inputs, *args, **kwargs):
        outputs = call(inputs, *args, **kwargs)
        report(layer, inputs, outputs)
        return outputs

    # Without Keras' tracking of attributes, so that nothing of it remains.
    object.__setattr__(layer, "call", reporting_call)
    try:
        yield
    finally:
        object.__delattr__(layer, "call")


def _counted(value, unit):
    """4,200,000 as "4.2 M"."""
    if value is None:
        return None
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value} {unit}".strip()


def _function_name(function):
    return getattr(function, "__name__", type(function).__name__)


def _check(model, image_shape, repeats):
    if not callable(model):
        raise ValueError(
            "`model` must be a keras.Model or a function from images to "
            f"images. Received: {model!r}"
        )
    if len(tuple(image_shape)) != 3 or not all(
        is_int(side) and side > 0 for side in image_shape
    ):
        raise ValueError(
            "`image_shape` must be (height, width, channels). Received: "
            f"image_shape={image_shape!r}"
        )
    if not is_int(repeats) or repeats < 1:
        raise ValueError(
            f"`repeats` must be a positive int. Received: repeats={repeats!r}"
        )

"""Reading of ncnn's files: RRDB networks, such as those of Real-ESRGAN.

A network of ncnn is two files. `NAME.param` is text: a magic number, a line of
counts, and a line for each layer with its kind, its name, the numbers of its
inputs and outputs, their names, and options, `number=value`. `NAME.bin` has
for each convolution, in the same order, a flag of 4 bytes, the kernel (output
channels, input channels, height, width), filled up to a multiple of 4 bytes,
and the biases in float32. The flag is that of the kernel's type.
"""

import pathlib
from typing import NamedTuple

import numpy as np

from keras_synth.networks.super_resolution import rrdb

_MAGIC = "7767517"
_KERNEL_TYPES = {0: "<f4", 0x01306B47: "<f2"}
_FILTERS, _SIDE, _SIZE = 0, 1, 6  # numbers of a convolution's options


class NcnnLayer(NamedTuple):
    """Layer of a network of ncnn.

    Attributes:
        kind: Its kind, such as "Convolution".
        inputs: Indices of the layers that it takes.
        options: `{number: values}`, each a tuple of floats.
    """

    kind: str
    inputs: tuple[int, ...]
    options: dict[int, tuple[float, ...]]


def rrdb_from_ncnn(path):
    """RRDB network for x4 super-resolution, from ncnn's files.

    Layers are compared one by one with those of `rrdb`: their order, inputs,
    sizes, activations and scales. Its number of blocks and widths are the
    file's.

    Args:
        path: Path of a `.param` file. The `.bin` file is beside it.

    Returns:
        `networks.rrdb` with these weights, which can be trained further.

    Raises:
        FileNotFoundError: There is no such file, or none beside it.
        ValueError: The files are broken, or hold another network.

    Reference: Wang et al., ESRGAN: Enhanced Super-Resolution Generative
    Adversarial Networks, 2018, section 3.1 and figure 4.
    """
    path = pathlib.Path(path)
    for file in (path, path.with_suffix(".bin")):
        if not file.is_file():
            raise FileNotFoundError(
                f"There is no file {str(file)!r}. A network of ncnn is a "
                ".param file and a .bin file of the same name."
            )
    layers = read_graph(path)
    sizes = _sizes(path, layers)
    _check_graph(path, layers, _rrdb_graph(**sizes))
    kernels = read_kernels(path.with_suffix(".bin"), layers)
    network = rrdb(4, **sizes)
    convolutions = [x for x in network.layers if hasattr(x, "kernel")]
    for layer, weights in zip(convolutions, kernels, strict=True):
        layer.set_weights(weights)
    return network


def read_graph(path):
    """Reads the layers of a `.param` file.

    Args:
        path: Path of the file.

    Returns:
        A list of `NcnnLayer`, in the order of the file. Layers that only give
        a tensor to several others ("Split") are left out.

    Raises:
        ValueError: The file is broken, or no such file.
    """
    layers, makers = [], {}
    try:
        magic, _, *lines = pathlib.Path(path).read_text().splitlines()
        if magic.strip() != _MAGIC:
            raise ValueError(f"it starts with {magic[:20]!r}")
        for kind, _, taken, made, *rest in map(str.split, lines):
            taken, made = int(taken), int(made)
            inputs = tuple(makers[name] for name in rest[:taken])
            outputs, options = rest[taken:][:made], rest[taken + made :]
            if kind == "Split":
                (maker,) = inputs
            else:
                maker = len(layers)
                layers.append(
                    NcnnLayer(kind, inputs, dict(map(_option, options)))
                )
            makers.update(dict.fromkeys(outputs, maker))
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"{path} is no .param file of ncnn, which is text and starts with "
            f"{_MAGIC}: {error}"
        ) from error
    return layers


def read_kernels(path, layers):
    """Reads the weights of the convolutions from a `.bin` file.

    Args:
        path: Path of the file.
        layers: List of `NcnnLayer`, of which only convolutions have weights.

    Returns:
        A list of (kernel, bias), float32 (height, width, input channels,
        output channels) and (output channels,), as Keras has them.

    Raises:
        ValueError: The file is too short or too long, or has a type of
            numbers other than float32 and float16.
    """
    content, start, weights = pathlib.Path(path).read_bytes(), 0, []

    def read(kind, count):
        nonlocal start
        values = np.frombuffer(content, kind, count, start)
        start += -(-values.nbytes // 4) * 4
        return values

    try:
        for layer in layers:
            if layer.kind != "Convolution":
                continue
            filters, side, size = (
                int(layer.options[key][0]) for key in (_FILTERS, _SIDE, _SIZE)
            )
            flag = int(read("<u4", 1)[0])
            if flag not in _KERNEL_TYPES:
                raise ValueError(
                    "kernels must be float32 or float16, and number "
                    f"{len(weights)} has the flag {flag:#010x}"
                )
            kernel = read(_KERNEL_TYPES[flag], size).astype("float32")
            kernel = kernel.reshape(filters, -1, side, side)
            bias = read("<f4", filters)
            weights.append((kernel.transpose(2, 3, 1, 0), bias))
        if start != len(content):
            raise ValueError(f"{len(content) - start} bytes are left over")
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{path} does not fit its .param file: {error}"
        ) from error
    return weights


def _option(text):
    """(number, values) of `number=value`, or of a list.

    That is `-23300 - number=count,value,...`.
    """
    key, _, values = text.partition("=")
    key, values = int(key), tuple(map(float, values.split(",")))
    if not np.isfinite(values).all():
        raise ValueError(f"{text} is not finite")
    return (-23300 - key, values[1:]) if key <= -23300 else (key, values)


def _sizes(path, layers):
    """Arguments of `rrdb` that the file's convolutions have."""
    filters = [
        int(layer.options.get(_FILTERS, (0,))[0])
        for layer in layers
        if layer.kind == "Convolution"
    ]
    # 15 convolutions a block, one before and five after them.
    num_blocks, rest = divmod(len(filters) - 6, 15)
    if num_blocks < 1 or rest:
        raise ValueError(
            f"{path} does not hold an RRDB network, which has 15 convolutions "
            f"in each block and 6 more. Received: {len(filters)} convolutions"
        )
    return {
        "channels": filters[-1],
        "width": filters[0],
        "growth": filters[1],
        "num_blocks": num_blocks,
    }


def _rrdb_graph(channels, width, growth, num_blocks):
    """The layers that ncnn has for `rrdb` of a scale of 4."""
    layers = []

    def add(kind, *inputs, options=None):
        layers.append(NcnnLayer(kind, inputs, options or {}))
        return len(layers) - 1

    def convolve(x, taken, filters, activated=True):
        # With a padding of 1 (4), and with biases (5).
        options = {_FILTERS: (filters,), _SIDE: (3,), 4: (1,), 5: (1,)}
        options[_SIZE] = (9 * taken * filters,)
        if activated:
            options |= {9: (2,), 10: (0.2,)}  # LeakyReLU
        return add("Convolution", x, options=options)

    def residual(y, x):
        sum_of = {0: (1,), 1: (0.2, 1.0)}  # a sum with these factors
        return add("Eltwise", y, x, options=sum_of)

    def dense_block(x):
        known = [x]
        for index in range(4):
            joined = add("Concat", *known) if index else x
            known.append(convolve(joined, width + index * growth, growth))
        y = add("Concat", *known)
        return residual(convolve(y, width + 4 * growth, width, False), x)

    image = add("Input")
    first = x = convolve(image, channels, width, False)
    for _ in range(num_blocks):
        x = residual(dense_block(dense_block(dense_block(x))), x)
    x = add("BinaryOp", first, convolve(x, width, width, False))
    for _ in range(2):
        doubled = {0: (1,), 1: (2,), 2: (2,)}  # by nearest neighbors
        x = convolve(add("Interp", x, options=doubled), width, width)
    convolve(convolve(x, width, width), width, channels, False)
    return layers


def _check_graph(path, layers, expected):
    for index, (layer, wanted) in enumerate(
        zip(layers, expected, strict=False)
    ):
        if layer != wanted:
            raise ValueError(
                f"{path} does not hold an RRDB network: layer {index} should "
                f"be {_in_words(wanted)}. Received: {_in_words(layer)}"
            )
    if len(layers) != len(expected):
        raise ValueError(
            f"{path} does not hold an RRDB network of {len(expected)} layers. "
            f"Received: {len(layers)} layers"
        )


def _in_words(layer):
    inputs = ", ".join(map(str, layer.inputs)) or "none"
    options = " ".join(
        f"{key}={','.join(f'{value:g}' for value in values)}"
        for key, values in sorted(layer.options.items())
    )
    return f"{layer.kind} of {inputs} ({options or 'no options'})"

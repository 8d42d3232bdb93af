"""Files of ncnn for tests: writing an RRDB network, and running any."""

import collections
import pathlib

import keras
import numpy as np

SIZES = {"channels": 3, "width": 5, "growth": 3, "num_blocks": 1}
_HALF = 0x01306B47


def write_rrdb(path, half=False, seed=0, **sizes):
    """Writes a random RRDB network as ncnn's converter does.

    Returns:
        A list of (kernel, bias), as they are in the file.
    """
    path, sizes = pathlib.Path(path), {**SIZES, **sizes}
    layers, weights = _rrdb(random=np.random.default_rng(seed), **sizes)
    uses = collections.Counter(name for layer in layers for name in layer[1])
    lines, left = [], {}

    def line(kind, inputs, outputs, options=""):
        counts = f"{len(inputs)} {len(outputs)}"
        words = [kind.ljust(24), f"l{len(lines)}", counts, *inputs, *outputs]
        lines.append(" ".join([*words, options]).rstrip())

    for kind, inputs, output, options in layers:
        names = [left[name].pop() if name in left else name for name in inputs]
        line(kind, names, [output], options)
        if uses[output] > 1:
            left[output] = [f"{output}_{i}" for i in range(uses[output])]
            line("Split", [output], left[output])
    head = ["7767517", f"{len(lines)} {2 * len(lines)}"]
    path.write_text("\n".join([*head, *lines]) + "\n")
    with open(path.with_suffix(".bin"), "wb") as file:
        for kernel, bias in weights:
            flag, kind = (_HALF, "<f2") if half else (0, "<f4")
            values = kernel.astype(kind).tobytes()
            file.write(flag.to_bytes(4, "little") + values)
            file.write(b"\0" * (-len(values) % 4) + bias.tobytes())
    if half:
        weights = [(k.astype("float16"), bias) for k, bias in weights]
    return weights


def _rrdb(random, channels, width, growth, num_blocks):
    """(kind, inputs, output, options) of each layer, and the weights."""
    layers, weights = [], []

    def add(kind, inputs, options=""):
        output = str(len(layers))
        layers.append((kind, inputs, output, options))
        return output

    def convolve(x, taken, made, slope="9=2 -23310=1,2.000000e-01"):
        size = 9 * taken * made
        kernel = random.normal(0, 0.2, (made, taken, 3, 3)).astype("float32")
        weights.append((kernel, random.normal(0, 0.2, made).astype("<f4")))
        options = f"0={made} 1=3 4=1 5=1 6={size} {slope}"
        return add("Convolution", [x], options)

    def residual(y, x):
        factors = "0=1 -23301=2,2.000000e-01,1.000000e+00"
        return add("Eltwise", [y, x], factors)

    start = add("Input", [])
    first = x = convolve(start, channels, width, "")
    for _ in range(num_blocks):
        before = x
        for _ in range(3):
            known, taken = [x], width
            for _ in range(4):
                joined = known[0] if len(known) == 1 else add("Concat", known)
                known = [*known, convolve(joined, taken, growth)]
                taken += growth
            x = residual(convolve(add("Concat", known), taken, width, ""), x)
        x = residual(x, before)
    x = add("BinaryOp", [first, convolve(x, width, width, "")])
    for _ in range(2):
        doubled = add("Interp", [x], "0=1 1=2.000000e+00 2=2.000000e+00")
        x = convolve(doubled, width, width)
    convolve(convolve(x, width, width), width, channels, "")
    return layers, weights


def run_ncnn(path, images):
    """Runs a network of ncnn line by line, as its format says."""
    blobs, x = {}, None
    with open(pathlib.Path(path).with_suffix(".bin"), "rb") as file:
        for line in pathlib.Path(path).read_text().splitlines()[2:]:
            kind, _, taken, made, *rest = line.split()
            taken, made = int(taken), int(made)
            inputs = [blobs[name] for name in rest[:taken]]
            options = dict(o.split("=") for o in rest[taken + made :])
            x = _run(kind, inputs, options, file) if inputs else images
            blobs.update(dict.fromkeys(rest[taken:][:made], x))
    return x


def _run(kind, inputs, options, file):
    if kind == "Split":
        return inputs[0]
    if kind == "Concat":
        return np.concatenate(inputs, axis=-1)
    if kind == "BinaryOp":
        assert not options
        return inputs[0] + inputs[1]
    if kind == "Eltwise":
        assert options["0"] == "1"
        _, first, second = map(float, options["-23301"].split(","))
        return np.float32(first) * inputs[0] + np.float32(second) * inputs[1]
    if kind == "Interp":
        assert options["0"] == "1"
        rows, columns = int(float(options["1"])), int(float(options["2"]))
        return inputs[0].repeat(rows, axis=1).repeat(columns, axis=2)
    assert kind == "Convolution"
    half = int.from_bytes(file.read(4), "little") == _HALF
    size, filters = int(options["6"]), int(options["0"])
    values = np.fromfile(file, "<f2" if half else "<f4", size)
    file.read(-values.nbytes % 4)
    kernel = values.astype("float32").reshape(filters, -1, 3, 3)
    kernel = kernel.transpose(2, 3, 1, 0)
    x = keras.ops.conv(inputs[0], kernel, padding="same")
    x = np.asarray(x) + np.fromfile(file, "<f4", filters)
    if "9" in options:
        assert options["9"] == "2"
        slope = np.float32(options["-23310"].split(",")[1])
        x = np.where(x > 0, x, slope * x)
    return x

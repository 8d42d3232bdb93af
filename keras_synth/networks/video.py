"""Video restoration networks: VSRNet and EDSR for several frames.

All take (batch, num_frames, height, width, channels): consecutive frames in
[0, 1], aligned with the middle frame (see `keras_synth.ops.compensate_motion`).
They return the middle frame, of the same size, not clipped. For
super-resolution the frames are upscaled bicubically beforehand.
"""

import keras
import numpy as np
from keras import layers, ops

from keras_synth.layers import CropLike, PadToMultiple
from keras_synth.networks.inputs import check_counts
from keras_synth.ops.numbers import is_int

#: Fusion of frames: before the first, second or third convolution.
FUSIONS = ("early", "slow", "late")


def vsrnet(
    num_frames=5,
    channels=3,
    fusion="slow",
    widths=(64, 32),
    kernel_sizes=(9, 5, 5),
    filter_symmetry=True,
):
    """VSRNet video super-resolution: SRCNN for several frames.

    The feature maps of all frames are concatenated (fusion):

        early (a)           before the first convolution
        slow (b)            before the second; the paper's best
        late (c)            before the third

    Before the fusion each frame has its own filters. With filter symmetry the
    frames at t - i and t + i share them, and their maps are added at the
    fusion, which shares the next filters too: frames in reverse order give
    the same image.

    The result of the convolutions is added to the middle frame. With one
    frame the network is SRCNN on upscaled images, whatever the fusion.

    Args:
        num_frames: Number of frames, an odd int; 5 in the paper.
        channels: Channels of the images, 1 or 3.
        fusion: Position of the fusion, "early", "slow" or "late".
        widths: Channels after the two hidden convolutions.
        kernel_sizes: Sides of the three convolutions, odd ints.
        filter_symmetry: Whether symmetric frames share filters.

    Returns:
        A `keras.Model` from (batch, num_frames, height, width, channels) to
        (batch, height, width, channels).

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> network = vsrnet(3, channels=1, widths=(8, 4))
    >>> network(ops.zeros((1, 3, 9, 14, 1))).shape
    TensorShape([1, 9, 14, 1])

    Reference: Kappeler et al., Video Super-Resolution with Convolutional
    Neural Networks, 2016, sections III-B (architectures a, b, c) and III-D
    (filter symmetry enforcement).
    """
    _check_frames(num_frames)
    check_counts(channels, widths=widths, kernel_sizes=kernel_sizes)
    if fusion not in FUSIONS:
        raise ValueError(
            f"`fusion` must be one of {', '.join(FUSIONS)}. "
            f"Received: fusion={fusion!r}"
        )
    if len(widths) != 2:
        raise ValueError(f"`widths` must be two ints. Received: {widths!r}")
    if len(kernel_sizes) != 3 or any(size % 2 == 0 for size in kernel_sizes):
        raise ValueError(
            "`kernel_sizes` must be three odd ints. "
            f"Received: kernel_sizes={kernel_sizes!r}"
        )
    frames = keras.Input((num_frames, None, None, channels), name="frames")
    images = [frames[:, index] for index in range(num_frames)]
    middle = images[num_frames // 2]
    # Maps with the same filters are in one group.
    groups = [[image] for image in images]
    if filter_symmetry:
        pairs = zip(images, images[::-1], strict=True)
        groups = [list(pair) for pair in pairs][: num_frames // 2] + [[middle]]
    stages = zip((*widths, channels), kernel_sizes, strict=True)
    for stage, (width, size) in enumerate(stages):
        last = stage == 2
        if stage == FUSIONS.index(fusion):
            groups = [[_joined(groups)]]
        for number, group in enumerate(groups):
            convolution = layers.Conv2D(
                width,
                size,
                padding="same",
                activation=None if last else "relu",
                dtype="float32" if last else None,
                name=f"convolution_{stage}_{number}",
            )
            groups[number] = [convolution(x) for x in group]
    ((detail,),) = groups
    return keras.Model(frames, middle + detail, name="vsrnet")


def vsrnet_from_srcnn(
    srcnn,
    num_frames=5,
    fusion="slow",
    filter_symmetry=True,
    kernel_sizes=None,
):
    """VSRNet initialized from a network trained on single images.

    Filters before the fusion are copied for each frame; those at the fusion
    are divided by the number of frames, `w_i = w / n`; those after it are
    copied. If all frames are the same image, the new network returns the
    result of the old one.

    Args:
        srcnn: A network of `networks.srcnn`, of any scale, whose layers after
            its upscaling are used, or a `vsrnet` of one frame.
        num_frames: Number of frames, an odd int.
        fusion: Position of the fusion, see `vsrnet`.
        filter_symmetry: Whether symmetric frames share filters.
        kernel_sizes: Sides of the new convolutions, odd and at least as
            large as the old ones, whose filters are padded with zeros; None
            for the old sizes. The paper uses (9, 5, 5), `networks.srcnn`
            has (9, 1, 5).

    Returns:
        A `keras.Model`, see `vsrnet`.

    Raises:
        ValueError: `srcnn` has another architecture; arguments are out of
            range.

    Example:

    >>> single = vsrnet(1, channels=1, widths=(8, 4))
    >>> network = vsrnet_from_srcnn(single, num_frames=3)
    >>> image = keras.random.uniform((1, 1, 9, 14, 1), seed=0)
    >>> same = network(ops.repeat(image, 3, axis=1)) - single(image)
    >>> bool(ops.max(ops.abs(same)) < 1e-5)
    True

    Reference: Kappeler et al. 2016, section III-C (weight transfer).
    """
    convolutions = [x for x in srcnn.layers if isinstance(x, layers.Conv2D)]
    kernels = [np.array(x.kernel) for x in convolutions]
    shapes = [kernel.shape for kernel in kernels]
    if (
        len(shapes) != 3
        or shapes[0][2] != shapes[2][3]
        or any(a[3] != b[2] for a, b in zip(shapes, shapes[1:], strict=False))
    ):
        raise ValueError(
            "`srcnn` must have three convolutions, one after the other, such "
            "as `networks.srcnn()` or `networks.vsrnet(1)`. Received: "
            f"{srcnn.name} with kernels {shapes}"
        )
    old_sizes = tuple(shape[0] for shape in shapes)
    kernel_sizes = kernel_sizes or old_sizes
    network = vsrnet(
        num_frames,
        shapes[0][2],
        fusion,
        (shapes[0][3], shapes[1][3]),
        kernel_sizes,
        filter_symmetry,
    )
    if any(n < o for n, o in zip(kernel_sizes, old_sizes, strict=True)):
        raise ValueError(
            f"`kernel_sizes` must be at least {old_sizes}, those of `srcnn`. "
            f"Received: kernel_sizes={kernel_sizes!r}"
        )
    for layer in network.layers:
        if not isinstance(layer, layers.Conv2D):
            continue
        stage = int(layer.name.split("_")[1])
        margin = (kernel_sizes[stage] - old_sizes[stage]) // 2
        around = ((margin, margin), (margin, margin), (0, 0), (0, 0))
        kernel = np.pad(kernels[stage], around)
        if stage == FUSIONS.index(fusion):
            repeats = layer.kernel.shape[2] // kernel.shape[2]
            kernel = np.tile(kernel, (1, 1, repeats, 1)) / num_frames
        layer.kernel.assign(kernel)
        layer.bias.assign(convolutions[stage].bias)
    return network


def video_edsr(scale=4, num_frames=5, channels=3, width=32, num_blocks=8):
    """Video EDSR: residual super-resolution of several frames.

    It is more accurate than VSRNet, with less arithmetic. Each upscaled and
    aligned frame is folded to the small size: the `scale²` pixels of a square
    become channels, which keeps the sub-pixel detail of the aligned frames.
    Residual blocks `x + W₂ relu(W₁ x)` compute at the small size on the
    channels of all frames, and a pixel shuffle follows. The output is added to
    the middle frame; untrained, the network returns the middle frame.

    With `scale=1` frames are not folded, for denoising and deblurring.

    Args:
        scale: Factor by which the frames were upscaled, 1 to 4.
        num_frames: Number of frames, an odd int.
        channels: Channels of the images, 1 or 3.
        width: Channels of the hidden layers.
        num_blocks: Number of residual blocks.

    Returns:
        A `keras.Model` from (batch, num_frames, height, width, channels) to
        (batch, height, width, channels).

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> network = video_edsr(4, channels=1, num_frames=3, width=8, num_blocks=1)
    >>> network(ops.zeros((1, 3, 36, 56, 1))).shape
    TensorShape([1, 36, 56, 1])

    Reference: Wang et al., Learning for Video Super-Resolution through HR
    Optical Flow Estimation, 2018, section 3.2 (the folded frames: a draft
    cube). Lim et al., Enhanced Deep Residual Networks for Single Image
    Super-Resolution, 2017, section 3 (the blocks).
    """
    if scale not in (1, 2, 3, 4) or not is_int(scale):
        raise ValueError(f"`scale` must be 1, 2, 3 or 4. Received: {scale!r}")
    _check_frames(num_frames)
    check_counts(channels, width=width, num_blocks=num_blocks)

    def convolve(x, filters, **options):
        return layers.Conv2D(filters, 3, padding="same", **options)(x)

    frames = keras.Input((num_frames, None, None, channels), name="frames")
    images = [frames[:, index] for index in range(num_frames)]
    middle = images[num_frames // 2]
    x = _joined([[image] for image in images])
    if scale > 1:
        x = ops.space_to_depth(PadToMultiple(scale)(x), scale)
    first = x = convolve(x, width)
    for _ in range(num_blocks):
        y = convolve(convolve(x, width, activation="relu"), width)
        x = layers.Add()([x, y])
    x = layers.Add()([convolve(x, width), first])
    detail = convolve(
        x, channels * scale**2, kernel_initializer="zeros", dtype="float32"
    )
    if scale > 1:
        detail = CropLike()([ops.depth_to_space(detail, scale), middle])
    return keras.Model(frames, middle + detail, name="video_edsr")


def _joined(groups):
    """Adds the maps of each group and concatenates the sums."""
    sums = [
        layers.Add()(group) if len(group) > 1 else group[0] for group in groups
    ]
    return layers.Concatenate()(sums) if len(sums) > 1 else sums[0]


def _check_frames(num_frames):
    if not is_int(num_frames) or num_frames < 1 or num_frames % 2 == 0:
        raise ValueError(
            "`num_frames` must be an odd int, the middle frame and as many on "
            f"both sides. Received: num_frames={num_frames!r}"
        )

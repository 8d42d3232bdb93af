"""Quality of restored video: a metric for each frame, and flicker."""

import itertools

import numpy as np

from keras_synth import metrics
from keras_synth.ops import optical_flow, visible_pixels, warping_error
from keras_synth.ops.ranges import check_range


def measure_clip(restored, clean, metric=None):
    """Measures a restored clip: a metric for each frame, and flicker.

    Flicker is the change along the motion from one frame to the next, the
    root mean square of

        restored_t(p) - restored_t+1(p + f(p))

    over the pixels that are visible in both. The optical flow f is that of the
    clean frames, so it is the same for all methods. The clean clip has some
    flicker too, from errors of the flow, noise and changes of light.

    Args:
        restored: Iterable of frames (height, width, channels), floats in
            [0, 1] or uint8, such as `inference.restore_video` returns.
        clean: Iterable of as many clean frames of the same size, at least 16 x
            16 pixels.
        metric: A metric of images, such as `metrics.SSIM()`. None takes
            `metrics.PSNR()`.

    Returns:
        `{name of the metric: array (time,), "flicker": array (time - 1,),
        "flicker of the clean clip": array (time - 1,)}`.

    Raises:
        ValueError: There are fewer than two frames, frames of other values,
            or the clips differ in length or size.

    Example:

    >>> clean = np.full((3, 16, 16, 1), 0.5, "float32")
    >>> restored = clean + np.float32([0.1, 0.0, 0.1])[:, None, None, None]
    >>> found = measure_clip(restored, clean)
    >>> found["flicker"].round(3)
    array([0.1, 0.1], dtype=float32)

    Reference: Lai et al., Learning Blind Video Temporal Consistency, 2018,
    "Evaluation metrics": temporal stability (there, the square).
    """
    metric = metric or metrics.PSNR()
    values, flicker, unavoidable = [], [], []
    before = None
    for number, pair in enumerate(itertools.zip_longest(restored, clean)):
        if any(frame is None for frame in pair):
            raise ValueError(
                "`restored` and `clean` must have as many frames. Received: "
                f"one ends after {number}"
            )
        now = [_image(frame, number) for frame in pair]
        if now[0].shape != now[1].shape:
            raise ValueError(
                "`restored` and `clean` must be of one size. Received: "
                f"{now[0].shape[1:]} and {now[1].shape[1:]} in frame {number}"
            )
        metric.reset_state()
        metric.update_state(now[1], now[0])
        values.append(float(metric.result()))
        if before is not None:
            flow = optical_flow(before[1], now[1])
            visible = visible_pixels(flow, optical_flow(now[1], before[1]))
            for found, index in ((flicker, 0), (unavoidable, 1)):
                error = warping_error(before[index], now[index], flow, visible)
                found.append(float(np.sqrt(error[0])))
        before = now
    if len(values) < 2:
        raise ValueError(
            f"A clip must have at least two frames. Received: {len(values)}"
        )
    return {
        metric.name: np.array(values, "float32"),
        "flicker": np.array(flicker, "float32"),
        "flicker of the clean clip": np.array(unavoidable, "float32"),
    }


def _image(frame, number):
    """Converts a frame to float32 (1, height, width, channels)."""
    frame = np.asarray(frame)
    if frame.ndim != 3:
        raise ValueError(
            "Frames must be (height, width, channels). Received: shape "
            f"{frame.shape} for frame {number}"
        )
    if frame.dtype == np.uint8:
        return frame[None].astype("float32") / np.float32(255.0)
    if not np.issubdtype(frame.dtype, np.floating):
        raise ValueError(
            "Frames must be floats in [0, 1], or uint8. Received: "
            f"{frame.dtype} for frame {number}"
        )
    check_range(frame, f"Frame {number}", degraded=True)
    return frame[None].astype("float32")

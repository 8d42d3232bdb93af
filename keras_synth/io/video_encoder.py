"""Video encoding with PyAV: the codec of each format, and parts of a film."""

import dataclasses
import io
import pathlib
from fractions import Fraction

import numpy as np

from keras_synth.io.video_reader import (
    FULL,
    MATRICES,
    exact_conversion,
    import_av,
    open_file,
)

#: Endings of the video files that are written, and FFmpeg's containers.
CONTAINERS = {
    ".avi": "avi",
    ".m4v": "mp4",
    ".mkv": "matroska",
    ".mov": "mov",
    ".mp4": "mp4",
    ".webm": "webm",
}
# Encoders and their options. There are no frames that depend on later ones
# (B-frames), so that packets lie in the order of presentation: then parts can
# be joined, and AVI, which knows no other order, can hold them. The tree of
# macroblocks is off: with it x264 gives small frames other bytes now and then.
_X264 = ("libx264", {"crf": "9", "bf": "0", "mbtree": "0"})
_X265 = ("libx265", {"crf": "10", "x265-params": "bframes=0:log-level=none"})
_VP9 = ("libvpx-vp9", {"crf": "10", "b": "0", "cpu-used": "3"})
_PRORES = ("prores_ks", {"profile": "4444"})


@dataclasses.dataclass(frozen=True)
class VideoFormat:
    """How the frames of a video file are encoded.

    Attributes:
        container: FFmpeg's name of the container.
        codec: FFmpeg's name of the encoder.
        options: Dict of options of the encoder.
        pixels: FFmpeg's name of the pixel format.
        bits: Bits of a channel.
    """

    container: str
    codec: str
    options: dict
    pixels: str
    bits: int


def choose_format(path, size, channels, bits):
    """Chooses the codec that fits the ending of a video file.

    Args:
        path: Path of the file to write.
        size: (height, width) of its frames.
        channels: 1 for gray, 3 for color, 4 for color with transparency.
        bits: Bits of a channel of the frames.

    Returns:
        A `VideoFormat`.

    Raises:
        ValueError: The format holds no transparency.
    """
    ending = pathlib.Path(path).suffix.lower()
    container = CONTAINERS[ending]
    if channels == 4 and container == "mov":
        return VideoFormat(container, *_PRORES, "yuva444p10le", 10)
    if channels == 4 and container in ("matroska", "webm"):
        return VideoFormat(container, *_VP9, "yuva420p", 8)
    if channels == 4:
        raise ValueError(
            f"The frames have transparency, which {ending} files do not hold: "
            "write .mov, .mkv, .webm or a folder of frames."
        )
    if container == "webm":
        return VideoFormat(container, *_VP9, "yuv420p", 8)
    deep = bits > 8
    codec = _X265 if deep and container != "avi" else _X264
    # Colors of half the resolution need an even number of pixels.
    odd = size[0] % 2 or size[1] % 2
    pixels = ("yuv444p" if odd else "yuv420p") + ("10le" if deep else "")
    return VideoFormat(container, *codec, pixels, 10 if deep else 8)


class PartEncoder:
    """Encodes consecutive frames of a video to a file of their own.

    Args:
        video_format: A `VideoFormat`.
        size: (height, width) of the file; frames of another are resized.
        time_base: Unit of the times of the frames, in seconds.
        rate: Frames per second, a `Fraction`.
        aspect: Width of a pixel over its height.
        color: `(primaries, transfer, matrix, range)` of ITU-T H.273.
    """

    def __init__(self, video_format, size, time_base, rate, aspect, color):
        av = import_av()
        self.format = video_format
        self.color = color
        self.times, self._packets = [], []
        self._bytes = io.BytesIO()
        self._file = av.open(self._bytes, "w", format="matroska")
        self._stream = self._file.add_stream(
            video_format.codec, rate=rate, options=video_format.options
        )
        codec = self._stream.codec_context
        codec.height, codec.width = size
        codec.pix_fmt = video_format.pixels
        codec.time_base = time_base
        codec.sample_aspect_ratio = aspect
        codec.color_primaries, codec.color_trc = color[:2]
        codec.colorspace, codec.color_range = color[2:]
        self._reformatter = av.video.reformatter.VideoReformatter()

    def add(self, frame, time):
        """Encodes a frame.

        Args:
            frame: Array (height, width, 1, 3 or 4) in [0, 1].
            time: Its time, an int above the one before.
        """
        image = self._image(frame)
        image.pts = time
        image.time_base = self._stream.codec_context.time_base
        self._packets += self._stream.encode(image)
        self.times.append(time)

    def _image(self, frame):
        top, dtype, ending = 255, "uint8", ("24", "")
        if self.format.bits > 8:
            top, dtype, ending = 65535, "uint16", ("48le", "64le")
        if frame.shape[-1] == 1:
            frame = np.repeat(frame, 3, axis=-1)
        name = "rgb" + ending[0] if frame.shape[-1] == 3 else "rgba" + ending[1]
        values = np.rint(np.clip(frame, 0.0, 1.0) * top).astype(dtype)
        image = import_av().VideoFrame.from_ndarray(
            np.ascontiguousarray(values), format=name
        )
        primaries, transfer, matrix, color_range = self.color
        image.colorspace, image.color_range = matrix, FULL
        image = self._reformatter.reformat(
            image,
            format=self.format.pixels,
            height=self._stream.codec_context.height,
            width=self._stream.codec_context.width,
            dst_colorspace=MATRICES[matrix],
            dst_color_range=color_range,
            interpolation=exact_conversion(),
        )
        image.colorspace, image.color_range = matrix, color_range
        image.color_primaries, image.color_trc = primaries, transfer
        return image

    def finish(self):
        """Ends the part.

        Returns:
            The bytes of a file, which `read_part` reads.
        """
        self._packets += self._stream.encode(None)
        # Matroska rounds times to milliseconds: the exact ones are a tag.
        self._file.metadata["times"] = " ".join(map(str, self.times))
        for packet in self._packets:
            self._file.mux(packet)
        self._file.close()
        return self._bytes.getvalue()


def part_times(path):
    """The times of the frames of a part, a list of int."""
    with open_file(path) as part:
        tags = {name.lower(): text for name, text in part.metadata.items()}
    return [int(time) for time in tags["times"].split()]


def part_packets(path):
    """Yields the packets of a part, one for each frame."""
    with open_file(path) as part:
        for packet in part.demux(video=0):
            if packet.size:
                yield packet


def frame_rate(number):
    """A frame rate as a fraction.

    Args:
        number: Frames per second.

    Returns:
        A `Fraction`.

    Example:

    >>> frame_rate(29.97), frame_rate(25)
    (Fraction(2997, 100), Fraction(25, 1))
    """
    return Fraction(number).limit_denominator(1001)

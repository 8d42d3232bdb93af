"""Video files in: decoding frames with PyAV, in their order and timing."""

import dataclasses
import pathlib
from fractions import Fraction

import numpy as np

#: Color matrices of YUV: number in the file and that of the converter.
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
BT709, BT601 = 1, 6
LIMITED, FULL = 1, 2
# Containers that say how long they are, or how many frames they hold.
_WITH_DURATION = ("matroska", "mov")
_WITH_COUNT = ("avi",)
# Containers of frames in the order of decoding, without their times.
_WITHOUT_TIMES = ("avi", "h264", "hevc", "m4v", "mpegvideo")
# Codecs in which each packet holds one frame that is shown.
_FRAME_BY_FRAME = ("av1", "h264", "hevc", "vp9")
_CUT_SHORT = 0.1  # seconds that may be missing at the end
# What frames carry beside them, and is not written.
_LEFT_OUT = {
    "A53_CC": "closed captions within the frames",
    "CONTENT_LIGHT_LEVEL": "light levels of HDR",
    "DOVI_METADATA": "Dolby Vision",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "MASTERING_DISPLAY_METADATA": "mastering display of HDR",
    "SPHERICAL": "projection of a spherical video",
    "STEREO3D": "arrangement of a stereo video",
}


@dataclasses.dataclass(frozen=True)
class VideoFile:
    """What a video file says of its frames.

    Attributes:
        path: Path of the file.
        size: (height, width) as shown, thus rotated.
        channels: 1 for gray, 3 for color, 4 for color with transparency.
        bits: Bits of a channel.
        time_base: Unit of the times of the frames, in seconds.
        rate: Frames per second, where the rate is constant.
        pts: Tuple of the times of the packets, in order.
        duration: Duration of the last frame, in units of `time_base`.
        shift: Time of the beginning, in seconds; it becomes 0.
        aspect: Width of a pixel over its height.
        color: `(primaries, transfer, matrix, range)`, as numbers of ITU-T
            H.273; the range is 1 for limited and 2 for full.
        turn: `(transposed, mirrored, flipped)`, what is done to a decoded
            frame to show it.
        timeless: Whether the container has no times of presentation.
    """

    path: pathlib.Path
    size: tuple[int, int]
    channels: int
    bits: int
    time_base: Fraction
    rate: Fraction
    pts: tuple
    duration: int
    shift: Fraction
    aspect: Fraction
    color: tuple[int, int, int, int]
    turn: tuple[bool, bool, bool]
    timeless: bool

    @property
    def steady(self):
        """Whether the frames lie on the grid of a constant frame rate."""
        first, unit = self.pts[0], self.time_base * self.rate
        places = np.array([float((pts - first) * unit) for pts in self.pts])
        grid = np.rint(places)
        return bool(
            np.abs(places - grid).max() < 0.1 and (np.diff(grid) > 0).all()
        )


def import_av():
    """Imports PyAV, which reads and writes video files."""
    try:
        import av
        import av.sidedata.sidedata
    except ImportError as error:
        raise ImportError(
            "Video files need PyAV: pip install 'keras_synth[video]' (folders "
            "of frames need nothing)."
        ) from error
    return av


def open_file(path):
    """Opens a video file for reading, as a PyAV container."""
    # With "file:", since a name such as 12:30.mp4 looks like an address.
    return import_av().open(f"file:{path}", metadata_errors="replace")


def main_stream(container):
    """The video stream that is to be shown; None if there is none."""
    stream = container.streams.best("video")
    if stream is None or stream.codec_context is None:
        return None
    attached = import_av().stream.Disposition.attached_pic
    return None if attached in stream.disposition else stream


def probe_video(path, accept_truncated=False):
    """Reads what a video file says, all its packets and its first frame.

    Args:
        path: Path of the file.
        accept_truncated: Whether the file may be cut short.

    Returns:
        A `VideoFile`.

    Raises:
        ImportError: PyAV is missing.
        ValueError: The file is no video, holds no frames, or is cut short.
    """
    av = import_av()
    path = pathlib.Path(path)
    try:
        with open_file(path) as container:
            stream = main_stream(container)
            if stream is None:
                raise ValueError(f"{path} is not a readable video: no stream")
            packets = _read_packets(container, stream, path, accept_truncated)
        with open_file(path) as container:
            stream = main_stream(container)
            frame = next(_frames(container, stream, lambda _: None), None)
            if frame is None or not packets:
                raise ValueError(
                    f"{path} is not a readable video: it has no frames"
                )
            file = _described(path, container, stream, frame, packets)
    except av.FFmpegError as error:
        raise _unreadable(path, error) from error
    if file.channels == 4 and _opaque(file):
        return dataclasses.replace(file, channels=3)
    return file


def _opaque(file):
    """Whether there is room for transparency in the file, and none in it."""
    frames = decode_frames(file, accept_truncated=True)
    return all(
        (frame[..., 3] == np.iinfo(frame.dtype).max).all() for frame in frames
    )


def _unreadable(path, error):
    reason = error.strerror or type(error).__name__
    with path.open("rb") as file:
        if file.read(8)[4:] == b"ftyp":
            reason = "it has no index (moov), so it may be cut short"
    return ValueError(f"{path} is not a readable video: {reason}")


def _read_packets(container, stream, path, accept_truncated):
    """`(time, duration)` of each packet of the stream, in order."""
    names = container.format.name.split(",")
    timeless = container.format.name in _WITHOUT_TIMES
    packets, end, broken = [], 0.0, False
    try:
        for packet in container.demux():
            broken = broken or packet.is_corrupt
            time = packet.pts
            if timeless:
                time = packet.dts
                if time is None:  # not even an order: a bare stream
                    time = len(packets) * _step(stream)
            if time is None or not packet.size:
                continue
            until = time + (packet.duration or 0)
            end = max(end, float(until * packet.time_base))
            if packet.stream.index == stream.index and not packet.is_discard:
                packets.append((time, packet.duration or 0))
    except import_av().error.InvalidDataError:
        broken = True
    packets.sort()
    if "mov" in names:
        broken = broken or _ends_within_a_box(path)
    if accept_truncated:
        return packets
    lacks = None
    if set(names) & set(_WITH_DURATION) and container.duration:
        length = container.duration / 1e6
        end -= (container.start_time or 0) / 1e6
        if end < length - _CUT_SHORT:
            lacks = f"it should have {length:.1f} seconds, and has {end:.1f}"
    elif set(names) & set(_WITH_COUNT) and packets:
        last = packets[-1][0] + 1
        if last + _CUT_SHORT * (stream.average_rate or 0) < stream.frames:
            lacks = f"it should have {stream.frames} frames, and ends at {last}"
    elif "mpegts" in names:  # of packets of 188 bytes, or 192 with a time
        broken = broken or container.size % 188 * (container.size % 192) > 0
    if lacks or broken:
        raise ValueError(
            f"{path} is cut short: {lacks or 'its end is broken'}.{_ASK}"
        )
    return packets


def _ends_within_a_box(path):
    """Whether an MP4 or MOV file lacks the end of its last box."""
    place, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while place + 16 <= size:
            file.seek(place)
            header = file.read(16)
            length = int.from_bytes(header[:4])
            if length == 1:
                length = int.from_bytes(header[8:])
            if length < 8:  # 0 is up to the end; others are no boxes
                return False
            place += length
    return place > size


_ASK = " Ask for the frames that are there (`accept_truncated`)."


def _described(path, container, stream, frame, packets):
    av = import_av()
    layout = frame.format
    alpha = layout.name != "pal8" and any(
        component.is_alpha for component in layout.components
    )
    gray = layout.name.startswith("gray")
    turn = _turn(frame)
    size = (frame.height, frame.width)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if turn[0]:
        size, aspect = size[::-1], 1 / aspect
    times = [pts for pts, _ in packets]
    return VideoFile(
        path=path,
        size=size,
        channels=4 if alpha else 1 if gray else 3,
        bits=max(component.bits for component in layout.components),
        time_base=stream.time_base,
        rate=_rate(stream),
        pts=tuple(times),
        duration=packets[-1][1] or _step(stream),
        shift=max(Fraction(container.start_time or 0, av.time_base), 0),
        aspect=aspect,
        color=_color(path, frame),
        turn=turn,
        timeless=container.format.name in _WITHOUT_TIMES,
    )


def _rate(stream):
    return stream.guessed_rate or stream.average_rate or Fraction(25)


def _step(stream):
    """Duration of a frame in units of the stream's time base."""
    return max(round(1 / (_rate(stream) * stream.time_base)), 1)


def _color(path, frame):
    """Primaries, transfer, matrix and range, the last two never unknown."""
    matrix, rgb = int(frame.colorspace), frame.format.is_rgb
    if rgb or matrix == 2:  # what is assumed of a film of this size
        matrix = BT709 if rgb or frame.height >= 720 else BT601
    if matrix not in MATRICES:
        raise ValueError(
            f"{path} has colors that cannot be converted: matrix {matrix} of "
            "ITU-T H.273."
        )
    full = not rgb and FULL in (int(frame.color_range), _full(frame))
    return (
        int(frame.color_primaries),
        int(frame.color_trc),
        matrix,
        FULL if full else LIMITED,
    )


def _full(frame):
    return FULL if frame.format.name.startswith("yuvj") else LIMITED


def _turn(frame):
    """What the display matrix of a frame asks for."""
    data = _side_data(frame).get("DISPLAYMATRIX")
    if data is None:
        return False, False, False
    matrix = np.frombuffer(bytes(data), "<i4")
    (a, b), (c, d) = matrix[[0, 1]], matrix[[3, 4]]
    if abs(int(a)) < abs(int(b)):
        return True, bool(c < 0), bool(b < 0)
    return False, bool(a < 0), bool(d < 0)


def _side_data(frame):
    """A dict from the kind of what a frame carries beside it to the data."""
    found = {}
    for data in frame.side_data:
        try:
            found[data.type.name] = data
        except ValueError:  # a kind that PyAV does not know
            continue
    return found


def turned(pixels, turn):
    """Rotates and mirrors an image as a display matrix asks for."""
    transposed, mirrored, flipped = turn
    if transposed:
        pixels = pixels.swapaxes(0, 1)
    if mirrored:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if flipped else pixels


def decode_frames(
    file, start=0, times=None, notes=None, accept_truncated=False
):
    """Decodes the frames of a video file one by one, in little memory.

    They are rotated as they are to be shown; interlaced ones are deinterlaced.

    Args:
        file: A `VideoFile`.
        start: Number of the first frame to return.
        times: List that gets the time of each frame, those before `start`
            too, in units of `file.time_base`; it rises from frame to frame.
        notes: List that gets what was done to the frames, in words.
        accept_truncated: Whether broken frames are taken as far as they can
            be decoded. If False, they are an error.

    Yields:
        Arrays (height, width, file.channels), uint8 or uint16.

    Raises:
        ValueError: A frame is broken.
    """
    times = [] if times is None else times
    notes = [] if notes is None else notes
    count = 0

    def on_broken(reason):
        if not accept_truncated:
            raise ValueError(f"{file.path} is broken{reason}.{_ASK}")
        _note(notes, "Broken frames are as they could be decoded.")

    with open_file(file.path) as container:
        stream = main_stream(container)
        shift = round(file.shift / file.time_base)
        step = _step(stream)
        convert = _Converter(file)
        deinterlaced = _Deinterlacer(stream.time_base)
        for frame in deinterlaced(_frames(container, stream, on_broken)):
            pts = frame.pts
            if file.timeless and count < len(file.pts):
                pts = file.pts[count]
            pts = None if pts is None else pts - shift
            before = times[-1] if times else None
            if pts is None or (before is not None and pts <= before):
                pts = 0 if before is None else before + step
            times.append(pts)
            count += 1
            for kind in set(_LEFT_OUT) & set(_side_data(frame)):
                _note(notes, f"Left out: {_LEFT_OUT[kind]}.")
            if count > start:
                yield convert(frame)
        interlaced = deinterlaced.graph is not None
        if interlaced:
            _note(notes, "Interlaced frames were deinterlaced (bwdif).")
        known = stream.codec_context.name in _FRAME_BY_FRAME
    if known and not interlaced and count < len(file.pts):
        on_broken(f": {len(file.pts) - count} frames cannot be decoded")


def _note(notes, text):
    if text not in notes:
        notes.append(text)


def _frames(container, stream, on_broken):
    """Decoded frames; what is broken is reported and left out."""
    av = import_av()
    codec = stream.codec_context
    transparent = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(codec.name)
    if transparent and stream.metadata.get("alpha_mode") == "1":
        codec = av.CodecContext.create(transparent, "r")
    codec.thread_type = "AUTO"
    packets, time, done = container.demux(stream), 0.0, False
    while not done:
        frames = []
        try:
            packet = next(packets, None)
            done = packet is None
            if packet is not None and not packet.size:
                continue
            if packet is not None and packet.pts is not None:
                time = float(packet.pts * packet.time_base)
            frames = codec.decode(packet)
        except av.error.InvalidDataError:
            on_broken(f" at {time:.1f} seconds")
        for frame in frames:
            if frame.is_corrupt:
                on_broken(f" at {time:.1f} seconds")
            yield frame


class _Deinterlacer:
    """Passes frames on, from the first interlaced one through a filter."""

    def __init__(self, time_base):
        self.time_base = time_base
        self.graph = None

    def __call__(self, frames):
        for frame in frames:
            if self.graph is None and frame.interlaced_frame:
                self._build(frame)
            if self.graph is None:
                yield frame
                continue
            self.graph.push(frame)
            yield from self._pull()
        if self.graph is not None:
            self.graph.push(None)
            yield from self._pull()

    def _build(self, frame):
        self.graph = import_av().filter.Graph()
        source = self.graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format.name,
            time_base=self.time_base,
        )
        # One frame for each, and only for those that are interlaced.
        bwdif = self.graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self.graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self.graph.configure()

    def _pull(self):
        av = import_av()
        while True:
            try:
                frame = self.graph.pull()
                # The filter counts in fields.
                units = frame.time_base / self.time_base
                frame.pts = round(frame.pts * units)
                frame.time_base = self.time_base
                yield frame
            except (av.error.BlockingIOError, av.error.EOFError):
                return


class _Converter:
    """From decoded frames to arrays of pixels."""

    def __init__(self, file):
        av = import_av()
        self.file = file
        deep = file.bits > 8
        color = (
            ("rgb24", "rgb48le") if file.channels < 4 else ("rgba", "rgba64le")
        )
        self.format = color[deep]
        self.reformatter = av.video.reformatter.VideoReformatter()

    def __call__(self, frame):
        _, _, matrix, color_range = self.file.color
        if not frame.format.is_rgb:
            frame.colorspace, frame.color_range = matrix, color_range
        frame = self.reformatter.reformat(
            frame,
            format=self.format,
            dst_color_range=FULL,
            interpolation=exact_conversion(),
        )
        pixels = frame.to_ndarray()
        if self.file.channels == 1:
            pixels = pixels[..., :1]
        return turned(pixels, self.file.turn)


def exact_conversion():
    """Flags of swscale: rounded exactly, colors interpolated in full."""
    flags = import_av().video.reformatter.Interpolation
    return (
        flags.BICUBIC
        | flags.ACCURATE_RND
        | flags.BITEXACT
        | flags.FULL_CHR_H_INT
        | flags.FULL_CHR_H_INP
    )

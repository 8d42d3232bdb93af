"""Video muxing with PyAV: frames, sound, subtitles, chapters and tags."""

import contextlib
import heapq
from fractions import Fraction

from keras_synth.io.provenance import tagged
from keras_synth.io.video_encoder import part_packets, part_times
from keras_synth.io.video_reader import (
    import_av,
    main_stream,
    open_file,
)

# What a sound track is encoded as where it cannot be copied.
_SOUND = {"avi": "libmp3lame", "webm": "libopus"}
# Tags that describe the file that was read, not the film.
_TECHNICAL = {
    "_statistics_tags",
    "_statistics_writing_app",
    "_statistics_writing_date_utc",
    "alpha_mode",
    "bps",
    "compatible_brands",
    "duration",
    "encoder",
    "handler_name",
    "major_brand",
    "minor_version",
    "number_of_bytes",
    "number_of_frames",
    "rotate",
    "software",
    "vendor_id",
}


def join_parts(path, parts, video_format, file, rate, strip, provenance=None):
    """Joins encoded parts, with what else the source holds, to a video file.

    Sound, subtitles, covers and attachments are copied packet by packet. Only
    sound that the container does not hold is encoded anew.

    Args:
        path: Path of the file to write.
        parts: List of paths of parts, of a `PartEncoder` each.
        video_format: A `VideoFormat`.
        file: The `VideoFile` that was read; None for a folder of frames.
        rate: Frames per second, where the frames have times of a constant
            rate, not those of `file`; None otherwise.
        strip: Whether to leave out tags.
        provenance: `io.Provenance` for the tags, unless they are left out; or
            None.

    Returns:
        A list of str: what could not be kept.

    Raises:
        OSError: The file cannot be written.
        ValueError: The parts or the file are not as they were written.
    """
    av = import_av()
    container, notes = video_format.container, []
    times = [time for part in parts for time in part_times(part)]
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_file(file.path)) if file else None
        tags = _tags(source.metadata) if source and not strip else {}
        if provenance is not None and not strip:
            tags = tagged(tags, provenance)
        options = {"fflags": "+bitexact"}  # no date, no random numbers
        if container in ("mov", "mp4") and any("." in name for name in tags):
            options["movflags"] = "use_metadata_tags"
        target = stack.enter_context(
            av.open(
                f"file:{path}",
                "w",
                format=container,
                container_options=options,
            )
        )
        first = stack.enter_context(open_file(parts[0]))
        part = first.streams.video[0]
        stream = _add_video(target, part, file, rate)
        stream.codec_context.pix_fmt = video_format.pixels
        rewrite = _annex_b(part, stream) if container == "avi" else None
        packets = [_frame_packets(parts, times, stream, file, rate, rewrite)]
        if source:
            if not strip:
                stream.metadata.update(_tags(main_stream(source).metadata))
            tracks = _add_tracks(target, source, file, rate, notes)
            packets.append(_other_packets(source, tracks, container == "avi"))
            if rate is None:
                target.set_chapters(_chapters(source, file.shift))
        target.metadata.update(tags)
        for _, packet in heapq.merge(*packets, key=lambda pair: pair[0]):
            target.mux(packet)
    _check(path, len(times), tags, notes)
    return notes


def _tags(metadata):
    """The tags that describe a film."""
    return {
        name: text
        for name, text in metadata.items()
        if name.lower().partition("-")[0] not in _TECHNICAL
    }


def _add_video(target, part, file, rate):
    stream = target.add_stream_from_template(part, opaque=True)
    constant = rate or (file.rate if file.steady else None)
    if constant:
        stream.codec_context.framerate = constant
    stream.time_base = 1 / rate if rate else file.time_base
    if target.format.name == "avi":  # which counts frames
        stream.time_base = 1 / constant
    if part.codec_context.name == "hevc" and target.format.name != "matroska":
        stream.codec_context.codec_tag = "hvc1"  # which Apple's programs want
    return stream


def _annex_b(part, stream):
    """A function from a packet of H.264 to one with start codes, for AVI."""
    av = import_av()
    rewrite = av.bitstream.BitStreamFilterContext(
        "h264_mp4toannexb", part, stream
    )
    return lambda packet: rewrite.filter(packet)[0]


def _frame_packets(parts, times, stream, file, rate, rewrite):
    """Yields `(seconds, packet)` for each frame."""
    unit = 1 / rate if rate else file.time_base
    ends = [*times[1:], times[-1] + (1 if rate else file.duration)]
    count = 0
    for part in parts:
        for packet in part_packets(part):
            if count == len(times):
                break
            if rewrite:
                packet = rewrite(packet)
            packet.stream, packet.time_base = stream, unit
            packet.pts = packet.dts = times[count]
            packet.duration = ends[count] - times[count]
            yield float(times[count] * unit), packet
            count += 1
    if count != len(times):
        raise ValueError(
            f"{parts[0].parent} holds {count} of {len(times)} frames: begin "
            "anew (`overwrite`)."
        )


def _add_tracks(target, source, file, rate, notes):
    """A dict from the number of a stream to a function of its packets."""
    av = import_av()
    main = main_stream(source).index
    tracks, left = {}, []
    for stream in source.streams:
        if stream.index == main:
            continue
        track = None
        cover = av.stream.Disposition.attached_pic in stream.disposition
        if rate is None or cover or stream.type == "attachment":
            track = _track(target, stream, file.shift, cover, notes)
        if track is not None:
            tracks[stream.index] = track
        elif stream.type != "data" or not source.chapters():
            left.append(_named(stream))  # text of chapters is written anew
    if left:
        why = (
            "the frames have other times"
            if rate
            else f"{target.format.name} files do not hold them"
        )
        notes.append(f"Left out, since {why}: {', '.join(left)}.")
    return tracks


def _named(stream):
    codec = stream.codec_context
    kind = f"{stream.type} {stream.index}"
    return f"{kind} ({codec.codec.canonical_name})" if codec else kind


def _track(target, stream, shift, cover, notes):
    """A function from a packet of a stream to packets to write, or None."""
    codec = stream.codec_context
    kind = stream.type
    if kind == "attachment" and target.format.name == "matroska":
        target.add_stream_from_template(stream)
        return lambda packet: []
    if codec is None or (kind == "video" and not cover):
        return None
    if codec.codec.canonical_name in target.supported_codecs and (
        not cover or target.format.name == "mp4"
    ):
        copy = target.add_stream_from_template(stream, opaque=True)
        if kind == "audio":
            copy.codec_context.layout = _layout(codec)
        track = _Copy(copy, stream, shift)
    elif kind == "audio":
        track = _Encode(target, stream, shift)
        copy = track.stream
        notes.append(
            f"{_named(stream)} was encoded anew as "
            f"{copy.codec_context.codec.canonical_name}, since "
            f"{target.format.name} files do not hold it."
        )
    else:
        return None
    copy.metadata.update(_tags(stream.metadata))
    copy.disposition = stream.disposition
    return track


def _layout(codec):
    """Where the channels of sound belong; the usual, where it is not said."""
    usual = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
    layout = codec.layout
    if layout.name == f"{layout.nb_channels} channels":
        return import_av().AudioLayout(
            usual.get(layout.nb_channels, layout.name)
        )
    return layout


class _Copy:
    """Passes packets on as they are."""

    def __init__(self, stream, source, shift):
        self.stream = stream
        self.shift = round(shift / source.time_base)

    def __call__(self, packet):
        if not packet.size:
            return []
        packet.stream = self.stream
        if packet.pts is not None:
            packet.pts -= self.shift
        if packet.dts is not None:
            packet.dts -= self.shift
        return [packet]


class _Encode:
    """Decodes sound and encodes it again."""

    def __init__(self, target, source, shift):
        av = import_av()
        self.decoder = source.codec_context
        name = _SOUND.get(target.format.name, "aac")
        rates = {"libopus": 48000}
        sample_rate = rates.get(name, min(self.decoder.sample_rate, 48000))
        layout = _layout(self.decoder)
        if name == "libmp3lame" and layout.nb_channels > 2:
            layout = av.AudioLayout("stereo")
        self.stream = target.add_stream(name, rate=sample_rate)
        encoder = self.stream.codec_context
        encoder.layout = layout
        encoder.bit_rate = 128_000 * layout.nb_channels
        encoder.open()
        self.shift = shift
        self.resampler = av.AudioResampler(
            encoder.format,
            layout,
            sample_rate,
            frame_size=encoder.frame_size or None,
        )

    def __call__(self, packet):
        av = import_av()
        last = not packet.size
        try:
            frames = self.decoder.decode(None if last else packet)
        except av.error.InvalidDataError:
            return []
        heard = []
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(self.shift / frame.time_base)
            heard += self.resampler.resample(frame)
        if last:
            heard += self.resampler.resample(None)
        packets = [p for frame in heard for p in self.stream.encode(frame)]
        return packets + self.stream.encode(None) if last else packets


def _other_packets(source, tracks, from_zero):
    """Yields `(seconds, packet)` of all streams but the video.

    AVI begins at 0: to keep what runs in before that, all would be late.
    """
    av = import_av()
    streams = [source.streams[index] for index in tracks]
    if not streams:
        return
    seconds = 0.0
    try:
        for packet in source.demux(streams):
            for made in tracks[packet.stream.index](packet):
                time = made.pts if made.dts is None else made.dts
                if time is not None:
                    seconds = float(time * made.time_base)
                if seconds >= 0.0 or not from_zero:
                    yield seconds, made
    except av.error.InvalidDataError:
        return  # of a file that is cut short


def _chapters(source, shift):
    chapters = source.chapters()
    for chapter in chapters:
        ticks = round(shift / Fraction(chapter["time_base"]))
        chapter["start"] -= ticks
        chapter["end"] -= ticks
    return chapters


def _check(path, count, tags, notes):
    """Reads the file that was written: all its frames, and its tags."""
    with open_file(path) as written:
        stream = main_stream(written)
        found = sum(1 for packet in written.demux(stream) if packet.size)
        kept = {name.lower() for name in written.metadata}
    if found != count:
        raise OSError(
            f"{path} holds {found} of {count} frames after it was written."
        )
    lost = sorted(name for name in tags if name.lower() not in kept)
    if lost:
        notes.append(f"Left out, as this format has no such tags: {lost}.")

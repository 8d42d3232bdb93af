"""Small video files for the tests, written with PyAV."""

from fractions import Fraction

import av
import numpy as np

from keras_synth.io import open_video, video_writer


def film(count=10, height=24, width=32):
    """Waves that drift: uint8 (count, height, width, 3)."""
    t, y, x = np.mgrid[:count, :height, :width].astype(float)
    colors = (
        127 + 100 * np.sin((x + 2 * t) / 5),
        127 + 100 * np.cos((y - t) / 4 + x / 9),
        40 + 4 * t + 4 * y,
    )
    return np.clip(np.stack(colors, -1), 0, 255).astype("uint8")


def write_clip(
    path,
    frames,
    *,
    codec="libx264",
    pixels="yuv420p",
    times=None,
    time_base=Fraction(1, 10),
    sound=(),
    options=None,
    container_options=None,
    tags=None,
    rotation=None,
    mirrored=False,
    **properties,
):
    """Writes a video file of ten frames a second, and of tones.

    Args:
        path: path of the file.
        frames: uint8 (time, height, width, 3 or 4).
        codec: encoder of the frames.
        pixels: pixel format of the file.
        times: times of the frames in units of `time_base`.
        time_base: unit of the times, in seconds.
        sound: an encoder for each sound track.
        options: options of the encoder.
        container_options: options of the container.
        tags: tags of the file.
        rotation: degrees that a player turns the frames counter-clockwise.
        mirrored: whether a player mirrors them after that.
        **properties: attributes of the encoder.
    """
    times = range(len(frames)) if times is None else times
    with av.open(
        str(path), "w", container_options=container_options or {}
    ) as file:
        file.metadata.update(tags or {})
        stream = file.add_stream(codec, rate=10, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.time_base = stream.codec_context.time_base = time_base
        for name, value in properties.items():
            setattr(stream.codec_context, name, value)
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=mirrored)
        tracks = [file.add_stream(name, rate=48000) for name in sound]
        seconds = float((times[-1] + 1) * time_base)
        for track in tracks:
            track.layout = "stereo"
        for pitch, track in enumerate(tracks, 1):
            for packet in _tone(track, seconds, 220 * pitch):
                file.mux(packet)
        for time, frame in zip(times, frames, strict=True):
            name = "rgb24" if frame.shape[-1] == 3 else "rgba"
            image = av.VideoFrame.from_ndarray(frame, format=name)
            image.pts, image.time_base = time, time_base
            file.mux(stream.encode(image))
        file.mux(stream.encode(None))
    return path


def _tone(track, seconds, pitch):
    encoder = track.codec_context
    encoder.open(strict=False)
    wave = np.sin(np.arange(int(48000 * seconds)) * 2 * np.pi * pitch / 48000)
    samples = (8000 * wave).astype("int16").repeat(2)[None]
    sound = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
    sound.sample_rate, sound.pts = 48000, 0
    resampler = av.AudioResampler(
        encoder.format, "stereo", 48000, frame_size=encoder.frame_size or 1024
    )
    for frame in resampler.resample(sound) + resampler.resample(None):
        yield from track.encode(frame)
    yield from track.encode(None)


def copy_video(source, target, *, accept_truncated=False, stop=None, **options):
    """Writes the frames of a video as they are; returns the notes.

    Args:
        source: path of a video file or a folder of frames.
        target: path of what is written.
        accept_truncated: see `open_video`.
        stop: number of the frame at which the job is stopped.
        **options: those of `video_writer`.
    """
    video = open_video(source, accept_truncated)
    with video_writer(target, video, video.size, **options) as writer:
        for number, frame in enumerate(
            video.frames(writer.start), writer.start
        ):
            if number == stop:
                raise KeyboardInterrupt
            if frame.dtype == np.uint8:
                frame = frame / np.float32(255.0)
            writer.write(number, frame)
    return [*video.notes, *writer.notes]


def times_of(path):
    """Times in seconds of the frames of a file, and that of the end."""
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    times = [float(frame.pts * frame.time_base) for frame in frames]
    last = frames[-1]
    return times, times[-1] + float(last.duration * last.time_base)


def sound_of(path, track=0):
    """The samples of a sound track, (channels, time)."""
    with av.open(str(path)) as file:
        return np.concatenate(
            [frame.to_ndarray() for frame in file.decode(audio=track)], axis=-1
        )


def packets_of(path, track=0):
    """The packets of a sound track, a list of bytes."""
    with av.open(str(path)) as file:
        return [bytes(p) for p in file.demux(audio=track) if p.size]

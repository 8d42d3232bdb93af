"""Videos in and out: what a file holds comes out as it went in."""

import json
import os
import resource
import signal
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from keras_synth.io import (
    VIDEO_EXTENSIONS,
    natural_order,
    open_video,
    read_frames,
    read_image,
    video_writer,
    write_image,
)
from tests.video_helpers import (
    copy_video,
    film,
    packets_of,
    sound_of,
    times_of,
    write_clip,
)

ENDINGS = [ending[1:] for ending in VIDEO_EXTENSIONS]
every_ending = pytest.mark.parametrize("ending", ENDINGS)
#: A stop of two seconds, and a last frame that is longer.
UNEVEN = [0, 1, 2, 3, 4, 5, 26, 29]


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of four frames, so that a short film has several."""
    monkeypatch.setattr("keras_synth.io.video_writers.PART", 4)


def all_frames(path):
    return np.stack(list(read_frames(path)))


def psnr(found, expected):
    error = (found.astype(float) - expected) ** 2
    return 10 * np.log10(255**2 / error.mean())


def luma(frames):
    return frames @ [0.299, 0.587, 0.114]


# Frames


@every_ending
def test_every_ending_is_written_with_a_codec_that_fits(tmp_path, ending):
    """Two parts, of a size that is no multiple of 16."""
    frames = film(6, 42, 70)
    source = write_clip(tmp_path / "a.mkv", frames, codec="ffv1", pixels="bgr0")
    target = tmp_path / f"b.{ending}"
    assert copy_video(source, target) == []
    found = all_frames(target)
    assert found.shape == frames.shape
    assert psnr(luma(found), luma(frames)) > 45.0
    assert psnr(found, frames) > 34.0  # colors of half the resolution
    with av.open(str(target)) as file:
        (stream,) = file.streams
        assert stream.average_rate == 10
        names = {"webm": "vp9"}
        assert stream.codec_context.name == names.get(ending, "h264")
    assert sorted(os.listdir(tmp_path)) == ["a.mkv", target.name]


@pytest.mark.parametrize("ending", ["avi", "mp4", "webm"])
def test_odd_sizes_keep_their_last_pixels(tmp_path, ending):
    frames = film(3, 25, 33)
    source = write_clip(tmp_path / "a.mkv", frames, codec="ffv1", pixels="bgr0")
    notes = copy_video(source, tmp_path / f"b.{ending}")
    found = all_frames(tmp_path / f"b.{ending}")
    assert found.shape == frames.shape
    assert psnr(luma(found), luma(frames)) > 45.0
    assert any("4:4:4" in note for note in notes) == (ending != "webm")


MATRIX = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


@pytest.mark.parametrize(
    ("matrix", "color_range", "height"),
    [(1, 1, 16), (1, 2, 16), (6, 1, 16), (6, 2, 16), (9, 1, 16), (9, 2, 16),
     (None, 1, 16), (None, 1, 720)],
)  # fmt: skip
def test_colors_by_the_matrix_and_the_range_of_the_file(
    tmp_path, matrix, color_range, height
):
    """A NumPy twin of BT.601, BT.709 and BT.2020 in H.273, equation 38."""
    red, blue = MATRIX[matrix or (1 if height == 720 else 6)]
    rng = np.random.default_rng(0)
    planes = rng.integers(60, 180, (3, height, 16)).astype("uint8")
    y, cb, cr = planes.astype(float) - [[[0]], [[128]], [[128]]]
    if color_range == 1:
        y, cb, cr = (y - 16) * 255 / 219, cb * 255 / 224, cr * 255 / 224
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    expected = np.clip(np.stack([r, g, b], -1), 0, 255)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=10)
        stream.height, stream.width = height, 16
        stream.pix_fmt = "yuv444p"
        stream.color_range = color_range
        if matrix:
            stream.colorspace = matrix
        frame = av.VideoFrame.from_ndarray(planes, format="yuv444p")
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    (found,) = all_frames(path)
    np.testing.assert_allclose(found, expected, atol=1.01)
    (gray,) = read_frames(path, channels=1)
    np.testing.assert_allclose(gray[..., 0], luma(found), atol=0.51)


@every_ending
def test_color_space_range_and_pixel_shape_stay(tmp_path, ending):
    source = write_clip(
        tmp_path / "a.mp4",
        film(3),
        sample_aspect_ratio=Fraction(16, 15),
        color_primaries=5,
        color_trc=6,
        colorspace=5,
        color_range=2,
    )
    target = tmp_path / f"b.{ending}"
    notes = copy_video(source, target)
    with av.open(str(target)) as file:
        stream = file.streams.video[0]
        frame = next(file.decode(stream))
        assert (frame.color_primaries, frame.color_trc) == (5, 6)
        assert (frame.colorspace, frame.color_range) == (5, 2)
        shown = frame.width * (stream.sample_aspect_ratio or 1) / frame.height
    assert shown == pytest.approx(32 * 16 / 15 / 24, rel=0.01)
    assert notes == (
        ["The pixels became square: 34x24 of them."] if ending == "webm" else []
    )
    copy_video(source, tmp_path / "out.webm", skip_existing=True)


def test_an_unknown_matrix_is_what_players_assume_and_is_written(tmp_path):
    """BT.601 for a small film, so that it stays so when it is upscaled."""
    source = write_clip(tmp_path / "a.mp4", film(2))
    copy_video(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert next(file.decode(video=0)).colorspace == 6
    source = write_clip(tmp_path / "a.mp4", film(1, 720, 16))
    assert open_video(source).file.color[2] == 1


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_is_applied_and_reset(tmp_path, rotation, mirrored):
    frames = film(2)
    source = write_clip(
        tmp_path / "a.mp4",
        frames,
        rotation=rotation,
        mirrored=mirrored,
        options={"crf": "1"},
        sample_aspect_ratio=Fraction(2),
    )
    expected = np.rot90(frames, rotation // 90, axes=(1, 2))
    if mirrored:
        expected = expected[:, :, ::-1]
    assert psnr(all_frames(source), expected) > 28.0
    copy_video(source, tmp_path / "b.mp4")
    assert psnr(all_frames(tmp_path / "b.mp4"), expected) > 28.0
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert next(file.decode(video=0)).rotation == 0
        found = file.streams.video[0].sample_aspect_ratio
        assert found == (Fraction(1, 2) if rotation % 180 else 2)


@pytest.mark.parametrize("ending", ENDINGS)
def test_ten_bits_stay_or_it_is_said(tmp_path, ending):
    """HDR is upscaled as it is encoded, with its color space."""
    steps = np.arange(64 * 32).reshape(1, 32, 64).repeat(2, 0) / 2048
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as file:
        stream = file.add_stream("ffv1", rate=10)
        stream.height, stream.width = steps.shape[1:]
        stream.pix_fmt = "yuv420p10le"
        stream.color_primaries = stream.colorspace = 9
        stream.color_trc = 16  # PQ
        for step in steps:
            values = (65535 * step[..., None].repeat(3, -1)).astype("uint16")
            frame = av.VideoFrame.from_ndarray(values, format="rgb48le")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    target = tmp_path / f"b.{ending}"
    notes = copy_video(source, target)
    video = open_video(target)
    found = np.stack(list(video.frames()))
    if ending == "webm":
        assert video.bits == 8
        assert notes == ["10 bits became 8, which the codec holds."]
        return
    assert (
        notes == [] and video.bits == 10 and video.file.color[:3] == (9, 16, 9)
    )
    np.testing.assert_allclose(found, steps[..., None].repeat(3, -1), atol=0.02)
    assert len(np.unique(found[..., 0])) > 300  # 8 bits have 256
    folder = tmp_path / "frames"
    copy_video(source, folder)
    deep = read_image(folder / "frame_000001.png")
    assert np.abs(deep - steps[0, ..., None]).max() < 2 / 1023


@pytest.mark.parametrize("ending", ["mkv", "mov", "webm"])
def test_transparency_stays_or_is_refused(tmp_path, ending):
    frames = np.concatenate([film(3), film(3)[..., :1]], axis=-1)
    frames[:, :8, :8, 3] = 0
    frames[:, 8:16, :8, 3] = 255
    source = write_clip(tmp_path / "a.mkv", frames, codec="ffv1", pixels="bgra")
    target = tmp_path / f"b.{ending}"
    copy_video(source, target)
    video = open_video(target)
    assert video.channels == 4
    found = np.stack(list(video.frames()))
    if found.dtype == np.uint8:
        found = found / 255.0
    assert psnr(255 * found[..., 3], frames[..., 3]) > 40.0
    copy_video(source, tmp_path / "frames")
    with Image.open(tmp_path / "frames" / "frame_000002.png") as image:
        np.testing.assert_array_equal(np.asarray(image), frames[1])
    with pytest.raises(ValueError, match="transparency, which .mp4 files do"):
        copy_video(source, tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()


def test_room_for_transparency_alone_is_no_transparency(tmp_path):
    opaque = np.concatenate([film(2), np.full((2, 24, 32, 1), 255)], axis=-1)
    source = write_clip(
        tmp_path / "a.mkv",
        opaque.astype("uint8"),
        codec="ffv1",
        pixels="bgra",
    )
    assert open_video(source).channels == 3
    copy_video(source, tmp_path / "b.mp4")


def test_gray_films_give_gray_frames(tmp_path):
    source = write_clip(
        tmp_path / "a.mkv", film(2), codec="ffv1", pixels="gray"
    )
    assert open_video(source).channels == 1
    copy_video(source, tmp_path / "frames")
    with Image.open(tmp_path / "frames" / "frame_000001.png") as image:
        assert image.mode == "L"
    copy_video(source, tmp_path / "b.mp4")
    (first, _) = all_frames(tmp_path / "b.mp4")
    assert np.ptp(first.astype(int), axis=-1).max() <= 1


def test_interlaced_frames_are_deinterlaced_and_that_is_said(tmp_path):
    """Of two moments each: between the lines of the first there are others."""
    moving = film(24, 48, 64)
    woven = moving[::2].copy()
    woven[:, 1::2] = moving[1::2, 1::2]
    source = write_clip(
        tmp_path / "a.mp4", woven, options={"flags": "+ilme+ildct", "crf": "1"}
    )
    notes = copy_video(source, tmp_path / "b.mp4")
    assert notes == ["Interlaced frames were deinterlaced (bwdif)."]
    found = all_frames(tmp_path / "b.mp4")
    assert len(found) == 12
    assert times_of(tmp_path / "b.mp4") == times_of(source)
    # The comb of the woven frames is gone.
    comb = [
        np.abs(np.diff(f.astype(int), axis=1)).mean() for f in (woven, found)
    ]
    assert comb[1] < 0.8 * comb[0]
    either = max(psnr(found[5], moving[number]) for number in (10, 11))
    assert either > 27.0 > 26.0 > psnr(woven[5], moving[10])


# Time


@pytest.mark.parametrize("ending", ["m4v", "mkv", "mov", "mp4", "webm"])
def test_variable_frame_rates_keep_their_times_and_duration(tmp_path, ending):
    for unit in (Fraction(1, 10), Fraction(1001, 30000)):
        source = write_clip(
            tmp_path / "a.mp4", film(8), times=UNEVEN, time_base=unit
        )
        target = tmp_path / f"b-{unit.denominator}.{ending}"
        assert copy_video(source, target) == []
        (times, end), (expected, expected_end) = map(times_of, (target, source))
        rounded = 6e-4 if ending in ("mkv", "webm") else 1e-9
        np.testing.assert_allclose(times, expected, atol=rounded)
        assert end == pytest.approx(expected_end, abs=2 * rounded)


def test_avi_holds_pauses_but_not_every_frame_rate(tmp_path):
    source = write_clip(  # whose sound begins before 0
        tmp_path / "a.mp4", film(8), times=UNEVEN, sound=["aac"]
    )
    copy_video(source, tmp_path / "b.avi")
    with av.open(str(tmp_path / "b.avi")) as file:
        places = [p.dts for p in file.demux(video=0) if p.size]
    assert places == UNEVEN
    jitter = [0, 103, 197, 311, 395, 520, 601, 699]
    source = write_clip(
        tmp_path / "a.mp4", film(8), times=jitter, time_base=Fraction(1, 1000)
    )
    with pytest.raises(ValueError, match="variable frame rate, which .avi"):
        copy_video(source, tmp_path / "c.avi")
    notes = copy_video(source, tmp_path / "c.avi", frames_per_second=5)
    assert notes == [] and len(all_frames(tmp_path / "c.avi")) == 8


def test_frames_that_depend_on_later_ones_come_in_order(tmp_path):
    """AVI has no times of presentation, and B-frames all the same."""
    frames = film(20)
    for name in ("a.avi", "a.mp4", "a.mkv", "a.ts"):
        source = write_clip(tmp_path / name, frames, options={"bf": "3"})
        copy_video(source, tmp_path / "b.mp4", overwrite=True)
        found = all_frames(tmp_path / "b.mp4")
        assert psnr(luma(found), luma(frames)) > 25.0, name
        times, end = times_of(tmp_path / "b.mp4")
        np.testing.assert_allclose(times, np.arange(20) / 10, atol=1e-3)
        assert end == pytest.approx(2.0, abs=1e-3)


def test_broken_times_are_repaired(tmp_path):
    """A time that does not rise becomes that of the next frame."""
    source = write_clip(tmp_path / "a.mkv", film(6), codec="mpeg4")
    stuck = tmp_path / "b.mkv"
    with av.open(str(source)) as file, av.open(str(stuck), "w") as broken:
        stream = broken.add_stream_from_template(file.streams[0], opaque=True)
        for packet, pts in zip(
            file.demux(video=0), (0, 100, 100, 100, 400, 500, None), strict=True
        ):
            if packet.size:
                packet.pts = packet.dts = pts
                packet.stream = stream
                broken.mux(packet)
    video = open_video(stuck)
    assert len(list(video.frames())) == 6
    assert np.diff(video.times).min() > 0


@pytest.mark.parametrize(
    ("name", "codec", "options", "sound"),
    [
        ("a.flv", "libx264", {"bf": "2"}, ["aac"]),
        ("a.mpg", "mpeg2video", {"b": "2M"}, ["mp2"]),
        ("a.h264", "libx264", {"bf": "3"}, []),
        ("a.avi", "mjpeg", {"b": "2M"}, ["pcm_s16le"]),
        ("b.avi", "mpeg4", {"b": "2M", "bf": "2"}, ["libmp3lame"]),
        ("a.3gp", "libx264", {"bf": "2"}, ["aac"]),
    ],
)
@pytest.mark.parametrize("ending", ["avi", "mp4"])
def test_films_of_other_kinds(tmp_path, name, codec, options, sound, ending):
    """All their frames, at the same distances, and their sound."""
    frames = film(12)
    unit = Fraction(1, 25) if name == "a.mpg" else Fraction(1, 10)
    if name == "a.h264":  # it has no times: FFmpeg assumes a rate
        unit = Fraction(1, 25)
    source = write_clip(
        tmp_path / name,
        frames,
        codec=codec,
        options=options,
        sound=sound,
        time_base=unit,
        framerate=1 / unit,
        pixels="yuvj420p" if codec == "mjpeg" else "yuv420p",
    )
    target = tmp_path / f"out.{ending}"
    assert copy_video(source, target) == []
    assert psnr(luma(all_frames(target)), luma(frames)) > 25.0
    times, _ = times_of(target)
    np.testing.assert_allclose(np.diff(times), float(unit), atol=1e-4)
    if sound:
        expected, found = packets_of(source), packets_of(target)
        assert b"".join(expected).endswith(b"".join(found[1:]))


# Sound and all else


@pytest.mark.parametrize("ending", ["avi", "m4v", "mkv", "mov", "mp4"])
def test_sound_is_copied_packet_by_packet(tmp_path, ending):
    """Two tracks of their own languages; also sound that is longer."""
    codec = "libmp3lame" if ending == "avi" else "aac"
    source = write_clip(
        tmp_path / "a.mkv", film(20), sound=[codec, codec], tags={"title": "T"}
    )
    target = tmp_path / f"b.{ending}"
    assert copy_video(source, target) == []
    for track in (0, 1):
        expected, found = packets_of(source, track), packets_of(target, track)
        assert len(found) > len(expected) - 2  # AVI begins at 0
        assert found == expected[len(expected) - len(found) :]
    with av.open(str(target)) as file:
        assert len(file.streams.audio) == 2


def test_sound_is_encoded_anew_only_where_it_must_be(tmp_path):
    source = write_clip(tmp_path / "a.mp4", film(20), sound=["aac"])
    notes = copy_video(source, tmp_path / "b.webm")
    assert notes == [
        "audio 1 (aac) was encoded anew as opus, since webm files do not hold "
        "it."
    ]
    expected, found = sound_of(source), sound_of(tmp_path / "b.webm")
    shift = 1024 - 312  # what the two codecs run in
    part = slice(9600, 67200)
    delays = [
        np.corrcoef(expected[0, part], np.roll(found[0], k)[part])[0, 1]
        for k in range(-1500, 1500, 8)
    ]
    assert shift and max(delays) > 0.99
    source = write_clip(
        tmp_path / "c.webm", film(8), codec="libvpx-vp9", sound=["libopus"]
    )
    assert copy_video(source, tmp_path / "d.webm") == []
    notes = copy_video(source, tmp_path / "d.avi")
    assert "encoded anew as mp3" in notes[0]
    assert sound_of(tmp_path / "d.avi").shape[0] == 2


def test_sound_stays_with_the_frames(tmp_path):
    """MPEG-TS begins late; the flash and the click come at one time."""
    source = write_clip(tmp_path / "a.ts", film(20), sound=["aac"])
    with av.open(str(source)) as file:
        assert file.start_time > 0
        starts = [s.start_time * s.time_base for s in file.streams]
    copy_video(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as file:
        packets = list(file.demux())
        found = [
            next(p.pts * p.time_base for p in packets if p.stream.index == k)
            for k in (0, 1)
        ]
    assert found[0] - found[1] == pytest.approx(starts[0] - starts[1], abs=1e-3)


def rich_clip(path, subtitle):
    """Two languages, subtitles, chapters, and tags."""
    plain = write_clip(path.with_name("plain.mp4"), film(20), sound=["aac"])
    with av.open(str(plain)) as source, av.open(str(path), "w") as file:
        streams = [
            file.add_stream_from_template(stream, opaque=True)
            for stream in source.streams
        ]
        streams[1].metadata["language"] = "fra"
        text = file.add_mux_stream(subtitle)
        text.time_base = Fraction(1, 1000)
        text.metadata["language"] = "deu"
        unit = Fraction(1, 1000)
        file.set_chapters(
            [
                {"id": 1, "start": 0, "end": 900, "time_base": unit,
                 "metadata": {"title": "one"}},
                {"id": 2, "start": 900, "end": 2000, "time_base": unit,
                 "metadata": {"title": "two"}},
            ]
        )  # fmt: skip
        file.metadata.update(title="A title", date="2020", comment="Hm")
        words = b"Hello" if subtitle == "subrip" else b"\0\5Hello"
        packet = av.Packet(words)
        packet.pts = packet.dts = 100
        packet.duration, packet.time_base, packet.stream = 500, unit, text
        file.mux(packet)
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                file.mux(packet)
    return path


@pytest.mark.parametrize(
    ("name", "subtitle"), [("a.mkv", "subrip"), ("a.mp4", "mov_text")]
)
def test_subtitles_chapters_languages_and_tags_stay(tmp_path, name, subtitle):
    source = rich_clip(tmp_path / name, subtitle)
    target = tmp_path / f"b{source.suffix}"
    assert copy_video(source, target) == []
    with av.open(str(target)) as file:
        assert file.streams[1].language == "fra"
        assert file.streams[2].language == "deu"
        words = [bytes(p) for p in file.demux(subtitles=0)]
        assert any(b"Hello" in each for each in words)
        chapters = [
            (float(c["start"] * c["time_base"]), c["metadata"]["title"])
            for c in file.chapters()
        ]
        assert chapters == [(0.0, "one"), (0.9, "two")]
        tags = {name.lower(): text for name, text in file.metadata.items()}
    assert tags["title"] == "A title" and tags["comment"] == "Hm"
    assert tags["date"] == "2020"
    notes = copy_video(source, tmp_path / "b.webm")
    assert any(f"subtitle 2 ({subtitle})" in note for note in notes)
    copy_video(source, target, strip=True, overwrite=True)
    with av.open(str(target)) as file:
        assert not {"title", "date", "comment"} & {
            name.lower() for name in file.metadata
        }


def test_place_and_device_of_a_phone_stay_or_are_said(tmp_path):
    tags = {
        "location": "+10.0000-020.0000/",
        "com.apple.quicktime.model": "iPhone",
        "creation_time": "2020-01-02T03:04:05.000000Z",
    }
    source = write_clip(
        tmp_path / "a.mov",
        film(2),
        tags=tags,
        container_options={"movflags": "use_metadata_tags"},
    )
    assert copy_video(source, tmp_path / "b.mov") == []
    with av.open(str(tmp_path / "b.mov")) as file:
        assert tags.items() <= file.metadata.items()
    (note,) = copy_video(source, tmp_path / "b.avi")
    assert "no such tags" in note and "com.apple.quicktime.model" in note


def test_the_cover_of_a_film_is_not_the_film(tmp_path):
    plain = write_clip(tmp_path / "plain.mp4", film(4))
    source = tmp_path / "a.mp4"
    cover = np.full((1, 16, 16, 3), (200, 10, 10), "uint8")
    with av.open(str(plain)) as film_file, av.open(str(source), "w") as file:
        image = file.add_stream("mjpeg", rate=1)
        image.width = image.height = 16
        image.pix_fmt, image.color_range = "yuv420p", 2
        image.disposition = av.stream.Disposition.attached_pic
        stream = file.add_stream_from_template(
            film_file.streams[0], opaque=True
        )
        encoded = image.encode(av.VideoFrame.from_ndarray(cover[0]))
        encoded += image.encode(None)
        file.mux(encoded)
        for packet in film_file.demux():
            if packet.size:
                packet.stream = stream
                file.mux(packet)
    assert open_video(source).size == (24, 32)
    assert copy_video(source, tmp_path / "b.mp4") == []
    with av.open(str(tmp_path / "b.mp4")) as file:
        covers = [
            stream
            for stream in file.streams.video
            if av.stream.Disposition.attached_pic in stream.disposition
        ]
        assert len(file.streams.video) == 2 and len(covers) == 1
    (note,) = copy_video(source, tmp_path / "b.mkv")
    assert "Left out, since matroska files do not hold them" in note


# What is cut short or broken

CUT = {
    "mp4": {"container_options": {"movflags": "faststart"}},
    "mov": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "mkv": {},
    "avi": {"codec": "mpeg4"},
    "ts": {},
    "webm": {"codec": "libvpx-vp9"},
}  # fmt: skip


@pytest.mark.parametrize("ending", CUT)
def test_a_film_cut_short_is_refused_or_taken_as_it_is(tmp_path, ending):
    source = write_clip(
        tmp_path / f"a.{ending}", film(20, 48, 64), gop_size=1, **CUT[ending]
    )
    assert len(all_frames(source)) == 20
    data = source.read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(data[: int(0.6 * len(data)) // 188 * 188 + 7])
    target = tmp_path / "b.mp4"
    for try_it in (
        lambda: list(read_frames(cut)),
        lambda: copy_video(cut, target),
    ):
        with pytest.raises(
            ValueError, match="cut.* is cut short.*`accept_trun"
        ):
            try_it()
    assert not target.exists()
    copy_video(cut, target, accept_truncated=True)
    found = len(list(read_frames(cut, accept_truncated=True)))
    assert found == len(all_frames(target))
    assert 0 < len(all_frames(target)) < 20


def test_a_fragment_that_lacks_its_end_is_noticed(tmp_path):
    """Cut within the header of a fragment, so that all frames are whole."""
    source = write_clip(tmp_path / "a.mov", film(20), gop_size=1, **CUT["mov"])
    data = source.read_bytes()
    source.write_bytes(data[: data.rindex(b"moof") + 20])
    with pytest.raises(ValueError, match="is cut short: its end is broken"):
        open_video(source)
    assert open_video(source, accept_truncated=True).total == 19
    source.write_bytes(data)
    assert open_video(source).total == 20


def test_a_film_without_its_index_is_refused(tmp_path):
    source = write_clip(tmp_path / "a.mp4", film(20))
    source.write_bytes(source.read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"no index \(moov\)"):
        open_video(source, accept_truncated=True)


def test_sound_that_is_longer_is_no_film_cut_short(tmp_path):
    longer = write_clip(tmp_path / "long.mkv", film(30), sound=["aac"])
    short = write_clip(tmp_path / "short.mkv", film(10))
    source = tmp_path / "a.mkv"
    with (
        av.open(str(longer)) as sound,
        av.open(str(short)) as frames,
        av.open(str(source), "w") as file,
    ):
        parts = [frames.streams.video[0], sound.streams.audio[0]]
        for part in parts:
            file.add_stream_from_template(part, opaque=True)
        for number, (part, origin) in enumerate(
            zip(parts, (frames, sound), strict=True)
        ):
            for packet in origin.demux(part):
                if packet.size:
                    packet.stream = file.streams[number]
                    file.mux(packet)
    assert copy_video(source, tmp_path / "b.mp4") == []
    assert sound_of(tmp_path / "b.mp4").shape[1] > 2.9 * 48000


def test_broken_frames_are_an_error_or_are_said(tmp_path):
    source = write_clip(tmp_path / "a.mp4", film(60, 48, 64))
    data = bytearray(source.read_bytes())
    third = len(data) // 3  # of a few bytes a decoder may not see the fault
    data[third : 2 * third] = bytes(b ^ 255 for b in data[third : 2 * third])
    source.write_bytes(data)
    with pytest.raises(
        ValueError, match=r"a.mp4 is broken.*`accept_truncated`"
    ):
        copy_video(source, tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()
    (note,) = copy_video(source, tmp_path / "b.mp4", accept_truncated=True)
    assert "Broken frames" in note
    assert 20 <= len(all_frames(tmp_path / "b.mp4")) <= 60


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty.mkv").write_bytes(b"")
    for name in ("text.mp4", "empty.mkv"):
        with pytest.raises(ValueError, match=f"{name} is not a readable video"):
            open_video(tmp_path / name)
    with av.open(str(tmp_path / "sound.mkv"), "w") as file:
        track = file.add_stream("pcm_s16le", rate=8000)
        samples = av.AudioFrame.from_ndarray(
            np.zeros((1, 1600), "int16"), layout="stereo"
        )
        samples.sample_rate = 8000
        file.mux(track.encode(samples))
    with pytest.raises(ValueError, match="is not a readable video: no stream"):
        open_video(tmp_path / "sound.mkv")


@pytest.mark.parametrize(
    "name", ["12:30 100%d.mp4", "-o.mp4", "Ünïcödé 电影.mp4", b"latin-\xe9.mp4"]
)
def test_any_name(tmp_path, name):
    name = os.fsdecode(name)
    plain = write_clip(tmp_path / "plain.mp4", film(3), sound=["aac"])
    source = tmp_path / name
    plain.rename(source)
    target = tmp_path / "out" / name
    assert copy_video(source, target) == []
    assert len(all_frames(target)) == 3


# Folders of frames


def test_natural_order(tmp_path):
    names = ["frame10.png", "frame2.png", "Frame1.png", "frame02.png", "b.png"]
    expected = [
        "Frame1.png",
        "b.png",
        "frame02.png",
        "frame2.png",
        "frame10.png",
    ]
    assert sorted(names, key=natural_order) == expected
    for number in (2, 10, 1):
        write_image(tmp_path / f"f{number}.png", np.full((4, 4), number / 255))
    video = open_video(tmp_path)
    assert [file.stem for file in video.files] == ["f1", "f2", "f10"]
    levels = [round(255 * float(frame.mean())) for frame in video.frames()]
    assert levels == [1, 2, 10]
    assert len(list(video.frames(2))) == 1


def test_one_frame_in_color_makes_all_of_them_color(tmp_path):
    source = tmp_path / "in"
    write_image(source / "0.png", film(1)[0, ..., :1] / 255)
    write_image(source / "1.png", film(1)[0] / 255)
    copy_video(source, tmp_path / "out")
    for number, mode in enumerate(("L", "RGB")):
        before, after = (
            Image.open(tmp_path / folder / f"{number}.png")
            for folder in ("in", "out")
        )
        assert before.mode == mode and after.mode == "RGB"
        np.testing.assert_array_equal(
            np.asarray(before.convert("RGB")), np.asarray(after)
        )


def test_sixteen_bits_and_transparency_of_frames_stay(tmp_path):
    rng = np.random.default_rng(0)
    source = tmp_path / "in"
    deep = rng.integers(0, 65536, (2, 8, 8, 4)) / 65535
    for number, frame in enumerate(deep):
        write_image(source / f"{number}.png", frame, bits=16)
    write_image(source / "2.png", deep[0, ..., :3])
    video = open_video(source)
    assert video.bits == 16 and video.channels == 4
    copy_video(source, tmp_path / "out")
    for number, frame in enumerate(deep):
        found = read_image(tmp_path / "out" / f"{number}.png", alpha="keep")
        np.testing.assert_allclose(found, frame, atol=1e-5)
    opaque = read_image(tmp_path / "out" / "2.png", alpha="keep")
    assert opaque.shape[-1] == 4 and opaque[..., 3].min() == 1.0


def test_profiles_and_metadata_of_frames_stay(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    profile = profile.tobytes()
    for number, frame in enumerate(film(2)):
        path = tmp_path / "in" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(frame).save(path, icc_profile=profile, dpi=(300, 300))
    copy_video(tmp_path / "in", tmp_path / "out")
    with Image.open(tmp_path / "out" / "1.png") as image:
        assert image.info["icc_profile"] == profile
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
        np.testing.assert_array_equal(np.asarray(image), film(2)[1])
    notes = copy_video(tmp_path / "in", tmp_path / "a.mp4")
    assert notes == ["The color profile of the frames is left out."]
    stack = [Image.fromarray(frame) for frame in film(2)]
    stack[0].save(
        tmp_path / "in" / "2.webp", save_all=True, append_images=stack[1:]
    )
    with pytest.raises(ValueError, match="2.webp holds 2 images: a frame"):
        open_video(tmp_path / "in")


def test_a_folder_becomes_a_film_of_ten_bits(tmp_path):
    ramp = np.linspace(0, 1, 64 * 64).reshape(64, 64, 1)
    for number in range(3):
        write_image(tmp_path / "in" / f"{number}.png", ramp, bits=16)
    notes = copy_video(tmp_path / "in", tmp_path / "a.mp4")
    assert notes == ["16 bits became 10, which the codec holds."]
    times, end = times_of(tmp_path / "a.mp4")
    np.testing.assert_allclose(times, [0, 0.04, 0.08], atol=1e-9)
    assert end == pytest.approx(0.12)
    found = next(open_video(tmp_path / "a.mp4").frames())
    assert np.abs(found - ramp).mean() < 1 / 1023


# Going on


@every_ending
def test_going_on_gives_the_same_bytes(tmp_path, ending, small_parts):
    source = write_clip(
        tmp_path / "a.mp4", film(14), sound=["aac"], times=[*range(13), 20]
    )
    whole, target = tmp_path / f"whole.{ending}", tmp_path / f"b.{ending}"
    copy_video(source, whole)
    for stop in (3, 6, 9):
        with pytest.raises(KeyboardInterrupt):
            copy_video(source, target, stop=stop, skip_existing=True)
        assert not target.exists()
        if stop < 4:  # no part was whole, so nothing is left
            assert len(os.listdir(tmp_path)) == 2
            continue
        with pytest.raises(FileExistsError, match="of a job that was stopped"):
            copy_video(source, target)
        with pytest.raises(ValueError, match="another source or other sett"):
            copy_video(
                source, target, settings={"scale": 3}, skip_existing=True
            )
    video = open_video(source)
    with video_writer(target, video, video.size, skip_existing=True) as writer:
        assert writer.start == 8
        for number, frame in enumerate(video.frames(8), 8):
            writer.write(number, frame / np.float32(255.0))
    assert target.read_bytes() == whole.read_bytes()
    assert len(all_frames(target)) == 14
    assert len(os.listdir(tmp_path)) == 3


def test_beginning_anew_forgets_the_parts(tmp_path, small_parts):
    source = write_clip(tmp_path / "a.mp4", film(10))
    with pytest.raises(KeyboardInterrupt):
        copy_video(source, tmp_path / "b.mp4", stop=9)
    (folder,) = tmp_path.glob(".unfinished-*")
    (folder / "left").mkdir()  # by a process that was killed
    video = open_video(source)
    options = {"overwrite": True, "settings": {"scale": 1}}
    with video_writer(
        tmp_path / "b.mp4", video, video.size, **options
    ) as writer:
        assert writer.start == 0
        for number, frame in enumerate(video.frames()):
            writer.write(number, 1.0 - frame / np.float32(255.0))
    found = all_frames(tmp_path / "b.mp4")
    assert psnr(luma(found), 255 - luma(film(10))) > 25.0


def test_what_a_finished_job_left_is_not_gone_on_with(tmp_path, small_parts):
    """It was killed while it removed its parts, the settings first."""
    source = write_clip(tmp_path / "a.mp4", film(10))
    with pytest.raises(KeyboardInterrupt):
        copy_video(source, tmp_path / "b.mp4", stop=9)
    (folder,) = tmp_path.glob(".unfinished-*")
    (folder / "settings.json").unlink()
    copy_video(source, tmp_path / "b.mp4")
    assert len(all_frames(tmp_path / "b.mp4")) == 10 and not folder.exists()


def test_folders_go_on_with_the_first_missing_frame(tmp_path):
    source = write_clip(tmp_path / "a.mp4", film(6))
    copy_video(source, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        copy_video(source, tmp_path / "out", stop=3)
    kept = tmp_path / "out" / "frame_000001.png"
    kept.write_bytes(b"mine")
    video = open_video(source)
    writer = video_writer(
        tmp_path / "out", video, video.size, skip_existing=True
    )
    assert writer.start == 3
    copy_video(source, tmp_path / "out", skip_existing=True)
    assert kept.read_bytes() == b"mine"
    for number in range(2, 7):
        name = f"frame_{number:06d}.png"
        found, expected = (
            (tmp_path / folder / name).read_bytes()
            for folder in ("out", "whole")
        )
        assert found == expected


def test_one_process_at_a_time_writes_a_film(tmp_path):
    source = write_clip(tmp_path / "a.mp4", film(4))
    video = open_video(source)
    with video_writer(tmp_path / "b.mp4", video, video.size) as writer:
        for number, frame in enumerate(video.frames()):
            writer.write(number, frame / 255.0)
        with pytest.raises(ValueError, match="written by another process"):
            copy_video(source, tmp_path / "b.mp4", overwrite=True)
    assert len(all_frames(tmp_path / "b.mp4")) == 4


JOB = """
import sys
import keras_synth.io.video_writers as module
from tests.video_helpers import copy_video
module.PART = 4
copy_video(*sys.argv[1:], skip_existing=True)
"""


def run_job(source, target):
    return subprocess.Popen(
        [sys.executable, "-c", JOB, str(source), str(target)],
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("ending", "kills"),
    [
        ("mp4", 2),
        pytest.param("mp4", 50, marks=pytest.mark.slow),
        pytest.param("mkv", 50, marks=pytest.mark.slow),
    ],
)
def test_a_killed_job_leaves_nothing_or_all(tmp_path, ending, kills):
    """SIGKILL at random moments, then going on: as if it had never been."""
    source = write_clip(tmp_path / "a.mp4", film(40, 96, 128), sound=["aac"])
    whole, target = tmp_path / f"whole.{ending}", tmp_path / f"b.{ending}"
    job = run_job(source, whole)
    _, error = job.communicate()
    assert job.returncode == 0, error
    rng = np.random.default_rng(kills)
    while kills:
        job = run_job(source, target)
        try:
            _, error = job.communicate(timeout=rng.uniform(0.2, 1.2))
            assert job.returncode == 0, error
        except subprocess.TimeoutExpired:
            job.send_signal(signal.SIGKILL)
            job.communicate()
            kills -= 1
        if target.exists():
            assert target.read_bytes() == whole.read_bytes()
            target.unlink()
    job = run_job(source, target)
    _, error = job.communicate()
    assert job.returncode == 0, error
    assert target.read_bytes() == whole.read_bytes()


@pytest.fixture
def small_files():
    """A function that sets how large a file can be, as a full disk does."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
    signal.signal(signal.SIGXFSZ, handler)


@every_ending
def test_a_full_disk_leaves_no_half_a_film(
    tmp_path, ending, small_parts, small_files
):
    source = write_clip(tmp_path / "a.mp4", film(12), sound=["aac"])
    target = tmp_path / f"b.{ending}"
    copy_video(source, target)
    data = target.read_bytes()
    target.unlink()
    for part in (0.05, 0.5, 0.95, 0.999):
        small_files(int(part * len(data)))
        with pytest.raises(OSError, match=f"Cannot write .*b.{ending}: "):
            copy_video(source, target, skip_existing=True)
        assert not target.exists()
    small_files(resource.RLIM_INFINITY)
    copy_video(source, target, skip_existing=True)
    assert target.read_bytes() == data


def test_settings_of_a_part_are_readable(tmp_path, small_parts):
    source = write_clip(tmp_path / "a.mp4", film(6))
    with pytest.raises(KeyboardInterrupt):
        copy_video(source, tmp_path / "b.mp4", stop=5, settings={"scale": 1})
    (folder,) = tmp_path.glob(".unfinished-*")
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["scale"] == 1 and settings["size"] == [24, 32]

"""Video files and folders of frames, upscaled."""

import json
import sys

import keras
import numpy as np
import pytest

from keras_synth import networks, presets
from keras_synth.cli.main import main
from keras_synth.datasets import load_source, moving_images
from keras_synth.degradations import Downsample
from keras_synth.io import open_video, read_image, write_image
from keras_synth.ops.color import full_range_luma
from keras_synth.restoration import bicubic
from keras_synth.tasks import (
    upscale_frames,
    upscale_video,
)
from tests.video_helpers import packets_of, times_of, write_clip

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 16, 18


def clip(length=3, channels=3):
    """Waves that drift, different in each color: (time, ...) in [0, 1]."""
    rows, columns = np.mgrid[: float(HEIGHT), : float(WIDTH)]
    frames = [
        np.stack(
            [
                0.5 + 0.2 * np.sin((columns - t) / 2) + 0.1 * np.cos(rows - c)
                for c in range(channels)
            ],
            axis=-1,
        )
        for t in range(length)
    ]
    return np.rint(255.0 * np.stack(frames)).astype("uint8")


def write_frames(folder, frames):
    for number, frame in enumerate(frames):
        write_image(folder / f"shot_{number:02d}.png", frame / 255.0)
    return folder


def network(scale=2, num_frames=3, channels=1, seed=0):
    """A small one whose detail is not 0."""
    built = networks.video_edsr(
        scale, num_frames, channels, width=4, num_blocks=1
    )
    rng = np.random.default_rng(seed)
    for weight in built.weights:
        weight.assign(rng.normal(0.0, 0.1, weight.shape))
    return built


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "network.keras"
    network().save(path)
    return path


def test_brightness_by_the_network_and_colors_bicubic():
    """By hand, for the middle one of three frames."""
    frames, upscale = clip() / np.float32(255.0), bicubic(2)
    out = list(upscale_frames(clip(), network(), 2))
    assert len(out) == 3 and out[0].shape == (2 * HEIGHT, 2 * WIDTH, 3)
    luma = np.asarray(full_range_luma(frames))
    window = presets.compensate_upscaled(upscale(luma)[None])
    expected = network()(window)[0] + upscale(frames - luma)[1]
    np.testing.assert_allclose(out[1], np.clip(expected, 0, 1), atol=1e-4)
    # Each frame has its own colors.
    for large, small in zip(out, frames, strict=True):
        colors = large - np.asarray(full_range_luma(large[None]))[0]
        own = upscale((small - full_range_luma(small[None])[0])[None])[0]
        inside = (large > 0.0).all(-1) & (large < 1.0).all(-1)
        assert inside.mean() > 0.5
        np.testing.assert_allclose(colors[inside], own[inside], atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("network_channels", [1, 3])
def test_gray_and_color_frames_and_networks(channels, network_channels):
    frames = clip(2, channels)
    out = list(upscale_frames(frames, network(2, 3, network_channels), 2))
    assert out[1].shape == (2 * HEIGHT, 2 * WIDTH, channels)
    large = list(upscale_frames(frames, None, 2))
    expected = bicubic(2)(frames / np.float32(255.0))
    np.testing.assert_allclose(large, np.clip(expected, 0, 1), atol=1e-5)


def test_a_folder_becomes_a_folder(capsys, saved, tmp_path):
    source = write_frames(tmp_path / "in", clip())
    (source / "notes.txt").write_text("no frame")
    target = tmp_path / "new" / "out"
    words = ["upscale-video", source, target, "--method", saved, "--scale", 2]
    assert main([str(word) for word in words]) == 0
    printed = capsys.readouterr()
    assert f"{target} (3 frames, {2 * WIDTH}x{2 * HEIGHT}, 2 " in printed.out
    upscale_video(
        source, tmp_path / "again", method="bicubic", scale=2, verbose=1
    )
    assert "3/3 frames" in capsys.readouterr().err
    expected = list(upscale_frames(clip(), network(), 2))
    files = sorted(target.iterdir())
    assert [file.name for file in files] == [
        f"shot_{number:02d}.png" for number in range(3)
    ]
    for file, frame in zip(files, expected, strict=True):
        np.testing.assert_allclose(read_image(file), frame, atol=0.5 / 255)
    assert main([str(word) for word in words]) == 2
    assert "not empty" in capsys.readouterr().err
    assert main([str(word) for word in (*words, "--overwrite")]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames_per_second": 10.0}, "`frames_per_second` is for a video"),
        ({"skip_existing": True, "overwrite": True}, "give one of them"),
    ],
)
def test_options_that_would_do_nothing_are_refused(options, message, tmp_path):
    source = write_frames(tmp_path / "in", clip())
    with pytest.raises(ValueError, match=message):
        upscale_video(source, tmp_path / "out", method="bicubic", **options)
    assert not (tmp_path / "out").exists()


def test_an_empty_file_is_no_video_that_is_finished(tmp_path):
    source = write_frames(tmp_path / "in", clip())
    target = tmp_path / "out.mp4"
    target.touch()
    upscale_video(source, target, method="bicubic", skip_existing=True)
    assert open_video(target).total == 3


def test_video_files(tmp_path):
    """From frames to a file, from that to one twice as large, and back to
    frames: lossy, but the same waves."""
    source = write_frames(tmp_path / "in", clip(6))
    options = {"method": "bicubic", "scale": 2, "verbose": 0}
    first, second = tmp_path / "first.mp4", tmp_path / "second.mkv"
    done = upscale_video(source, first, frames_per_second=10, **options)
    assert done.num_frames == 6 and done.size == (2 * HEIGHT, 2 * WIDTH)
    assert done.notes == ()
    upscale_video(first, second, **options)
    np.testing.assert_allclose(
        times_of(second)[0], np.arange(6) / 10, atol=6e-4
    )
    upscale_video(second, tmp_path / "out", **options)
    files = sorted((tmp_path / "out").iterdir())
    assert files[0].name == "frame_000001.png" and len(files) == 6
    expected = clip(6) / np.float32(255.0)
    for _ in range(3):
        expected = np.clip(bicubic(2)(expected), 0.0, 1.0)
    found = [read_image(file) for file in files]
    assert np.abs(np.stack(found) - expected).mean() < 0.03
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [
        "first.mp4",
        "second.mkv",
    ]
    with pytest.raises(FileExistsError, match="first.mp4 exists already"):
        upscale_video(source, first, **options)
    with pytest.raises(ValueError, match="cannot be its own target"):
        upscale_video(first, first, overwrite=True, **options)
    again = upscale_video(source, first, skip_existing=True, **options)
    assert again.num_frames == 6 and again.size == done.size


def test_sound_times_and_rotation_of_a_film(capsys, tmp_path):
    """As phones make them: turned, and of a rate that varies."""
    source = write_clip(
        tmp_path / "a.mov",
        clip(6),
        times=[0, 1, 2, 5, 6, 9],
        sound=["aac"],
        rotation=90,
    )
    words = ["upscale-video", source, tmp_path / "b.mp4", "--method"]
    words += ["bicubic", "--scale", "2"]
    assert main([str(word) for word in words]) == 0
    printed = capsys.readouterr().out
    assert f"6 frames, {2 * HEIGHT}x{2 * WIDTH}, 2 times" in printed
    assert "note" not in printed
    assert times_of(tmp_path / "b.mp4") == times_of(source)
    assert packets_of(tmp_path / "b.mp4") == packets_of(source)
    words[2] = tmp_path / "b.webm"
    assert main([str(word) for word in (*words, "--json")]) == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert "was encoded anew as opus" in note
    assert main([str(word) for word in (*words, "--overwrite")]) == 0
    assert f"\nnote: {note}\n" in capsys.readouterr().out


def test_a_film_cut_short_is_refused(capsys, tmp_path):
    source = write_clip(tmp_path / "a.mkv", clip(20), gop_size=1)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 6 // 10])
    words = ["upscale-video", source, tmp_path / "b.mkv", "--method"]
    words = [str(word) for word in (*words, "bicubic", "--scale", 2)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "a.mkv is cut short: it should have 2.0 seconds" in error
    assert error.count("\n") == 1 and len(list(tmp_path.iterdir())) == 1
    assert main([*words, "--accept-truncated"]) == 0
    assert len(times_of(tmp_path / "b.mkv")[0]) < 20


@pytest.mark.parametrize(
    "target", [pytest.param("out", marks=pytest.mark.slow), "b.mp4"]
)
def test_going_on_equals_never_stopping(tmp_path, monkeypatch, saved, target):
    """Stopped within a part, and where one ends; windows and scenes too."""
    monkeypatch.setattr("keras_synth.io.video_writers.PART", 3)
    film = np.concatenate([clip(6), 255 - clip(5)])
    source = write_clip(tmp_path / "a.mp4", film, sound=["aac"])
    options = {"method": saved, "scale": 2, "verbose": 0}
    upscale_video(source, tmp_path / "whole" / target, **options)
    module = sys.modules["keras_synth.tasks.upscale_video"]
    upscale, made = module.upscale_frames, []

    def stopping(*arguments):
        for number, frame in enumerate(upscale(*arguments)):
            if number == 5:
                raise KeyboardInterrupt
            made.append(number)
            yield frame

    monkeypatch.setattr(module, "upscale_frames", stopping)
    while not (tmp_path / "on" / "b.mp4").exists():
        try:
            upscale_video(
                source, tmp_path / "on" / target, skip_existing=True, **options
            )
            break
        except KeyboardInterrupt:
            continue
    assert len(made) < 25  # not all again each time
    for path in sorted((tmp_path / "whole").rglob("*.*")):
        other = tmp_path / "on" / path.relative_to(tmp_path / "whole")
        assert other.read_bytes() == path.read_bytes()
    assert len(list((tmp_path / "on").iterdir())) == 1


def test_a_film_of_one_frame(tmp_path, saved):
    """Its window is the frame again and again."""
    source = write_clip(tmp_path / "a.mp4", clip(1))
    done = upscale_video(source, tmp_path / "out", method=saved, scale=2)
    assert done.num_frames == 1
    (frame,) = open_video(source).frames()
    expected = next(iter(upscale_frames([frame, frame], network(), 2)))
    found = read_image(tmp_path / "out" / "frame_000001.png")
    np.testing.assert_allclose(found, expected, atol=0.51 / 255)


def test_a_gray_title_leaves_the_film_its_colors(tmp_path):
    source = tmp_path / "in"
    write_frames(source, [clip(1, 1)[0], *clip(3)[1:]])
    upscale_video(source, tmp_path / "out", method="bicubic", scale=2)
    title, *others = sorted((tmp_path / "out").iterdir())
    assert np.ptp(read_image(title), axis=-1).max() == 0.0
    for path, frame in zip(others, clip(3)[1:], strict=True):
        expected = np.clip(bicubic(2)(frame[None] / np.float32(255.0))[0], 0, 1)
        np.testing.assert_allclose(read_image(path), expected, atol=0.51 / 255)


@pytest.mark.parametrize("method", ["network", "bicubic"])
def test_transparency_has_no_fringes(method):
    """A disk of one color on nothing stays so, whatever is below nothing."""
    y, x = np.mgrid[-1:1:20j, -1:1:24j]
    alpha = (x**2 + y**2 < 0.5)[..., None].astype("float32")
    color = np.float32([0.9, 0.6, 0.2]) * alpha
    frames = [np.concatenate([color, alpha], axis=-1)] * 3
    built = None if method == "bicubic" else network()
    if built is not None:
        for weight in built.weights:
            weight.assign(0.0 * weight)  # then it is bicubic
    for frame in upscale_frames(frames, built, 2):
        assert frame.shape == (40, 48, 4)
        seen = frame[..., 3] > 0.02
        np.testing.assert_allclose(
            frame[seen][:, :3],
            np.broadcast_to([0.9, 0.6, 0.2], (seen.sum(), 3)),
            atol=1e-4,
        )
        expected = np.clip(bicubic(2)(alpha[None])[0], 0.0, 1.0)
        np.testing.assert_allclose(frame[..., 3:], expected, atol=1e-5)


def test_a_video_that_fails_is_not_left_behind(tmp_path, monkeypatch):
    def broken(frames, *_, **__):
        yield np.zeros((32, 36, 3), "float32")
        raise ValueError("no more")

    module = sys.modules["keras_synth.tasks.upscale_video"]
    monkeypatch.setattr(module, "upscale_frames", broken)
    source = write_frames(tmp_path / "in", clip())
    with pytest.raises(ValueError, match="no more"):
        upscale_video(source, tmp_path / "out.mp4", method="bicubic", scale=2)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_sources_that_are_no_video(capsys, tmp_path):
    def complaint(source, *words, target=tmp_path / "out"):
        if "--method" not in words:
            words = [*words, "--method", "bicubic"]
        words = ["upscale-video", source, target, *words]
        assert main([str(word) for word in words]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and not (tmp_path / "out").exists()
        return error

    folder = tmp_path / "in"
    assert "There is no video or folder" in complaint(folder)
    folder.mkdir()
    assert "holds no frames" in complaint(folder)
    write_frames(folder, clip(1))
    assert "holds one frame, shot_00.png: that is" in complaint(folder)
    assert "is an image: give a folder" in complaint(folder / "shot_00.png")
    write_image(folder / "shot_01.png", np.zeros((HEIGHT, WIDTH + 1, 3)))
    error = complaint(folder)
    assert "one size" in error and "(16, 19) for shot_01.png" in error
    (folder / "shot_01.png").write_text("no image")
    assert "not a readable image" in complaint(folder)
    write_frames(folder, clip(2))
    write_image(folder / "shot_01.jpg", np.zeros((HEIGHT, WIDTH, 3)))
    assert "names of their own" in complaint(folder)
    (folder / "shot_01.jpg").unlink()
    assert "must be a folder for frames, or end in" in complaint(
        folder, target=tmp_path / "out.txt"
    )
    for option, message in (
        ("--scale 1", "--scale must be an int, at least 2"),
        ("--scale 2 --method video_edsr", "upscales 3 or 4 times"),
        ("--method magic", "--method must be video_edsr, bicubic or"),
        ("--method missing.keras", "missing.keras"),
        ("--frames-per-second 0", "--frames-per-second must be above 0"),
    ):
        assert message in complaint(folder, *option.split())
    image = keras.Input((None, None, 1))
    path = tmp_path / "image.keras"
    keras.Model(image, 2.0 * image).save(path)
    error = complaint(folder, "--method", path)
    assert "takes no windows of frames" in error


def test_video_files_without_pyav(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    source = write_frames(tmp_path / "in", clip(2))
    (tmp_path / "in.mp4").write_bytes(b"")
    for words in ((source, tmp_path / "out.mp4"), (tmp_path / "in.mp4", "out")):
        words = ["upscale-video", *words, "--method", "bicubic"]
        assert main([str(word) for word in words]) == 2
        assert "pip install 'keras_synth[video]'" in capsys.readouterr().err


@pytest.mark.parametrize("scale", [3, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_the_pretrained_networks_beat_bicubic_and_single_frames(scale):
    """On photographs that they have not seen; the margins are those found,
    less a little. With one frame five times over the gain is smaller."""
    pytest.importorskip("skimage")
    filmed = moving_images(
        load_source("photos", "test"), 96, 5, shrink=1.5, seed=0
    )
    upscaler = presets.video_upscaler(scale)
    gains, alone = [], []
    for clip in filmed.clips:
        clean = np.asarray(full_range_luma(clip / np.float32(255.0)))
        small = np.asarray(Downsample(scale)(clean, seed=0))
        large = list(upscale_frames(small, upscaler, scale))
        single = list(upscale_frames(small[[2, 2, 2]], upscaler, scale))
        known = np.clip(bicubic(scale)(small[2:3])[0], 0.0, 1.0)
        error, without, plain = (
            np.mean((image - clean[2]) ** 2)
            for image in (large[2], single[1], known)
        )
        gains.append(10 * np.log10(plain / error))
        alone.append(10 * np.log10(plain / without))
    assert np.mean(gains) > np.mean(alone) + 0.1 > 0.5


def test_other_scales_and_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`scale` must be 3 or 4"):
        presets.video_upscaler(2)
    with pytest.raises(FileNotFoundError, match="NAME=video_x3"):
        presets.video_upscaler(3, tmp_path / "missing.weights.h5")

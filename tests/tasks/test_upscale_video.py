"""Video files and folders of frames, upscaled."""

import sys

import keras
import numpy as np
import pytest

from keras_synth import networks, presets
from keras_synth.cli.main import main
from keras_synth.datasets import load_source, moving_images
from keras_synth.degradations import Downsample
from keras_synth.io import read_image, write_image
from keras_synth.ops.color import full_range_luma
from keras_synth.restoration import bicubic
from keras_synth.tasks import (
    upscale_frames,
    upscale_video,
)

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


# imageio-ffmpeg leaves its pipes to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_video_files(tmp_path):
    """From frames to a file, from that to one twice as large, and back to
    frames: lossy, but the same waves."""
    imageio = pytest.importorskip("imageio.v3")
    pytest.importorskip("imageio_ffmpeg")
    source = write_frames(tmp_path / "in", clip(6))
    options = {"method": "bicubic", "scale": 2, "verbose": 0}
    first, second = tmp_path / "first.mp4", tmp_path / "second.mkv"
    done = upscale_video(source, first, frames_per_second=10, **options)
    assert done.num_frames == 6 and done.size == (2 * HEIGHT, 2 * WIDTH)
    upscale_video(first, second, **options)
    assert imageio.immeta(second, plugin="FFMPEG")["fps"] == 10.0
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
    # An odd side loses its last pixel.
    upscale_video(source, first, overwrite=True, method="bicubic", scale=3)
    frame = next(imageio.imiter(first, plugin="FFMPEG"))
    assert frame.shape == (3 * HEIGHT, 3 * WIDTH, 3)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_video_that_fails_is_not_left_behind(tmp_path, monkeypatch):
    pytest.importorskip("imageio_ffmpeg")

    def broken(frames, *_, **__):
        yield np.zeros((32, 32, 3), "float32")
        raise ValueError("no more")

    module = sys.modules["keras_synth.tasks.upscale_video"]
    monkeypatch.setattr(module, "upscale_frames", broken)
    source = write_frames(tmp_path / "in", clip())
    with pytest.raises(ValueError, match="no more"):
        upscale_video(source, tmp_path / "out.mp4", method="bicubic")
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
        ("--scale 1", "`scale` must be an int, at least 2"),
        ("--scale 2 --method video_edsr", "upscales 3 or 4 times"),
        ("--method magic", "`method` must be video_edsr, bicubic or"),
        ("--method missing.keras", "missing.keras"),
        ("--frames-per-second 0", "`frames_per_second` must be above 0"),
    ):
        assert message in complaint(folder, *option.split())
    image = keras.Input((None, None, 1))
    path = tmp_path / "image.keras"
    keras.Model(image, 2.0 * image).save(path)
    error = complaint(folder, "--method", path)
    assert "takes no windows of frames" in error


def test_video_files_without_ffmpeg(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    source = write_frames(tmp_path / "in", clip(2))
    (tmp_path / "in.mp4").write_bytes(b"")
    for words in ((source, tmp_path / "out.mp4"), (tmp_path / "in.mp4", "out")):
        words = ["upscale-video", *words, "--method", "bicubic"]
        assert main([str(word) for word in words]) == 2
        assert "pip install 'keras_synth[video]'" in capsys.readouterr().err


@pytest.mark.parametrize("scale", [3, 4])
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

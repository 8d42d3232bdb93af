"""Every file of generated or restored pixels says so, but with `--strip`."""

import ast
import pathlib

import av
import numpy as np
import pytest
from PIL import Image

import keras_synth
from keras_synth import callbacks, editing, io, tasks
from keras_synth.callbacks.shown_images import ShownImages
from keras_synth.evaluation import draw_panel
from keras_synth.evaluation.panel import save_figure
from keras_synth.io.provenance import tagged
from tests.video_helpers import film, write_clip

ROOT = pathlib.Path(keras_synth.__file__).parent
WRITERS = {
    "write_image",
    "write_animation",
    "encode_images",
    "video_writer",
    "save_figure",
    "FolderWriter",
    "FileWriter",
}
# What holds no pixels that the library made, and why.
UNLABELED = {
    "app/operations.py": "masks that people draw",
    "app/rate_new.py": "raters must not know who made an image",
    "app/uploads.py": "a view of an image that was uploaded",
    "callbacks/latent_space.py": "training images",
    "evaluation/robustness.py": "curves",
    "tasks/demo.py": "the degraded photograph, before it is restored",
    "tasks/old_photo.py": "masks",
}
IMAGE = np.random.default_rng(0).uniform(size=(9, 8, 3)).astype("float32")
TYPES = {
    "restored": "algorithmicallyEnhanced",
    "edited": "compositeWithTrainedAlgorithmicMedia",
    "generated": "trainedAlgorithmicMedia",
}


def kind_of(path):
    """What an image file says of itself, or None."""
    xmp = io.open_decoded(path).metadata.xmp
    said = xmp or b""
    return next(
        (k for k, v in TYPES.items() if f'/{v}"'.encode() in said), None
    )


def tags_of(path):
    with av.open(str(path)) as file:
        return {name.lower(): text for name, text in file.metadata.items()}


def unlabeled_calls():
    """`{file: lines}` of calls of a writer without `provenance`."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", None))
            if name in WRITERS and "rovenance" not in ast.unparse(node):
                path = file.relative_to(ROOT).as_posix()
                found.setdefault(path, []).append(node.lineno)
    return found


def test_each_call_that_writes_pixels_says_where_they_come_from():
    assert set(unlabeled_calls()) == set(UNLABELED), unlabeled_calls()


def subclasses(kind):
    return [
        each
        for direct in kind.__subclasses__()
        for each in (direct, *subclasses(direct))
        if each.__module__.startswith("keras_synth")
    ]


@pytest.mark.parametrize("kind", subclasses(ShownImages))
def test_grids_of_callbacks(kind, tmp_path):
    grid = kind.__new__(kind)
    ShownImages.__init__(grid, tmp_path)
    grid.grids = lambda: {"shown": IMAGE}
    grid.on_epoch_end(0)
    (path,) = tmp_path.iterdir()
    expected = {
        callbacks.RestorationGrid: "restored",
        callbacks.StyleGrid: "edited",
        callbacks.TranslationGrid: "edited",
    }
    assert kind_of(path) == expected.get(kind, "generated")


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi"])
def test_video_files_keep_their_comment_and_say_it(name, tmp_path):
    source = tmp_path / "in.mkv"
    write_clip(source, film(3), tags={"comment": "from A", "title": "B"})

    def written(target, **options):
        video = io.open_video(source)
        with io.video_writer(target, video, video.size, **options) as writer:
            for number, frame in enumerate(video.frames()):
                writer.write(number, frame)
        return tags_of(target)

    label = io.Provenance("restored", "net")
    tags = written(tmp_path / name, provenance=label)
    first, last = tags["comment"].splitlines()
    assert first == "from A" and tags["title"] == "B"
    version = keras_synth.__version__
    assert last.startswith(f"keras_synth {version}, net: http://cv.iptc.org/")
    assert last.endswith("/algorithmicallyEnhanced")
    bare = written(tmp_path / f"bare-{name}", provenance=label, strip=True)
    assert "comment" not in bare and "title" not in bare
    plain = written(tmp_path / f"plain-{name}")
    assert plain["comment"] == "from A"


def test_a_second_label_of_a_video_replaces_the_first():
    tags = {"COMMENT": "one\ntwo", "title": "B"}
    for kind in TYPES:
        tags = tagged(tags, io.Provenance(kind))
        *others, last = tags["COMMENT"].splitlines()
        assert others == ["one", "two"] and last.endswith(TYPES[kind])
    assert list(tags) == ["COMMENT", "title"]


@pytest.mark.parametrize("name", ["out.mkv", "frames"])
def test_upscaled_videos(name, tmp_path):
    source = tmp_path / "in.mkv"
    write_clip(source, film(2, 8, 12))
    for strip in (False, True):
        target = tmp_path / f"{strip}-{name}"
        tasks.upscale_video(
            source, target, method="bicubic", scale=2, strip=strip, verbose=0
        )
        if name == "frames":
            kinds = {kind_of(path) for path in target.iterdir()}
            assert kinds == {None if strip else "restored"}
        else:
            comment = tags_of(target).get("comment", "")
            assert (TYPES["restored"] in comment) != strip


def test_films(tmp_path):
    frames = [IMAGE[:8], IMAGE[1:]]
    for name in ("a.png", "a.webp"):
        assert kind_of(editing.write_film(tmp_path / name, frames)) == (
            "generated"
        )
    path = editing.write_film(tmp_path / "a.mp4", frames)
    assert tags_of(path)["comment"].endswith(f"/{TYPES['generated']}")


def test_comparisons_are_labeled_unless_stripped(tmp_path):
    source = io.write_image(tmp_path / "in.png", IMAGE)
    for strip in (False, True):
        target = tmp_path / f"{strip}.png"
        (done,) = tasks.restore(
            source,
            target,
            method="median",
            compare=True,
            files=io.FileOptions(strip=strip),
            verbose=0,
        )
        for path in (done.target, done.comparison):
            assert kind_of(path) == (None if strip else "restored")


def test_panels_and_figures(tmp_path):
    from matplotlib.figure import Figure

    images = {"clean": IMAGE, "method": IMAGE[::-1]}
    assert kind_of(draw_panel(tmp_path / "a.png", images, {})) == "restored"
    bare = draw_panel(tmp_path / "b.png", images, {}, provenance=None)
    assert kind_of(bare) is None
    label = io.Provenance("generated", "ε")
    save_figure(tmp_path / "c.svg", Figure(), label)  # which has no place
    with Image.open(save_figure(tmp_path / "c.png", Figure(), label)) as image:
        assert "ε" in image.text["XML:com.adobe.xmp"]

"""`stylize`: image files take the style of another."""

import importlib

import keras
import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from PIL import Image

from keras_synth import models, networks, presets, tasks, training
from keras_synth.cli.main import main
from keras_synth.io import bit_depth, read_image, write_image
from tests.training_helpers import compile_eagerly, stop_after_one_epoch

MODULE = importlib.import_module("keras_synth.tasks.stylize")
RNG = np.random.default_rng(0)
LEVEL = 0.51 / 255


@pytest.fixture(autouse=True)
def small_features(monkeypatch):
    """In VGG's place: random, two layers, and compiled in no time."""
    keras.utils.set_random_seed(0)
    network = networks.squeezenet_features(None, ("relu_conv1",))
    monkeypatch.setitem(MODULE.FEATURE_NETWORKS, "vgg19", lambda *_: network)
    return network


@pytest.fixture
def content(tmp_path):
    image = RNG.uniform(size=(40, 33, 3)).astype("float32")
    write_image(tmp_path / "content.png", image)
    return read_image(tmp_path / "content.png")


@pytest.fixture
def style(tmp_path):
    image = RNG.uniform(size=(32, 36, 3)).astype("float32") ** 3
    write_image(tmp_path / "style.png", image)
    return read_image(tmp_path / "style.png")


def stylize_file(folder, *more, **options):
    """The image that `content.png` becomes, and what is said of it."""
    options = {"size": None, "verbose": 0, **options}
    if "method" not in options:
        options = {"steps": (2,), **options}
    (done,) = tasks.stylize(
        folder / "content.png",
        folder / "style.png",
        folder / "out.png",
        blend=[folder / f"{name}.png" for name in more],
        **options,
    )
    return read_image(folder / "out.png", alpha="keep"), done


def by_hand(features, content, *styles, steps=2, **options):
    transfer = models.StyleTransfer(features)
    transfer.compile()
    return transfer.stylize(
        content[None],
        [each[None] for each in styles],
        steps,
        verbose=0,
        **options,
    )[0]


def test_it_is_the_models_optimization(
    small_features, content, style, tmp_path
):
    stylized, done = stylize_file(tmp_path, style_size=36)
    expected = by_hand(small_features, content, style)
    np.testing.assert_allclose(stylized, expected, atol=LEVEL)
    assert np.abs(stylized - content).mean() > 0.01
    assert done.size == (40, 33) and done.comparison is None
    assert done.target == tmp_path / "out.png"


def test_styles_are_blended(small_features, content, style, tmp_path):
    write_image(tmp_path / "other.png", 1.0 - style)
    options = {"style_size": 36, "blend_weights": (3.0, 1.0)}
    stylized, _ = stylize_file(tmp_path, "other", **options)
    expected = by_hand(
        small_features, content, style, 1.0 - style, style_weights=(3.0, 1.0)
    )
    np.testing.assert_allclose(stylized, expected, atol=2 * LEVEL)


def test_options_reach_the_model(small_features, content, style, tmp_path):
    options = {"start": "noise", "preserve_color": True, "seed": 3}
    stylized, _ = stylize_file(tmp_path, style_size=36, **options)
    expected = by_hand(small_features, content, style, **options)
    np.testing.assert_allclose(stylized, expected, atol=LEVEL)


def test_the_longer_side_is_at_most_size(content, style, tmp_path):
    for size, expected in ((32, (32, 26)), (64, (40, 33)), (None, (40, 33))):
        stylized, done = stylize_file(
            tmp_path, size=size, overwrite=True, steps=(1,)
        )
        assert stylized.shape[:2] == done.size == expected


def test_previews_and_comparison(content, style, tmp_path):
    stylized, done = stylize_file(
        tmp_path, steps=(2, 3), preview_interval=2, compare=True, size=36
    )
    files = {path.name for path in tmp_path.glob("out*")}
    assert files == {
        "out.png",
        "out-compare.png",
        "out-step-0002.png",
        "out-step-0004.png",
    }
    assert done.comparison == tmp_path / "out-compare.png"
    small = read_image(tmp_path / "out-step-0002.png")
    late = read_image(tmp_path / "out-step-0004.png")
    assert small.shape == (18, 15, 3) and late.shape == stylized.shape
    (tmp_path / "out.png").unlink()
    with pytest.raises(FileExistsError, match="out-step-0002.png exists"):
        stylize_file(tmp_path, steps=(3,), preview_interval=3)
    stylize_file(tmp_path, steps=(3,), preview_interval=3, overwrite=True)


def test_previews_of_an_animation_are_of_its_first_image(
    content, style, tmp_path
):
    write_image(tmp_path / "first.png", content)
    images = [Image.open(tmp_path / "first.png")]
    images.append(images[0].transpose(Image.Transpose.ROTATE_180))
    images[0].save(
        tmp_path / "content.png", save_all=True, append_images=images[1:]
    )
    options = {"steps": (3,), "size": None, "preview_interval": 2}
    tasks.stylize(
        tmp_path / "content.png",
        tmp_path / "style.png",
        tmp_path / "moving.png",
        verbose=0,
        **options,
    )
    images[0].save(tmp_path / "content.png")
    stylize_file(tmp_path, **options)
    np.testing.assert_array_equal(
        read_image(tmp_path / "moving-step-0002.png"),
        read_image(tmp_path / "out-step-0002.png"),
    )


def test_files_of_gray_are_refused_before_the_work(content, style, tmp_path):
    with pytest.raises(ValueError, match="the image has color"):
        tasks.stylize(
            tmp_path / "content.png",
            tmp_path / "style.png",
            tmp_path / "out.pgm",
            features="vgg16",  # which would be downloaded
            verbose=0,
        )


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_gray_becomes_color_and_transparency_stays(
    channels, content, style, tmp_path
):
    image = RNG.uniform(size=(40, 33, channels)).astype("float32")
    write_image(tmp_path / "content.png", image, 16)
    stylized, _ = stylize_file(tmp_path, steps=(1,))
    transparent = channels in (2, 4)
    assert stylized.shape == (40, 33, 3 + transparent)
    assert bit_depth(tmp_path / "out.png") == 16
    if transparent:
        np.testing.assert_allclose(stylized[..., -1], image[..., -1], atol=1e-4)


def test_a_transparent_style_is_put_on_white(content, style, tmp_path):
    alpha = np.zeros_like(style[..., :1])
    write_image(tmp_path / "style.png", np.concatenate([style, alpha], -1))
    clear, _ = stylize_file(tmp_path)
    write_image(tmp_path / "style.png", np.ones_like(style))
    white, _ = stylize_file(tmp_path, overwrite=True)
    np.testing.assert_array_equal(clear, white)


@pytest.fixture(scope="module")
def one_pass(tmp_path_factory):
    """The path of a model that stylizes in one pass, and the model."""
    keras.utils.set_random_seed(0)
    network = networks.squeezenet_features(None, ("relu_conv1",))
    model = models.AdaINTransfer(network, networks.style_decoder(network))
    path = tmp_path_factory.mktemp("models") / "adain.keras"
    model.save(path)
    return str(path), model


@pytest.mark.parametrize("alpha", [1.0, 0.25])
def test_in_one_pass(one_pass, alpha, content, style, tmp_path):
    path, model = one_pass
    stylized, _ = stylize_file(
        tmp_path, method=path, alpha=alpha, style_size=36
    )
    expected = model.stylize(content[None], style[None], alpha)[0]
    np.testing.assert_allclose(stylized, expected, atol=LEVEL)


def test_the_preset_stylizes_in_one_pass(tmp_path):
    photo = skimage.data.astronaut()[:128, 128:256] / 255.0
    painting = skimage.data.coffee()[100:220, 200:320] / 255.0
    write_image(tmp_path / "content.png", photo)
    write_image(tmp_path / "style.png", painting)
    stylized, _ = stylize_file(tmp_path, method="adain", style_size=120)
    photo, painting = (np.float32(x) for x in (photo, painting))
    expected = presets.adain().stylize(photo[None], painting[None])[0]
    np.testing.assert_allclose(stylized, expected, atol=LEVEL)
    # It has the colors of the style.
    means = [x.mean(axis=(0, 1)) for x in (stylized, painting, photo)]
    near, far = (np.abs(means[0] - other).mean() for other in means[1:])
    assert near < 0.5 * far, means


def test_the_preset_stylizes_small_and_flat_images():
    """Edges are no brighter or darker than what is inside."""
    photo = np.float32(skimage.data.astronaut()[20:180, 150:310] / 255.0)
    painting = np.float32(skimage.data.coffee()[100:220, 200:320] / 255.0)
    contents = [photo[::10, ::10], photo[:24, :24], photo[:96, :96]]
    contents += [np.full((64, 64, 3), value, "float32") for value in (0.4, 1.0)]
    for content in contents:
        made = np.asarray(
            presets.adain().stylize(content[None], painting[None])
        )
        saturated = (made[0] < 0.004) | (made[0] > 0.996)
        inside = saturated[4:-4, 4:-4].mean()
        for turned in (saturated, saturated.swapaxes(0, 1)):
            edges = np.concatenate([turned[:4], turned[-4:]]).mean()
            assert edges < 0.05 + 2 * inside < 0.5, (content.shape, edges)


@pytest.mark.parametrize("size", [(1, 1), (3, 50)])
def test_the_smallest_images_are_stylized_in_one_pass(tmp_path, size):
    write_image(tmp_path / "content.png", np.full((*size, 3), 0.4))
    write_image(tmp_path / "style.png", RNG.uniform(size=(40, 50, 3)))
    stylized, _ = stylize_file(tmp_path, method="adain")
    assert stylized.shape == (*size, 3)


def test_a_folder(content, style, tmp_path, one_pass):
    for name in ("a.png", "below/b.png"):
        write_image(tmp_path / "folder" / name, content)
    done = tasks.stylize(
        tmp_path / "folder",
        tmp_path / "style.png",
        tmp_path / "new",
        method=one_pass[0],
    )
    assert [each.target for each in done] == [
        tmp_path / "new/a.png",
        tmp_path / "new/below/b.png",
    ]
    assert all(each.target.exists() for each in done)


def test_the_command_line(content, style, tmp_path, capsys, one_pass):
    words = [str(tmp_path / f"{n}.png") for n in ("content", "style", "out")]
    options = f"--blend {words[1]} --blend-weights 1 0 --alpha 0.5"
    options += f" --method {one_pass[0]}"
    assert main(["stylize", *words, *options.split()]) == 0
    assert f"image: {words[2]} (33x40)" in capsys.readouterr().out
    larger = np.asarray(MODULE._with_longer_side(style[None], 40))[0]
    expected = one_pass[1].stylize(content[None], larger[None], 0.5)[0]
    np.testing.assert_allclose(read_image(words[2]), expected, atol=2 * LEVEL)
    assert main(["stylize", *words]) == 2
    assert "out.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "magic"}, "`method` must be optimize, adain or a .keras"),
        ({"method": "none.keras"}, "There is no model none.keras"),
        ({"features": "alexnet"}, "`features` must be one of vgg19, vgg16"),
        ({"size": 8}, "`size` must be an int of at least 32"),
        ({"style_size": 2.5}, "`style_size` must be an int of at least 32"),
        (
            {"preview_interval": -1},
            "`preview_interval` must be an int of at least 0",
        ),
        ({"steps": (0,)}, "`steps` must be a positive int"),
        ({"blend_weights": (1.0, 2.0)}, "`blend_weights` must hold a number"),
        ({"style_weight": -1.0}, "`style_weight` must be a number"),
        ({"alpha": 0.5}, "`alpha` is for 'adain' and .keras files of"),
        (
            {"method": "a.keras", "preserve_color": True},
            "`preserve_color` is for the method 'optimize'",
        ),
        (
            {"method": "a.keras", "steps": (200, 100)},
            "`steps` is for the method 'optimize'",
        ),
    ],
)
def test_mistakes(options, message, content, style, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        stylize_file(tmp_path, **options)
    assert message in str(caught.value)
    assert not (tmp_path / "out.png").exists()


def test_missing_files(content, style, tmp_path):
    with pytest.raises(FileNotFoundError, match="other.png"):
        stylize_file(tmp_path, "other")
    (tmp_path / "content.png").unlink()
    with pytest.raises(FileNotFoundError, match="no image or folder"):
        stylize_file(tmp_path)


def test_a_model_of_another_kind_is_refused(content, style, tmp_path):
    network = networks.unet(channels=1, widths=(4,), num_blocks=1)
    network.save(tmp_path / "unet.keras")
    with pytest.raises(ValueError, match="Expected: AdaINTransfer"):
        stylize_file(tmp_path, method=str(tmp_path / "unet.keras"))


TRAIN = {
    "image_size": 16,
    "epochs": 2,
    "batch_size": 2,
    "weights": None,
    "features": "squeezenet",
    "verbose": 0,
}


@pytest.fixture
def quick(monkeypatch):
    compile_eagerly(monkeypatch, models.AdaINTransfer)
    monkeypatch.setitem(
        MODULE.FEATURE_NETWORKS,
        "squeezenet",
        lambda weights, _: networks.squeezenet_features(
            weights, ("relu_conv1",)
        ),
    )


@pytest.fixture
def folders(tmp_path):
    for index in range(4):
        for name, power in (("contents", 1), ("styles", 3)):
            image = RNG.uniform(size=(20, 22, 3)) ** power
            write_image(tmp_path / f"{name}/{index}.png", image)
    return tmp_path / "contents", tmp_path / "styles"


@pytest.mark.slow
def test_training_from_two_folders(quick, folders, tmp_path):
    output = tmp_path / "run"
    model = training.train_adain(*folders, output, **TRAIN)
    assert {path.name for path in output.iterdir()} == {
        "adain.keras",
        "history.json",
        "images",
        "log",
        "settings.json",
        "backup",
    }
    assert int(model.optimizer.iterations) == 4
    # Three rows of 4 images of side 16, padding 2.
    grid = read_image(output / "images/stylized_epoch_0002.png")
    assert grid.shape == (56, 74, 3)
    image = RNG.uniform(size=(1, 20, 22, 3)).astype("float32")
    loaded = tasks.load_model(output / "adain.keras", models.AdaINTransfer)
    np.testing.assert_array_equal(
        loaded.stylize(image, image), model.stylize(image, image)
    )


@pytest.mark.slow
def test_training_goes_on_where_it_stopped(
    quick, folders, tmp_path, monkeypatch
):
    whole = training.train_adain(*folders, tmp_path / "whole", **TRAIN)

    def train(contents, output, **options):
        options = {**TRAIN, **options}
        return training.train_adain(contents, folders[1], output, **options)

    output = tmp_path / "parts"
    stop_after_one_epoch(monkeypatch, train, folders[0], output)
    resumed = train(folders[0], output, resume=True)
    for one, other in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_trained_model_is_exported(one_pass, tmp_path):
    tasks.export(one_pass[0], tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    content, style = RNG.uniform(size=(2, 1, 24, 20, 3)).astype("float32")
    np.testing.assert_allclose(
        served.stylize(content, style),
        one_pass[1].stylize(content, style),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "options, message",
    [
        ({"epochs": 0}, "`epochs` must be an int of at least 1"),
        ({"features": "alexnet"}, "`features` must be one of vgg19"),
        ({"batch_size": 5}, "more than the 4 images"),
    ],
)
def test_mistakes_in_training(options, message, quick, folders, tmp_path):
    with pytest.raises(ValueError, match=message):
        training.train_adain(*folders, tmp_path / "run", **{**TRAIN, **options})
    assert not (tmp_path / "run").exists()

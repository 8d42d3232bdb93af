"""`score`: the metrics' own values, means, sets, gray and color, mistakes."""

import json

import keras
import numpy as np
import pytest
import tifffile
from skimage import data
from skimage import metrics as reference

from keras_synth import metrics, tasks
from keras_synth.__main__ import main
from keras_synth.io import read_image, write_image

RNG = np.random.default_rng(0)
CAMERA = data.camera()[:192, :288] / 255.0


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two noisy images, and clean ones under other endings."""
    folder = tmp_path_factory.mktemp("score")
    for name, image in (("a", CAMERA), ("sub/b", CAMERA[::-1])):
        noisy = np.clip(image + 0.1 * RNG.standard_normal(image.shape), 0, 1)
        write_image(folder / f"clean/{name}.bmp", image)
        write_image(folder / f"noisy/{name}.png", noisy)
    return folder / "noisy", folder / "clean"


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """A network from images to two numbers: mean and deviation."""
    image = keras.Input((None, None, 3))
    mean = keras.ops.mean(image, axis=(1, 2))[:, :1]
    spread = keras.ops.std(image, axis=(1, 2))[:, :1]
    network = keras.Model(image, keras.ops.concatenate([mean, spread], -1))
    path = tmp_path_factory.mktemp("network") / "vectors.keras"
    network.save(path)
    return path


def test_values_are_those_of_scikit_image(folders):
    noisy, clean = folders
    one, other, whole = tasks.score(
        noisy, reference=clean, metrics=["psnr", "ssim"], verbose=0
    )
    for found, name in ((one, "a"), (other, "sub/b")):
        a = read_image(noisy / f"{name}.png")[..., 0]
        b = read_image(clean / f"{name}.bmp")[..., 0]
        assert found.source == noisy / f"{name}.png"
        assert found.reference == clean / f"{name}.bmp"
        expected = reference.peak_signal_noise_ratio(b, a, data_range=1.0)
        assert found.scores["psnr"] == pytest.approx(expected, abs=1e-3)
        expected = reference.structural_similarity(
            b,
            a,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert found.scores["ssim"] == pytest.approx(expected, abs=1e-3)
    assert whole.num_images == 2 and whole.source == noisy
    for name, value in whole.scores.items():
        expected = (one.scores[name] + other.scores[name]) / 2
        assert value == pytest.approx(expected)


def test_defaults_with_and_without_a_reference(folders):
    noisy, clean = folders
    (alone,) = tasks.score(noisy / "a.png", verbose=0)
    assert list(alone.scores) == ["niqe"] and alone.reference is None
    metric = metrics.NIQE()
    image = read_image(noisy / "a.png")[None]
    metric.update_state(image, image)
    assert alone.scores["niqe"] == pytest.approx(float(metric.result()))
    (pair,) = tasks.score(noisy / "a.png", reference=clean / "a.bmp", verbose=0)
    assert list(pair.scores) == ["psnr", "ssim"]


def test_gray_and_color_are_compared_in_color(folders, tmp_path):
    color = np.repeat(read_image(folders[0] / "a.png"), 3, axis=-1)
    write_image(tmp_path / "a.png", color)
    options = {"metrics": ["psnr"], "verbose": 0}
    (gray,) = tasks.score(
        folders[0] / "a.png", reference=folders[1] / "a.bmp", **options
    )
    (mixed,) = tasks.score(
        tmp_path / "a.png", reference=folders[1] / "a.bmp", **options
    )
    assert mixed.scores["psnr"] == pytest.approx(gray.scores["psnr"])


def test_sets_are_compared_by_a_network(folders, vectors, tmp_path):
    rng = np.random.default_rng(1)
    sides = {}
    for side, low in (("real", 0.0), ("made", 0.2)):
        images = low + 0.5 * rng.uniform(size=(12, 9, 8, 3))
        for index, image in enumerate(images):
            write_image(tmp_path / side / f"{side}{index}.png", image)
        files = sorted((tmp_path / side).iterdir())
        sides[side] = np.stack([read_image(file) for file in files])
    (whole,) = tasks.score(
        tmp_path / "made",
        reference=tmp_path / "real",
        metrics=["frechet", "precision_recall"],
        features=str(vectors),
        verbose=0,
    )
    network = keras.saving.load_model(vectors)
    metric = metrics.FrechetDistance(network)
    metric.update_real(sides["real"])
    metric.update_generated(sides["made"])
    assert whole.scores["frechet"] == pytest.approx(
        float(metric.result()), rel=1e-5
    )
    assert {"precision", "recall"} <= set(whole.scores)
    assert "frechet is" in whole.notes[0]


def test_the_command_prints_lines_and_json(folders, capsys):
    noisy, clean = folders
    words = ["score", str(noisy), "--reference", str(clean)]
    assert main([*words, "--metrics", "psnr"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith(f"{noisy}/a.png: psnr 20.")
    assert lines[2].startswith(f"{noisy} (2 images): psnr 20.")
    assert main([*words, "--metrics", "psnr", "--json"]) == 0
    results = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    assert [each["num_images"] for each in results] == [1, 1, 2]
    assert results[0]["settings"]["metrics"] == ["psnr"]


def test_the_psnr_of_equal_images_is_a_word_in_json(folders, capsys):
    file = str(folders[0] / "a.png")
    words = ["score", file, "--reference", file, "--metrics", "psnr", "--json"]
    assert main(words) == 0

    def refuse(constant):
        raise ValueError(constant)

    text = capsys.readouterr().out
    facts = json.loads(text, parse_constant=refuse)
    assert float(facts["scores"]["psnr"]) == float("inf")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("nowhere.png", "There is no image or folder"),
        ("empty", "empty holds no images"),
        ("noisy --metrics psnr", "needs a --reference"),
        ("noisy --metrics beauty", "beauty"),
        ("noisy --reference clean/a.bmp", "give the folder"),
        ("noisy/a.png --reference clean", "the reference of the file"),
        ("noisy --reference clean/sub", "has no reference in"),
        (
            "noisy --reference clean --metrics kernel --features my.keras",
            "my.keras",
        ),
        (
            "noisy --reference clean --metrics kernel --features digits",
            "must be inception",
        ),
    ],
)
def test_mistakes_are_one_line(folders, words, message, capsys, monkeypatch):
    monkeypatch.chdir(folders[0].parent)
    (folders[0].parent / "empty").mkdir(exist_ok=True)
    assert main(["score", *words.split()]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_one_bad_file_is_named_and_the_others_are_scored(folders, tmp_path):
    write_image(tmp_path / "a/small.png", np.zeros((9, 9)))
    write_image(tmp_path / "a/large.png", CAMERA)
    done = []
    with pytest.raises(tasks.FilesError, match="small.png.*two blocks"):
        tasks.score(tmp_path / "a", on_file=done.append, verbose=0)
    assert [each.source.name for each in done] == ["large.png"]


def test_the_mean_is_of_those_that_could_be_scored(tmp_path):
    write_image(tmp_path / "a/small.png", np.zeros((9, 9)))
    write_image(tmp_path / "a/large.png", CAMERA)
    write_image(tmp_path / "a/wide.png", CAMERA[:128])
    done = []
    with pytest.raises(tasks.FilesError, match="small.png"):
        tasks.score(tmp_path / "a", on_file=done.append, verbose=0)
    large, wide, both = done
    assert both.source == tmp_path / "a" and both.num_images == 2
    mean = (large.scores["niqe"] + wide.scores["niqe"]) / 2
    assert both.scores["niqe"] == pytest.approx(mean)
    assert both.notes == ("without 1 that could not be scored",)


@pytest.fixture
def random_sets(tmp_path):
    rng = np.random.default_rng(1)
    for side in ("made", "real"):
        for index in range(6):
            image = rng.uniform(size=(9, 8, 3))
            write_image(tmp_path / side / f"{index}.png", image)
    (tmp_path / "made/3.png").write_bytes(b"no image")
    return tmp_path


def test_sets_are_of_the_files_that_can_be_read(random_sets, vectors):
    done = []
    options = {"reference": random_sets / "real", "features": str(vectors)}
    for names in (["psnr", "frechet"], ["frechet"]):
        done.clear()
        with pytest.raises(tasks.FilesError, match=r"3\.png") as caught:
            tasks.score(
                random_sets / "made",
                metrics=names,
                on_file=done.append,
                verbose=0,
                **options,
            )
        assert len(caught.value.errors) == 1
        assert done[-1].num_images == 5 and set(done[-1].scores) == set(names)
        assert done[-1].notes[-1] == "without 1 that could not be scored"


def test_sets_that_are_too_small_are_refused_before_anything(
    random_sets, vectors
):
    for file in sorted((random_sets / "real").iterdir())[1:]:
        file.unlink()
    done = []
    with pytest.raises(ValueError, match="needs at least"):
        tasks.score(
            random_sets / "made",
            reference=random_sets / "real",
            metrics=["frechet"],
            features=str(vectors),
            on_file=done.append,
            verbose=0,
        )
    assert not done


def test_of_several_pages_the_first_counts_and_it_is_said(tmp_path):
    page = (255 * CAMERA).astype("uint8")
    for name, second in (("a", page), ("b", 255 - page)):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.stack([page, second]))
    (found,) = tasks.score(
        tmp_path / "a.tif", reference=tmp_path / "b.tif", verbose=0
    )
    assert found.scores["psnr"] == float("inf")
    first = "the first of 2 images in"
    assert found.notes == tuple(
        f"{first} {tmp_path / name}" for name in ("a.tif", "b.tif")
    )


def test_floats_are_scored_by_the_value_that_is_white(tmp_path):
    noise = 0.1 * RNG.standard_normal(CAMERA.shape)
    for name, image in (("a", CAMERA), ("b", np.clip(CAMERA + noise, 0, 1))):
        for folder, white in (("one", 1.0), ("high", 1000.0)):
            (tmp_path / folder).mkdir(exist_ok=True)
            tifffile.imwrite(
                tmp_path / folder / f"{name}.tif", np.float32(white * image)
            )
    one, high = (
        tasks.score(
            tmp_path / folder / "b.tif",
            reference=tmp_path / folder / "a.tif",
            white=white,
            verbose=0,
        )[0]
        for folder, white in (("one", None), ("high", 1000.0))
    )
    assert one.scores == pytest.approx(high.scores, rel=1e-4)


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("psnr", {"linear_weights": "no.npz"}, "`linear_weights` is for lpips"),
        ("niqe", {"luma": "full"}, "`luma` is for psnr"),
        ("psnr", {"features": "my.keras"}, "`features` is for frechet"),
        (
            "kernel",
            {"features": "mnist_features", "features_weights": "no.h5"},
            "`features_weights` are those of Inception",
        ),
        ("psnr", {"perceptual": "vgg19"}, "`perceptual` is for lpips"),
        ("lpips", {"perceptual": "alex"}, "`perceptual` must be one of"),
    ],
)
def test_options_of_other_metrics_are_refused(
    metric, options, message, folders
):
    noisy, clean = folders
    with pytest.raises(ValueError, match=message):
        tasks.score(
            noisy, reference=clean, metrics=[metric], verbose=0, **options
        )

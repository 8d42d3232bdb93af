"""Captioned folders: every kind of file, and a caption for each image."""

import json

import numpy as np
import pytest

from keras_synth import datasets
from keras_synth.io import write_image
from keras_synth.ops import byte_ids

NAMES = ("one/a.png", "one/b.png", "two/a.png")


@pytest.fixture
def folder(tmp_path):
    for index, name in enumerate(NAMES):
        write_image(tmp_path / name, np.full((8, 8, 3), index / 2.0))
    return tmp_path


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def test_json_holds_captions_of_names_in_any_shape(folder):
    nested = {"en": {"label": "cat", "tags": ["pet", "cat"]}, "group": 3}
    write(folder / "names.json", {"a": nested | {"zh": "猫"}, "b.png": "dog"})
    source = datasets.captioned_folder(folder)
    cat = ("cat", "pet", "猫")
    assert source.captions == (cat, ("dog",), cat)
    assert source.num_images == 3 and source.class_names == ()


def test_a_path_means_one_image(folder):
    write(folder / "x.json", {"a": "any", "one/a.png": "this", "b": ["b"]})
    found = datasets.captioned_folder(folder).captions
    assert found == (("this",), ("b",), ("any",))


def test_csv_has_rows_and_columns(folder):
    write(folder / "c.csv", 'file,text,more\na,"one, two",\nb,x,y\na,three,\n')
    found = datasets.captioned_folder(folder).captions
    assert found == (("one, two", "three"), ("x", "y"), ("one, two", "three"))


def test_csv_keeps_lines_in_quotes_and_no_blank_captions(folder):
    text = 'file,text\r\na,"red\napple"\r\nb, x\u2028y ,  \r\n'
    (folder / "c.csv").write_bytes(text.encode())
    found = datasets.captioned_folder(folder).captions
    assert found[:2] == (("red\napple",), ("x\u2028y",))


def test_images_in_the_folder_itself_have_their_captions_once(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((8, 8, 3)))
    write(tmp_path / "names.json", {"a.png": "cat"})
    assert datasets.captioned_folder(tmp_path).captions == (("cat",),)


def test_files_of_other_encodings_are_refused_and_marks_left_out(folder):
    for name in NAMES:
        beside = (folder / name).with_suffix(".txt")
        beside.write_text("猫", "utf-8-sig")
    assert datasets.captioned_folder(folder).captions == (("猫",),) * 3
    beside.write_bytes("猫在跑".encode("gbk"))
    with pytest.raises(ValueError, match=f"{beside.name} is not in UTF-8"):
        datasets.captioned_folder(folder)
    for ending in ("csv", "json"):
        table = folder / f"table.{ending}"
        table.write_bytes("猫在跑".encode("gbk"))
        with pytest.raises(ValueError, match=f"table.{ending} is not in"):
            datasets.captioned_folder(folder, captions=table)
    write(folder / "table.csv", "")
    with pytest.raises(ValueError, match="table.csv is empty"):
        datasets.captioned_folder(folder, captions=folder / "table.csv")


def test_texts_lie_beside_images(folder, tmp_path_factory):
    for name in NAMES:
        text = f"{name}\n\n second of {name} \n"
        write((folder / name).with_suffix(".txt"), text)
    found = datasets.captioned_folder(folder).captions
    assert found[1] == (NAMES[1], f"second of {NAMES[1]}")
    table = tmp_path_factory.mktemp("other") / "table.json"
    write(table, {"a": "A", "b": "B"})
    found = datasets.captioned_folder(folder, captions=table).captions
    assert found == (("A",), ("B",), ("A",))


def test_missing_and_broken_captions_are_refused(folder):
    with pytest.raises(ValueError, match="3 images .* no caption"):
        datasets.captioned_folder(folder)
    write(folder / "names.json", {"a": "cat"})
    with pytest.raises(ValueError, match="1 images .*b.png"):
        datasets.captioned_folder(folder)
    write(folder / "names.json", "{")
    with pytest.raises(ValueError, match="is no JSON"):
        datasets.captioned_folder(folder)
    write(folder / "names.json", ["cat"])
    with pytest.raises(ValueError, match="must hold an object"):
        datasets.captioned_folder(folder)
    write(folder / "other.json", {})
    with pytest.raises(ValueError, match="several files of captions"):
        datasets.captioned_folder(folder)
    with pytest.raises(FileNotFoundError, match="nothing.csv"):
        datasets.captioned_folder(folder, captions=folder / "nothing.csv")


def test_each_epoch_draws_captions_of_the_right_image(folder):
    texts = {"one/a.png": ["a", "b"], "b": "c", "two/a.png": ["d", "e", "f"]}
    write(folder / "names.json", texts)
    source = datasets.captioned_folder(folder)
    pipeline = datasets.synthesis_pipeline(
        source, batch_size=3, caption_length=4
    )
    known = {0.0: "ab", 0.5: "c", 1.0: "def"}
    seen = []
    for _ in range(12):
        for images, ids in pipeline:
            for image, row in zip(images, ids, strict=True):
                text = chr(int(row[0]) - 1)
                assert text in known[round(float(image[0, 0, 0]), 1)]
                np.testing.assert_array_equal(row, byte_ids(text, 4))
                seen.append(text)
    assert set(seen) == set("abcdef")
    pipeline.set_epoch(3)
    first = [ids.numpy() for _, ids in pipeline]
    pipeline.set_epoch(3)
    np.testing.assert_array_equal(first, [ids.numpy() for _, ids in pipeline])


def test_sources_without_captions_are_refused(folder):
    source = datasets.image_folder(folder)
    with pytest.raises(ValueError, match="has no captions"):
        datasets.synthesis_pipeline(source, batch_size=2, caption_length=4)
    write(folder / "names.json", {"a": "a", "b": "b"})
    source = datasets.captioned_folder(folder)
    with pytest.raises(ValueError, match="must be a positive int"):
        datasets.synthesis_pipeline(source, batch_size=2, caption_length=0)

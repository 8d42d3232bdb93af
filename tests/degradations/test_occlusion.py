"""Holes: their place, area, fill value and masks."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from PIL import Image

from keras_synth.degradations import HolesFromFolder, IrregularHoles, Occlusion


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((4, 40, 60, 3), "float32")


def test_record_holds_the_rectangles(images):
    degradation = Occlusion((1, 3), size=(0.1, 0.6), fill=0.75)
    result, record = degradation(images, 0, return_record=True)
    drawn = {k: v.numpy() for k, v in record["parameters"].items()}
    counts = set()
    for index, image in enumerate(images):
        expected, mask = image.copy(), np.zeros((40, 60, 1))
        counts.add(np.count_nonzero(drawn["height"][index]))
        for place in range(3):
            top, left, height, width = (
                drawn[side][index, place]
                for side in ("top", "left", "height", "width")
            )
            assert height == 0 or (4 <= height <= 24 and 6 <= width <= 36)
            assert 0 <= top <= 40 - height and 0 <= left <= 60 - width
            expected[top : top + height, left : left + width] = 0.75
            mask[top : top + height, left : left + width] = 1.0
        np.testing.assert_array_equal(result[index], expected)
        np.testing.assert_array_equal(record["mask"][index], mask)
    assert counts <= {1, 2, 3} and len(counts) > 1


def test_rectangles_reach_every_edge():
    images = np.zeros((400, 6, 6, 1), "float32")
    hidden = Occlusion(1, size=0.5, fill=1.0)(images, 0).numpy()
    share = hidden.mean(axis=0)[..., 0]
    assert share.min() > 0.03  # 1/16 at the corners
    np.testing.assert_allclose(share, share[::-1, ::-1], atol=0.1)


def test_the_whole_image_may_be_hidden():
    assert not np.any(Occlusion(1, size=1.0)(np.ones((1, 5, 7, 1)), 0))


def test_holes_may_take_the_mean_color(images):
    degradation = IrregularHoles(0.3, fill="mean")
    result, record = degradation(images, 0, return_record=True)
    inside = record["mask"][0, ..., 0] == 1
    mean = images[0].mean(axis=(0, 1))
    assert np.ptp(mean) > 1e-3
    np.testing.assert_allclose(
        result[0].numpy()[inside],
        np.tile(mean, (inside.numpy().sum(), 1)),
        atol=1e-6,
    )


def test_irregular_holes_have_the_given_area():
    images = np.zeros((12, 64, 80, 1), "float32")
    degradation = IrregularHoles((0.1, 0.3), fill=1.0)
    result, record = degradation(images, 0, return_record=True)
    share = np.mean(result, axis=(1, 2, 3))
    assert share.min() >= 0.1 and share.max() <= 0.3
    assert np.ptp(share) > 0.05
    # Up to one pixel of rounding, and one of equal distance.
    drawn = record["parameters"]["area"].numpy()[:, 0, 0, 0]
    np.testing.assert_allclose(share, drawn, atol=2 / (64 * 80))


def test_irregular_holes_may_cover_the_whole_image(images):
    np.testing.assert_array_equal(IrregularHoles(1.0)(images, 0), 0.0)


def test_strokes_are_long_and_smooth():
    images = np.zeros((6, 96, 96, 1), "float32")
    holes = IrregularHoles(0.2, strokes=3, fill=1.0)(images, 1).numpy()
    for hole in holes[..., 0] > 0:
        _, pieces = scipy.ndimage.label(hole)
        assert pieces <= 3  # one a stroke, or fewer where strokes meet
        # A disk of that area has a depth of 24.
        depth = scipy.ndimage.distance_transform_edt(hole).max()
        assert 2 < depth < 16
        # No loose pixels: opening with a small disk changes little.
        opened = scipy.ndimage.binary_opening(hole)
        assert opened.sum() > 0.97 * hole.sum()


@pytest.fixture
def mask_folder(tmp_path):
    """Two masks of different sizes and kinds of file; their bits."""
    random = np.random.default_rng(1)
    masks = [random.random((13, 20)) < 0.4, random.random((30, 30)) < 0.6]
    gray = np.where(masks[0], 128, 127).astype("uint8")
    Image.fromarray(gray).save(tmp_path / "a.png")
    color = np.repeat(masks[1][..., None], 3, axis=-1)
    Image.fromarray(255 * color.astype("uint8")).save(tmp_path / "b.bmp")
    (tmp_path / "notes.txt").write_text("not a mask")
    (tmp_path / "._a.png").write_text("of another system")
    return tmp_path, masks


@pytest.mark.parametrize("invert", [False, True])
def test_holes_have_the_shapes_of_the_folders_masks(mask_folder, invert):
    folder, masks = mask_folder
    images = np.full((20, 26, 45, 1), 0.5, "float32")
    degradation = HolesFromFolder(folder, invert=invert, fill=1.0)
    result, record = degradation(images, 0, return_record=True)
    index = record["parameters"]["index"].numpy()[:, 0, 0, 0]
    assert set(index) == {0, 1}
    for image, which in zip(result, index, strict=True):
        nearest = tf.image.resize(
            masks[which][..., None].astype("float32"), (26, 45), "nearest"
        )
        hole = (nearest.numpy() == 1.0) != invert
        np.testing.assert_array_equal(image, np.where(hole, 1.0, 0.5))
    np.testing.assert_allclose(
        record["parameters"]["area"][:, 0, 0, 0],
        np.mean(result.numpy() == 1.0, axis=(1, 2, 3)),
        atol=1e-6,
    )


def test_holes_from_folder_work_in_a_pipeline_and_serialize(mask_folder):
    folder, _ = mask_folder
    degradation = HolesFromFolder(folder, invert=True, fill="mean")
    again = HolesFromFolder.from_config(degradation.get_config())
    images = np.random.default_rng(0).random((3, 16, 16, 1), "float32")
    dataset = tf.data.Dataset.from_tensors(images)
    for result in dataset.map(lambda images: degradation(images, 4)):
        np.testing.assert_array_equal(result, again(images, 4))


def test_folders_without_masks_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        HolesFromFolder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no masks"):
        HolesFromFolder(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    with pytest.raises(ValueError, match="broken.png is not a readable image"):
        HolesFromFolder(tmp_path)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: Occlusion(-1), "`count` must be an int"),
        (lambda: Occlusion(1.5), "`count` must be an int"),
        (lambda: Occlusion(size=2.0), "`size` must be a number"),
        (lambda: Occlusion(fill="black"), "`fill` must be a number"),
        (lambda: Occlusion(fill=2), "`fill` must be a number"),
        (lambda: IrregularHoles((0.5, 1.5)), "`area` must be a number"),
        (lambda: IrregularHoles(strokes=0), "`strokes` must be a positive"),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_masks_of_all_kinds_of_files_are_read_alike(tmp_path):
    marked = np.zeros((8, 8), bool)
    marked[2:5, 3:6] = True
    ground = np.where(marked, 255, 0).astype("uint8")
    clear = np.zeros((8, 8, 4), "uint8")
    clear[marked] = (0, 0, 0, 255)  # black strokes on a transparent ground
    white = np.full((8, 8, 4), 255, "uint8")
    white[..., 3] = ground
    files = {
        "a.bmp": Image.fromarray(marked),  # one bit
        "b.bmp": Image.fromarray(ground).convert("P"),
        "c.gif": Image.fromarray(ground),
        "d.png": Image.fromarray(clear),
        "e.png": Image.fromarray(white),
        "f.png": Image.fromarray(ground.astype("uint16") * 257),
    }
    for name, image in files.items():
        folder = tmp_path / name[0]
        folder.mkdir()
        image.save(folder / name)
        images = np.ones((1, 8, 8, 3), "float32")
        _, record = HolesFromFolder(folder)(images, 0, return_record=True)
        found = np.asarray(record["mask"])[0, ..., 0] > 0
        np.testing.assert_array_equal(found, marked, err_msg=name)

"""`restore --old-photo`: what is found is inpainted, and levels corrected."""

import keras
import numpy as np
import pytest
import skimage.data
from keras import ops
from PIL import Image

from keras_synth.cli.main import main
from keras_synth.io import FileOptions, read_image, write_image
from keras_synth.tasks import restore

# Film damage is what is brighter than anything else.
BRIGHTEST = 0.9


def detector_of(channels):
    """A network that marks pixels above `BRIGHTEST` in all channels."""
    image = keras.Input((None, None, channels), name="image")
    brightness = ops.min(image, axis=-1, keepdims=True)
    return keras.Model(image, ops.sigmoid(1e3 * (brightness - BRIGHTEST)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photograph, the same with a scratch and a stain, and detectors."""
    folder = tmp_path_factory.mktemp("old")
    clean = 0.1 + 0.6 * skimage.data.astronaut()[:80, 180:276] / 255.0
    old, mask = clean.copy(), np.zeros((80, 96))
    mask[:, 20:22] = 1.0
    mask[40:52, 60:72] = 1.0
    old[mask > 0] = 1.0
    write_image(folder / "clean.png", clean)
    write_image(folder / "old.png", old)
    write_image(folder / "true.png", mask)
    for channels in (1, 3):
        detector_of(channels).save(folder / f"{channels}.keras")
    return folder


def psnr(a, b):
    return -10 * np.log10(np.mean((read_image(a) - read_image(b)) ** 2))


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_found_is_inpainted(folder, tmp_path, channels):
    (result,) = restore(
        folder / "old.png",
        tmp_path / "out.png",
        old_photo=True,
        detector=folder / f"{channels}.keras",
        save_mask=tmp_path / "mask.png",
        noise_level=0.0,
        keep_levels=True,
    )
    found = read_image(tmp_path / "mask.png", channels=1)[..., 0]
    true = read_image(folder / "true.png", channels=1)[..., 0]
    assert np.all(found[true == 1] == 1)  # and one pixel around it
    assert np.isin(found, (0, 1)).all() and found.mean() < 2.5 * true.mean()
    assert result.mask == tmp_path / "mask.png"
    assert result.marked == pytest.approx(found.mean())
    gain = psnr(tmp_path / "out.png", folder / "clean.png")
    gain -= psnr(folder / "old.png", folder / "clean.png")
    assert gain > 10
    same = read_image(tmp_path / "out.png") == read_image(folder / "old.png")
    assert np.all(same[found == 0])


def test_without_a_detector_or_mask_the_preset_finds_the_damage(tmp_path):
    clean = 0.2 + 0.5 * skimage.data.astronaut()[:256, :256] / 255.0
    old = clean.copy()
    rows = np.arange(40, 220)
    for width in range(3):  # a bright scratch, aslant
        old[rows, rows // 3 + 20 + width] = 0.98
    write_image(tmp_path / "old.png", old)
    (result,) = restore(
        tmp_path / "old.png",
        tmp_path / "out.png",
        old_photo=True,
        save_mask=tmp_path / "mask.png",
        noise_level=0.0,
        keep_levels=True,
    )
    found = read_image(tmp_path / "mask.png", channels=1)[..., 0]
    scratch = np.any(old != clean, axis=-1)
    assert found[scratch].mean() > 0.3 and found[~scratch].mean() < 0.03
    assert result.marked == pytest.approx(found.mean())


def test_an_ensemble_finds_by_all_eight_symmetries(tmp_path):
    image = keras.Input((None, None, 1), name="image")
    aside = ops.pad(image, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :-1]
    found = ops.sigmoid(1e3 * (aside - BRIGHTEST))  # one pixel too far right
    keras.Model(image, found).save(tmp_path / "aside.keras")
    old = np.full((64, 64), 0.4)
    old[:, 20:22] = 1.0
    write_image(tmp_path / "old.png", old)
    marked = []
    for ensemble in (False, True):
        restore(
            tmp_path / "old.png",
            tmp_path / "out.png",
            old_photo=True,
            detector=tmp_path / "aside.keras",
            save_mask=tmp_path / "mask.png",
            ensemble=ensemble,
            overwrite=True,
        )
        mask = read_image(tmp_path / "mask.png", channels=1)[32, :, 0]
        marked.append(np.flatnonzero(mask).tolist())  # and one pixel around
    assert marked == [[20, 21, 22, 23], [19, 20, 21, 22]]


def test_a_saved_mask_gives_the_same_image_again(folder, tmp_path):
    options = {"old_photo": True, "noise_level": 0.02}
    restore(
        folder / "old.png",
        tmp_path / "a.png",
        detector=folder / "3.keras",
        save_mask=tmp_path / "mask.png",
        **options,
    )
    restore(
        folder / "old.png",
        tmp_path / "b.png",
        mask=tmp_path / "mask.png",
        **options,
    )
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), read_image(tmp_path / "b.png")
    )


def test_levels_are_corrected_unless_they_are_to_be_kept(folder, tmp_path):
    faded = 0.3 + 0.4 * read_image(folder / "clean.png")
    write_image(tmp_path / "faded.png", faded * [1.0, 0.9, 0.7])
    mask = np.zeros(faded.shape[:2])
    mask[3, 3] = 1.0
    write_image(tmp_path / "mask.png", mask)
    ranges = []
    for keep in (False, True):
        out = tmp_path / f"{keep}.png"
        restore(
            tmp_path / "faded.png",
            out,
            old_photo=True,
            mask=tmp_path / "mask.png",
            noise_level=0.0,
            keep_levels=keep,
        )
        ranges.append(np.ptp(read_image(out), axis=(0, 1)))
    assert np.all(ranges[0] > 0.99) and np.all(ranges[1] < 0.5)


def test_nothing_marked_and_nothing_else_found_is_a_copy(folder, tmp_path):
    (result,) = restore(
        folder / "clean.png",
        tmp_path / "out.png",
        old_photo=True,
        detector=folder / "3.keras",
        noise_level=0.0,
        keep_levels=True,
    )
    assert result.marked == 0.0 and result.mask is None
    assert (tmp_path / "out.png").read_bytes() == (
        folder / "clean.png"
    ).read_bytes()


def test_a_folder_has_a_folder_of_masks(folder, tmp_path):
    for name in ("a.png", "b/c.png"):
        write_image(
            tmp_path / "in" / name, read_image(folder / "old.png")[:, :48]
        )
    options = {"old_photo": True, "noise_level": 0.0, "verbose": 0}
    restore(
        tmp_path / "in",
        tmp_path / "out",
        detector=folder / "1.keras",
        save_mask=tmp_path / "masks",
        **options,
    )
    restore(
        tmp_path / "in", tmp_path / "again", mask=tmp_path / "masks", **options
    )
    for name in ("a.png", "b/c.png"):
        np.testing.assert_array_equal(
            read_image(tmp_path / "out" / name),
            read_image(tmp_path / "again" / name),
        )
    with pytest.raises(FileExistsError):
        restore(
            tmp_path / "in",
            tmp_path / "third",
            detector=folder / "1.keras",
            save_mask=tmp_path / "masks",
            **options,
        )
    assert not (tmp_path / "third").exists()


def go_on(folder, target, detector, **options):
    """Restores the folder `in`, and saves masks, without what exists."""
    return restore(
        folder / "in",
        folder / target,
        old_photo=True,
        noise_level=0.0,
        detector=detector,
        save_mask=folder / "masks",
        files=FileOptions(skip_existing=True, **options),
    )


def test_a_mask_that_exists_already_is_left_as_it_is(folder, tmp_path):
    """By hand corrected, say, before a job that was stopped goes on."""
    for name in ("a.png", "b.png"):
        write_image(
            tmp_path / "in" / name, read_image(folder / "old.png")[:, :48]
        )
    write_image(tmp_path / "masks/a.png", np.zeros((8, 8)))
    kept = (tmp_path / "masks/a.png").read_bytes()
    go_on(tmp_path, "out", folder / "1.keras")
    assert (tmp_path / "masks/a.png").read_bytes() == kept
    assert read_image(tmp_path / "masks/b.png").any()


def test_a_part_of_a_job_beside_its_sources_goes_on(folder, tmp_path):
    old = read_image(folder / "old.png")[:, :48]
    for name in ("a.png", "a-new.png", "b.png", "c.png"):
        write_image(tmp_path / "in" / name, old)
    options = {"suffix": "-new", "shard": "1/2"}
    (done,) = go_on(tmp_path, "in", folder / "1.keras", **options)
    assert done.target == tmp_path / "in/c-new.png"
    assert done.mask == tmp_path / "masks/c.png"


def test_a_job_with_masks_goes_on_beside_its_sources_in_another_format(
    folder, tmp_path
):
    """What was written has the names of its sources, and is no source."""
    old = read_image(folder / "old.png")[:, :48]
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "in" / name, old)
    go_on(tmp_path, "in", folder / "1.keras", format="tiff")
    (tmp_path / "in/b.tiff").unlink()
    (done,) = go_on(tmp_path, "in", folder / "1.keras", format="tiff")
    assert done.mask == tmp_path / "masks/b.png"


def test_parts_of_a_job_inside_its_source_have_masks_of_their_own(
    folder, tmp_path
):
    old = read_image(folder / "old.png")[:, :48]
    for name in ("x.png", "y.png"):
        write_image(tmp_path / name, old)
    masks = [
        restore(
            tmp_path,
            tmp_path / "out",
            old_photo=True,
            noise_level=0.0,
            detector=folder / "1.keras",
            save_mask=tmp_path / "masks",
            files=FileOptions(shard=part),
            overwrite=overwrite,
            verbose=0,
        )[0].mask.name
        for part, overwrite in (("1/2", False), ("2/2", False), ("2/2", True))
    ]
    assert masks == ["x.png", "y.png", "y.png"]


def test_pages_have_no_mask_in_common(folder, tmp_path):
    with Image.open(folder / "old.png") as page:
        page.save(tmp_path / "in.tif", save_all=True, append_images=[page])
    options = {"old_photo": True, "detector": folder / "3.keras"}
    with pytest.raises(ValueError, match="has several images"):
        restore(
            tmp_path / "in.tif",
            tmp_path / "out.tif",
            save_mask=tmp_path / "mask.png",
            **options,
        )
    assert not (tmp_path / "out.tif").exists()
    assert not (tmp_path / "mask.png").exists()
    (result,) = restore(tmp_path / "in.tif", tmp_path / "out.tif", **options)
    assert result.marked > 0
    with Image.open(tmp_path / "out.tif") as pages:
        assert pages.n_frames == 2


def test_a_saved_mask_replaces_nothing_that_is_read(folder, tmp_path):
    """Neither the photograph nor the mask that a person has corrected."""
    old = (folder / "old.png").read_bytes()
    (tmp_path / "old.png").write_bytes(old)
    mask = (folder / "true.png").read_bytes()
    (tmp_path / "mask.png").write_bytes(mask)
    for name in ("old.png", "mask.png"):
        with pytest.raises(ValueError, match=name):
            restore(
                tmp_path / "old.png",
                tmp_path / "out.png",
                old_photo=True,
                mask=tmp_path / "mask.png",
                save_mask=tmp_path / name,
                overwrite=True,
            )
    assert (tmp_path / "old.png").read_bytes() == old
    assert (tmp_path / "mask.png").read_bytes() == mask
    with pytest.raises(ValueError, match="out-compare.png would be both"):
        restore(
            tmp_path / "old.png",
            tmp_path / "out.png",
            old_photo=True,
            mask=tmp_path / "mask.png",
            save_mask=tmp_path / "out-compare.png",
            compare=True,
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detector": "3.keras", "mask": "true.png"}, "leave out one of both"),
        ({"old_photo": False, "mask": "true.png"}, "are for `old_photo`"),
        ({"mask": "true.png", "save_mask": "out.png"}, "would be both"),
        ({"detector": "three.keras"}, "marks all of"),
        ({"detector": "color.keras"}, "must return one probability"),
    ],
)
def test_what_does_not_fit_is_refused(folder, tmp_path, options, message):
    image = keras.Input((None, None, 3), name="image")
    ones = ops.ones_like(image)
    for name, output in (("color", ones), ("three", ones[..., :1])):
        if not (folder / f"{name}.keras").exists():
            keras.Model(image, output).save(folder / f"{name}.keras")
    options = {
        key: tmp_path / value
        if key == "save_mask"
        else folder / value
        if isinstance(value, str)
        else value
        for key, value in options.items()
    }
    with pytest.raises(ValueError, match=message):
        restore(
            folder / "old.png",
            tmp_path / "out.png",
            **{"old_photo": True, **options},
        )
    assert not any(tmp_path.iterdir())


def test_the_command_says_what_it_did(folder, tmp_path, capsys):
    words = ["restore", str(folder / "old.png"), str(tmp_path / "out.png")]
    words += ["--old-photo", "--detector", str(folder / "3.keras")]
    words += ["--save-mask", str(tmp_path / "mask.png"), "--noise-level", "0"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "% of it inpainted" in out
    assert f"mask: {tmp_path / 'mask.png'}" in out


def with_its_levels(folder):
    """What is said of `old.png`, restored with `mask.png` to `out.png`."""
    (result,) = restore(
        folder / "old.png",
        folder / "out.png",
        old_photo=True,
        mask=folder / "mask.png",
        keep_levels=True,
    )
    return result


def test_noise_is_that_of_the_photograph_not_of_what_was_filled(tmp_path):
    noise = np.random.default_rng(0).normal(scale=0.05, size=(128, 128, 3))
    write_image(tmp_path / "old.png", np.clip(0.5 + noise, 0, 1))
    mask = np.zeros((128, 128))
    mask[:, ::3] = mask[:, 1::3] = 1.0  # two pixels of three
    write_image(tmp_path / "mask.png", mask)
    result = with_its_levels(tmp_path)
    assert result.noise_level == pytest.approx(0.05, rel=0.1)
    assert read_image(tmp_path / "out.png")[:, 2::3].std() < 0.015


def test_what_is_black_and_white_already_is_copied(folder, tmp_path):
    image = read_image(folder / "old.png")
    image[:4], image[4:8] = 0.0, 1.0
    Image.fromarray(np.uint8(255 * image)).save(
        tmp_path / "old.jpg", quality=98, subsampling=0
    )
    write_image(tmp_path / "mask.png", np.zeros((80, 96, 1)))
    restore(
        tmp_path / "old.jpg",
        tmp_path / "out.jpg",
        old_photo=True,
        mask=tmp_path / "mask.png",
        noise_level=0.0,
    )
    written = (tmp_path / "out.jpg").read_bytes()
    assert written == (tmp_path / "old.jpg").read_bytes()


def test_film_damage_is_not_taken_for_texture(folder, tmp_path):
    rng = np.random.default_rng(0)
    old = read_image(folder / "clean.png").copy()
    old += 0.03 * rng.normal(size=old.shape)
    mask = rng.random((80, 96, 1)) < 0.02  # dust
    write_image(tmp_path / "old.png", np.where(mask, 1.0, np.clip(old, 0, 1)))
    write_image(tmp_path / "mask.png", mask.astype("float32"))
    result = with_its_levels(tmp_path)
    assert result.method == "unet" and result.noise_level > 0.02


def test_texture_stays_where_a_few_pixels_were_inpainted(tmp_path):
    """What is found beside them is texture, as without a mask."""
    image = skimage.data.coffee()[200:, :200] / 255.0
    write_image(tmp_path / "old.png", image)
    mask = np.zeros((200, 200))
    mask[100:103, 50:54] = 1.0
    write_image(tmp_path / "mask.png", mask)
    result = with_its_levels(tmp_path)
    assert result.method is None and result.noise_level == 0.0
    same = read_image(tmp_path / "out.png") == read_image(tmp_path / "old.png")
    assert same[mask == 0].all()

"""Composition of files: the base stays what it is outside of the mask."""

import importlib

import keras
import numpy as np
import pytest
from PIL import Image, ImageCms

from keras_synth import editing, io, models, networks, tasks
from keras_synth.cli.main import main
from tests.tasks.image_files import GRAY_ICC, ICC, SWAPPED_ICC


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A base, a part and its mask."""
    folder = tmp_path_factory.mktemp("compose")
    rng = np.random.default_rng(0)
    io.write_image(folder / "base.png", rng.uniform(size=(12, 14, 3)))
    io.write_image(folder / "part.png", rng.uniform(size=(6, 5, 3)))
    mask = np.zeros((6, 5, 1))
    mask[1:5, 1:4] = 1.0
    io.write_image(folder / "mask.png", mask)
    return folder


def files_of(folder, target, base="base.png", part="part.png"):
    return folder / base, folder / part, folder / "mask.png", target


def test_the_files_are_blended(folder, tmp_path):
    target = tmp_path / "out.png"
    (result,) = tasks.compose(
        *files_of(folder, target), left=4, top=3, verbose=0
    )
    base, part, mask = map(io.read_image, files_of(folder, target)[:3])
    placed, there = editing.paste(base, part, mask[..., :1], (3, 4))
    expected = np.clip(editing.poisson_blend(base, placed, there), 0, 1)
    made = io.read_image(target)
    np.testing.assert_allclose(made, expected, atol=0.51 / 255)
    outside = there[..., 0] == 0
    assert made[outside].tobytes() == base[outside].tobytes()
    assert (result.source, result.target) == (folder / "base.png", target)
    assert result.seam == pytest.approx(
        editing.seam_ratio(expected, there), rel=1e-3
    )


@pytest.mark.parametrize("method", tasks.compose.__globals__["METHODS"])
def test_16_bits_alpha_and_metadata_of_the_base_are_kept(
    folder, tmp_path, method
):
    rng = np.random.default_rng(1)
    base = rng.uniform(size=(12, 14, 4)).astype("float32")
    base[:2, :, 3] = 0.0
    io.write_image(tmp_path / "deep.png", base, bits=16)
    target = tmp_path / "out.png"
    tasks.compose(
        tmp_path / "deep.png",
        *files_of(folder, target)[1:],
        left=5,
        method=method,
        verbose=0,
    )
    assert io.bit_depth(target) == 16
    before, after = (
        io.read_image(path, alpha="keep")
        for path in (tmp_path / "deep.png", target)
    )
    inside = np.zeros((12, 14), bool)
    inside[1:5, 6:9] = True
    np.testing.assert_array_equal(after[~inside], before[~inside])
    assert (after[inside][:, 3] == 1).all()
    steps = np.unique(np.round(after[inside] * 65535) % 257)
    assert len(steps) > 2 or method == "paste"


def test_resolution_and_text_are_kept(folder, tmp_path):
    with Image.open(folder / "base.png") as image:
        image.save(tmp_path / "base.jpg", dpi=(72, 72), quality=90)
    target = tmp_path / "out.jpg"
    tasks.compose(
        tmp_path / "base.jpg", *files_of(folder, target)[1:], verbose=0
    )
    with Image.open(target) as image:
        assert image.info["dpi"] == (72, 72) and image.format == "JPEG"


def test_what_is_transparent_in_the_part_is_not_taken(folder, tmp_path):
    part = np.concatenate(
        [io.read_image(folder / "part.png"), np.zeros((6, 5, 1))], axis=-1
    )
    part[2, 2, 3] = 1.0
    io.write_image(tmp_path / "part.png", part)
    target = tmp_path / "out.png"
    tasks.compose(
        folder / "base.png",
        tmp_path / "part.png",
        folder / "mask.png",
        target,
        method="paste",
        verbose=0,
    )
    changed = io.read_image(target) != io.read_image(folder / "base.png")
    assert np.argwhere(changed.any(axis=-1)).tolist() == [[2, 2]]


@pytest.mark.parametrize("method", tasks.compose.__globals__["METHODS"])
def test_hidden_colors_of_the_part_do_not_matter(tmp_path, method):
    rng = np.random.default_rng(2)
    io.write_image(tmp_path / "base.png", rng.uniform(size=(12, 12, 3)))
    io.write_image(tmp_path / "mask.png", np.ones((12, 12, 1)))
    part = rng.uniform(size=(12, 12, 4))
    part[..., 3] = 0.0
    part[3:9, 3:9, 3] = 1.0
    part[3, 3:9, 3] = 0.3  # seen faintly, and not taken by Poisson blending
    made = []
    for hidden in (0.0, 1.0):
        part[part[..., 3] == 0, :3] = hidden
        if method != "paste":
            part[3, 3:9, :3] = hidden
        io.write_image(tmp_path / "part.png", part)
        tasks.compose(
            *(tmp_path / f"{name}.png" for name in ("base", "part", "mask")),
            tmp_path / f"{hidden}.png",
            method=method,
            verbose=0,
        )
        made.append(io.read_image(tmp_path / f"{hidden}.png"))
    np.testing.assert_array_equal(*made)
    assert (made[0] != io.read_image(tmp_path / "base.png")).any()


def test_a_flat_cutout_takes_the_color_of_a_flat_base(tmp_path):
    part = np.zeros((12, 12, 4))
    part[3:9, 3:9] = 200 / 255, 200 / 255, 200 / 255, 1.0
    io.write_image(tmp_path / "part.png", part)
    io.write_image(tmp_path / "base.png", np.full((12, 12, 3), 128 / 255))
    io.write_image(tmp_path / "mask.png", np.ones((12, 12, 1)))
    target = tmp_path / "out.png"
    tasks.compose(
        *(tmp_path / f"{name}.png" for name in ("base", "part", "mask")),
        target,
        verbose=0,
    )
    assert np.unique(io.read_image(target) * 255) == 128


def test_a_soft_part_lies_over_a_transparent_base(tmp_path):
    base = np.zeros((4, 3, 4))
    base[1:, :, :3] = 0.2
    base[:, :, 3] = np.array([0.0, 0.0, 0.4, 1.0])[:, None]
    mask = np.broadcast_to([[[0.0], [128 / 255], [1.0]]], (4, 3, 1))
    io.write_image(tmp_path / "base.png", base, bits=16)
    io.write_image(tmp_path / "part.png", np.full((4, 3, 3), 0.8))
    io.write_image(tmp_path / "mask.png", mask)
    target = tmp_path / "out.png"
    tasks.compose(
        *(tmp_path / f"{name}.png" for name in ("base", "part", "mask")),
        target,
        method="paste",
        verbose=0,
    )
    made = io.read_image(target, alpha="keep")
    before = io.read_image(tmp_path / "base.png", alpha="keep")
    np.testing.assert_array_equal(made[:, 0], before[:, 0])
    alpha = mask + (1 - mask) * base[..., 3:]
    seen = mask * 0.8 + (1 - mask) * base[..., 3:] * base[..., :3]
    np.testing.assert_allclose(made[..., 3:], alpha, atol=1e-4)
    np.testing.assert_allclose(
        made[:, 1:, :3], (seen / np.maximum(alpha, 1e-6))[:, 1:], atol=1e-4
    )


def composed_of_profiles(folder, of_base, of_part, bits=8):
    """Red of one profile in a base of another: its color there, and notes."""
    options = {} if of_base is None else {"icc_profile": of_base}
    Image.new("RGB", (4, 4)).save(folder / "base.png", **options)
    options = {} if of_part is None else {"icc_profile": of_part}
    if bits == 8:
        Image.new("RGB", (4, 4), (255, 0, 0)).save(
            folder / "part.png", **options
        )
    else:
        io.write_image(folder / "part.png", np.eye(3)[:1][None], bits=bits)
    shape = io.read_image(folder / "part.png").shape[:2]
    mask = np.zeros((*shape, 1))
    mask[0, 0] = 1.0
    io.write_image(folder / "mask.png", mask)
    (result,) = tasks.compose(
        *(folder / f"{name}.png" for name in ("base", "part", "mask")),
        folder / "out.png",
        method="paste",
        overwrite=True,
        verbose=0,
    )
    with Image.open(folder / "out.png") as image:
        assert image.info.get("icc_profile") == of_base
    color = io.read_image(folder / "out.png")[0, 0] * 255
    return np.rint(color).tolist(), " ".join(result.notes)


def test_the_part_is_converted_to_the_profile_of_the_base(tmp_path):
    red, green = [255, 0, 0], [0, 255, 0]
    note = "part.png converted to the profile of the base"
    for of_base, of_part, expected in (
        (None, None, red),
        (None, ICC, red),
        (ICC, None, red),
        (SWAPPED_ICC, SWAPPED_ICC, red),
        (None, SWAPPED_ICC, green),
        (SWAPPED_ICC, None, green),
        (SWAPPED_ICC, ICC, green),
    ):
        color, notes = composed_of_profiles(tmp_path, of_base, of_part)
        assert np.abs(np.subtract(color, expected)).max() <= 1
        assert (note in notes) == (expected == green)


def test_a_profile_that_is_not_converted_is_noted(tmp_path):
    deep = composed_of_profiles(tmp_path, SWAPPED_ICC, None, bits=16)
    assert deep[0] == [255, 0, 0] and "not converted: it is of 16" in deep[1]
    color, notes = composed_of_profiles(tmp_path, None, GRAY_ICC)
    assert color == [255, 0, 0] and "cannot be converted" in notes


def test_a_part_that_reading_converts_to_srgb_is_not_converted_again(tmp_path):
    lab = ImageCms.createProfile("LAB")
    part = ImageCms.profileToProfile(
        Image.new("RGB", (4, 4), (255, 0, 0)),
        ImageCms.createProfile("sRGB"),
        lab,
        outputMode="LAB",
    )
    profile = ImageCms.ImageCmsProfile(lab).tobytes()
    part.save(tmp_path / "part.tif", icc_profile=profile)
    Image.new("RGB", (4, 4)).save(tmp_path / "base.png")
    io.write_image(tmp_path / "mask.png", np.eye(4)[..., None])
    (result,) = tasks.compose(
        *(tmp_path / name for name in ("base.png", "part.tif", "mask.png")),
        tmp_path / "out.png",
        method="paste",
        verbose=0,
    )
    made = io.read_image(tmp_path / "out.png")[0, 0]
    np.testing.assert_allclose(made, [1.0, 0.0, 0.0], atol=0.02)
    assert not result.notes


def test_the_profile_of_a_gray_part_is_not_converted(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "base.png")
    part = Image.new("L", (4, 4), 255)
    part.save(tmp_path / "part.png", icc_profile=GRAY_ICC)
    io.write_image(tmp_path / "mask.png", np.eye(4)[..., None])
    (result,) = tasks.compose(
        *(tmp_path / f"{name}.png" for name in ("base", "part", "mask")),
        tmp_path / "out.png",
        method="paste",
        verbose=0,
    )
    made = io.read_image(tmp_path / "out.png")
    np.testing.assert_array_equal(made[..., 0], np.eye(4))
    assert "not converted: it is gray" in " ".join(result.notes)


@pytest.mark.parametrize(
    "level, method, message",
    [
        (0.0, "poisson", "above 0.5. Received: 0.000"),
        (0.4, "poisson", "above 0.5. Received: 0.400"),
        (0.4, "mixed", "above 0.5. Received: 0.400"),
        (0.0, "paste", "above 0. Received: 0.000"),
        (1.0, "poisson", "must be visible where the mask"),
        (1.0, "paste", "must be visible where the mask"),
    ],
)
def test_a_mask_that_takes_nothing_is_refused(
    folder, tmp_path, level, method, message
):
    part = io.read_image(folder / "part.png")
    if level == 1.0:
        part = np.dstack([part, np.zeros((6, 5))])
    io.write_image(tmp_path / "part.png", part)
    io.write_image(tmp_path / "mask.png", np.full((6, 5, 1), level))
    with pytest.raises(ValueError, match=message):
        tasks.compose(
            folder / "base.png",
            tmp_path / "part.png",
            tmp_path / "mask.png",
            tmp_path / "out.png",
            method=method,
            verbose=0,
        )


def test_a_white_place_must_lie_inside_of_the_base(folder, tmp_path):
    mask = np.full((6, 5, 1), 0.3)
    mask[:, 0] = 1.0
    io.write_image(tmp_path / "mask.png", mask)
    files = folder / "base.png", folder / "part.png", tmp_path / "mask.png"
    with pytest.raises(ValueError, match="Nothing of the mask"):
        tasks.compose(*files, tmp_path / "out.png", left=-1, verbose=0)


@pytest.mark.parametrize("stroke", [0.0, 0.4, 1.0])
def test_strokes_on_a_transparent_ground_are_a_mask(folder, tmp_path, stroke):
    mask = io.read_image(folder / "mask.png", channels=1)
    strokes = np.dstack([np.full((6, 5, 3), stroke), mask])
    io.write_image(tmp_path / "mask.png", strokes)
    files = folder / "base.png", folder / "part.png"
    for masks in folder, tmp_path:
        target = tmp_path / f"{masks.name}.png"
        tasks.compose(*files, masks / "mask.png", target, verbose=0)
    np.testing.assert_array_equal(
        io.read_image(tmp_path / f"{folder.name}.png"),
        io.read_image(tmp_path / f"{tmp_path.name}.png"),
    )


@pytest.mark.parametrize("lost", ["part.png", "mask.png"])
def test_what_is_read_is_not_replaced(folder, lost):
    before = (folder / lost).read_bytes()
    with pytest.raises(ValueError, match=f"{lost} is read as well"):
        tasks.compose(*files_of(folder, folder / lost), overwrite=True)
    assert (folder / lost).read_bytes() == before


def test_a_gray_part_goes_into_a_color_base(folder, tmp_path):
    gray = io.read_image(folder / "part.png", channels=1)
    io.write_image(tmp_path / "gray.png", gray)
    target = tmp_path / "out.png"
    tasks.compose(
        *files_of(folder, target, part=tmp_path / "gray.png"),
        method="paste",
        verbose=0,
    )
    made = io.read_image(target)
    assert np.ptp(made[1:5, 1:4], axis=-1).max() == 0


def test_a_model_sees_a_transparent_base_on_white(
    folder, tmp_path, monkeypatch
):
    """And the class of the image, where it depends on one."""
    base = np.full((8, 8, 4), 0.5)
    base[..., 3] = 0.0
    io.write_image(tmp_path / "base.png", base)
    seen = {}

    def harmonize(generator, base, *arguments, labels, **options):
        seen.update(base=base, labels=labels)
        raise ValueError("seen")

    module = importlib.import_module("keras_synth.tasks.compose")
    monkeypatch.setattr(module, "load_model_or_preset", lambda name: name)
    monkeypatch.setattr(module.editing, "harmonize", harmonize)
    arguments = files_of(
        folder, tmp_path / "out.png", base=tmp_path / "base.png"
    )
    with pytest.raises(tasks.FilesError, match="seen"):
        tasks.compose(*arguments, model="gan", labels=[3], verbose=0)
    np.testing.assert_array_equal(seen["base"], np.ones((8, 8, 3)))
    assert seen["labels"] == [3]


def test_a_model_harmonizes(folder, tmp_path):
    keras.utils.set_random_seed(0)
    vae = models.VAE(
        networks.conv_encoder((8, 8, 3), 2, width=4, hidden=8),
        networks.conv_decoder((8, 8, 3), 2, width=4),
    )
    vae.save(tmp_path / "vae.keras")
    base = np.full((8, 8, 3), 0.5)
    io.write_image(tmp_path / "base.png", base)
    target = tmp_path / "out.png"
    arguments = files_of(folder, target, base=tmp_path / "base.png")
    options = {"model": str(tmp_path / "vae.keras"), "num_steps": 2}
    tasks.compose(*arguments, verbose=0, **options)
    made = io.read_image(target)
    with_model = made[1:5, 1:4]
    assert np.abs(with_model - 0.5).max() > 1 / 255
    tasks.compose(*arguments, overwrite=True, verbose=0)
    assert np.abs(io.read_image(target)[1:5, 1:4] - with_model).max() > 0.05


@pytest.mark.parametrize(
    "words, message",
    [
        ("base.png none.png mask.png out.png", "none.png"),
        ("base.png part.png base.png out.png", "as large as its part"),
        ("base.png part.png mask.png base.png", "exists already"),
        ("base.png part.png mask.png out.png --left 99", "Nothing of the"),
        (
            "base.png part.png mask.png out.png --model x.keras --method paste",
            "--method poisson alone",
        ),
        ("base.png part.png mask.png out.png --model x.keras", "no model"),
    ],
)
def test_mistakes_are_one_line(capsys, monkeypatch, folder, words, message):
    monkeypatch.chdir(folder)
    assert main(["compose", *words.split()]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1 and message in error
    assert not (folder / "out.png").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"left": 1.5}, "`left` and `top` must be whole numbers"),
        ({"num_steps": 4}, "`num_steps` is for a `model`"),
        ({"seed": 1}, "`seed` is for a `model`"),
        ({"labels": [1]}, "`labels` is for a `model`"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    folder, tmp_path, options, message
):
    paths = [folder / f"{name}.png" for name in ("base", "part", "mask")]
    with pytest.raises(ValueError, match=message):
        tasks.compose(*paths, tmp_path / "out.png", **options)


@pytest.mark.parametrize("name", ["base", "part", "mask"])
def test_a_folder_is_no_image(name, folder, tmp_path):
    given = {each: folder / f"{each}.png" for each in ("base", "part", "mask")}
    given[name] = folder
    with pytest.raises(ValueError, match=f"is a folder: `{name}` must be"):
        tasks.compose(*given.values(), tmp_path / "out.png")

"""Editing tasks: files of images, styles and directions."""

import json
import pathlib
import re
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from keras_synth import editing, io, models, networks, tasks
from keras_synth.cli.main import main
from keras_synth.tasks.generators import fitted, scorer_of


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Path of a VAE of 8x8 gray images."""
    keras.utils.set_random_seed(0)
    vae = models.VAE(
        networks.conv_encoder((8, 8, 1), 3, width=4, hidden=8),
        networks.conv_decoder((8, 8, 1), 3, width=4),
        seed=0,
    )
    path = tmp_path_factory.mktemp("models") / "vae.keras"
    vae.save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of several kinds: color, gray, transparent, 16 bits."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number, channels in enumerate((3, 1, 4)):
        image = rng.uniform(size=(20 + 4 * number, 16, channels))
        io.write_image(folder / f"{number}.png", image)
    io.write_image(folder / "3.png", rng.uniform(size=(8, 8, 1)), bits=16)
    return folder


@pytest.fixture(scope="module")
def styles(model, folder, tmp_path_factory):
    """The folder's images projected."""
    target = tmp_path_factory.mktemp("styles") / "styles.npz"
    result = tasks.edit_project(model, folder, target, num_steps=5, verbose=0)
    assert result.target == target and "PSNR" in result.notes[0]
    return target


def test_a_folder_is_projected(model, folder, styles):
    found = editing.load_projection(styles, tasks.load_model(model))
    assert found.styles.shape == (4, 3)
    shown = io.read_image(styles.with_suffix(".png"))
    assert shown.shape == (4 * 10 + 2, 2 * 10 + 2, 1)
    np.testing.assert_allclose(shown[2:10, 12:20], found.images[0], atol=0.01)
    # The last image is as large as the model's: it is shown as it is.
    last = io.read_image(folder / "3.png")
    np.testing.assert_allclose(shown[32:40, 2:10], last, atol=0.01)
    with pytest.raises(FileExistsError, match="overwrite"):
        tasks.edit_project(model, folder, styles)


@pytest.mark.slow
def test_a_tuned_model_is_saved(model, folder, tmp_path):
    target = tmp_path / "one.npz"
    result = tasks.edit_project(
        model, folder / "3.png", target, num_steps=2, tuning_steps=2, verbose=0
    )
    tuned = tasks.load_model(tmp_path / "one.keras")
    assert "one.keras" in result.notes[1]
    again = editing.load_projection(target, tuned)
    shown = io.read_image(tmp_path / "one.png")
    np.testing.assert_allclose(again.images[0], shown[2:10, 12:20], atol=0.01)


@pytest.fixture(scope="module")
def directions(model, tmp_path_factory):
    target = tmp_path_factory.mktemp("directions") / "new"
    tasks.edit_directions(model, target, count=2)
    return target


@pytest.mark.parametrize("steps", [-1, True, 2.0])
def test_steps_of_tuning_are_checked_before_the_projection(tmp_path, steps):
    with pytest.raises(ValueError, match="`tuning_steps` must be an int"):
        tasks.edit_project(
            "none.keras", "none.png", tmp_path / "a.npz", tuning_steps=steps
        )


def test_directions_go_to_files_and_strips(model, directions, tmp_path):
    names = sorted(path.name for path in directions.iterdir())
    assert names == [
        f"closed_form_{number}.{ending}"
        for number in (0, 1)
        for ending in ("npz", "png")
    ]
    found = editing.load_direction(directions / "closed_form_0.npz")
    assert found.name == "closed_form_0" and found.space == "z"
    with pytest.raises(FileExistsError):
        tasks.edit_directions(model, directions, count=1)
    tasks.edit_directions(
        model,
        tmp_path,
        method="boundary",
        name="light",
        classifier="brightness",
        num_samples=60,
        orthogonal_to=[str(directions / "closed_form_0.npz")],
    )
    light = editing.load_direction(tmp_path / "light.npz")
    assert abs(light.vector @ found.vector) < 1e-5
    strip = io.read_image(tmp_path / "light.png")
    assert strip[:, -8:].mean() > strip[:, 1:9].mean()


def test_images_are_moved_by_each_amount(model, styles, directions, tmp_path):
    target = tmp_path / "moved.png"
    direction = directions / "closed_form_1.npz"
    tasks.edit_move(
        model, direction, target, styles=str(styles), amounts=[0.0, 2.0]
    )
    shown = io.read_image(target)
    generator = tasks.load_model(model)
    found = editing.load_projection(styles, generator)
    moved = editing.move(found.styles, editing.load_direction(direction), 2.0)
    for column, images in enumerate((found.images, found.render(moved))):
        start = 2 + 10 * column
        np.testing.assert_allclose(
            shown[12:20, start : start + 8], images[1], atol=0.01
        )


def test_a_direction_of_styles_does_not_move_latents(model, tmp_path):
    editing.Direction("x", np.ones(3)).save(tmp_path / "w.npz")
    with pytest.raises(ValueError, match="is moved along directions in z"):
        tasks.edit_move(model, tmp_path / "w.npz", tmp_path / "moved.png")


def test_regions_are_mixed(model, styles, tmp_path):
    mask = np.zeros((8, 8, 1))
    mask[:, :4] = 1.0
    io.write_image(tmp_path / "mask.png", mask)
    target = tmp_path / "mixed.png"
    tasks.edit_mix(
        model, target, styles=str(styles), mask=str(tmp_path / "mask.png")
    )
    found = editing.load_projection(styles, tasks.load_model(model))
    expected = editing.blend_features(
        found.model, found.styles[:1], found.styles[1:2], mask
    )
    shown = io.read_image(target)
    np.testing.assert_allclose(shown[2:10, 22:30], expected[0], atol=0.01)
    with pytest.raises(ValueError, match="no styles to mix"):
        tasks.edit_mix(model, tmp_path / "other.png")


@pytest.mark.parametrize("stroke", [0.0, 1.0])
def test_strokes_on_a_transparent_ground_are_mixed(
    model, styles, tmp_path, stroke
):
    mask = np.zeros((8, 8, 1))
    mask[:, :4] = 1.0
    io.write_image(tmp_path / "mask.png", mask)
    strokes = np.dstack([np.full((8, 8, 1), stroke), mask])
    io.write_image(tmp_path / "strokes.png", strokes)
    shown = []
    for name in ("mask", "strokes"):
        target = tmp_path / f"{name}-mixed.png"
        tasks.edit_mix(
            model,
            target,
            styles=str(styles),
            mask=str(tmp_path / f"{name}.png"),
        )
        shown.append(io.read_image(target))
    np.testing.assert_array_equal(*shown)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """Path of a class-conditional VAE, and of styles with their labels."""
    keras.utils.set_random_seed(1)
    vae = models.VAE(
        networks.conv_encoder((8, 8, 1), 3, width=4, hidden=8, num_classes=3),
        networks.conv_decoder((8, 8, 1), 3, width=4, num_classes=3),
        seed=0,
    )
    # Classes that can be told apart.
    vectors = vae.decoder.get_layer("label_embedding").embeddings
    vectors.assign(100.0 * vectors)
    folder = tmp_path_factory.mktemp("conditional")
    vae.save(folder / "vae.keras")
    latents = np.random.default_rng(0).normal(size=(2, 3))
    known = editing.as_projection(vae, latents, labels=[2, 0])
    known.save(folder / "styles.npz")
    return folder / "vae.keras", folder / "styles.npz", known


def test_labels_of_a_styles_file_are_kept(conditional, tmp_path):
    path, styles, known = conditional
    mask = np.zeros((8, 8, 1))
    mask[:, :4] = 1.0
    io.write_image(tmp_path / "mask.png", mask)
    mixed, film = tmp_path / "mixed.png", tmp_path / "film.png"
    options = {"styles": str(styles)}
    tasks.edit_mix(path, mixed, mask=str(tmp_path / "mask.png"), **options)
    expected = editing.blend_features(
        known.model,
        known.styles,
        known.styles[::-1],
        mask,
        labels=[2, 0],
        part_labels=[0, 2],
    )
    shown = io.read_image(mixed)
    for row, image in enumerate(expected):
        top = 2 + 10 * row
        np.testing.assert_allclose(
            shown[top : top + 8, 22:30], image, atol=0.01
        )
    tasks.edit_film(path, film, num_frames=1, **options)
    with Image.open(film) as frames:
        for number, image in enumerate(known.images):
            frames.seek(number)
            pixels = np.asarray(frames.convert("L")) / 255
            np.testing.assert_allclose(pixels, image[..., 0], atol=0.01)
    with pytest.raises(ValueError, match="holds the labels of its images"):
        tasks.edit_film(path, film, labels=[1], overwrite=True, **options)


def test_random_images_of_a_conditional_model_have_labels(
    conditional, tmp_path
):
    path, _, known = conditional
    out = tmp_path / "out"
    tasks.edit_directions(path, out, count=1, labels=[1, 2])
    tasks.edit_directions(
        path,
        out,
        method="boundary",
        name="light",
        classifier="brightness",
        num_samples=20,
        labels=[1],
    )
    direction, moved = out / "light.npz", tmp_path / "moved.png"
    tasks.edit_move(
        path, direction, moved, amounts=[0.0], num_images=3, labels=[1, 2]
    )
    latents = editing.sample_vectors(known.model, 3, 0)
    expected = known.model.generate(latents, [1, 2, 1])
    shown = io.read_image(moved)
    np.testing.assert_allclose(shown[12:20, 2:10], expected[1], atol=0.01)
    np.testing.assert_allclose(shown[22:30, 2:10], expected[2], atol=0.01)
    tasks.edit_film(path, tmp_path / "film.gif", num_frames=1, labels=[2])
    io.write_image(tmp_path / "frames" / "0.png", known.images[0])
    io.write_image(tmp_path / "frames" / "1.png", known.images[1])
    tasks.edit_film(
        path,
        tmp_path / "video.gif",
        video=str(tmp_path / "frames"),
        direction=str(direction),
        num_steps=1,
        labels=[2],
        verbose=0,
    )
    with pytest.raises(ValueError, match="give the class of each image"):
        tasks.edit_move(path, direction, tmp_path / "none.png")
    with pytest.raises(ValueError, match="must hold a class"):
        tasks.edit_directions(path, tmp_path / "none", labels=[])


def test_a_classifier_of_other_images_is_refused_before_any_work(tmp_path):
    image = keras.Input((None, 8, 1))
    path = str(tmp_path / "classifier.keras")
    scores = keras.layers.Dense(2)(keras.layers.GlobalMaxPooling2D()(image))
    keras.Model(image, scores).save(path)
    for shape in ((16, 8, 3), (16, 16, 1)):
        with pytest.raises(ValueError, match="cannot score those of the gen"):
            scorer_of(path, [1], shape)
    scorer = scorer_of(path, [0, 1], (16, 8, 1))
    assert scorer(np.zeros((3, 16, 8, 1), "float32")).shape == (3,)


def test_frames_with_transparency_are_put_on_white():
    frame = np.full((4, 4, 4), 51, "uint8")  # a fifth
    frame[..., 3] = 102  # two fifths
    white = 0.2 * 0.4 + 0.6
    for shape in ((4, 4, 3), (4, 4, 1)):
        made = fitted(frame, shape)
        assert made.shape == shape
        np.testing.assert_allclose(made, white, atol=1e-6)


def test_a_film_of_random_images(model, tmp_path):
    target = tmp_path / "film.gif"
    result = tasks.edit_film(model, target, num_images=2, num_frames=3, scale=2)
    assert result.notes == ("6 frames",)
    with Image.open(target) as film:
        assert film.n_frames == 6 and film.size == (16, 16)


def test_a_film_of_a_video(model, directions, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(3):
        io.write_image(
            tmp_path / "frames" / f"{number}.png", rng.uniform(size=(9, 8, 3))
        )
    target = tmp_path / "film.png"
    result = tasks.edit_film(
        model,
        target,
        video=str(tmp_path / "frames"),
        direction=str(directions / "closed_form_0.npz"),
        num_steps=2,
        verbose=0,
    )
    with Image.open(target) as film:
        assert film.n_frames == 3 and film.size == (8, 8)
    assert io.read_image(result.image).shape == (28, 28, 1)


def test_a_film_keeps_the_frame_rate_of_a_video(model, directions, tmp_path):
    pytest.importorskip("av")
    clip, target = tmp_path / "clip.mp4", tmp_path / "film.mp4"
    editing.write_film(clip, [np.full((16, 16, 3), 0.5)] * 3, 10)
    options = {
        "video": str(clip),
        "direction": str(directions / "closed_form_0.npz"),
        "num_steps": 1,
        "scale": 2,
        "verbose": 0,
    }
    tasks.edit_film(model, target, **options)
    assert io.open_video(target).file.rate == 10
    tasks.edit_film(
        model, target, frames_per_second=5.0, overwrite=True, **options
    )
    assert io.open_video(target).file.rate == 5


@pytest.mark.parametrize(
    "words, message",
    [
        ("project MODEL none.png out.npz", "no model|There is no|none.png"),
        ("project MODEL IMAGES out.png", "must end in one of .npz"),
        ("project MODEL IMAGES out.npz --space w+", "is edited in z"),
        ("project MODEL IMAGES out.npz --num-steps 0", "`steps` must be"),
        (
            "project MODEL IMAGES out.npz --tuning-steps -1",
            "--tuning-steps must be an int of at least 0",
        ),
        ("directions MODEL out --method principal", "vary equally"),
        ("directions MODEL out --method boundary", "--name must say"),
        ("directions MODEL out --method boundary --name a", "--classifier"),
        (
            "directions MODEL out --method boundary --name a "
            "--classifier mnist_classifier",
            "--classes must be of 0 to 9",
        ),
        (
            "directions MODEL out --method boundary --name a "
            "--classifier brightness --classes 1",
            "Brightness has no classes",
        ),
        ("move MODEL none.npz out.png", "There is no direction"),
        ("move none.keras none.npz out.png", "There is no model"),
        ("mix MODEL out.png", "no styles to mix"),
        ("film MODEL out.txt", "must end in one of .avi, .gif"),
        ("project emoji_flow IMAGES out.npz", "holds a FlowMatching"),
        ("directions emoji_flow out", "Expected: StyleGAN2 or GAN or VAE"),
        ("directions MODEL out --name a", "--name is for another method"),
        (
            "directions MODEL out --method principal --orthogonal-to a.npz",
            "--orthogonal-to is for another method. Received: "
            "--method 'principal'",
        ),
        (
            "directions MODEL out --method boundary --name a/b",
            "without slashes",
        ),
        (
            "move MODEL a.npz out.png --styles b.npz --num-images 3",
            "--num-images is for random images",
        ),
        ("mix MODEL out.png --styles b.npz --seed 3", "for random images"),
        ("film MODEL out.gif --num-steps 3", "--num-steps is for a video"),
        (
            "film MODEL out.gif --video a --direction b --num-frames 3",
            "--num-frames is for films without a video",
        ),
        ("film MODEL out.gif --scale 0", "--scale"),
        ("film MODEL out.gif --frames-per-second 0", "--frames-per-second"),
        ("film MODEL out.gif --frames-per-second 200", "to 100 for"),
        ("film MODEL out.gif --video clip.mp4", "give both"),
        ("film MODEL out.gif --num-images 1", "at least 2"),
    ],
)
def test_mistakes_are_one_line(
    capsys, monkeypatch, model, folder, tmp_path, words, message
):
    monkeypatch.chdir(tmp_path)
    places = {"MODEL": str(model), "IMAGES": str(folder)}
    typed = [places.get(word, word) for word in words.split()]
    assert main(["edit", *typed]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert re.search(message, error), error
    assert not [p for p in tmp_path.iterdir() if p.is_file()]


@pytest.mark.parametrize(
    "words, lost",
    [
        ("project MODEL photo.png photo.npz", "photo.png"),
        ("project MODEL . all.npz", "all.png"),
        ("project vae.keras photo.png vae.npz --tuning-steps 1", "vae.keras"),
        ("project MODEL photo.png new.npz", None),
        ("project vae.keras photo.png vae.npz", None),
        ("mix MODEL photo.png --mask photo.png", "photo.png"),
        ("move MODEL link.png link.png", "link.png"),
        (
            "film MODEL photo.png --video . --direction link.png",
            "photo.png",
        ),
        (
            "film MODEL all.gif --video . --direction link.png",
            "all-strip.png",
        ),
        (
            "directions MODEL . --method boundary --name old --classifier "
            "brightness --orthogonal-to old.npz",
            "old.npz",
        ),
    ],
)
def test_what_is_read_is_not_replaced(
    capsys, monkeypatch, model, directions, tmp_path, words, lost
):
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "all.png", "all-strip.png"):
        io.write_image(name, np.full((8, 8, 1), 0.5))
    shutil.copy(model, "vae.keras")
    shutil.copy(directions / "closed_form_0.npz", "old.npz")
    (tmp_path / "link.png").symlink_to("old.npz")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    typed = ["edit", *words.replace("MODEL", str(model)).split(), "--overwrite"]
    if "project" in typed:
        typed += ["--num-steps", "1"]
    assert main(typed) == (2 if lost else 0)
    if lost:
        assert f"{lost} is read as well" in capsys.readouterr().err
    after = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert before.items() <= after.items() and (len(after) > len(before)) == (
        lost is None
    )


def test_the_command_says_what_it_did(capsys, model, tmp_path):
    target = tmp_path / "film.gif"
    words = ["edit", "film", str(model), str(target), "--num-images", "2"]
    assert main([*words, "--num-frames", "2", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["target"] == str(target)
    assert facts["settings"]["num_frames"] == 2


def test_a_tuned_model_goes_to_a_new_folder_whole(
    model, folder, tmp_path, monkeypatch
):
    target = tmp_path / "new/sub/one.npz"
    options = {"num_steps": 1, "tuning_steps": 1, "verbose": 0}
    tasks.edit_project(model, folder / "3.png", target, **options)
    before = target.with_suffix(".keras").read_bytes()

    def fail(self, path, *args, **kwargs):
        pathlib.Path(path).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(models.VAE, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        tasks.edit_project(
            model, folder / "3.png", target, overwrite=True, **options
        )
    assert target.with_suffix(".keras").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [({"layers": []}, "must name a layer"), ({"amounts": []}, "hold a number")],
)
def test_empty_lists_move_nothing_and_are_refused(
    options, message, model, styles, directions, tmp_path
):
    (direction, *_) = sorted(directions.glob("*.npz"))
    with pytest.raises(ValueError, match=message):
        tasks.edit_move(
            model, direction, tmp_path / "out.png", styles=styles, **options
        )


@pytest.mark.parametrize("rate", [0.0, -5.0, 1e-4, float("nan"), 1e4])
@pytest.mark.parametrize("name", ["film.gif", "film.mp4"])
def test_rates_that_no_film_has_are_refused(rate, name, tmp_path):
    with pytest.raises(ValueError, match="`frames_per_second` must be from"):
        editing.write_film(tmp_path / name, np.zeros((2, 16, 16, 3)), rate)
    assert not (tmp_path / name).exists()


def test_a_single_path_is_a_list_of_one(model, directions, tmp_path):
    (direction, *_) = sorted(directions.glob("*.npz"))
    with pytest.raises(ValueError, match="`num_samples` must be"):
        tasks.edit_directions(
            model,
            tmp_path,
            method="boundary",
            name="new",
            orthogonal_to=str(direction),
            num_samples=0,
        )


def test_an_empty_list_of_labels_is_refused(model, folder, tmp_path):
    with pytest.raises(ValueError, match="`labels` must hold a class"):
        tasks.edit_project(model, folder, tmp_path / "x.npz", labels=[])

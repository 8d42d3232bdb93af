"""Films: frames on the way, files, and edits over the frames of a video."""

import numpy as np
import pytest
from PIL import Image

from keras_synth import editing, io


def test_styles_go_along_lines_and_end_where_they_should(style_gan):
    styles = editing.sample_vectors(style_gan, 3)
    frames = editing.interpolate(style_gan, styles, 4)
    assert frames.shape == (9, 5)
    np.testing.assert_array_equal(frames[[0, 4, 8]], styles)
    np.testing.assert_allclose(
        frames[3], 0.25 * styles[0] + 0.75 * styles[1], rtol=1e-5
    )
    loop = editing.interpolate(style_gan, styles, 4, loop=True)
    assert len(loop) == 12
    np.testing.assert_allclose(loop[10], (styles[2] + styles[0]) / 2, rtol=1e-5)


def test_latents_of_a_gan_keep_their_length(gan, vae):
    latents = np.float32([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
    frames = editing.interpolate(gan, latents, 5)
    np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 3, rtol=1e-4)
    straight = editing.interpolate(vae, latents, 2)
    np.testing.assert_allclose(straight[1], latents.mean(0), rtol=1e-6)


def test_a_film_passes_through_the_images_of_a_projection(
    style_gan, gan, vector_gan
):
    rng = np.random.default_rng(0)
    latents, vectors = np.float32(rng.normal(size=(2, 3))), rng.normal(size=5)
    styles = editing.sample_vectors(style_gan, 2)
    noise = np.float32(rng.normal(size=(2, 656)))
    for known in (
        editing.as_projection(style_gan, styles, noise),
        editing.as_projection(gan, latents, labels=[1, 3]),
        editing.as_projection(
            vector_gan, latents, labels=np.stack([vectors, -vectors])
        ),
    ):
        made = editing.film_frames(known, 4, loop=True)
        assert len(made) == 8
        np.testing.assert_allclose(made[[0, 4]], known.images, atol=1e-5)
        assert len(editing.film_frames(known, 2)) == 3
    # Noise on an arc keeps its strength.
    one = editing.as_projection(style_gan, np.repeat(styles[:1], 2, 0), noise)
    halfway = style_gan.synthesize(styles[:1], noise.sum(0)[None] / 2**0.5)
    np.testing.assert_allclose(
        editing.film_frames(one, 2)[1], halfway[0], atol=0.01
    )


def test_ways_that_lead_nowhere_are_refused(style_gan):
    styles = editing.sample_vectors(style_gan, 2)
    with pytest.raises(ValueError, match="at least 2"):
        editing.interpolate(style_gan, styles[:1])
    with pytest.raises(ValueError, match="`num_frames`"):
        editing.interpolate(style_gan, styles, 0)


def frames(count=5):
    steps = np.linspace(0.0, 1.0, count, dtype="float32")
    return [np.full((16, 24, 3), value) for value in steps]


@pytest.mark.parametrize("ending", [".gif", ".png", ".webp"])
def test_an_animation_holds_the_frames_and_their_times(tmp_path, ending):
    path = editing.write_film(tmp_path / f"film{ending}", frames(), 20)
    with Image.open(path) as film:
        assert film.n_frames == 5
        assert film.info["loop"] == 0
        for number, frame in enumerate(frames()):
            film.seek(number)
            film.load()
            assert film.info["duration"] == pytest.approx(50, abs=1)
            pixels = np.asarray(film.convert("RGB")) / 255
            np.testing.assert_allclose(pixels, frame, atol=0.01)
    with pytest.raises(FileExistsError):
        editing.write_film(path, frames())
    once = editing.write_film(path, frames(), loop=False, overwrite=True)
    with Image.open(once) as film:
        assert film.info.get("loop", 1) == 1


def test_a_video_holds_the_frames(tmp_path):
    pytest.importorskip("av")
    path = editing.write_film(tmp_path / "film.mp4", frames(), 10)
    read = list(io.read_frames(path))
    assert len(read) == 5
    for ours, frame in zip(read, frames(), strict=True):
        np.testing.assert_allclose(ours / 255, frame, atol=0.03)
    assert io.open_video(path).file.rate == 10


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.mp4", "a"])
def test_whole_numbers_are_the_same_gray_in_every_kind_of_film(
    tmp_path, name, kind
):
    if name == "a.mp4":
        pytest.importorskip("av")
    gray = np.full((16, 24, 3), 128 * np.iinfo(kind).max // 255, kind)
    path = editing.write_film(tmp_path / name, (gray for _ in range(2)))
    if name == "a.mp4":
        first = next(iter(io.read_frames(path)))
    else:
        file = path if path.is_file() else min(path.iterdir())
        with Image.open(file) as film:
            first = np.asarray(film.convert("RGB"))
    assert first.mean() == pytest.approx(128, abs=2)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.mp4", "a"])
@pytest.mark.parametrize(
    "frame, message",
    [
        (np.full((16, 24, 3), np.nan), "finite.*frame 5"),
        (np.full((16, 24, 3), np.inf), "finite.*frame 5"),
        (np.zeros((16, 20, 3)), r"one shape.*24, 3\), and \(16, 20, 3\)"),
        (np.zeros((16, 24)), "must be images"),
        (np.zeros((16, 24, 3), "int64"), "8 or 16 bits.*int64"),
    ],
)
def test_frames_that_are_no_images_of_one_film_are_refused(
    tmp_path, name, frame, message
):
    if name == "a.mp4":
        pytest.importorskip("av")
    with pytest.raises(ValueError, match=message):
        editing.write_film(tmp_path / name, [*frames(), frame])
    assert not list(tmp_path.iterdir())


def test_films_that_cannot_be_written_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must hold an image"):
        editing.write_film(tmp_path / "a.gif", [])
    with pytest.raises(ValueError, match="`frames_per_second`"):
        editing.write_film(tmp_path / "a.gif", frames(), 1000)
    with pytest.raises(ValueError, match="must be a folder"):
        editing.write_film(tmp_path / "a.jpg", frames())
    with pytest.raises(ValueError, match="must end in one of"):
        io.write_animation(tmp_path / "a.jpg", frames())
    assert not list(tmp_path.iterdir())


def test_frames_are_edited_one_after_the_other(vae):
    latents = editing.interpolate(vae, 2 * np.eye(3)[:2], 3)
    video = editing.render(vae, latents)
    direction = editing.closed_form_directions(vae, 1)[0]
    mask = np.zeros((8, 8, 1), "float32")
    mask[:, :4] = 1.0
    edited = list(
        editing.edit_frames(
            vae,
            video,
            direction,
            2.0,
            mask=mask,
            steps=10,
            first_steps=30,
            verbose=0,
        )
    )
    assert len(edited) == 4
    for frame, one in zip(video, edited, strict=True):
        np.testing.assert_array_equal(one.frame, frame)
        assert one.edited[:, 4:].tobytes() == frame[:, 4:].tobytes()
        assert np.abs(one.edited - one.projected)[:, :4].max() > 1e-4
    strip = editing.film_strip(edited)
    assert strip.shape == (3 * 9 + 1, 4 * 9 + 1, 1)
    np.testing.assert_array_equal(strip[1:9, 10:18], video[1])


def test_a_collage_becomes_one_image(vae):
    base, part = editing.render(vae, np.eye(3)[:2])
    part = np.clip(part[2:6, 2:6] + 0.3, 0, 1)
    mask = np.ones((4, 4, 1))
    found = editing.harmonize(
        vae, base, part, mask, (1, 2), steps=20, verbose=0
    )
    there = np.zeros((8, 8), bool)
    there[1:5, 2:6] = True
    np.testing.assert_array_equal(found.collage[there], part.reshape(16, 1))
    np.testing.assert_array_equal(found.image[~there], base[~there])
    hard = editing.seam_ratio(found.collage, there[..., None])
    assert found.seam < hard
    np.testing.assert_allclose(
        found.image,
        np.clip(
            editing.poisson_blend(
                base, found.projection.images[0], there[..., None]
            ),
            0,
            1,
        ),
    )


def test_collages_without_an_edge_are_refused_at_once(style_gan):
    image = np.full((16, 16, 1), 0.5, "float32")
    for value in (1.0, 0.4):
        mask = np.full((16, 16, 1), value)
        with pytest.raises(ValueError, match="must have an edge"):
            editing.harmonize(style_gan, image, image, mask, steps=0)

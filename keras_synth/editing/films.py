"""Films of a generator: interpolations, and edits over video frames."""

import dataclasses
import pathlib

import numpy as np

from keras_synth.editing.composition import check_mask, composite
from keras_synth.editing.directions import move
from keras_synth.editing.distances import image_distance
from keras_synth.editing.effects import render
from keras_synth.editing.projection import Projector
from keras_synth.editing.spaces import space_of
from keras_synth.io import (
    ANIMATION_EXTENSIONS,
    Progress,
    Provenance,
    Video,
    check_frame_rate,
    check_target,
    check_video_target,
    image_grid,
    video_writer,
    write_animation,
)
from keras_synth.models.checks import check_count

_GENERATED = Provenance("generated")


def interpolate(model, vectors, num_frames=24, loop=False):
    """Interpolation: the styles or latents on the way through several.

    Styles go along straight lines, the latents of a GAN along arcs (see
    `interpolate_latents`), those of a VAE along straight lines.

    Args:
        model: A generator.
        vectors: w, w+ or latents to go through, (n, ...), n at least 2.
        num_frames: Number of frames from one to the next.
        loop: Whether the way leads back to the first.

    Returns:
        float32 array (frames, ...): `(n - 1) · num_frames + 1` frames, or
        `n · num_frames` with `loop`.

    Raises:
        ValueError: There are fewer than two, of another shape, or
            `num_frames` is not a positive int.
    """
    space = space_of(model, vectors)
    vectors = space.check(vectors)
    if len(vectors) < 2:
        raise ValueError(
            f"`vectors` must be at least 2. Received: {len(vectors)}"
        )
    check_count("num_frames", num_frames)
    between = model.latents_between if space.name == "z" else _on_line
    return _way(vectors, num_frames, loop, between)


def film_frames(projection, num_frames=24, loop=False):
    """Frames of an interpolation through the images of a projection.

    Styles or latents go as in `interpolate`. Noise goes along arcs, which
    keep its strength; a vector that conditions the model goes along lines;
    a class or a text changes half-way.

    Args:
        projection: A `Projection` of at least two images.
        num_frames: As in `interpolate`.
        loop: As in `interpolate`.

    Returns:
        NumPy array (frames, height, width, channels) in [0, 1]; each of the
        projection's images is one of the frames.

    Raises:
        ValueError: As `interpolate`.
    """
    model, noise, labels = (
        getattr(projection, name) for name in ("model", "noise", "labels")
    )
    styles = interpolate(model, projection.styles, num_frames, loop)
    if noise is None:
        noise = "fixed"
    elif (noise == noise[0]).all():
        noise = noise[:1]
    else:
        noise = _way(noise, num_frames, loop, model.latents_between)
    if labels is not None:
        floats = np.issubdtype(labels.dtype, np.floating)
        between = _on_line if floats else _nearer
        labels = _way(labels, num_frames, loop, between)
    return render(model, styles, noise, labels)


def _way(ends, num_frames, loop, between):
    """What lies between one row and the next, `num_frames` each."""
    ends = np.concatenate([ends, ends[:1]]) if loop else ends
    frames = [
        np.asarray(between(start, end, t))
        for start, end in zip(ends[:-1], ends[1:], strict=True)
        for t in np.arange(num_frames, dtype="float32") / num_frames
    ]
    return np.stack(frames if loop else [*frames, ends[-1]])


def _on_line(start, end, t):
    return (1.0 - t) * start + t * end


def _nearer(start, end, t):
    return start if t < 0.5 else end


def write_film(
    path,
    frames,
    frames_per_second=25.0,
    loop=True,
    overwrite=False,
    provenance=_GENERATED,
):
    """Writes frames as an animated image (GIF) or a video file (MP4).

    Args:
        path: Path of a `.gif`, `.png` or `.webp` file, of a video file, or of
            a folder for PNG files.
        frames: List of images (height, width, channels) in [0, 1], all of
            one shape; or of 8 or 16 bits.
        frames_per_second: Frame rate. GIF files hold hundredths of a second.
        loop: Whether an animated image is shown again and again.
        overwrite: Whether existing files may be replaced.
        provenance: `io.Provenance` for the metadata: generated, if nothing is
            said. None for none. GIF files hold none.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        ImportError: PyAV, which writes video files, is missing.
        ValueError: There are no frames, they differ in shape or are no
            finite images, or the ending is unknown.
    """
    path = pathlib.Path(path)
    animation = path.suffix.lower() in ANIMATION_EXTENSIONS
    if animation:
        check_target(path, overwrite, ANIMATION_EXTENSIONS)
    else:
        check_video_target(path, overwrite)
    if path.suffix:  # not a folder of frames
        check_frame_rate(frames_per_second, path)
    frames = _frames(frames)
    if animation:
        return write_animation(
            path, frames, frames_per_second, loop, provenance
        )
    *size, channels = frames[0].shape
    video = Video(
        lambda start=0: iter(frames[start:]),
        files=None,
        total=len(frames),
        size=tuple(size),
        channels=channels,
        bits=8,
    )
    with video_writer(
        path,
        video,
        video.size,
        frames_per_second=frames_per_second,
        overwrite=overwrite,
        provenance=provenance,
    ) as writer:
        for number, frame in enumerate(frames):
            writer.write(number, np.clip(frame, 0.0, 1.0))
    return path


def _frames(frames):
    """Frames as float32 images of one shape, those of 8 and 16 bits in [0, 1].

    Args:
        frames: Images, in a list or one by one.

    Returns:
        List of float32 arrays.
    """
    checked = []
    for number, frame in enumerate(frames):
        frame = np.asarray(frame)
        kind, shape = frame.dtype, frame.shape
        if len(shape) != 3 or 0 in shape:
            raise ValueError(
                "`frames` must be images (height, width, channels). "
                f"Received: shape {shape}"
            )
        if checked and shape != checked[0].shape:
            raise ValueError(
                "`frames` must all be of one shape. Received: "
                f"{checked[0].shape}, and {shape} (frame {number})"
            )
        whole = kind in ("uint8", "uint16")
        if not whole and "float" not in kind.name:
            raise ValueError(
                "`frames` must be floats in [0, 1], or of 8 or 16 bits. "
                f"Received: dtype {kind}"
            )
        frame = frame.astype("float32", copy=False)
        if not np.isfinite(frame).all():
            raise ValueError(
                "`frames` must be finite. "
                f"Received: NaN or infinity (frame {number})"
            )
        checked.append(frame / np.iinfo(kind).max if whole else frame)
    if not checked:
        raise ValueError("`frames` must hold an image. Received: none")
    return checked


@dataclasses.dataclass(frozen=True, eq=False)
class EditedFrame:
    """A frame of a video, as it was and as it was edited.

    Attributes:
        frame: The frame, (height, width, channels) in [0, 1].
        projected: What the generator makes of it.
        edited: The same, moved along the direction.
    """

    frame: np.ndarray
    projected: np.ndarray
    edited: np.ndarray


def edit_frames(
    model,
    frames,
    direction,
    amount,
    *,
    mask=None,
    space=None,
    steps=100,
    first_steps=500,
    features=None,
    pixel_weight=1.0,
    layers=None,
    labels=None,
    seed=0,
    verbose="auto",
):
    """Edits the frames of a video, one after the other.

    Each frame is projected, from the styles of the frame before it, and moved
    along a direction.

    Args:
        model: A generator.
        frames: Frames (height, width, channels) in [0, 1], of the model's
            size, in a list or one by one.
        direction: A `Direction`.
        amount: How far, as in `move`.
        mask: (height, width, 1) in [0, 1], 1 where a frame is edited, see
            `composite`; None for the whole.
        space: As in `project`.
        steps: Number of steps of each frame.
        first_steps: Number of steps of the first one.
        features: As in `project`.
        pixel_weight: As in `project`.
        layers: As in `move`.
        labels: Class or another condition of all frames, see `project`.
        seed: Seed of all noise, an int.
        verbose: Progress, see `io.Progress`.

    Yields:
        An `EditedFrame` for each frame.

    Raises:
        ValueError: The frames, the mask or the direction do not fit the
            model.
    """
    projector = Projector(
        model,
        space,
        distance=image_distance(features, pixel_weight),
        seed=seed,
    )
    projector.space.check_direction(direction)
    if mask is not None:
        check_mask(mask, model.image_shape)
    total = len(frames) if hasattr(frames, "__len__") else None
    projection = None
    with Progress(total, "frames", verbose) as progress:
        for frame in frames:
            frame = np.asarray(frame, "float32")
            projection = projector.run(
                frame[None],
                first_steps if projection is None else steps,
                start="nearest" if projection is None else projection,
                labels=labels,
                verbose=progress,
            )
            moved = move(projection.styles, direction, amount, layers)
            edited = projection.render(moved)[0]
            if mask is not None:
                edited = composite(frame, edited, mask)
            yield EditedFrame(frame, projection.images[0], edited)
            progress.add()


def film_strip(edited):
    """Strip image of edited frames: as they were, projected, and edited.

    Args:
        edited: List of `EditedFrame`, one a column.

    Returns:
        float32 image of three rows, (grid height, grid width, channels).
    """
    edited = list(edited)
    rows = [
        getattr(each, name)
        for name in ("frame", "projected", "edited")
        for each in edited
    ]
    return image_grid(np.stack(rows), columns=len(edited), padding=1)

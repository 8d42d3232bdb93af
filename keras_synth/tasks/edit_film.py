"""Films of a generator: interpolations, and edited videos."""

import os
import pathlib
from typing import Literal

from keras_synth import editing
from keras_synth.io import (
    ANIMATION_EXTENSIONS,
    VIDEO_EXTENSIONS,
    Provenance,
    check_frame_rate,
    check_not_read,
    check_target,
    check_video_target,
    open_video,
)
from keras_synth.ops.numbers import is_int
from keras_synth.tasks.arguments import check_taken
from keras_synth.tasks.generators import (
    Edited,
    check_random,
    fitted,
    projection_of,
    write_generated,
)
from keras_synth.tasks.loading import load_model_or_preset


def edit_film(
    model: str | os.PathLike,
    target: str | os.PathLike,
    *,
    styles: str | None = None,
    video: str | None = None,
    direction: str | None = None,
    amount: float = 3.0,
    num_frames: int = 24,
    frames_per_second: float | None = None,
    scale: int = 1,
    num_images: int = 6,
    num_steps: int = 100,
    labels: list[int] | None = None,
    seed: int = 0,
    overwrite: bool = False,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> Edited:
    """Makes a film with a generator: an interpolation, or an edited video.

    Without a video the film leads from image to image and back to the first.
    With one, each of its frames is projected and moved along a direction; a
    strip of frames as they were, projected and edited goes to `NAME-strip.png`.

    Args:
        model: Path of the `.keras` file of a StyleGAN2, GAN or VAE, or name
            of a preset.
        target: Path of the file to write: an animated image (.gif, .png,
            .webp), or a video (.mp4, .mkv, ...), which needs the extra
            `video`.
        styles: Path of the `.npz` file of `edit project` with the images to
            go through. None goes through random ones.
        video: Path of a video file, or of a folder of frames, to edit.
        direction: Path of a direction, for a video.
        amount: How far a video is moved along it, in standard deviations.
        num_frames: Number of frames from image to image.
        frames_per_second: Frame rate. None keeps that of a video file, and
            takes 25 for everything else.
        scale: Factor of each side, by repetition of pixels.
        num_images: Number of random images.
        labels: Classes of the random images, for a class-conditional model.
            They are repeated until there are enough. For a video, its class.
        num_steps: Number of steps of each frame of a video.
        seed: Seed of all latents and noise.
        overwrite: Whether existing files may be replaced.
        verbose: Progress, see `io.Progress`.

    Returns:
        An `Edited`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such model, video or file.
        ImportError: PyAV, which reads and writes video files, is missing.
        ValueError: Arguments are out of range, files do not fit, or one that
            is read would be replaced.
    """
    if video is None:
        names, owner, given = ("amount", "num_steps"), "a video", {}
    else:
        names, given = ("styles", "num_frames", "num_images"), {"video": video}
        owner = "films without a video"
    check_taken(edit_film, locals(), names, owner, **given)
    check_random(edit_film, locals())
    target = pathlib.Path(target)
    strip = target.with_name(f"{target.stem}-strip.png")
    written = [target] if video is None else [target, strip]
    check_not_read(written, [model, styles, video, direction])
    check_target(target, overwrite, {*ANIMATION_EXTENSIONS, *VIDEO_EXTENSIONS})
    if target.suffix.lower() in VIDEO_EXTENSIONS:
        check_video_target(target, overwrite)
    if not is_int(scale) or scale < 1:
        raise ValueError(
            f"`scale` must be a positive int. Received: scale={scale!r}"
        )
    if (video is None) != (direction is None):
        raise ValueError(
            "A video is edited along a direction: give both, `video` and "
            "`direction`, or neither."
        )
    clip = None if video is None else open_video(video)
    if frames_per_second is None:
        frames_per_second = clip.file.rate if clip and clip.file else 25.0
    check_frame_rate(frames_per_second, target)
    generator = load_model_or_preset(model)
    if video is None:
        projection = projection_of(generator, styles, num_images, seed, labels)
        if len(projection.styles) < 2:
            raise ValueError(
                "A film leads from image to image, through at least 2. "
                f"Received: {len(projection.styles)}"
            )
        frames = editing.film_frames(projection, num_frames, loop=True)
    else:
        check_target(strip, overwrite)
        shape = generator.image_shape
        source = [fitted(frame, shape) for frame in clip.frames()]
        edited = list(
            editing.edit_frames(
                generator,
                source,
                editing.load_direction(direction),
                amount,
                steps=num_steps,
                labels=labels,
                seed=seed,
                verbose=verbose,
            )
        )
        frames = [each.edited for each in edited]
        every = max(len(edited) // 12, 1)
        write_generated(strip, editing.film_strip(edited[::every]), model)
    frames = [frame.repeat(scale, 0).repeat(scale, 1) for frame in frames]
    editing.write_film(
        target,
        frames,
        frames_per_second,
        overwrite=overwrite,
        provenance=Provenance(
            "generated" if video is None else "edited", pathlib.Path(model).name
        ),
    )
    shown = None if video is None else strip
    return Edited(target, shown, (f"{len(frames)} frames",))

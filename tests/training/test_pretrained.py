"""`pretrained_network`: what may be trained further, and for which task."""

import keras
import numpy as np
import pytest

from keras_synth import models, networks, training
from keras_synth.training.restorer import pretrained_network, upscaling_factor
from tests.training_helpers import image_folder

SMALL = {"image_size": 8, "patches_per_image": 1, "batch_size": 4, "epochs": 1}
SMALL["verbose"] = 0


@pytest.fixture
def file(tmp_path):
    def save(network):
        path = tmp_path / f"{network.name}.keras"
        network.save(path)
        return path

    return save


def small_unet(**options):
    return networks.unet(widths=(4, 8), num_blocks=1, **options)


def small_inpainter():
    return networks.unet_inpainter(widths=(4, 8), num_blocks=1)


def small_gan():
    upscaler = networks.edsr(2, width=4, num_blocks=1)
    gan = models.RestorationGAN(
        upscaler, networks.patch_discriminator(3, (), widths=(4,))
    )
    for weight in gan.generator_average.weights:
        weight.assign_add(keras.ops.ones_like(weight))
    return gan


def small_detector():
    image = keras.Input((None, None, 3), name="image")
    marked = keras.layers.Conv2D(1, 3, padding="same")(image)
    return keras.Model(image, marked, name="detector")


def small_flow():
    return models.FlowMatching(networks.diffusion_unet((8, 8, 3), (8, 8)))


@pytest.mark.parametrize(
    ("train", "build", "message"),
    [
        ("upscaler", small_unet, "makes images 1 times as large"),
        ("upscaler", small_inpainter, "takes image, mask"),
        ("upscaler_gan", small_flow, "takes no image"),
        ("denoiser", small_gan, "makes images 2 times as large"),
        ("denoiser", small_inpainter, "takes image, mask"),
        ("denoiser", small_detector, "makes 1 channels of 3"),
        ("inpainter", small_flow, "takes no image"),
    ],
)
def test_a_network_of_another_task_is_refused(
    file, tmp_path, train, build, message
):
    run = tmp_path / "run"
    with pytest.raises(ValueError, match=f"{message}.* What is trained"):
        getattr(training, f"train_{train}")(
            image_folder(tmp_path), run, from_=file(build()), **SMALL
        )
    assert not run.exists()


def test_the_average_of_a_gan_is_trained_further(file):
    gan = small_gan()
    network = pretrained_network(file(gan), 3, {}, ("image",), upscales=True)
    for ours, average in zip(
        network.weights, gan.generator_average.weights, strict=True
    ):
        np.testing.assert_array_equal(ours, average)
    assert network.trainable_weights
    assert upscaling_factor(network) == 2


def test_an_inpainter_is_trained_further(file, tmp_path):
    start = small_inpainter()
    model = training.train_inpainter(
        image_folder(tmp_path),
        tmp_path / "run",
        from_=file(start),
        holes="square",
        resize=False,
        learning_rate=1e-9,
        warmup_epochs=1,
        **{**SMALL, "epochs": 0},
    )
    for ours, theirs in zip(
        model.generator.weights, start.weights, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_gan_and_its_start_are_interpolated():
    gan, start = small_gan(), networks.edsr(2, width=4, num_blocks=1)
    middle = networks.interpolate_networks(start, gan, 0.25)
    for ours, first, second in zip(
        middle.weights,
        start.weights,
        gan.generator_average.weights,
        strict=True,
    ):
        np.testing.assert_allclose(
            ours, 0.75 * first + 0.25 * second, atol=1e-6
        )


def test_a_training_is_resumed_in_its_dtype_policy(tmp_path):
    folder = image_folder(tmp_path)
    options = {**SMALL, "scale": 2, "width": 4, "num_blocks": 1}
    training.train_upscaler(folder, tmp_path / "run", **options)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with pytest.raises(ValueError, match="dtype_policy='float32'"):
            training.train_upscaler(
                folder, tmp_path / "run", resume=True, **options
            )
    finally:
        keras.config.set_dtype_policy("float32")

"""Export of every kind of file and of every preset, in every format."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import (
    export,
    inference,
    models,
    networks,
    presets,
    tasks,
)
from keras_synth.ops import byte_ids
from tests.models.test_guarded import (
    COLOR,
    IMAGES,
    LATENTS,
    MASKS,
    adain,
    feature_network,
    gan,
    inpainter,
    restoration_gan,
    vae,
)

NOISE = np.full((4, 1, 1, 1), 0.1, "float32")
WORDS = byte_ids(["a cat", "a dog", "猫", ""], 8)
PIXELS = np.random.default_rng(1).normal(size=(4, 16)).astype("float32")


def text_flow():
    network = networks.dit(
        (4, 4, 1), width=8, num_blocks=1, num_heads=2, condition_shape=(8, 8)
    )
    encoder = networks.text_encoder(8, width=8, num_blocks=1, num_heads=2)
    network = networks.with_text(network, encoder)
    for weight in network.trainable_weights:  # the last layer starts at 0
        weight.assign_add(
            0.1 * keras.random.normal(weight.shape, seed=len(weight.shape))
        )
    sampler = models.FlowSampler("heun", num_steps=3)
    return models.FlowMatching(network, sampler=sampler, guidance=2.0)


#: Name: (function that builds a model, inputs, what the export gives).
EXPORTED = {
    "VAE": (vae, {"latents": LATENTS}, lambda m: m.decode(LATENTS)),
    "GAN": (gan, {"latents": LATENTS}, lambda m: m.generate(LATENTS)),
    "RestorationGAN": (
        restoration_gan,
        {"images": IMAGES},
        lambda m: m.restore(IMAGES),
    ),
    "inpainter": (
        inpainter,
        {"images": IMAGES, "masks": MASKS},
        lambda m: m.restore(IMAGES, MASKS),
    ),
    "FlowMatching": (
        text_flow,
        {"latents": PIXELS, "ids": WORDS},
        lambda m: m.generate(PIXELS, WORDS),
    ),
    "AdaINTransfer": (
        adain,
        {"content": COLOR, "style": COLOR[::-1]},
        lambda m: m.stylize(COLOR, COLOR[::-1]),
    ),
    "denoiser": (
        lambda: networks.ffdnet(1, width=2, num_layers=2),
        {"image": IMAGES, "noise_level": NOISE},
        lambda m: m({"image": IMAGES, "noise_level": NOISE}),
    ),
    "upscaler": (
        lambda: networks.edsr(2, channels=1, width=2, num_blocks=1),
        {"image": IMAGES},
        lambda m: m(IMAGES),
    ),
    "Sequential": (
        lambda: keras.Sequential(
            [keras.Input((None, None, 1)), keras.layers.Conv2D(2, 3)]
        ),
        {"image": IMAGES},
        lambda m: m(IMAGES),
    ),
}


def by_name(inputs, names):
    """Inputs under the names that a format gives them, which begin alike."""
    if len(inputs) == 1:
        return dict(zip(names, inputs.values(), strict=True))
    return {
        name: next(v for k, v in inputs.items() if k in name) for name in names
    }


def run_onnx(path, inputs):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path)
    names = [put.name for put in session.get_inputs()]
    return session.run(None, by_name(inputs, names))[0]


def run_litert(path, inputs):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(str(path))
    puts = {put["name"]: put for put in interpreter.get_input_details()}
    given = by_name(inputs, list(puts))
    for name, value in given.items():
        interpreter.resize_tensor_input(puts[name]["index"], value.shape)
    interpreter.allocate_tensors()
    for name, value in given.items():
        interpreter.set_tensor(puts[name]["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


RUN = {"onnx": run_onnx, "litert": run_litert}
ENDINGS = {"onnx": ".onnx", "litert": ".tflite", "savedmodel": ""}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    known = {}

    def save(name):
        if name not in known:
            model = EXPORTED[name][0]()
            model.save(folder / f"{name}.keras")
            known[name] = model
        return known[name], folder / f"{name}.keras"

    return save


@pytest.mark.parametrize(
    "format", ["onnx", pytest.param("litert", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("GAN", "FlowMatching", "denoiser", "upscaler")
        else pytest.param(name, marks=pytest.mark.slow)
        for name in EXPORTED
    ],
)
def test_every_kind_of_model_is_exported(saved, tmp_path, name, format):
    _, inputs, expected = EXPORTED[name]
    model, path = saved(name)
    target = tasks.export(
        path, tmp_path / f"model{ENDINGS[format]}", format=format
    )
    np.testing.assert_allclose(
        RUN[format](target, inputs), expected(model), atol=1e-5
    )


@pytest.mark.parametrize("name", ["denoiser", "upscaler", "Sequential"])
def test_a_network_is_a_savedmodel_of_one_endpoint(saved, tmp_path, name):
    _, inputs, expected = EXPORTED[name]
    model, path = saved(name)
    served = tf.saved_model.load(tasks.export(path, tmp_path / "served"))
    given = inputs if len(inputs) > 1 else inputs["image"]
    np.testing.assert_allclose(served.serve(given), expected(model), atol=1e-6)


def test_a_loop_of_steps_is_exported_as_a_loop(saved, tmp_path):
    """A graph of 3 times the steps is no larger."""
    onnx = pytest.importorskip("onnx")
    model, _ = saved("FlowMatching")
    counts = []
    for num_steps in (3, 9):
        model.sampler = models.FlowSampler("heun", num_steps=num_steps)
        path = export.export_onnx(model, tmp_path / f"{num_steps}.onnx")
        nodes = onnx.load(path).graph.node
        counts.append(len(nodes))
        assert "Loop" in {node.op_type for node in nodes}
    assert counts[0] == counts[1]


@pytest.mark.parametrize("bad", [1, 9])
def test_an_axis_too_many_is_noticed(saved, tmp_path, monkeypatch, bad):
    """The converter adds one now and then: it is asked again."""
    onnx = pytest.importorskip("onnx")
    model, _ = saved("upscaler")
    convert, asked = model.export, []

    def export_wrongly(path, **options):
        convert(path, **options)
        asked.append(path)
        if len(asked) <= bad:
            made = onnx.load(path)
            made.graph.output[0].type.tensor_type.shape.dim.add()
            onnx.save(made, path)

    monkeypatch.setattr(model, "export", export_wrongly)
    path = tmp_path / "network.onnx"
    if bad == 1:
        export.export_onnx(model, path)
        np.testing.assert_allclose(
            run_onnx(path, {"image": IMAGES}), model(IMAGES), atol=1e-5
        )
        assert len(asked) == 2
    else:
        with pytest.raises(ValueError, match="other dimensions"):
            export.export_onnx(model, path)
        assert not path.exists()


def test_an_operation_that_onnx_has_not_is_refused(tmp_path):
    pytest.importorskip("onnx")
    inputs = keras.Input((3,))
    network = keras.Model(inputs, keras.ops.gelu(inputs, approximate=False))
    with pytest.raises(ValueError, match="no operation"):
        export.export_onnx(network, tmp_path / "network.onnx")
    assert not (tmp_path / "network.onnx").exists()


def test_what_is_no_function_is_refused_in_words(tmp_path):
    models.StyleTransfer(feature_network()).save(tmp_path / "style.keras")
    with pytest.raises(ValueError, match="optimizes each image"):
        tasks.export(tmp_path / "style.keras", tmp_path / "served")
    with pytest.raises(FileNotFoundError, match="no model"):
        tasks.export("gray_denoiserr", tmp_path / "served")
    with pytest.raises(ValueError, match="one of .*gray_denoiser"):
        presets.load("gray_denoiserr")
    assert not (tmp_path / "served").exists()


def test_nothing_is_overwritten_unasked(saved, tmp_path):
    _, path = saved("upscaler")
    target = tmp_path / "thesis.onnx"
    target.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite"):
        tasks.export(path, target, format="onnx")
    assert target.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("format", ["savedmodel", *RUN])
@pytest.mark.parametrize("name", [p.name for p in presets.catalog()])
def test_every_preset_is_exported_by_its_name(tmp_path, name, format):
    target = tasks.export(
        name, tmp_path / f"preset{ENDINGS[format]}", format=format
    )
    network = presets.load(name)
    if format not in RUN:
        assert target.exists()
        return
    if isinstance(network, models.StyleGAN2):
        latents, _ = network.sampled_latents(2, None, seed=0)
        np.testing.assert_allclose(
            RUN[format](target, {"latents": np.asarray(latents)}),
            network.generate(latents),
            atol=1e-4,
        )
        return
    if isinstance(network, models.FlowMatching):
        ids = byte_ids(["a smiling cat", "微笑的猫"], 64)
        latents, _ = network.sampled_latents(2, ids, seed=0)
        np.testing.assert_allclose(
            RUN[format](target, {"latents": np.asarray(latents), "ids": ids}),
            network.generate(latents, ids),
            atol=1e-2,  # after 39 evaluations
        )
        return
    if isinstance(network, models.AdaINTransfer):
        shape = (2, 24, 30, 3)
        content, style = np.random.default_rng(0).random((2, *shape), "float32")
        inputs = {"content": content, "style": style}
        np.testing.assert_allclose(
            RUN[format](target, inputs),
            network.stylize(content, style),
            atol=1e-4,
        )
        return
    shape = [side or 20 for side in network.inputs[0].shape]
    shape[0] = 2
    image = np.random.default_rng(0).uniform(size=shape).astype("float32")
    inputs = {"image": image}
    names = inference.input_names(network)
    if "noise_level" in names:
        inputs["noise_level"] = NOISE[:2]
    if "mask" in names:
        inputs["mask"] = np.float32(image[..., :1] < 0.2)
    given = inputs if len(inputs) > 1 else image
    np.testing.assert_allclose(
        RUN[format](target, inputs), network(given), atol=1e-4
    )

"""Exported models give the same images in a process without keras_synth."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import export, tasks
from keras_synth.models.resumable import ResumableModel
from tests.jobs import Job
from tests.models.test_cut import small as small_cut
from tests.models.test_cycle_gan import both
from tests.models.test_cycle_gan import small as small_cycle_gan
from tests.models.test_gan import compiled, small_gan
from tests.models.test_restoration_gan import blind, inpainter, pairs
from tests.models.test_stylegan2 import latents as style_latents
from tests.models.test_stylegan2 import small_gan as small_style_gan
from tests.models.test_vae import random_images, small_vae

# One process loads all SavedModels of this file: starting one costs seconds.
SCRIPT = """
import json, sys
import numpy as np, tensorflow as tf
answers = {}
for folder, calls in json.loads(sys.argv[1]).items():
    served = tf.saved_model.load(folder)
    inputs = np.load(folder + "/inputs.npz")
    for name, arguments in calls:
        values = [inputs[a] if isinstance(a, str) else a for a in arguments]
        values = [tf.constant(v, tf.int32) if np.asarray(v).dtype.kind == "i"
                  else tf.constant(v) for v in values]
        answer = getattr(served, name)(*values)
        for index, part in enumerate(tf.nest.flatten(answer)):
            key = f"{folder}|{name}|{len(np.ravel(part))}|{index}"
            answers.setdefault(key, []).append(part.numpy())
np.savez(sys.argv[2], **{k: np.stack(v) for k, v in answers.items()})
assert "keras_synth" not in sys.modules
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Plain and conditional models, and the outputs of their exports."""
    folder = tmp_path_factory.mktemp("export")
    images, labels = random_images(3), np.array([0, 3, 1])
    calls, trained = {}, {}
    for kind, extra in (("plain", []), ("conditional", ["labels"])):
        model = small_vae(num_classes=4 if extra else None)
        data = (images, labels) if extra else (images,)
        model.fit(*data, epochs=3, verbose=0)
        path = str(folder / kind)
        export.export_saved_model(model, path)
        latents = np.asarray(model.encode(*data)[0])
        np.savez(
            f"{path}/inputs.npz", images=images, latents=latents, labels=labels
        )
        calls[path] = [
            ["encode", ["images", *extra]],
            ["decode", ["latents", *extra]],
            ["reconstruct", ["images", *extra]],
            ["sample", [3, *extra]],
            ["sample", [3, *extra]],
            ["sample_seeded", [3, 7, *extra]],
        ]
        trained[kind] = (path, model, data, latents)
        gan = compiled(
            small_gan("dcgan" if extra else "dense", 4 if extra else None)
        )
        gan.fit(*data, verbose=0)
        path = str(folder / f"gan_{kind}")
        export.export_saved_model(gan, path)
        np.savez(
            f"{path}/inputs.npz", images=images, latents=latents, labels=labels
        )
        calls[path] = [
            ["generate", ["latents", *extra]],
            ["discriminate", ["images", *extra]],
            ["sample", [3, *extra]],
            ["sample", [3, *extra]],
            ["sample_seeded", [3, 7, *extra]],
        ]
        trained[f"gan_{kind}"] = (path, gan, data, latents)
    degraded, _ = pairs(2)
    for kind, gan, inputs in (
        ("inpainter", inpainter(), ["images", "masks"]),
        ("blind", blind(), ["images"]),
    ):
        path = str(folder / kind)
        gan.generator_average.set_weights(
            [weight + 0.01 for weight in gan.generator.get_weights()]
        )
        export.export_saved_model(gan, path)
        np.savez(
            f"{path}/inputs.npz",
            images=degraded["image"],
            masks=degraded["mask"],
        )
        calls[path] = [["restore", inputs]]
        masks = [degraded["mask"]] if "masks" in inputs else []
        trained[kind] = (path, gan, [degraded["image"], *masks])
    gan = small_cycle_gan()
    gan.generator_average.set_weights(
        [weight + 0.1 for weight in gan.generator.get_weights()]
    )
    a, b = both()
    path = str(folder / "cycle")
    export.export_saved_model(gan, path)
    np.savez(f"{path}/inputs.npz", a=a, b=b)
    calls[path] = [["a_to_b", ["a"]], ["b_to_a", ["b"]]]
    trained["cycle"] = (path, gan, {"a_to_b": a, "b_to_a": b})
    gan = small_cut()
    gan.generator_average.set_weights(
        [weight + 0.1 for weight in gan.generator.get_weights()]
    )
    path = str(folder / "cut")
    export.export_saved_model(gan, path)
    np.savez(f"{path}/inputs.npz", a=a)
    calls[path] = [["translate", ["a"]]]
    trained["cut"] = (path, gan, a)
    gan = small_style_gan(num_classes=4)
    gan.style_mean.assign(np.arange(5.0))
    path = str(folder / "style")
    export.export_saved_model(gan, path)
    inputs = {"latents": style_latents(3), "labels": labels}
    styles = gan.map_latents(*inputs.values(), truncation=0.7)
    inputs["styles"] = np.repeat(np.asarray(styles)[:, None], 6, axis=1)
    np.savez(f"{path}/inputs.npz", **inputs)
    calls[path] = [
        ["map_latents", ["latents", "labels", 0.7]],
        ["synthesize", ["styles"]],
        ["generate", ["latents", "labels"]],
        ["sample_seeded", [3, 7, "labels"]],
    ]
    trained["style"] = (path, gan, inputs)
    answers = folder / "answers.npz"
    subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(calls), str(answers)],
        check=True,
    )
    with np.load(answers) as stored:
        return trained, dict(stored)


@pytest.mark.parametrize("kind", ["plain", "conditional"])
@pytest.mark.slow
def test_endpoints_equal_the_methods(served, kind):
    trained, answers = served
    path, model, data, latents = trained[kind]
    labels = data[1:]
    mean, log_variance = model.encode(*data)
    sampled = model.sample(3, seed=7, labels=labels[0] if labels else None)
    for name, part, expected in (
        ("encode", 0, mean),
        ("encode", 1, log_variance),
        ("decode", 0, model.decode(latents, *labels)),
        ("reconstruct", 0, model.reconstruct(*data)),
        ("sample_seeded", 0, sampled),
    ):
        answer = answers[f"{path}|{name}|{np.size(expected)}|{part}"][0]
        np.testing.assert_allclose(answer, expected, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", ["gan_plain", "gan_conditional"])
@pytest.mark.slow
def test_endpoints_of_a_gan_equal_the_methods(served, kind):
    trained, answers = served
    path, gan, data, latents = trained[kind]
    labels = data[1:]
    for name, expected in (
        ("generate", gan.generate(latents, *labels)),
        ("discriminate", gan.discriminate(*data)),
        ("sample_seeded", gan.sample(3, labels=[*labels, None][0], seed=7)),
    ):
        answer = answers[f"{path}|{name}|{np.size(expected)}|0"][0]
        np.testing.assert_allclose(answer, expected, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", ["inpainter", "blind"])
@pytest.mark.slow
def test_the_endpoint_of_a_restoration_gan_equals_the_method(served, kind):
    trained, answers = served
    path, gan, data = trained[kind]
    expected = gan.restore(*data)
    answer = answers[f"{path}|restore|{np.size(expected)}|0"][0]
    np.testing.assert_allclose(answer, expected, atol=1e-6)
    assert np.abs(answer - data[0]).max() > 0.01


@pytest.mark.slow
def test_endpoints_of_a_cycle_gan_translate_both_ways(served):
    trained, answers = served
    path, gan, inputs = trained["cycle"]
    for name, images in inputs.items():
        expected = gan.translate(images, name)
        answer = answers[f"{path}|{name}|{np.size(expected)}|0"][0]
        np.testing.assert_allclose(answer, expected, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_the_endpoint_of_a_cut_translates(served):
    trained, answers = served
    path, gan, images = trained["cut"]
    expected = gan.translate(images)
    answer = answers[f"{path}|translate|{np.size(expected)}|0"][0]
    np.testing.assert_allclose(answer, expected, atol=1e-6)
    assert np.abs(answer - gan.generator(images)).max() > 1e-3


@pytest.mark.slow
def test_endpoints_of_a_stylegan2_equal_the_methods(served):
    trained, answers = served
    path, gan, inputs = trained["style"]
    labels = inputs["labels"]
    for name, expected in (
        ("map_latents", inputs["styles"][:, 0]),
        ("synthesize", gan.synthesize(inputs["styles"])),
        ("generate", gan.generate(inputs["latents"], labels)),
        ("sample_seeded", gan.sample(3, labels=labels, seed=7)),
    ):
        answer = answers[f"{path}|{name}|{np.size(expected)}|0"][0]
        np.testing.assert_allclose(answer, expected, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    "kind", ["plain", "conditional", "gan_plain", "gan_conditional"]
)
@pytest.mark.slow
def test_unseeded_samples_differ_from_call_to_call(served, kind):
    trained, answers = served
    first, second = answers[f"{trained[kind][0]}|sample|192|0"]
    assert np.abs(first - second).max() > 0


@pytest.mark.parametrize("num_classes", [None, 4])
def test_onnx_decoder_gives_the_same_images(num_classes, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = small_vae(num_classes=num_classes)
    path = export.export_onnx(model, tmp_path / "new" / "decoder.onnx")
    latents = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    labels = [] if num_classes is None else [np.array([0, 1, 2, 3, 0], "int32")]
    session = onnxruntime.InferenceSession(path)
    names = [put.name for put in session.get_inputs()]
    (answer,) = session.run(
        None, dict(zip(names, [latents, *labels], strict=True))
    )
    np.testing.assert_allclose(
        answer, model.decode(latents, *labels), atol=1e-5
    )


def test_onnx_generator_gives_the_same_images(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    gan = small_gan("dcgan")
    path = export.export_onnx(gan, tmp_path / "generator.onnx")
    latents = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    session = onnxruntime.InferenceSession(path)
    (answer,) = session.run(None, {session.get_inputs()[0].name: latents})
    np.testing.assert_allclose(answer, gan.generate(latents), atol=1e-5)


def test_litert_decoder_gives_the_same_images(tmp_path):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    model = small_vae(kind="conv")
    path = export.export_litert(model, tmp_path / "decoder.tflite")
    interpreter = litert.Interpreter(str(path))
    put, got = (
        interpreter.get_input_details()[0],
        interpreter.get_output_details()[0],
    )
    latents = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    interpreter.resize_tensor_input(put["index"], latents.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(put["index"], latents)
    interpreter.invoke()
    np.testing.assert_allclose(
        interpreter.get_tensor(got["index"]), model.decode(latents), atol=1e-5
    )


def test_a_missing_package_is_refused_with_its_name(monkeypatch, tmp_path):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"keras_synth\[export\]"):
        export.export_onnx(small_vae(), tmp_path / "decoder.onnx")


def test_what_is_no_network_and_has_no_endpoints_is_refused(tmp_path):
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    target = tmp_path / "never"
    for export_model in (
        export.export_saved_model,
        export.export_onnx,
        export.export_litert,
    ):
        with pytest.raises(TypeError, match="a functional `keras.Model`"):
            export_model(Subclassed(), target)
    assert not target.exists()


def test_a_custom_model_exports_without_a_signature(tmp_path):
    class Twice(ResumableModel):
        def call(self, images):
            return 2.0 * images

    model = Twice()
    model(np.zeros((1, 3), "float32"))
    model.export(str(tmp_path / "twice"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "twice")).serve
    np.testing.assert_array_equal(served(tf.ones((4, 3))), np.full((4, 3), 2.0))


def test_an_export_that_stops_leaves_what_was_there(tmp_path, monkeypatch):
    model, path = small_vae(), tmp_path / "new/served"
    archive = type(keras.export.ExportArchive())  # that of TensorFlow
    write_out = archive.write_out

    def stopping(self, folder, **options):
        write_out(self, folder, **options)
        (pathlib.Path(folder) / "variables/variables.index").unlink()
        raise tf.errors.ResourceExhaustedError(
            None, None, f"{folder}/variables; No space left on device"
        )

    with monkeypatch.context() as patched:
        patched.setattr(archive, "write_out", stopping)
        with pytest.raises(OSError, match="served.* No space left") as error:
            export.export_saved_model(model, path)
        assert "unfinished" not in str(error.value)
        assert not list(path.parent.iterdir())
    export.export_saved_model(model, path)
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    with monkeypatch.context() as patched:
        patched.setattr(archive, "write_out", stopping)
        with pytest.raises(OSError, match="No space left"):
            export.export_saved_model(model, path)
    assert before == {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    export.export_saved_model(model, path)  # replaces it
    assert before != {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    assert [p.name for p in path.parent.iterdir()] == ["served"]
    again = tf.saved_model.load(path)
    assert again.sample_seeded(2, 7).shape[0] == 2


def test_an_export_replaces_no_files_of_others(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="no SavedModel .thesis.tex.: give"):
        export.export_saved_model(small_vae(), tmp_path)
    model = tmp_path / "vae.keras"
    small_vae().save(model)
    with pytest.raises(ValueError, match="thesis.tex"):
        tasks.export(model, tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("form", ["onnx", "litert"])
def test_a_decoder_that_cannot_be_written_leaves_nothing(
    form, tmp_path, monkeypatch
):
    path = tmp_path / f"new/decoder.{form}"

    def stopping(self, target, **_):
        pathlib.Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "export", stopping)
    with pytest.raises(OSError, match=f"No space .*new/decoder.{form}"):
        getattr(export, f"export_{form}")(small_vae(), path)
    assert not list(path.parent.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="root alone mounts a disk")
def test_a_disk_that_fills_during_an_export_or_a_sample(tmp_path):
    """At five points each: all of it, or none and a line that names it."""
    small_vae().save(tmp_path / "vae.keras")
    disk = tmp_path / "disk"
    disk.mkdir()
    size = 256 * 1024
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)]
    if subprocess.run(mount).returncode:
        pytest.skip("a disk cannot be mounted")
    codes = {}
    try:
        for free in np.linspace(4096, size, 5).astype(int):
            (disk / "filler").write_bytes(bytes(size - free // 4096 * 4096))
            for words, target in (
                (("export",), disk / "served"),
                (("export", "--format", "onnx"), disk / "a.onnx"),
                (("export", "--format", "litert"), disk / "a.tflite"),
                (("sample", "--num-images", "900"), disk / "a.png"),
            ):
                command, *options = words
                job = Job(command, tmp_path / "vae.keras", target, *options)
                code, _, error = job.wait()
                codes.setdefault(target, set()).add(code)
                assert {p.name for p in disk.iterdir()} == {"filler"} | (
                    {target.name} if code == 0 else set()
                )
                if code:
                    # Keras' ONNX export warns of NumPy first.
                    assert code == 2 and error.count("keras-synth: error") == 1
                    assert str(target) in error and "No space left" in error
                elif target.is_dir():
                    served = tf.saved_model.load(target)
                    served.sample_seeded(2, 7)
                    shutil.rmtree(target)
                else:
                    assert target.stat().st_size
                    target.unlink()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert set(map(tuple, codes.values())) == {(0, 2)}

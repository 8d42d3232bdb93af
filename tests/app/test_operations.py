"""Operations of the studio: their options are those of the tasks."""

import importlib
import inspect
import typing

import keras
import numpy as np
import pytest

from keras_synth import networks, tasks
from keras_synth.app import operations
from keras_synth.app.operations import OPERATIONS, OWN
from keras_synth.app.server import Site
from keras_synth.io import Progress, read_image, write_image
from keras_synth.tasks import loading
from tests.app.conftest import FILES, client_of, finished, upload

#: Of files, and what the page has other means for.
OF_FILES = {"source", "target", "compare", "overwrite", "files"}
OF_FILES |= {"on_file", "verbose"}
ELSEWHERE = {
    "restore": {"old_photo", "detector", "mask", "save_mask", "keep_levels"},
    "old_photo": {"old_photo", "detector", "mask", "save_mask"},
    "inpaint": {"mask"},
    "upscale": {"kernel"},
    "deblur": {"motion", "kernel"},
    "stylize": {
        "style",
        "features",  # of the weights that the server was given
        "weights",
        "blend",
        "blend_weights",
        "preview_interval",
        "seed",
    },
}


def methods_of(name):
    """Methods of a task, in the order that its page shows."""
    module = importlib.import_module(f"keras_synth.tasks.{name}")
    first = {"upscale": (), "stylize": ()}.get(name, ("auto",))
    return {*first, *getattr(module, "METHODS", ())}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_options_are_those_of_the_task(operation):
    name = operation.task or operation.name
    parameters = inspect.signature(getattr(tasks, name)).parameters
    offered = {option.name: option for option in operation.options}
    assert set(offered) == (
        set(parameters) - OF_FILES - ELSEWHERE[operation.name]
    )
    for option in operation.options:
        parameter = parameters[option.name]
        default = parameter.default
        if option.name == "steps":
            (default,) = default
        assert option.default == default, option.name
        assert type(option.default) is type(default), option.name
        if option.name == "method":
            assert set(option.choices) == methods_of(name)
            known = {*option.choices, OWN}
            for other in operation.options:
                assert set(other.only) <= known, other.name
        elif option.kind == "choice":
            assert option.choices == typing.get_args(parameter.annotation)
        elif option.kind != "flag" and not option.automatic:
            assert option.least <= option.default <= option.most


def test_models_have_names_that_no_method_has():
    models = {"unet": "somewhere/unet.keras"}
    shown = operations.described(models)[0]["options"][0]["choices"]
    assert shown[-1] == "unet.keras" and shown.count("unet") == 1
    for method, expected in (
        ("unet", "unet"),
        ("unet.keras", "somewhere/unet.keras"),
    ):
        _, given = operations.prepared("restore", {"method": method}, models)
        assert given == {"method": expected}
    for method in ("other.keras", "somewhere/unet.keras", ["unet.keras"], None):
        with pytest.raises(ValueError, match="cannot be"):
            operations.prepared("restore", {"method": method}, models)


def test_numbers_that_the_task_finds_are_its_defaults():
    given = {"noise_level": None, "sigma": None}
    assert operations.prepared("deblur", given, {})[1] == {
        "noise_level": "auto",
        "sigma": None,
    }
    with pytest.raises(ValueError, match="cannot be None"):
        operations.prepared("deblur", {"iterations": None}, {})


@pytest.fixture(scope="module")
def scratched(tmp_path_factory):
    """A photograph with a white scratch, and a network that finds it."""
    folder = tmp_path_factory.mktemp("scratched")
    values = np.random.default_rng(0).uniform(0.3, 0.5, (40, 56, 3))
    values[:, 20:22] = 1.0
    write_image(folder / "old.png", values)
    image = keras.Input((None, None, 3), name="image")
    least = keras.ops.min(image, axis=-1, keepdims=True)
    marked = keras.ops.sigmoid(1e3 * (least - 0.9))
    keras.Model(image, marked, name="mask_unet").save(folder / "finds.keras")
    networks.unet(1, widths=(4,), num_blocks=1).save(folder / "other.keras")
    return folder


@pytest.fixture(scope="module")
def old_client(scratched):
    paths = {path.stem: path for path in scratched.glob("*.keras")}
    site = Site(paths, files=FILES)
    yield client_of(site)
    site.close()


def test_a_detector_finds_the_mask_that_is_corrected(
    old_client, scratched, tmp_path
):
    shown = old_client.get("/api/studio").json()["detectors"]
    assert "finds.keras" in shown and "other.keras" not in shown
    image = upload(old_client, scratched / "old.png")
    asked = {"file": image["id"], "detector": "finds.keras"}
    found = finished(old_client, old_client.post("/api/masks", json=asked))
    assert found["state"] == "done", found
    mask = found["result"]["file"]
    data = old_client.get(f"/api/files/{mask['id']}/download").content
    (tmp_path / "mask.png").write_bytes(data)
    marked = read_image(tmp_path / "mask.png", channels=1)[..., 0]
    assert marked[:, 20:22].all() and marked.mean() < 0.1
    assert found["result"]["facts"]["marked"] == pytest.approx(marked.mean())
    options = {"method": "median", "strength": 0.5, "keep_levels": True}
    tasks.restore(
        scratched / "old.png",
        tmp_path / "out.png",
        old_photo=True,
        mask=tmp_path / "mask.png",
        verbose=0,
        **options,
    )
    request = {
        "operation": "old_photo",
        "file": image["id"],
        "options": options,
    }
    for given in ({"mask": mask["id"]}, {"detector": "finds.keras"}):
        answer = old_client.post("/api/jobs", json=request | given)
        job = finished(old_client, answer)
        assert job["state"] == "done", job
        made = job["result"]["file"]
        made = old_client.get(f"/api/files/{made['id']}/download").content
        assert made == (tmp_path / "out.png").read_bytes()
    for path in ("/api/masks", "/api/jobs"):
        refused = old_client.post(path, json=request | {"detector": "x"})
        assert refused.status_code == 400


def test_stylizes_like_the_task(old_client, scratched, tmp_path, monkeypatch):
    module = importlib.import_module("keras_synth.tasks.stylize")
    monkeypatch.setitem(
        module.FEATURE_NETWORKS,
        "vgg19",
        lambda weights, layers: networks.squeezenet_features(
            None, ("relu_conv1",)
        ),
    )
    keras.utils.set_random_seed(0)
    style = scratched / "style.png"
    write_image(style, np.random.default_rng(1).random((40, 40, 3)))
    image = upload(old_client, scratched / "old.png")
    request = {
        "operation": "stylize",
        "file": image["id"],
        "style": upload(old_client, style)["id"],
        "options": {"steps": 10, "size": 64, "style_size": None},
    }
    answer = old_client.post("/api/jobs", json=request)
    job = finished(old_client, answer)
    assert job["state"] == "done", job
    made = job["result"]["file"]
    assert (made["width"], made["height"]) == (56, 40)
    assert made["name"] == "old-stylized.png"
    made = old_client.get(f"/api/files/{made['id']}/download").content
    keras.utils.set_random_seed(0)
    tasks.stylize(
        scratched / "old.png",
        style,
        tmp_path / "out.png",
        steps=(10,),
        size=64,
        verbose=0,
    )
    assert made == (tmp_path / "out.png").read_bytes()


def test_a_mask_of_other_proportions_is_refused(tmp_path):
    write_image(tmp_path / "mask.png", np.eye(10))
    with pytest.raises(ValueError, match="proportions of its image, 20x10"):
        operations.fitted_mask(
            tmp_path / "mask.png", (10, 20), tmp_path / "new.png"
        )


def test_models_are_loaded_once_until_they_change(scratched, monkeypatch):
    loaded = []
    load = loading.load_model
    monkeypatch.setattr(
        loading,
        "load_model",
        lambda path, kind: loaded.append(path) or load(path, kind),
    )
    loading._loaded.cache_clear()
    path = scratched / "other.keras"
    one = loading.load_once(path, keras.Model)
    assert loading.load_once(str(path), keras.Model) is one
    path.touch()
    assert loading.load_once(path, keras.Model) is not one
    assert len(loaded) == 2
    with pytest.raises(FileNotFoundError):
        loading.load_once(scratched / "missing.keras", keras.Model)


@pytest.mark.parametrize(
    "run",
    [
        lambda path, out, progress: tasks.restore(
            path, out, method="bm3d", noise_level=0.1, verbose=progress
        ),
        lambda path, out, progress: tasks.deblur(
            path, out, sigma=1.0, noise_level=0.02, verbose=progress
        ),
    ],
    ids=["bm3d", "deblur"],
)
@pytest.mark.slow
def test_a_long_image_can_be_stopped_inside(scratched, tmp_path, run):
    calls = []

    def stop(share):
        calls.append(share)
        if len(calls) == 2:
            raise RuntimeError("stop")

    progress = Progress(1, "jobs", 0, on_step=stop)
    with pytest.raises(Exception, match="stop"):
        run(scratched / "old.png", tmp_path / "out.png", progress)
    assert len(calls) <= 3 and not (tmp_path / "out.png").exists()

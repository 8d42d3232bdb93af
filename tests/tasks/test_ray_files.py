"""`engine="ray"`: the same files as one after the other, whatever is lost."""

import os
import pathlib
import signal

import keras
import numpy as np
import pytest

from keras_synth import networks, tasks
from keras_synth.io import FileOptions, Progress, plan_targets, write_image
from keras_synth.tasks import image_files
from tests.tasks.test_folder_jobs import contents

RNG = np.random.default_rng(0)
RAY = FileOptions(engine="ray")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Ten small images in two folders, whose paths are relative."""
    monkeypatch.chdir(tmp_path)
    for index in range(10):
        image = RNG.uniform(size=(16 + index, 16, 3))
        write_image(f"in/{index % 2}/{index}.png", image)
    return pathlib.Path("in")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Ray's own
def test_the_files_are_those_of_the_plain_run(ray_cluster, folder):
    """One process is lost before it writes, and one before it says so."""
    pathlib.Path("in/0/4.png").write_bytes(b"no image")

    def die_once(name):
        if pathlib.Path(name).exists():
            pathlib.Path(name).unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def negative(image, progress):
        if image.path.name == "3.png":
            die_once("before")
        return 1.0 - image.color, image.alpha, {"number": int(image.path.stem)}

    def result(**facts):
        if facts["source"].name == "6.png":
            die_once("after")
        return facts

    def run(target, files):
        seen = []
        plan = plan_targets(folder, target)
        with pytest.raises(tasks.FilesError) as caught:
            image_files.restore_files(
                plan,
                negative,
                result,
                title="negative",
                compare=False,
                files=files,
                on_file=seen.append,
                verbose=0,
            )
        (error,) = caught.value.errors.items()
        return contents(target), seen, error

    expected, said, (broken, error) = run("plain", FileOptions())
    assert len(expected) == len(said) == 9
    pathlib.Path("before").touch(), pathlib.Path("after").touch()
    found, seen, (same, error_there) = run("ray", RAY)
    assert not pathlib.Path("before").exists()
    assert not pathlib.Path("after").exists()
    assert found == expected
    numbers = sorted(done["number"] for done in said)
    assert sorted(done["number"] for done in seen) == numbers
    assert same == broken and repr(error_there) == repr(error)

    # It goes on where a run was stopped.
    for lost in ("ray/0/0.png", "ray/1/7.png"):
        pathlib.Path(lost).unlink()
    kept = pathlib.Path("ray/1/1.png").stat().st_mtime_ns
    pathlib.Path("in/0/4.png").unlink()
    files = FileOptions(engine="ray", skip_existing=True)
    done = tasks.restore("in", "ray", method="median", files=files, verbose=0)
    assert [str(each.source) for each in done] == ["in/0/0.png", "in/1/7.png"]
    assert contents("ray").keys() == expected.keys()
    assert pathlib.Path("ray/1/1.png").stat().st_mtime_ns == kept


@pytest.fixture
def pickled(monkeypatch):
    """In place of a cluster: what is sent to a process, here."""
    cloudpickle = pytest.importorskip("ray.cloudpickle", reason="needs Ray")

    def call(function, calls):
        function = cloudpickle.loads(cloudpickle.dumps(function))
        for index, arguments in enumerate(calls):
            yield index, function(*arguments, again=False), None

    monkeypatch.setattr(image_files.cluster, "call_on_ray", call)


@pytest.mark.slow
def test_what_tasks_do_can_be_sent_to_processes(pickled, folder, monkeypatch):
    network = networks.dncnn(channels=3, width=4, num_layers=3)
    network.save("network.keras")
    features = networks.squeezenet_features(None, ("relu_conv1",))
    monkeypatch.setitem(
        tasks.stylize.__globals__["FEATURE_NETWORKS"],
        "vgg19",
        lambda *_: features,
    )
    mask = np.zeros((16, 16, 1))
    mask[4:6] = 1.0
    write_image("one/a.png", RNG.uniform(size=(16, 16, 3)))
    write_image("mask/a.png", mask)
    runs = {
        "restored": lambda **o: tasks.restore(
            "one", method="network.keras", **o
        ),
        "repaired": lambda **o: tasks.restore(
            "one", method="median", old_photo=True, mask="mask", **o
        ),
        "inpainted": lambda **o: tasks.inpaint("one", "mask", **o),
        "deblurred": lambda **o: tasks.deblur("one", sigma=1.0, **o),
        "upscaled": lambda **o: tasks.upscale("one", **o),
        "translated": lambda **o: tasks.translate(
            "one", model="network.keras", **o
        ),
        "stylized": lambda **o: tasks.stylize(
            "one", "mask/a.png", steps=(1,), style_size=32, **o
        ),
        "anonymized": lambda **o: tasks.anonymize("one", **o),
    }
    for name, run in runs.items():
        run(target=f"{name}/plain", verbose=0)
        run(target=f"{name}/ray", verbose=0, files=RAY)
        plain, found = contents(f"{name}/plain"), contents(f"{name}/ray")
        assert plain and found == plain, name
    keras.backend.clear_session()


def test_images_are_not_replaced_by_processes_that_may_be_lost(folder):
    with pytest.raises(ValueError, match="could restore it twice"):
        tasks.restore(
            "in", "in", method="median", overwrite=True, files=RAY, verbose=0
        )


def test_the_engine_is_one_of_two():
    with pytest.raises(ValueError, match='`engine` must be "local" or "ray"'):
        FileOptions(engine="spark")


def test_a_progress_is_silent_in_another_process(capsys):
    import pickle

    with pickle.loads(pickle.dumps(Progress(2, "files", verbose=2))) as copy:
        copy.add(2)
    assert copy.count == copy.total == 2
    assert capsys.readouterr().err == ""

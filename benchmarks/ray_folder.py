"""A folder of photographs on Ray and without, a process killed on the way."""

import contextlib
import os
import pathlib
import signal
import tempfile
import time

import numpy as np

from benchmarks.rows import figure, write_row

PHOTOGRAPHS, SIDE, KILLED_AFTER = 500, 128, 0.4


def run(name):
    """Measures the row."""
    write_row(
        name,
        "A folder on Ray",
        measured(PHOTOGRAPHS),
        data=(
            f"{PHOTOGRAPHS} crops of {SIDE}x{SIDE} of four photographs of "
            "`skimage.data`, as JPEG, noise of σ = 0.1"
        ),
        protocol=(
            '`tasks.restore(method="unet", noise_level=0.1)`; plain: in one '
            "process with all cores, after one image; Ray: as many processes "
            "of one core, their start and their models included, the cluster's "
            f"not. Killed: one process by SIGKILL after {KILLED_AFTER:.0%} of "
            "the photographs. Doubled: reported twice"
        ),
        seed=0,
    )


def measured(count):
    """Figures of a number of photographs."""
    import ray

    from keras_synth import tasks
    from keras_synth.io import FileOptions

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        _write_photographs(folder / "in", count)

        def restored(target, engine="local", on_file=None, source="in"):
            start = time.perf_counter()
            done = tasks.restore(
                folder / source,
                folder / target,
                method="unet",
                noise_level=0.1,
                files=FileOptions(engine=engine),
                on_file=on_file,
                verbose=0,
            )
            seconds = time.perf_counter() - start
            files = sorted((folder / target).rglob("*.jpg"))
            bytes_of = {file.name: file.read_bytes() for file in files}
            return bytes_of, [each.target.name for each in done], seconds

        restored("first.jpg", source="in/000.jpg")
        plain, _, plain_seconds = restored("plain")
        ray.init(
            num_cpus=len(os.sched_getaffinity(0)),
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=200 * 2**20,
        )
        on_ray, _, seconds = restored("ray", "ray")
        reported = []

        def kill_once(result):
            reported.append(result.target.name)
            if len(reported) == int(KILLED_AFTER * count):
                os.kill(_processes()[0], signal.SIGKILL)

        killed, told, killed_seconds = restored("killed", "ray", kill_once)
        ray.shutdown()

    def others(found):
        return sum(found.get(name) != data for name, data in plain.items())

    def none(number):
        return figure(number, "", 0, better="lower", bar=0)

    twice = len(reported) - len(set(reported)) + len(told) - len(set(told))
    return {
        "plain: time": figure(plain_seconds, "s", 1),
        "Ray: time": figure(seconds, "s", 1),
        "Ray: time, ratio": figure(
            seconds / plain_seconds, "ratio", better="lower", bar=1.15
        ),
        "Ray: other bytes": none(others(on_ray)),
        "killed: time": figure(killed_seconds, "s", 1),
        "killed: other bytes": none(others(killed)),
        "killed: lost": none(len(plain) - len(set(told) & killed.keys())),
        "killed: doubled": none(twice),
    }


def _write_photographs(folder, count):
    """Noisy crops, the same whenever they are made."""
    from skimage import data

    from keras_synth.io import write_image

    images = [
        data.astronaut(),
        data.coffee(),
        data.chelsea(),
        data.rocket(),
    ]
    rng = np.random.default_rng(0)
    for index in range(count):
        image = images[index % len(images)]
        top, left = (rng.integers(side - SIDE) for side in image.shape[:2])
        crop = image[top : top + SIDE, left : left + SIDE, :3] / 255
        noisy = crop + 0.1 * rng.standard_normal(crop.shape)
        write_image(folder / f"{index:03}.jpg", np.clip(noisy, 0.0, 1.0))


def _processes():
    """Numbers of the processes that restore, of this program's cluster."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile
            title = (path / "cmdline").read_bytes()
            number = int(path.name)
            if title.startswith(b"ray::_Process") and (
                _parent(_parent(number)) == os.getpid()
            ):
                found.append(number)
    return found


def _parent(number):
    stat = pathlib.Path(f"/proc/{number}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])

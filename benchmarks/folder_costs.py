"""Time that many machines take for a folder of photographs, simulated."""

import dataclasses
import heapq
import random
import statistics
import tempfile
import time

import numpy as np

from benchmarks.rows import figure, write_row

PHOTOGRAPHS, MACHINES = 10_000_000, (1, 10, 100, 1000)


@dataclasses.dataclass(frozen=True)
class Costs:
    """What a photograph costs.

    Attributes:
        read: Seconds of a core to decode a megapixel.
        compute: Seconds of a core to restore a megapixel.
        write: Seconds of a core to encode a megapixel.
        megabytes: Megabytes of a megapixel, read and written together.
    """

    read: float
    compute: float
    write: float
    megabytes: float


def simulate(
    costs,
    machines,
    photographs=PHOTOGRAPHS,
    *,
    cores=16,
    megabytes_per_second=1000.0,
    machine_megabytes_per_second=100.0,
    megapixels=12.0,
    spread=0.5,
    start=30.0,
    sample=100_000,
    seed=0,
):
    """Hours until the last photograph of a folder is written.

    Each core takes the next photograph of its machine's shard, decodes,
    restores and encodes it. Bytes queue at the machine's network, and those
    of all machines share the storage. One machine is simulated photograph by
    photograph, with sizes that vary; all shards are alike.

    Args:
        costs: `Costs`.
        machines: Number of machines.
        photographs: Number of photographs.
        cores: Cores of a machine, one process each.
        megabytes_per_second: Of the storage, for all machines.
        machine_megabytes_per_second: Of the network of a machine.
        megapixels: Median size of a photograph.
        spread: Standard deviation of the logarithm of the sizes.
        start: Seconds that a process takes to load its model.
        sample: Largest number of photographs that are simulated; more take
            proportionally longer.
        seed: Seed of the sizes.

    Returns:
        A float.
    """
    draw = random.Random(seed)
    shard = -(-photographs // machines)
    simulated = min(shard, sample)
    rate = min(machine_megabytes_per_second, megabytes_per_second / machines)
    work = costs.read + costs.compute + costs.write
    free = [0.0] * cores
    network = 0.0
    for _ in range(simulated):
        size = megapixels * draw.lognormvariate(0.0, spread)
        begun = heapq.heappop(free)
        # The file waits for the network, and the core for the file.
        network = max(network, begun) + size * costs.megabytes / rate
        heapq.heappush(free, network + size * work)
    return (start + max(free) * shard / simulated) / 3600


def run(name):
    """Measures the parts, and simulates the rest."""
    costs, of_small = _measured()
    figures = {
        "a megapixel: decode": figure(1e3 * costs.read, "ms", 0),
        "a megapixel: restore": figure(1e3 * costs.compute, "ms", 0),
        "a megapixel: restore, small images": figure(1e3 * of_small, "ms", 0),
        "a megapixel: encode": figure(1e3 * costs.write, "ms", 0),
    }
    for machines in MACHINES:
        minutes = 60 * simulate(costs, machines)
        figures[f"{machines:,} machines: time"] = figure(minutes, "min", 0)
    write_row(
        name,
        "Ten million photographs",
        figures,
        data="`skimage.data.astronaut`, as JPEG",
        protocol=(
            "processor time of the color U-Net: a megapixel in tiles, once, "
            "and a small image of 0.26 megapixels, median of 3; the rest "
            "by simulation (benchmarks/folder_costs.py): 10,000,000 "
            "photographs of 12 megapixels (median; the logarithm varies by "
            "0.5), 16 cores a machine, 100 MB/s each and 1 GB/s for all, "
            "`--shard I/N`, no machine lost"
        ),
        seed=0,
    )


def _measured():
    """`Costs` of this machine, on one core, and `compute` of small images."""
    import os
    import pathlib

    import tensorflow as tf
    from skimage import data

    from keras_synth import inference, io, presets

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    image = data.astronaut().astype("float32") / 255
    megapixels = image.shape[0] * image.shape[1] / 1e6
    network = presets.color_denoiser()
    noise = np.full((1, 1, 1, 1), 25 / 255, "float32")

    def seconds(function, repeats=3):
        function()
        times = []
        for _ in range(repeats):
            start = time.process_time()
            function()
            times.append(time.process_time() - start)
        return statistics.median(times) / megapixels

    def restored(image, repeats=3):
        inputs = {"image": image[None], "noise_level": noise}
        return seconds(
            lambda: inference.restore_tiled(network, inputs, verbose=0), repeats
        )

    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "photograph.jpg"
        write = seconds(lambda: io.write_image(file, image))
        read = seconds(lambda: io.read_image(file))
        megabytes = 2 * file.stat().st_size / 1e6 / megapixels
    # A photograph has many tiles, and costs less than a small image of one.
    large = restored(np.tile(image, (2, 2, 1)), 1) / 4
    return Costs(read, large, write, megabytes), restored(image)

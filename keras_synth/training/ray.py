"""Training on a Ray cluster: workers that are started, and started again."""

import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

from keras_synth.inference.cluster import connect_to_ray
from keras_synth.training.distributed import distribution


def run_on_ray(
    train: Callable,
    workers: int,
    *,
    output: str | os.PathLike,
    cores: int = 1,
    use_gpu: bool = False,
    restarts: int = 3,
    **arguments: Any,
) -> pathlib.Path:
    """Runs a training on a Ray cluster, with Ray Train.

    Ray's `TensorflowTrainer` starts the workers and tells them of each other.
    When one is lost, it starts all of them again, and they go on after the
    last finished epoch, to the same result to the last bit. What `output`
    holds of the same settings is resumed.

    It runs on the cluster of `ray.init`, or else on that of the environment
    variable RAY_ADDRESS, or on this machine.

    Args:
        train: A training function, such as `training.train_vae`, or one of
            your own that takes `output` and `resume` and fits with
            `training.distributed.fit`. It runs in the scope of the strategy.
        workers: Number of workers.
        output: Folder of the training, on a disk that all workers share.
        cores: Processor cores of each worker.
        use_gpu: Whether each worker gets a GPU.
        restarts: How often the workers may be started again, after errors of
            all kinds.
        **arguments: Further arguments of `train`. Folders of data must be on
            a disk that all workers share.

    Returns:
        Absolute path of `output`, a `pathlib.Path`.

    Raises:
        ImportError: Ray is not installed.
        ray.train.TrainingFailedError: The training failed, once more than
            `restarts`. `worker_failures` has the errors.
        ValueError: A number is out of range.

    Example:

        training.run_on_ray(training.train_gan, 4, output="/shared/run",
                            data="/shared/photos", batch_size=64)
    """
    for name, value, least in (
        ("workers", workers, 1),
        ("cores", cores, 1),
        ("restarts", restarts, 0),
    ):
        if type(value) is not int or value < least:
            raise ValueError(
                f"`{name}` must be an int of at least {least}. "
                f"Received: {name}={value!r}"
            )
    connect_to_ray()
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.tensorflow import TensorflowTrainer

    output = pathlib.Path(output).absolute()

    def on_worker(arguments):
        # Ray asks for Keras 2 in its place.
        os.environ.pop("TF_USE_LEGACY_KERAS", None)
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(cores)
        with distribution().scope():
            train(output=output, resume=True, **arguments)

    try:
        TensorflowTrainer(
            on_worker,
            train_loop_config=arguments,
            scaling_config=ScalingConfig(
                num_workers=workers,
                use_gpu=use_gpu,
                resources_per_worker={"CPU": cores, "GPU": int(use_gpu)},
            ),
            run_config=RunConfig(
                name=".ray",
                storage_path=str(output),
                failure_config=FailureConfig(max_failures=restarts),
            ),
        ).fit()
    finally:
        shutil.rmtree(output / ".ray", ignore_errors=True)
    return output

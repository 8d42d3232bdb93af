"""Training on a Ray cluster: workers that are started, and started again."""

import os
import pathlib
from collections.abc import Callable
from typing import Any

from keras_synth.training.distributed import distribution


def run_on_ray(
    train: Callable,
    workers: int,
    *,
    output: str | os.PathLike,
    restarts: int = 3,
    use_gpu: bool = False,
    **arguments: Any,
) -> pathlib.Path:
    """Runs a training on a Ray cluster, with Ray Train.

    Ray's `TensorflowTrainer` starts the workers and tells them of each other.
    When one is lost, it starts all of them again, and they go on after the
    last finished epoch, to the same result to the last bit. What `output`
    holds of the same settings is resumed.

    It runs on the cluster of `ray.init`, or on this machine.

    Args:
        train: A training function, such as `training.train_vae`.
        workers: Number of workers.
        output: Folder of the training, on a disk that all workers share.
        restarts: How often the workers may be started again.
        use_gpu: Whether each worker gets a GPU.
        **arguments: Further arguments of `train`. Folders of data must be on
            a disk that all workers share.

    Returns:
        Absolute path of `output`, a `pathlib.Path`.

    Raises:
        ImportError: Ray is not installed.

    Example:

        training.run_on_ray(training.train_gan, 4, output="/shared/run",
                            data="/shared/photos", batch_size=64)
    """
    try:
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.tensorflow import TensorflowTrainer
    except ImportError as error:
        raise ImportError(
            "Training on Ray needs Ray: pip install 'keras_synth[distributed]'"
        ) from error
    output = pathlib.Path(output).absolute()

    def on_worker(arguments):
        with distribution().scope():
            train(output=output, resume=True, **arguments)

    TensorflowTrainer(
        on_worker,
        train_loop_config=arguments,
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=use_gpu),
        run_config=RunConfig(
            name="ray",
            storage_path=str(output),
            failure_config=FailureConfig(max_failures=restarts),
        ),
    ).fit()
    return output

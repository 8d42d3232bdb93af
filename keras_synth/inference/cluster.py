"""Ray clusters: connecting to one, and calls that survive lost processes."""

import collections
import os

#: Environment of a process on one core: TensorFlow takes all otherwise.
ONE_CORE = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
# How often a call is made again whose process was lost.
_RETRIES = 3


def connect_to_ray():
    """Connects to a Ray cluster: that of `ray.init`, or this machine.

    Where the program has not called `ray.init`, the cluster of the environment
    variable RAY_ADDRESS is taken, or one is started on this machine, which
    sends no usage statistics.

    Returns:
        The module `ray`.

    Raises:
        ImportError: Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            "Ray is not installed: pip install 'keras_synth[distributed]'"
        ) from error
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(log_to_driver=False, logging_level="error")
    return ray


def call_on_ray(function, calls):
    """Calls a function on a Ray cluster, with a pool of processes.

    There is a process for each GPU of the cluster or, without any, for each
    core. The function is sent once to each. When a process is lost, another is
    started in its place, and its call is made again, up to three times.

    Args:
        function: Function of the arguments of a call and of `again`, whether
            the call may have been made before. Ray must be able to pickle it.
        calls: List of tuples of arguments.

    Yields:
        `(index of the call, what was returned, error)` as soon as a call has
        ended, in any order. The error is None, or what the function raised, or
        that of Ray where the processes of a call were lost.

    Raises:
        ImportError: Ray is not installed.
        TypeError: The function cannot be pickled.
        ray.exceptions.RayActorError: No process can be started.
    """
    ray = connect_to_ray()
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    cores = int(resources.get("CPU", 1))
    process = ray.remote(_Process).options(
        num_cpus=1,
        num_gpus=1 if gpus else 0,
        runtime_env=None if gpus else {"env_vars": ONE_CORE},
    )
    sent = ray.put(function)
    waiting = collections.deque((index, 0) for index in range(len(calls)))
    left, lost = len(calls), 0
    running = {}  # reference: (process, its call, or None while it starts)

    def start():
        started = process.remote(sent)
        running[started.ready.remote()] = started, None

    for _ in range(min(gpus or cores, len(calls))):
        start()
    try:
        while left:
            (ready,), _ = ray.wait(list(running))
            free, call = running.pop(ready)
            value = error = None
            try:
                value = ray.get(ready)
            except ray.exceptions.RayTaskError as raised:
                error = raised.cause
            except ray.exceptions.RayActorError as raised:
                if call is None:
                    lost += 1
                    if raised.actor_init_failed or lost > _RETRIES:
                        raise
                start()
                free, error = None, raised
                if call is not None and call[1] < _RETRIES:
                    waiting.append((call[0], call[1] + 1))
                    continue
            if free is not None and waiting:
                index, tries = waiting.popleft()
                reference = free.call.remote(*calls[index], again=tries > 0)
                running[reference] = free, (index, tries)
            if call is not None:
                left -= 1
                yield call[0], value, error
    finally:
        for started, _ in running.values():
            ray.kill(started)


class _Process:
    """A process of the cluster that has the function."""

    def __init__(self, function):
        self._function = function

    def ready(self):
        """Returns when the process has started."""

    def call(self, *arguments, again):
        return self._function(*arguments, again=again)

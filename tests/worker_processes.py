"""Functions run by several workers, each in a process of its own.

The processes are forked from the server of `tests.jobs`, which has imported
TensorFlow already.
"""

import json
import os
import traceback

from keras_synth.cli.workers import free_addresses
from tests.jobs import CONTEXT


class Workers:
    """Processes that train together.

    Args:
        function: Function of a module, which each worker calls.
        *arguments: Its arguments.
        count: Number of workers.
    """

    def __init__(self, function, *arguments, count=2):
        config = json.dumps({"cluster": {"worker": free_addresses(count)}})
        self.processes, self._results = [], []
        for index in range(count):
            results, send = CONTEXT.Pipe(duplex=False)
            process = CONTEXT.Process(
                target=_run, args=(config, index, send, function, arguments)
            )
            process.start()
            send.close()
            self.processes.append(process)
            self._results.append(results)

    def kill(self, index):
        """Ends one as `kill -9` does, and then the others."""
        self.processes[index].kill()
        for process in self.processes:
            process.kill()
            process.join()

    def wait(self):
        """What the function returned in each process; its error is raised."""
        returned = []
        for process, results in zip(self.processes, self._results, strict=True):
            value, error = results.recv()
            if error:
                self.kill(0)
                raise RuntimeError(error)
            returned.append(value)
            process.join()
        return returned


def _run(config, index, send, function, arguments):
    task = {"task": {"type": "worker", "index": index}}
    os.environ["TF_CONFIG"] = json.dumps({**json.loads(config), **task})
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    try:
        send.send((function(*arguments), None))
    except Exception:
        send.send((None, traceback.format_exc()))
    send.close()

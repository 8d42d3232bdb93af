"""Commands in processes of their own, which may be killed or run out of disk.

TensorFlow is imported once, by the server that the processes are forked from.
"""

import contextlib
import io
import multiprocessing
import resource

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.jobs", "keras_synth.tasks"])


class Job:
    """A command that runs in a process of its own.

    Args:
        *words: What is typed after `keras-synth`.
        largest_file: Number of bytes at which a file cannot grow further, as
            on a full disk; None for no limit.
    """

    def __init__(self, *words, largest_file=None):
        self._results, send = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(
            target=_run, args=([str(w) for w in words], largest_file, send)
        )
        self._process.start()
        send.close()

    def kill(self):
        """Ends it as `kill -9` does."""
        self._process.kill()
        self._process.join()

    def wait(self):
        """Exit code, standard output and standard error."""
        result = self._results.recv()
        self._process.join()
        return result


def _run(words, largest_file, send):
    from keras_synth.cli.main import main

    if largest_file is not None:
        limits = largest_file, resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = main(words)
    send.send((code, out.getvalue(), error.getvalue()))
    send.close()

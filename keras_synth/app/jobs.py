"""Queue of jobs: one thread, a bounded number that waits, canceling."""

import collections
import secrets
import threading
import traceback

from keras_synth.io import Progress

#: States that a job does not leave.
ENDED = ("done", "failed", "canceled")


class QueueFullError(RuntimeError):
    """Too many jobs wait."""


class _CanceledError(Exception):
    """A job that was canceled stops at its next step."""


class Job:
    """A job of the queue.

    Attributes:
        id: Secret name of the job.
        state: "waiting", "running", "done", "failed" or "canceled".
        share: Finished share of the work, from 0 to 1, or None.
        result: What the work returned, or None.
        error: What went wrong, in words, or None.
        uses: Ids of the uploaded files that it reads.
    """

    def __init__(self, work, uses=()):
        self.id = secrets.token_hex(12)
        self.state = "waiting"
        self.share = None
        self.result = None
        self.error = None
        self.uses = frozenset(uses)
        self._work = work
        self._asked_to_stop = threading.Event()

    def cancel(self):
        """Asks the job to stop at its next step."""
        self._asked_to_stop.set()

    def run(self):
        """Runs the work, and keeps its result or its error."""
        try:
            self._step(None)
            self.state = "running"
            progress = Progress(1, "jobs", 0, on_step=self._step)
            result = self._work(progress)
            self._step(1.0)
            self.result = result
            self.state = "done"
        except Exception as error:
            if self._asked_to_stop.is_set():
                self.state = "canceled"
                return
            self.error = _message(error)
            self.state = "failed"
        finally:
            self._work = None  # and what it holds

    def _step(self, share):
        self.share = share
        if self._asked_to_stop.is_set():
            raise _CanceledError

    def facts(self):
        """What a page is shown."""
        stops = self._asked_to_stop.is_set() and self.state not in ENDED
        return {
            "id": self.id,
            "state": "canceling" if stops else self.state,
            "share": self.share,
            "result": self.result,
            "error": self.error,
        }


class JobQueue:
    """Runs jobs one after the other, in a thread.

    Args:
        max_waiting: Largest number of jobs that wait or run.
        max_kept: Largest number of jobs that are remembered.
    """

    def __init__(self, max_waiting=8, max_kept=64):
        self._max_waiting = max_waiting
        self._max_kept = max_kept
        self._jobs = collections.OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, work, uses=()):
        """Adds a job.

        Args:
            work: Function of an `io.Progress`, which returns a dict.
            uses: Ids of the uploaded files that it reads.

        Returns:
            The `Job`.

        Raises:
            QueueFullError: As many jobs wait as may.
        """
        with self._changed:
            if len(self._open()) >= self._max_waiting:
                raise QueueFullError(
                    f"{self._max_waiting} jobs wait already: try again later."
                )
            job = Job(work, uses)
            self._jobs[job.id] = job
            ended = [j for j in self._jobs.values() if j.state in ENDED]
            for old in ended[: max(len(self._jobs) - self._max_kept, 0)]:
                del self._jobs[old.id]
            self._changed.notify_all()
            return job

    def get(self, name):
        """The job of an id, or None."""
        return self._jobs.get(name)

    def position(self, job):
        """How many jobs come before a waiting one."""
        with self._changed:
            opened = self._open()
        return opened.index(job) if job in opened else 0

    def in_use(self):
        """Ids of the files that jobs read which have not ended."""
        with self._changed:
            return {name for job in self._open() for name in job.uses}

    def close(self):
        """Ends the thread after the current step."""
        with self._changed:
            self._closed = True
            for job in self._open():
                job.cancel()
            self._changed.notify_all()
        self._thread.join(timeout=5.0)

    def _open(self):
        return [job for job in self._jobs.values() if job.state not in ENDED]

    def _run(self):
        while True:
            with self._changed:
                while not self._closed and not self._open():
                    self._changed.wait()
                if self._closed:
                    return
                job = self._open()[0]
            job.run()


def _message(error):
    errors = getattr(error, "errors", None)  # of tasks.FilesError
    if isinstance(errors, dict) and errors:
        error = next(iter(errors.values()))
    text = " ".join(str(error).split())
    if isinstance(error, ValueError | OSError | ImportError) and text:
        return text[:600]
    traceback.print_exception(error)
    return f"{type(error).__name__}: {text[:200]}"

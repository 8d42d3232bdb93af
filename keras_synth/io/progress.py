"""Progress bar of long commands: the count and the time left."""

import contextlib
import sys
import threading
import time

#: Seconds between two lines where no bar can be drawn.
SECONDS_BETWEEN_LINES = 10.0
#: Seconds after which the time is shown, though no step was finished.
SECONDS_OF_SILENCE = 10.0
_SECONDS_BETWEEN_BARS = 0.1
_WIDTH = 24


class Progress:
    """Progress of a long task on standard error, with the time left.

    On a terminal, and in a notebook, it is a bar that is redrawn in place.
    In a pipe or a file it is a line every 10 seconds. Inside of `with` it is
    shown every 10 seconds even while no step is finished.

    Args:
        total: Number of steps; None if unknown.
        unit: Name of what is counted, in the plural.
        verbose: "auto" and 1 draw a bar on a terminal and write lines
            elsewhere, 2 writes lines everywhere, 0 writes nothing. 1 and 2
            write a line at the end, "auto" only if there were others. Or the
            `Progress` of a larger task, whose current step consists of these
            steps, and which shows them.
        on_step: None, or a function that is called with the finished share
            of the task, from 0 to 1, or None, after each step. What it raises
            stops the task.

    Example:

    >>> with Progress(2, "files", verbose=0) as progress:
    ...     for _ in range(2):
    ...         progress.add()
    """

    def __init__(self, total=None, unit="steps", verbose="auto", on_step=None):
        self._on_step = on_step
        self.total = total
        self.unit = unit
        self.count = 0
        self._part = None  # the progress of the current step
        self._whole = verbose if isinstance(verbose, Progress) else None
        if self._whole is not None:
            self._whole._part = self
            return
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(
                f'`verbose` must be "auto", 0, 1 or 2. Received: {verbose!r}'
            )
        self._lock = threading.RLock()  # of the stream
        self._stopped = threading.Event()
        self._stream = sys.stderr
        self._silent = verbose == 0 or self._stream is None
        self._bar = verbose != 2 and not self._silent and _redraws(self._stream)
        self._ends_with_line = verbose in (1, 2)
        self._start = self._last = time.monotonic()
        self._length = 0  # of the line that a bar occupies
        self._reported = None  # the count that was shown last

    def __reduce__(self):
        """In another process nothing is shown."""
        return Progress, (self.total, self.unit, 0)

    def __enter__(self):
        if self._whole is None and not self._silent:
            threading.Thread(target=self._break_silence, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.close()

    def add(self, steps=1):
        """Counts finished steps, and shows the progress where it is due."""
        self.count += steps
        shown = self
        while shown._whole is not None:
            shown = shown._whole
        if shown._on_step is not None:
            shown._on_step(shown._share())
        shown._update()

    def _update(self):
        now = time.monotonic()
        interval = _SECONDS_BETWEEN_BARS if self._bar else SECONDS_BETWEEN_LINES
        with self._lock:
            if now - self._last >= interval:
                self._show(now)
            elif self.count == self.total:
                self._show_last(now)

    def _break_silence(self):
        while not self._stopped.wait(SECONDS_OF_SILENCE):
            with self._lock:
                now = time.monotonic()
                if now - self._last >= SECONDS_OF_SILENCE:
                    self._show(now)

    def track(self, iterable):
        """Counts what is taken from an iterable.

        Args:
            iterable: Anything that can be iterated over.

        Yields:
            Its elements.
        """
        for element in iterable:
            yield element
            self.add()

    @contextlib.contextmanager
    def cleared(self):
        """Context without the bar, in which something else can be printed."""
        if self._whole is not None:
            with self._whole.cleared():
                yield
            return
        with self._lock:
            if self._length:
                self._stream.write("\r" + " " * self._length + "\r")
                self._stream.flush()
                self._length = 0
            yield

    def close(self):
        """Shows the last count, and ends the line of a bar."""
        if self._whole is not None:
            self._whole._part = None
            return
        self._stopped.set()
        with self._lock:
            self._show_last(time.monotonic())
            if self._length:
                self._stream.write("\n")
                self._stream.flush()
                self._length = 0

    def _show_last(self, now):
        wanted = self._bar or self._ends_with_line or self._reported
        if wanted and self.count and self._reported != self.count:
            self._show(now)

    def _show(self, now):
        if self._silent:
            return
        self._last = now
        self._reported = self.count if self._part is None else -1
        text = self._text(now - self._start)
        if self._bar:
            padding = " " * (self._length - len(text))
            self._stream.write(f"\r{text}{padding}")
            self._length = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def _text(self, seconds):
        share = self._share()
        text = f"{', '.join(self._counts())}, "
        if share is None:
            return text + duration(seconds)
        if share == 1.0:
            text += duration(seconds)
        elif share > 0.0:
            text += f"{duration(seconds * (1.0 - share) / share)} left"
        else:
            text += f"{duration(seconds)} so far"
        if self._bar:
            done = round(_WIDTH * share)
            text = f"[{'=' * done}{' ' * (_WIDTH - done)}] {text}"
        return text

    def _counts(self):
        """What is counted, from the whole task to its smallest part."""
        parts = [] if self._part is None else self._part._counts()
        # Of one image only the tiles matter, and a part of one step not at all.
        if self.total == 1 and (parts or self._whole is not None):
            return parts
        of_total = f"/{self.total}" if self.total else ""
        return [f"{self.count}{of_total} {self.unit}", *parts]

    def _share(self):
        """Finished share of the task, from 0 to 1; None if unknown."""
        if not self.total:
            return None
        part = 0.0 if self._part is None else self._part._share() or 0.0
        return min((self.count + part) / self.total, 1.0)


def _redraws(stream):
    return stream.isatty() or "ipykernel" in sys.modules


def duration(seconds):
    """A time for people, such as "1:05 min".

    Args:
        seconds: Number of seconds.

    Returns:
        A str.

    Example:

    >>> duration(3.4), duration(65), duration(3700)
    ('3 s', '1:05 min', '1:01 h')
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02} min"
    return f"{minutes // 60}:{minutes % 60:02} h"

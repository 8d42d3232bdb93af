"""Progress: a bar on a terminal, lines elsewhere, the time left."""

import io
import sys

import pytest

from keras_synth.io import Progress, progress
from keras_synth.io.progress import duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Time that passes by hand."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    return clock


def run(clock, monkeypatch, stream, steps, seconds, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(**options) as shown:
        for _ in range(steps):
            clock.now += seconds
            shown.add()
    return stream.getvalue()


def test_a_terminal_gets_one_line_that_is_redrawn(clock, monkeypatch):
    options = {"total": 4, "unit": "tiles"}
    text = run(clock, monkeypatch, Terminal(), 4, 30, **options)
    assert text.count("\n") == 1 and text.endswith("\n")
    drawn = text[1:-1].split("\r")
    assert [line.strip() for line in drawn] == [
        "[======                  ] 1/4 tiles, 1:30 min left",
        "[============            ] 2/4 tiles, 1:00 min left",
        "[==================      ] 3/4 tiles, 30 s left",
        "[========================] 4/4 tiles, 2:00 min",
    ]
    # Each covers what stood there before.
    lengths = [len(line) for line in drawn]
    assert lengths[-2] >= len(drawn[-3].strip())


def test_a_bar_is_not_drawn_a_thousand_times(clock, monkeypatch):
    text = run(clock, monkeypatch, Terminal(), 1000, 0.001, total=1000)
    assert 5 <= text.count("\r") <= 12 and "1000/1000" in text


def test_a_pipe_gets_a_line_every_ten_seconds(clock, monkeypatch):
    text = run(clock, monkeypatch, io.StringIO(), 800, 0.125, total=800)
    lines = text.splitlines()
    assert "\r" not in text and 9 <= len(lines) <= 11
    assert lines[0] == "80/800 steps, 1:30 min left"
    assert lines[-1].startswith("800/800 steps, 1:40 min")


def test_what_is_quick_says_nothing_in_a_pipe_unless_asked(clock, monkeypatch):
    for verbose, expected in (("auto", ""), (1, "3/3 steps, 3 s\n")):
        text = run(
            clock, monkeypatch, io.StringIO(), 3, 1, total=3, verbose=verbose
        )
        assert text == expected


def test_two_gives_lines_on_a_terminal_and_zero_nothing(clock, monkeypatch):
    for verbose, expected in ((2, "3/3 steps, 3 s\n"), (0, "")):
        text = run(
            clock, monkeypatch, Terminal(), 3, 1, total=3, verbose=verbose
        )
        assert text == expected
    with pytest.raises(ValueError, match='must be "auto", 0, 1 or 2'):
        Progress(3, verbose="loud")


def test_an_unknown_total_is_counted(clock, monkeypatch):
    text = run(clock, monkeypatch, io.StringIO(), 3, 10, unit="frames")
    assert text.splitlines()[0] == "1 frames, 10 s"


def test_a_bar_is_removed_before_something_is_printed(clock, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(2) as shown:
        clock.now += 1
        shown.add()
        length = len(terminal.getvalue()) - 1
        shown.clear()
        assert terminal.getvalue().endswith(f"\r{' ' * length}\r")
        shown.clear()  # nothing is left to remove
        clock.now += 1
        shown.add()
    assert terminal.getvalue().endswith("2/2 steps, 2 s\n")


def test_durations():
    assert [duration(s) for s in (0.2, 59.4, 59.6, 3599, 3600, 90000)] == [
        "0 s",
        "59 s",
        "1:00 min",
        "59:59 min",
        "1:00 h",
        "25:00 h",
    ]

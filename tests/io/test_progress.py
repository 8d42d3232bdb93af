"""Progress: a bar on a terminal, lines elsewhere, the time left."""

import io
import sys
import time

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
        with shown.cleared():
            assert terminal.getvalue().endswith(f"\r{' ' * length}\r")
        with shown.cleared():  # nothing is left to remove
            assert terminal.getvalue().count(" " * length) == 1
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


def test_the_parts_of_a_step_are_shown_with_it(clock, monkeypatch):
    """Symmetries of an image, tiles of each: the time left is for all."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(2, "images") as images:
        for _ in range(2):
            turns = Progress(2, "symmetries", images)
            for _ in range(2):
                with Progress(5, "tiles", turns) as tiles:
                    for _ in range(5):
                        clock.now += 10
                        tiles.add()
                turns.add()
            turns.close()
            images.add()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "0/2 images, 0/2 symmetries, 1/5 tiles, 3:10 min left"
    assert lines[12] == "1/2 images, 0/2 symmetries, 3/5 tiles, 1:10 min left"
    assert lines[-1] == "2/2 images, 3:20 min"
    assert len(lines) == 21


def test_of_a_single_image_the_tiles_are_shown(clock, monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(1, "images") as images, Progress(4, "tiles", images) as tiles:
        clock.now += 30
        tiles.add()
        with tiles.cleared():
            pass
    drawn = stream.getvalue().split("\r")
    assert drawn[1] == "[======                  ] 1/4 tiles, 1:30 min left"
    assert not drawn[2].strip()


def test_a_long_step_does_not_pass_in_silence(monkeypatch):
    """Methods that cannot say how far they are."""
    monkeypatch.setattr(progress, "SECONDS_OF_SILENCE", 0.01)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress(1, "images"):
        for _ in range(500):
            time.sleep(0.01)
            if sys.stderr.getvalue().count("\n") > 1:
                break
    assert sys.stderr.getvalue().startswith("0/1 images, 0 s so far\n0/1")


def test_steps_are_reported_and_may_stop_the_task():
    shares = []

    def on_step(share):
        shares.append(share)
        if share > 0.6:
            raise RuntimeError("enough")

    whole = Progress(1, "jobs", 0, on_step=on_step)
    with Progress(2, "images", whole) as images:
        with Progress(4, "tiles", images) as tiles:
            tiles.add()
            tiles.add()
        images.add()
        with pytest.raises(RuntimeError, match="enough"):
            for _ in Progress(4, "tiles", images).track(range(4)):
                pass
    assert shares == [0.125, 0.25, 0.5, 0.625]
